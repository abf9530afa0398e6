"""Order lines in Excel attachments: a header row, and below it one line per row."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TypeAlias

import python_calamine

from databus_core.connectors.sql.workbook_bombs import refuse_bombs
from databus_core.errors import AttachmentError
from databus_core.model.attachment import Attachment

Value: TypeAlias = str | int | float | bool | date | datetime | time | None

_WHOLE = 2**53


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet with a header row."""

    headers: list[str]
    """Headers of the columns that have one, in order."""
    lines: list[tuple[int, list[Value]]]
    """Row number as Excel shows it, and the values under the headers; rows without any value are left out."""


def read_sheet(attachment: Attachment, sheet: str = "") -> Sheet:
    """The sheet of that name, or the first one. Its first row with a value holds the headers.

    Raises AttachmentError when the attachment is no workbook, has no such sheet, is too large, or has two
    columns of one name.
    """
    data = attachment.read_bytes()
    refuse_bombs(attachment.name, data)
    try:
        with python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
            name = sheet or workbook.sheet_names[0]
            if name not in workbook.sheet_names:
                has = ", ".join(workbook.sheet_names)
                raise AttachmentError(f"Excel attachment {attachment.name!r} has no sheet {name!r}; it has {has}")
            rows = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except (python_calamine.CalamineError, OSError, ValueError, IndexError) as error:
        raise AttachmentError(f"Excel attachment {attachment.name!r} cannot be read: {error}") from error
    return _sheet(attachment.name, rows)


def _sheet(name: str, rows: Sequence[Sequence[object]]) -> Sheet:
    numbered = [(number, [_plain(value) for value in row]) for number, row in enumerate(rows, 1)]
    filled = [(number, row) for number, row in numbered if any(value is not None for value in row)]
    if not filled:
        return Sheet([], [])
    titles = [(index, str(title).strip()) for index, title in enumerate(filled[0][1]) if title is not None]
    headers = [title for _, title in titles]
    twice = next((title for title in headers if headers.count(title) > 1), None)
    if twice is not None:
        raise AttachmentError(f"Excel attachment {name!r} has two columns {twice!r}; which one is meant cannot be told")
    return Sheet(headers, list(_lines(name, filled[1:], titles)))


def _lines(
    name: str, rows: list[tuple[int, list[Value]]], titles: list[tuple[int, str]]
) -> Iterator[tuple[int, list[Value]]]:
    named = {index for index, _ in titles}
    for number, row in rows:
        astray = next((value for index, value in enumerate(row) if index not in named and value is not None), None)
        if astray is not None:
            raise AttachmentError(
                f"Excel attachment {name!r} has the value {astray!r} in row {number} in a column without a header"
            )
        yield number, [row[index] for index, _ in titles]


def _plain(value: object) -> Value:
    """Empty cells are None; whole numbers are int, as Excel knows only floats; durations are text."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _WHOLE else value
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, (int, bool, date, datetime, time)):
        return value
    return None
