"""Writing a file so that a crash or a power cut leaves either the old or the new content."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

REPLACE_TRIES = 10
"""Windows refuses to replace a file that a virus scanner or an indexer has open for a moment."""


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file's content; its permissions stay. Durable when it returns. Raises OSError and leaves no rest."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~_umask())
        replace(temporary, path)
        sync_folder(path.parent)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def replace(source: Path, target: Path) -> None:
    """os.replace, tried again for a moment on Windows."""
    for attempt in range(REPLACE_TRIES):
        try:
            source.replace(target)
        except PermissionError:
            if sys.platform != "win32" or attempt == REPLACE_TRIES - 1:
                raise
            time.sleep(0.02 * (attempt + 1))
        else:
            return


def sync_folder(folder: Path) -> None:
    """Make names created, renamed or removed in a folder durable; Windows does that by itself."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
