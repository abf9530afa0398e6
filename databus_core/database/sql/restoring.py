"""Puts a backup in the place of a file of SQLite."""

from __future__ import annotations

from pathlib import Path

from databus_core.database.sql.backup import Stop, copy
from databus_core.database.sql.backup_folder import BackupFolder, stamped
from databus_core.database.sql.check_file import beside, flaw_in
from databus_core.errors import DatabaseError, NotFoundError
from databus_core.files import make_folder, replace, sync_folder
from databus_core.model.clock import now
from databus_core.model.database_backup import DatabaseBackup, Restored

WITH_IT = ("", "-wal", "-shm", "-suspect")
"""A database and what lies beside it because of it."""


def unfinished(file: Path) -> Path:
    """What is to become the file; it is there only during a restore, and after one that was broken off."""
    return file.with_name(f".{file.name}.restoring")


def restore(folder: BackupFolder, chosen: Path | None) -> Restored:
    """See Database.restore; the caller holds the data. Raises DatabaseError, sqlite3.Error, OSError."""
    backup = _backup(folder, chosen)
    file = folder.file
    coming = unfinished(file)
    make_folder(file.parent)
    try:
        copy(backup.file, coming, Stop(), share=1)
    except BaseException:
        coming.unlink(missing_ok=True)
        raise
    kept = _set_aside(file)
    replace(coming, file)
    sync_folder(file.parent)
    return Restored(backup, kept)


def _backup(folder: BackupFolder, chosen: Path | None) -> DatabaseBackup:
    """The chosen backup, or the newest good one."""
    if chosen is None:
        newest = folder.newest_good()
        if newest is None:
            raise NotFoundError(f"There is no good backup of {folder.file} in {folder.folder}.")
        return newest
    if flaw := flaw_in(chosen):
        raise DatabaseError(f"{chosen} cannot be restored: {flaw}.")
    return folder.backup(chosen)


def _set_aside(file: Path) -> Path | None:
    """Keep the file, with what belongs to it, under another name; answers that name if there was a file.

    A crash in between leaves no file, but the one that comes: then no new database is begun in its place.
    """
    place = file.with_name(stamped(file, now(), "replaced-"))
    found = False
    for ending in WITH_IT:
        part = beside(file, ending)
        if part.exists():
            replace(part, beside(place, ending))
            found = found or not ending
    return place if found else None
