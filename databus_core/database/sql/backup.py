"""Copies of a file of SQLite, beside those who work on it: each as the file was at one moment, whole or not there."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

from databus_core.database.sql.backup_folder import UNFINISHED, BackupFolder
from databus_core.database.sql.check_file import beside, flaw_in, opened_for_reading, size_of
from databus_core.errors import DatabaseDamagedError, DatabaseError
from databus_core.files import make_folder, replace, sync_file, sync_folder
from databus_core.model.clock import now
from databus_core.model.database_backup import DatabaseBackup

PAGES_AT_ONCE = 256
SHARE = 1 / 8
"""Part of the time that copying takes: disk and processor are for those who work."""
HURRY_FROM = 16 << 20
"""Bytes of the file's log from which on copying does not rest: the log grows until the copy is whole, and all that it
has then goes to the file at once, behind which a commit of others waits."""
SYNC_PAGES = 2 * PAGES_AT_ONCE
"""What is copied is handed to the disk after so many pages, so that no commit of others waits behind all of it."""


class Stopped(Exception):
    """Somebody stopped the copying."""


class Stop:
    """Lets another thread stop the copying."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._checking: sqlite3.Connection | None = None

    def set(self) -> None:
        """Stop what is under way soon, and everything that begins later. May have to be said more than once."""
        self._asked.set()
        if self._checking is not None:
            with suppress(sqlite3.ProgrammingError):  # it is closed by now
                self._checking.interrupt()

    def wait(self, seconds: float) -> bool:
        """Sleep, but not longer than until it is set; answers whether it is."""
        return self._asked.wait(seconds)

    def watch(self, connection: sqlite3.Connection) -> None:
        """Interrupt this one too."""
        self._checking = connection
        self.check()

    def check(self, seconds: float = 0.0) -> None:
        """Sleep so long. Raises Stopped as soon as it is set."""
        if self._asked.wait(seconds):
            raise Stopped


def make_backup(folder: BackupFolder, stop: Stop, *, share: float = SHARE) -> DatabaseBackup:
    """A new backup of the file. Raises Stopped, sqlite3.Error, OSError, DatabaseError; then nothing of it is left."""
    make_folder(folder.folder)
    made_at = now()
    place = folder.place(made_at)
    unfinished = place.with_name(f".{place.name}{UNFINISHED}")
    try:
        copy(folder.file, unfinished, stop, share=share)
        if flaw := _flaw(unfinished, stop):
            raise _blamed(folder.file, flaw, stop)
        replace(unfinished, place)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(folder.folder)
    return folder.backup(place)


def copy(source: Path, target: Path, stop: Stop, *, share: float = SHARE) -> None:
    """Copy a database, as it is when this begins, to a file that is replaced; durable when it returns.

    Raises Stopped, sqlite3.Error, OSError.
    """
    log = beside(source, "-wal")
    most = max(HURRY_FROM, size_of(log))  # it keeps the size that it had, whatever is in it
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)  # nobody reads it who may not read the source
    begun = time.monotonic()

    def rest(_status: int, remaining: int, total: int) -> None:
        nonlocal begun
        if (total - remaining) % SYNC_PAGES < PAGES_AT_ONCE:
            sync_file(target)
        is_long = size_of(log) > most
        stop.check(0.0 if is_long else (time.monotonic() - begun) * (1 / share - 1))
        begun = time.monotonic()

    with closing(opened_for_reading(source)) as reading, closing(sqlite3.connect(target)) as writing:
        writing.execute("PRAGMA journal_mode = OFF")  # a copy that breaks off is deleted
        writing.execute("PRAGMA synchronous = OFF")
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM sqlite_master").fetchone()  # else each change would let it begin anew
        reading.backup(writing, pages=PAGES_AT_ONCE, progress=rest)
        reading.execute("ROLLBACK")
        if log.exists():
            # Nothing of the log could go to the file meanwhile; else the next commit of others would bring all of it.
            reading.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    shutil.copymode(source, target)
    sync_file(target)


def _flaw(file: Path, stop: Stop) -> str | None:
    try:
        return flaw_in(file, watch=stop.watch)
    except sqlite3.OperationalError:
        stop.check()
        raise


def _blamed(file: Path, flaw: str, stop: Stop) -> DatabaseError:
    """A copy is damaged: because the file is, or because the disk did not keep what was written."""
    if said := _flaw(file, stop):
        return DatabaseDamagedError(f"{file} is damaged: {said}.")
    return DatabaseError(f"the copy could not be read again: {flaw}.")
