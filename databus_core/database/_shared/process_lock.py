"""Only one process at a time may work on data in files, and the one that is refused is told who does."""

from __future__ import annotations

from pathlib import Path

import filelock

from databus_core.errors import DatabaseHeldError
from databus_core.files import replace, write_new
from databus_core.model.holder import Holder

PATIENCE = 0.3
"""Seconds: somebody who only asks who holds the data holds them for a moment."""


class ProcessLock:
    """The operating system gives the lock back when the process ends, however it ends."""

    def __init__(self, place: Path, lock_file: Path, holder_file: Path) -> None:
        """`place` is what the data are called to a person; both files lie beside the data."""
        self._place = place
        self._holder_file = holder_file
        self._lock_file = lock_file
        self._lock = filelock.FileLock(self._lock_file, thread_local=False, fallback_to_soft=False)
        self._holder: Holder | None = None

    def acquire(self, holder: Holder) -> None:
        """Take the data. Raises DatabaseHeldError."""
        try:
            self._lock.acquire(timeout=PATIENCE)
        except filelock.Timeout as error:
            raise DatabaseHeldError(str(self._place), self._written()) from error
        try:
            self._write(holder)
        except OSError:
            self._lock.release()
            raise
        self._holder = holder

    def _write(self, holder: Holder) -> None:
        """Say who holds the data, to nobody but the same user: it holds the key to the process's control socket."""
        temporary = self._holder_file.with_name(f"{self._holder_file.name}.tmp")
        temporary.unlink(missing_ok=True)
        write_new(temporary, [holder.text().encode()], mode=0o600)
        replace(temporary, self._holder_file)

    def release(self) -> None:
        """Give the data back; harmless when they are not held. Raises OSError, and has given them back all the same."""
        if self._holder is not None:
            self._holder = None
            try:
                self._holder_file.unlink(missing_ok=True)
            finally:
                self._lock.release()

    def holder(self) -> Holder | None:
        """Who holds the data now."""
        if self._holder is not None or not self._lock_file.exists():
            return self._holder
        probe = filelock.FileLock(self._lock_file, thread_local=False, fallback_to_soft=False)
        try:
            probe.acquire(blocking=False)
        except (filelock.Timeout, PermissionError):  # held, or somebody else's: then what is written must do
            return self._written()
        probe.release()
        return None

    def _written(self) -> Holder | None:
        """What the holder wrote about itself; None if it did not come that far."""
        try:
            return Holder.parse(self._holder_file.read_text("utf-8"))
        except (OSError, ValueError):
            return None
