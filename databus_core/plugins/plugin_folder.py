"""The folder of plug-ins beside a ticket, and what of it has changed."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES
from importlib.metadata import Distribution
from pathlib import Path

from databus_core.errors import PluginFolderError
from databus_core.plugins.generation import Generation, generation_in_force

PLUGIN_FOLDER = "plugins"
"""Folder beside the ticket whose modules are plug-ins."""

RECENT_SECONDS = 3.0
"""What changed so recently is read again: file systems tell time in steps of up to two seconds, and a second edit may
have the size of the first."""

SETTLE_SECONDS = 0.15
"""What has not changed for so long is complete: editors write a file in several steps, and people save several files.
"""

MOST_SETTLING_SECONDS = 5.0
"""How long that is waited for."""

_COMPILED = (*EXTENSION_SUFFIXES, *BYTECODE_SUFFIXES)


def add_plugin_folder(ticket_folder: Path) -> Path:
    """Put `plugins/` beside the ticket on the path of importable modules; answers the folder, which may not exist."""
    folder = ticket_folder / PLUGIN_FOLDER
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.append(str(folder))
        importlib.invalidate_caches()
    return folder


def generation_of(ticket_folder: Path) -> Generation:
    """The plug-ins that are in force beside that ticket; as the files are now, where none are yet.

    Raises PluginFolderError.
    """
    folder = add_plugin_folder(ticket_folder)
    generation = generation_in_force(folder)
    if generation is None:
        generation = PluginFolder(folder).read()
        generation.put_in_force()
    return generation


@dataclass(frozen=True, slots=True)
class _File:
    """A source as it was read last."""

    status: tuple[int, ...]
    source: bytes
    seen_at: float
    """When it was seen first, by the monotonic clock: the folder's computer may have another time."""

    def may_have_changed(self, status: tuple[int, ...]) -> bool:
        return status != self.status or time.monotonic() - self.seen_at < RECENT_SECONDS


class PluginFolder:
    """Reads the sources; from any thread.

    Left to Python, which imports it once and looks for it in the folder, too, are compiled modules, packages with such,
    and what pip has installed there.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._files: dict[str, _File] = {}
        self._generation: Generation | None = None
        self._reading = threading.Lock()
        self._installed: dict[str, set[str]] = {}
        """First names of the modules of each distribution that pip has installed, by the name of its `.dist-info`."""

    def read(self) -> Generation:
        """The sources as they are; of changed ones, when they have come to rest. Raises PluginFolderError."""
        with self._reading:
            try:
                if self._look():
                    self._rest()
            except OSError as error:
                raise PluginFolderError(f"The plug-in folder {self.place} cannot be read: {error}") from error
            if self._generation is None or self._generation.sources != _sources(self._files):
                self._generation = Generation.of(self.place, _sources(self._files))
            return self._generation

    def _rest(self) -> None:
        """Wait until nothing changes any more."""
        until = time.monotonic() + MOST_SETTLING_SECONDS
        time.sleep(SETTLE_SECONDS)
        while self._look() and time.monotonic() < until:
            time.sleep(SETTLE_SECONDS)

    def _look(self) -> bool:
        """Read what may have changed; answers whether something has, but for the first time."""
        before, self._files = self._files, dict(self._present())
        return self._generation is not None and _sources(before) != _sources(self._files)

    def _present(self) -> Iterator[tuple[str, _File]]:
        entries = _entries(self.place)
        left_out = self._names_installed(entries)
        for entry in entries:
            if entry.name.partition(".")[0] not in left_out:
                for path in _source_paths(entry):
                    file = self._file(path)
                    if file is not None:
                        yield path.relative_to(self.place).as_posix(), file

    def _file(self, path: Path) -> _File | None:
        """The file as it is; None when it has gone meanwhile."""
        known = self._files.get(path.relative_to(self.place).as_posix())
        try:
            status = path.stat()
            now = status.st_mtime_ns, status.st_ctime_ns, status.st_size
            if known is not None and not known.may_have_changed(now):
                return known
            source = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:  # whoever imports it is told
            now, source = (), f"raise ImportError({f'it cannot be read: {error}'!r})".encode()
        return (
            known
            if known is not None and (now, source) == (known.status, known.source)
            else _File(now, source, time.monotonic())
        )

    def _names_installed(self, entries: list[os.DirEntry[str]]) -> set[str]:
        folders = [entry for entry in entries if entry.name.endswith(".dist-info")]
        self._installed = {
            each.name: self._installed.get(each.name) or _first_names(Path(each.path)) for each in folders
        }
        return {name for names in self._installed.values() for name in names}


def _sources(files: dict[str, _File]) -> dict[str, bytes]:
    return {path: file.source for path, file in files.items()}


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    """What is in a folder, which may be missing, but for what is hidden."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith((".", "__pycache__"))]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _source_paths(top: os.DirEntry[str]) -> list[Path]:
    """The sources of a module or package in the plug-in folder; none where something in it is compiled."""
    paths: list[Path] = []
    waiting = [top]
    while waiting:
        entry = waiting.pop()
        if entry.name.endswith(_COMPILED):
            return []
        if entry.name.endswith(".py"):
            paths.append(Path(entry.path))
        elif entry.is_dir() and not _leads_back(entry):
            waiting += _entries(entry.path)
    return paths


def _leads_back(folder: os.DirEntry[str]) -> bool:
    """Whether it is a link to a folder that it lies in."""
    around = Path(folder.path).parent.resolve()
    return folder.is_symlink() and Path(folder.path).resolve() in {around, *around.parents}


def _first_names(installed: Path) -> set[str]:
    files = Distribution.at(installed).files or ()
    return {file.parts[0].partition(".")[0] for file in files}
