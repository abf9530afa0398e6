"""Only one process at a time may work on a database folder, and the one that is refused is told who does."""

from __future__ import annotations

from pathlib import Path

import filelock
import orjson

from databus_core.database.json_files.durable import write_atomically
from databus_core.errors import DatabaseHeldError
from databus_core.model.clock import format_time, parse_time
from databus_core.model.holder import Holder

PATIENCE = 0.3
"""Seconds: somebody who only asks who holds the folder holds it for a moment."""


class FolderLock:
    """The operating system gives the lock back when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._holder_file = folder / ".holder.json"
        self._lock_file = folder / ".lock"
        self._lock = filelock.FileLock(self._lock_file, thread_local=False, fallback_to_soft=False)
        self._holder: Holder | None = None

    def acquire(self, holder: Holder) -> None:
        """Take the folder. Raises DatabaseHeldError."""
        try:
            self._lock.acquire(timeout=PATIENCE)
        except filelock.Timeout as error:
            raise DatabaseHeldError(str(self._folder), self._written()) from error
        try:
            # Private: it holds the key to the process's control socket.
            self._holder_file.unlink(missing_ok=True)
            write_atomically(self._holder_file, _document(holder), durable=False, mode=0o600)
        except OSError:
            self._lock.release()
            raise
        self._holder = holder

    def release(self) -> None:
        """Give the folder back; harmless when it is not held."""
        if self._holder is not None:
            self._holder = None
            self._holder_file.unlink(missing_ok=True)
            self._lock.release()

    def holder(self) -> Holder | None:
        """Who holds the folder now."""
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
            document = orjson.loads(self._holder_file.read_bytes())
            return Holder(
                program=str(document["program"]),
                pid=int(document["pid"]),
                host=str(document["host"]),
                since=parse_time(document["since"]),
                control=str(document["control"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _document(holder: Holder) -> bytes:
    return orjson.dumps(
        {
            "program": holder.program,
            "pid": holder.pid,
            "host": holder.host,
            "since": format_time(holder.since),
            "control": holder.control,
        },
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    )
