"""Sizes and durations as people write them: "500 MB", "30 s"."""

from __future__ import annotations

import re

_SIZES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_DURATIONS = {"": 1.0, "s": 1.0, "second": 1.0, "min": 60.0, "minute": 60.0, "h": 3600.0, "hour": 3600.0}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def bytes_in(text: str) -> int:
    """Bytes in a size such as "500 MB". Raises ValueError, in words."""
    number, unit = _parts(text)
    if unit not in _SIZES:
        raise ValueError(f"{text!r:.80} is no size; write it like '500 MB' or '2 GB'")
    return round(number * _SIZES[unit])


def seconds_in(text: str) -> float:
    """Seconds in a duration such as "30 s", "5 min" or "1 h"; a number alone is seconds.

    Raises ValueError, in words.
    """
    number, unit = _parts(text)
    unit = unit if unit in _DURATIONS else unit.removesuffix("s")
    if unit not in _DURATIONS:
        raise ValueError(f"{text!r:.80} is no duration; write it like '30 s', '5 min' or '1 h'")
    return number * _DURATIONS[unit]


def _parts(text: str) -> tuple[float, str]:
    found = _AMOUNT.fullmatch(text)
    return (float(found[1]), found[2].lower()) if found else (0.0, "?")


def in_size(number: int) -> str:
    """Bytes as a person says them."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number} bytes"


def in_duration(seconds: float) -> str:
    """Seconds as a person says them."""
    for unit, size in (("hour", 3600.0), ("minute", 60.0), ("second", 1.0)):
        if seconds >= size or size == 1.0:
            amount = f"{seconds / size:.3g}"
            return f"{amount} {unit}" if amount == "1" else f"{amount} {unit}s"
    return ""
