"""Writing so that neither a kill nor a power cut leaves half of anything."""

from __future__ import annotations

import errno
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from databus_core.database.json_files.layout import TEMPORARY

CHUNK = 1 << 20
"""Bytes that are in memory at once while a large content is copied."""

_BINARY = getattr(os, "O_BINARY", 0)
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY
_WINDOWS = sys.platform == "win32"
_AT_ONCE = 8
_numbers = itertools.count(1)


def temporary_name() -> str:
    """A file name that nobody else uses and that the next open deletes if a crash leaves it."""
    return f"{TEMPORARY}{os.getpid()}-{next(_numbers)}"


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, data[written:])


def write_new(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file that must not exist yet; it is durable only after a flush."""
    descriptor = os.open(path, _NEW_FILE, 0o666)
    try:
        for chunk in chunks:
            write_all(descriptor, chunk)
    finally:
        os.close(descriptor)


def sync_descriptor(descriptor: int) -> None:
    """Make what was written to an open file durable."""
    if sys.platform == "darwin":
        import fcntl

        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync alone leaves the data in the drive's own cache there
            return
        except OSError:
            pass  # not every file system knows it
    os.fsync(descriptor)


def sync_file(path: Path) -> None:
    """Make a file's content durable."""
    descriptor = os.open(path, os.O_RDWR | _BINARY)
    try:
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable; Windows does that by itself and cannot be asked."""
    if _WINDOWS:
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        sync_descriptor(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems sync names by themselves
            raise
    finally:
        os.close(descriptor)


def replace(source: Path, target: Path) -> None:
    """Rename atomically; a file that is there already is replaced."""
    for pause in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if _WINDOWS else ():
        try:
            source.replace(target)
            return
        except PermissionError:  # a virus scanner or an indexer has it open for a moment
            time.sleep(pause)
    source.replace(target)


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace a whole file: afterwards, and after a crash, it has the old content or the new one."""
    temporary = path.with_name(temporary_name())
    try:
        write_new(temporary, [data])
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
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _BINARY, 0o666)
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


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, durably; fine when it is there."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(missing):
        sync_folder(folder.parent)


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
