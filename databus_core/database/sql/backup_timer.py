"""Makes backups of a file of SQLite regularly, in a thread of its own."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

from databus_core.database.sql.backup import Stop, Stopped, make_backup
from databus_core.database.sql.backup_folder import BackupFolder
from databus_core.database.sql.check_file import beside, size_of
from databus_core.errors import DatabaseError
from databus_core.model.clock import now

FIRST = timedelta(minutes=1)
"""Behind the start of the program: others have enough to do then."""
LONGEST_SLEEP = timedelta(minutes=10)
"""Clocks of threads stand still while the machine sleeps."""
AGAIN = timedelta(hours=1)
"""After a failure, which is reported."""
STOP_SECONDS = 0.05

GIB = 1 << 30
LEFT = GIB
"""Bytes that a backup leaves free, or a tenth of a disk that is smaller than ten times that."""


class BackupTimer:
    """Works from its making until it is closed; it is found by the backups there are when the next one is due."""

    def __init__(
        self,
        folder: BackupFolder,
        every: timedelta,
        kept: int,
        guarded: Callable[[], AbstractContextManager[None]],
        report: Callable[[str], None],
    ) -> None:
        """Inside `guarded()` whatever goes wrong becomes a DatabaseError; `report` is told it."""
        self._folder = folder
        self._every = every
        self._kept = kept
        self._guarded = guarded
        self._report = report
        self._not_before = now() + min(FIRST, every)
        self._stop = Stop()
        self._thread = threading.Thread(target=self._work, name="databus-sql-backup", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop at once; a backup that is being made is given up."""
        while self._thread.is_alive():
            self._stop.set()
            self._thread.join(STOP_SECONDS)

    # In the thread ----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._stop.wait(self._seconds_to_sleep()):
            if now() < self._due_at():
                continue
            try:
                with self._guarded():
                    self._back_up()
            except Stopped:
                return
            except DatabaseError as error:
                self._report(f"No backup of {self._folder.file} was made: {error}")
                self._not_before = now() + min(AGAIN, self._every)

    def _seconds_to_sleep(self) -> float:
        return max(0.0, min(LONGEST_SLEEP, self._due_at() - now()).total_seconds())

    def _due_at(self) -> datetime:
        last = self._last_made_at()
        return self._not_before if last is None else max(self._not_before, last + self._every)

    def _last_made_at(self) -> datetime | None:
        """None when there was none; one that is yet to come was made before the clock was set back."""
        moment = now()
        return next((backup.made_at for backup in self._folder.backups() if backup.made_at <= moment), None)

    def _back_up(self) -> None:
        last = self._last_made_at()
        if last is not None and not self._changed_since(last):
            self._not_before = now() + min(LONGEST_SLEEP, self._every)
            return
        self._require_room()
        make_backup(self._folder, self._stop)
        self._folder.remove_old(self._kept)

    def _changed_since(self, moment: datetime) -> bool:
        """Whether anything was written; to open and close a database counts, too."""
        files = (self._folder.file, beside(self._folder.file, "-wal"))
        return any(size_of(file) and datetime.fromtimestamp(file.stat().st_mtime, UTC) >= moment for file in files)

    def _require_room(self) -> None:
        file = self._folder.file
        needed = size_of(file) + size_of(beside(file, "-wal"))
        disk = shutil.disk_usage(file.parent)
        left = min(LEFT, disk.total // 10)
        if disk.free < needed + left:
            raise DatabaseError(
                f"it needs {needed / GIB:.2f} GiB and leaves {left / GIB:.2f} GiB free, but only "
                f"{disk.free / GIB:.2f} GiB of the disk are."
            )
