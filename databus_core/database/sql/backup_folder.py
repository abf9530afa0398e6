"""Where the backups of a file of SQLite lie, and what they are called."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from databus_core.database.sql.check_file import flaw_in
from databus_core.model.database_backup import DatabaseBackup

FOLDER = "backup"
UNFINISHED = ".tmp"

_TIME = "%Y-%m-%dT%H-%M-%SZ"


class BackupFolder:
    """The folder `backup` beside the file, where each backup has its moment in its name.

    That of `orders.sqlite` is `backup/orders.2026-03-10T09-00-00Z.sqlite`.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.folder = file.parent / FOLDER
        self._name = re.compile(rf"{re.escape(file.stem)}\.([0-9TZ-]+){re.escape(file.suffix)}")

    def place(self, made_at: datetime) -> Path:
        """Where a backup of that moment belongs."""
        return self.folder / stamped(self.file, made_at)

    def backups(self) -> list[DatabaseBackup]:
        """Every backup, newest first."""
        if not self.folder.is_dir():
            return []
        found = [self.backup(file) for file in self.folder.iterdir() if self._made_at(file) is not None]
        return sorted(found, key=lambda backup: backup.made_at, reverse=True)

    def backup(self, file: Path) -> DatabaseBackup:
        """A file as a backup; one with another name was made when it was changed last. Raises OSError."""
        found = file.stat()
        made_at = self._made_at(file) or datetime.fromtimestamp(found.st_mtime, UTC)
        return DatabaseBackup(file, made_at, found.st_size)

    def newest_good(self) -> DatabaseBackup | None:
        """The newest backup that can be read to its end; it takes as long as reading it."""
        return next((backup for backup in self.backups() if flaw_in(backup.file) is None), None)

    def remove_old(self, kept: int) -> None:
        """Delete all but the newest ones."""
        for backup in self.backups()[kept:]:
            backup.file.unlink(missing_ok=True)

    def remove_unfinished(self) -> None:
        """Delete what a process left that died while it made a backup."""
        for file in self.folder.glob(f".*{UNFINISHED}*"):
            if self._name.fullmatch(file.name[1:].partition(UNFINISHED)[0]):
                file.unlink(missing_ok=True)

    def _made_at(self, file: Path) -> datetime | None:
        name = self._name.fullmatch(file.name)
        try:
            return datetime.strptime(name[1], _TIME).replace(tzinfo=UTC) if name else None
        except ValueError:
            return None


def stamped(file: Path, moment: datetime, what: str = "") -> str:
    """The file's name with a moment in it, and before that a word on what it is."""
    return f"{file.stem}.{what}{moment.astimezone(UTC).strftime(_TIME)}{file.suffix}"
