"""Files and folders that survive a crash or a power cut: either wholly as they were, or wholly as they shall be."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

CHUNK = 1 << 20
"""Bytes that are in memory at once while a large content is copied."""

BINARY = getattr(os, "O_BINARY", 0)
"""Windows would change line ends in a file opened without it."""

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY
_WINDOWS = sys.platform == "win32"


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, data[written:])


def write_new(path: Path, chunks: Iterable[bytes], mode: int = 0o666) -> None:
    """Write a file that must not exist yet; it is durable only after a flush. `mode` is narrowed by the umask."""
    descriptor = os.open(path, _NEW_FILE, mode)
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
    descriptor = os.open(path, os.O_RDWR | BINARY)
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


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, durably; fine when it is there."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(missing):
        sync_folder(folder.parent)


def replace(source: Path, target: Path) -> None:
    """Rename atomically; a file that is there already is replaced."""
    for pause in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if _WINDOWS else ():
        try:
            source.replace(target)
            return
        except PermissionError:  # a virus scanner or an indexer has it open for a moment
            time.sleep(pause)
    source.replace(target)


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file's content; its permissions stay. Durable when it returns. Raises OSError and leaves no rest."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        try:
            write_all(handle, data)
            sync_descriptor(handle)
        finally:
            os.close(handle)
        temporary.chmod(path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~_umask())
        replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
