"""Whether a file of SQLite is whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from databus_core.database.sql.schema import VERSION_TABLE

NO_TABLES = "no tables of Databus are in it"


def beside(file: Path, ending: str) -> Path:
    """One of the files that SQLite has beside a database: `-wal`, `-shm`."""
    return file.with_name(file.name + ending)


def size_of(file: Path) -> int:
    """Bytes of the file; 0 when it is not there."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def opened_for_reading(file: Path) -> sqlite3.Connection:
    """A connection that changes nothing. Raises sqlite3.Error."""
    # A database at rest is read without making files beside it; one with a log can only be read with it.
    mode = "mode=rw" if beside(file, "-wal").exists() else "mode=ro&immutable=1"
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?{mode}", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


def flaw_in(file: Path, *, watch: Callable[[sqlite3.Connection], object] | None = None) -> str | None:
    """What is wrong with a database of Databus; None when nothing is. Reads all of it, about 1 GB a second.

    `watch` is told the connection that may be interrupted meanwhile. Raises sqlite3.Error, when it cannot be read for
    another reason than damage.
    """
    if not file.exists():
        return "it is missing"
    if not size_of(file):
        return "it is empty"
    try:
        with closing(opened_for_reading(file)) as connection:
            if watch is not None:
                watch(connection)
            return _flaw(connection)
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return str(error)
        raise


def _flaw(connection: sqlite3.Connection) -> str | None:
    tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = ?", (VERSION_TABLE,)).fetchone()[0]
    if not tables:
        return NO_TABLES
    said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    return None if said == "ok" else " ".join(said.split())


def is_damage(error: BaseException | None) -> bool:
    """Whether SQLite cannot make sense of its file."""
    name = getattr(error, "sqlite_errorname", None) or ""
    return isinstance(error, sqlite3.Error) and name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def is_full(error: BaseException | None) -> bool:
    """Whether the disk has no room for what SQLite is to write."""
    name = getattr(error, "sqlite_errorname", None) or ""
    return isinstance(error, sqlite3.Error) and name in {"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"}
