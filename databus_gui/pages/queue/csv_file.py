"""Writes what the queue's filter finds as a file for spreadsheets."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path

from databus_core.errors import DatabaseError
from databus_core.model.query import Query, QueueRow
from databus_gui.i18n import tr
from databus_gui.session import Session
from databus_gui.tables.column import Column, to_copy

ROWS_AT_ONCE = 2000
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that spreadsheets compute, https://owasp.org/www-community/attacks/CSV_Injection: a mail's
subject must not become a formula."""


async def save_csv(session: Session, query: Query, columns: Sequence[Column[QueueRow]], file: Path) -> int:
    """Every passenger that the query finds, a line each, below the columns' titles; answers how many.

    UTF-8 with a mark at its beginning, without which Excel takes it for something else. The file is there when all of
    it is. Raises DatabaseError.
    """
    written, page = 0, replace(query, offset=0, after=None, limit=ROWS_AT_ONCE)

    async def next_rows() -> Sequence[QueueRow]:
        return (await session.read(lambda storage: storage.database.queue_rows(page))).rows

    new = file.with_name(f"{file.name}.part")
    try:
        await asyncio.to_thread(_begin, new, columns)
        while rows := await next_rows():
            await asyncio.to_thread(_append, new, rows, columns)
            written += len(rows)
            page = replace(page, after=rows[-1])
        await asyncio.to_thread(new.replace, file)
    except OSError as error:
        raise DatabaseError(tr("{file} cannot be written: {error}", file=file, error=error.strerror)) from error
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)
    return written


def _begin(file: Path, columns: Sequence[Column[QueueRow]]) -> None:
    file.write_text(_lines([[column.title for column in columns]]), "utf-8-sig", newline="")


def _append(file: Path, rows: Sequence[QueueRow], columns: Sequence[Column[QueueRow]]) -> None:
    with file.open("a", encoding="utf-8", newline="") as stream:
        stream.write(_lines([[_harmless(to_copy(column, row)) for column in columns] for row in rows]))


def _lines(cells: Sequence[Sequence[str]]) -> str:
    text = StringIO()
    csv.writer(text).writerows(cells)
    return text.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
