"""What is done about a file of SQLite that is damaged: it is left as it is, and the newest backup is offered."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from databus_core.database.sql.backup_folder import BackupFolder
from databus_core.database.sql.check_file import NO_TABLES, beside, flaw_in, size_of
from databus_core.database.sql.restoring import unfinished
from databus_core.errors import DatabaseDamagedError

CHECKED_BYTES = 64 << 20
"""Up to this size the whole file is looked through at each start, which takes a tenth of a second."""
SUSPECT = "-suspect"
"""Ending of a file that says that damage was met in the database beside it."""


class DamageWatch:
    """Watches over one file."""

    def __init__(self, folder: BackupFolder, report: Callable[[str], None]) -> None:
        self._folder = folder
        self._file = folder.file
        self._suspect = beside(self._file, SUSPECT)
        self._report = report

    @contextmanager
    def at_start(self) -> Generator[None]:
        """Damage inside is told with the newest good backup."""
        try:
            yield
        except DatabaseDamagedError as error:
            raise self._offering(str(error)) from error.__cause__

    @contextmanager
    def at_work(self) -> Generator[None]:
        """Damage inside is told with what to do, and remembered for the next start."""
        try:
            yield
        except DatabaseDamagedError as error:
            with suppress(OSError):  # a disk that takes nothing any more
                self._suspect.touch()
            raise DatabaseDamagedError(
                f"{error} Start Databus anew: it then looks through the whole file and offers the newest backup."
            ) from error.__cause__

    def look(self) -> None:
        """Before the file is opened to be written to. Raises DatabaseDamagedError."""
        if not size_of(self._file):
            self.require_new()
            return
        unfinished(self._file).unlink(missing_ok=True)
        if self._suspect.exists() or size_of(self._file) <= CHECKED_BYTES:
            self._look_through()

    def require_new(self) -> None:
        """A file that is not there, or empty, may be made. Raises DatabaseDamagedError where it was there before."""
        remains = [*(backup.file for backup in self._folder.backups()), unfinished(self._file)]
        log = beside(self._file, "-wal")
        if size_of(log):
            remains.append(log)
        if found := [file for file in remains if file.exists()]:
            state = "empty" if self._file.exists() else "missing"
            raise DatabaseDamagedError(
                f"{self._file} is {state}, and there is {found[0]}. To begin with an empty database, move that away."
            )

    def _look_through(self) -> None:
        flaw = flaw_in(self._file)
        if flaw is None:
            self._suspect.unlink(missing_ok=True)
        elif self._folder.backups():
            raise DatabaseDamagedError(f"{self._file} is damaged: {flaw}.")
        elif flaw != NO_TABLES:
            where = self._folder.folder
            self._report(f"{self._file} is damaged: {flaw}. There is no backup of it in {where}; what is left is used.")

    def _offering(self, said: str) -> DatabaseDamagedError:
        backup = self._folder.newest_good()
        if backup is None:
            return DatabaseDamagedError(f"{said} There is no good backup of it in {self._folder.folder}.")
        return DatabaseDamagedError(
            f"{said} It is left as it is. The newest backup is of {backup}. What happened since is not in it: "
            "passengers that were seated since come again only where their source still offers them, and what was "
            "delivered since may be delivered again.",
            backup,
        )
