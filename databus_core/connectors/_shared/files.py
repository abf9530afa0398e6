"""Files that must neither get lost nor overwrite another one: moving and writing that survive a crash at any moment."""

from __future__ import annotations

import errno
import filecmp
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from databus_core.files import make_folder, sync_folder
from databus_core.files import replace as replace_file


def obstacles(folder: Path) -> Iterator[str]:
    """Why no file can be put into a folder, which is made when it is missing. Only looks."""
    nearest = next((place for place in (folder, *folder.parents) if os.access(place, os.F_OK)), folder)
    if not nearest.is_dir():
        yield f"The folder {folder} cannot be written to: {nearest} is no folder"
    elif not os.access(nearest, os.W_OK | os.X_OK):
        yield f"The folder {folder} cannot be written to: there is no permission for {nearest}"


def move_into(source: Path, folder: Path) -> Path | None:
    """Move a file into the folder, which is made, under its own name or, when that is taken, one with a number.

    Answers where it is now; None when there is no such file (any more). A move that a crash cut short is taken up
    where it stopped. Raises OSError.
    """
    make_folder(folder)
    for target in _candidates(folder, source.name):
        try:
            if _is_the_same(source, target):
                source.unlink()
            else:
                _move_to(source, target)
        except FileExistsError:
            continue
        except FileNotFoundError:
            if source.exists():
                raise
            return None
        sync_folder(folder)
        sync_folder(source.parent)
        return target
    raise AssertionError("unreachable: the candidates never end")


def _candidates(folder: Path, name: str) -> Iterator[Path]:
    yield folder / name
    stem, suffix = Path(name).stem, Path(name).suffix
    for number in itertools.count(2):
        yield folder / f"{stem}_{number}{suffix}"


def _is_the_same(source: Path, target: Path) -> bool:
    """Whether a move that was cut short has already brought the source to the target."""
    try:
        there = target.stat()
    except FileNotFoundError:
        return False
    here = source.stat()
    if os.path.samestat(here, there):
        return True
    alike = (here.st_size, here.st_mtime_ns) == (there.st_size, there.st_mtime_ns)
    return alike and filecmp.cmp(source, target, shallow=False)


def _move_to(source: Path, target: Path) -> None:
    """Raises FileExistsError when the target exists."""
    try:
        rename_new(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_to(source, target)
        sync_folder(target.parent)
        source.unlink()


def _copy_to(source: Path, target: Path) -> None:
    """Across file systems. Raises FileExistsError when the target exists."""
    part = part_of(target)
    with source.open("rb") as stream:
        _write(stream, part)
    shutil.copystat(source, part)
    try:
        rename_new(part, target)
    except FileExistsError:
        part.unlink()
        raise


def rename_new(source: Path, target: Path) -> None:
    """Rename within a file system. Raises FileExistsError when the target exists, whoever made it, however late."""
    if os.name == "nt":
        source.rename(target)  # there it never replaces
        return
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in {errno.EEXIST, errno.EXDEV, errno.ENOENT}:
            raise
        # No hard links here (FAT, some shares), or not for us: reserve the name, then replace what we reserved.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            replace_file(source, target)
        except OSError:
            target.unlink()
            raise
    else:
        source.unlink()


def write_whole(stream: BinaryIO, target: Path, *, replace: bool) -> None:
    """Write the stream to a file that is there with all of it, or not at all.

    Raises FileExistsError when the target exists and is not to be replaced, OSError when it cannot be written.
    """
    make_folder(target.parent)
    part = part_of(target)
    try:
        _write(stream, part)
        if replace:
            replace_file(part, target)
        else:
            rename_new(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def _write(stream: BinaryIO, path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


def part_of(target: Path) -> Path:
    """Where a file is written before it gets its name; pullers leave such files alone.

    One per target: a retry reuses it.
    """
    return target.with_name(f".{target.name[:200]}.part")
