"""Writing so that neither a kill nor a power cut leaves half of anything."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from databus_core.database.json_files.layout import TEMPORARY
from databus_core.files import BINARY, replace, sync_descriptor, sync_file, sync_folder, write_all, write_new

_AT_ONCE = 8
_numbers = itertools.count(1)


def temporary_name() -> str:
    """A file name that nobody else uses and that the next open deletes if a crash leaves it."""
    return f"{TEMPORARY}{os.getpid()}-{next(_numbers)}"


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace a whole file: afterwards, and after a crash, it has the old content or the new one.

    A file that is there keeps its permissions.
    """
    temporary = path.with_name(temporary_name())
    try:
        write_new(temporary, [data])
        if path.exists():
            temporary.chmod(path.stat().st_mode & 0o7777)  # a person may have locked it, it can hold passwords
        if durable:
            sync_file(temporary)
        replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def append_line(path: Path, data: bytes) -> None:
    """Append lines durably; a torn line that a crash left at the end stays a line of its own."""
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | BINARY, 0o666)
    try:
        size = os.lseek(descriptor, 0, os.SEEK_END)
        if size:
            os.lseek(descriptor, size - 1, os.SEEK_SET)
            if os.read(descriptor, 1) != b"\n":
                data = b"\n" + data
        try:
            write_all(descriptor, data)
            sync_descriptor(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
    if is_new:
        sync_folder(path.parent)


class Flusher:
    """Makes many files durable, several at once: file systems commit syncs that meet in one go."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="databus-flush")

    def flush(self, files: Sequence[Path], folders: Sequence[Path]) -> None:
        """Return when all of them are durable; raises the first error."""
        # Folders last: with the files in them, most of them were committed already, and cost next to nothing.
        work = [(sync_file, path) for path in files] + [(sync_folder, path) for path in folders]
        if len(work) <= _AT_ONCE:
            _sync(work)
            return
        parts = [self._pool.submit(_sync, work[number::_AT_ONCE]) for number in range(_AT_ONCE)]
        wait(parts)
        for part in parts:
            part.result()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


def _sync(work: Iterable[tuple[Callable[[Path], None], Path]]) -> None:
    for sync, path in work:
        sync(path)
