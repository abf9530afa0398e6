"""Sizes as people write them: "500 MB"."""

from __future__ import annotations

import math
import re
from typing import Annotated

from pydantic import BeforeValidator, Field

_KILO = 1024
_UNITS = ("B", "KB", "MB", "GB", "TB")
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?\s*", re.IGNORECASE)


def bytes_of(value: object) -> object:
    """The number of bytes that a text such as "500 MB" or "1.5 GiB" names; other values as they are.

    A unit is 1,024 of the one before, as everywhere in Databus. Raises ValueError for a text that is no size.
    """
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value)
    if match is None:
        raise ValueError('no size: write a number of bytes, or a number and a unit such as "500 MB" or "2 GB"')
    number, unit = match.groups()
    return int(float(number) * _KILO ** "BKMGT".index(unit.upper() or "B"))


def size_text(number: int) -> str:
    """Bytes in the largest unit that fits: "812 B", "1.4 KB", "3.0 MB"."""
    unit = min(int(math.log(number, _KILO)), len(_UNITS) - 1) if number >= _KILO else 0
    return f"{number / _KILO**unit:,.1f} {_UNITS[unit]}" if unit else f"{number} B"


ByteSize = Annotated[int, BeforeValidator(bytes_of, json_schema_input_type=int | str), Field(ge=0, le=1 << 50)]
"""A field that takes a number of bytes, or a text such as "500 MB"; at most a petabyte."""
