"""Spans of time as people write them: "30 s", "5 min", "1.5 h", "2 d"; a plain number is seconds."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_SPELLINGS = {
    "": "s", "sec": "s", "second": "s", "seconds": "s", "m": "min", "minute": "min", "minutes": "min",
    "hour": "h", "hours": "h", "day": "d", "days": "d",
}  # fmt: skip
LONGEST = timedelta(days=36_500)
"""A hundred years: longer spans are slips of the pen, and calendars end."""


def parse_duration(value: object) -> timedelta:
    """A span of time. Raises ValueError that says what is allowed."""
    if isinstance(value, timedelta):
        span = value
    elif isinstance(value, (int, float, str)) and not isinstance(value, bool):
        span = _parsed(str(value))
    else:
        raise ValueError(_allowed(value))  # noqa: TRY004 - pydantic takes ValueError
    if not timedelta() <= span <= LONGEST:
        raise ValueError(f"{value!r:.80} is not between 0 and a hundred years")
    return span


def _parsed(text: str) -> timedelta:
    written = _WRITTEN.fullmatch(text)
    unit = _SPELLINGS.get(written[2], written[2]) if written else ""
    if written is None or unit not in _UNITS:
        raise ValueError(_allowed(text))
    seconds = float(written[1]) * _UNITS[unit]
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"{text!r:.80} is longer than a hundred years")
    return timedelta(seconds=seconds)


def _allowed(value: object) -> str:
    return f"{value!r:.80} is no span of time; write a number with ms, s, min, h or d, such as '30 s' or '5 min'"


def format_duration(span: timedelta) -> str:
    """The span in the largest unit that gives a whole number: "90 s", "5 min"."""
    milliseconds = round(span.total_seconds() * 1000)
    for unit in ("d", "h", "min", "s"):
        size = round(_UNITS[unit] * 1000)
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size} {unit}"
    return f"{milliseconds} ms" if milliseconds else "0 s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "format": "duration"}),
]
"""A field for a span of time."""
