"""A folder into which others put files for Databus: what waits there, and what becomes of a seated file."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from pydantic import Field, ValidationInfo, field_validator

from databus_core.connectors._shared.files import move_into, obstacles
from databus_core.errors import DatabusError
from databus_core.model.attachment import BytesContent, Content
from databus_core.model.passenger import Passenger
from databus_core.model.ticket_path import TicketPath
from databus_core.plugins.plugin import Arguments
from databus_core.plugins.puller import Puller

UNFINISHED = re.compile(r"^[.~]|~$|\.(tmp|temp|part|partial|filepart|crdownload|swp|lock)$", re.IGNORECASE)
"""Names that programs give to files they have not finished, or hide."""

KEPT_IN_MEMORY = 1 << 20
"""Longer content is read from the file when it is asked for: many passengers are seated at once."""

MARK = "file"
"""Key of the passenger's property that tells which file it came from."""


class WhenSeated(StrEnum):
    """What becomes of a file whose passenger is seated."""

    ARCHIVE = "archive"
    DELETE = "delete"
    KEEP = "keep"


class FolderSourceArguments(Arguments):
    """Which files of a folder, and what becomes of them."""

    folder: TicketPath = Field(description="Folder whose files are pulled; its subfolders are left alone.")
    pattern: str = Field(
        default="*", min_length=1, description="Names to pull, like *.csv; upper and lower case are equal."
    )
    when_seated: WhenSeated = Field(
        default=WhenSeated.ARCHIVE,
        description="What becomes of a file once its passenger is seated: archive moves it, delete removes it, "
        "keep leaves it.",
    )
    archive: TicketPath = Field(
        default=Path("archive"), validate_default=True, description="Folder for seated files, made when it is missing."
    )
    source_system: str = Field(
        default="folder", min_length=1, description="Name of the source system, under which its passengers are known."
    )
    settle_seconds: float = Field(
        default=1, ge=0, le=60, description="A file must stay unchanged this long before it is pulled."
    )

    @field_validator("archive")
    @classmethod
    def _archive_is_elsewhere(cls, archive: Path, info: ValidationInfo) -> Path:
        folder = info.data.get("folder")
        archives = info.data.get("when_seated") is WhenSeated.ARCHIVE
        if archives and isinstance(folder, Path) and _plain(folder) == _plain(archive):
            raise ValueError("the archive must be another folder than the one that is pulled")
        return archive


def _plain(folder: Path) -> str:
    return os.path.normcase(os.path.realpath(folder))


@dataclass(frozen=True, slots=True)
class FileMark:
    """One state of one file: a file written anew under the same name has another mark."""

    name: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> FileMark:
        """Raises OSError when there is no such file."""
        found = path.stat(follow_symlinks=False)
        return cls(path.name, found.st_size, found.st_mtime_ns)

    @property
    def text(self) -> str:
        """As an external id and as a passenger's property."""
        return f"{self.name}|{self.size}|{self.mtime_ns}"


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A file that waits, as it was when it was seen."""

    path: Path
    mark: FileMark

    def content(self) -> Content:
        """What is in it; a short file is read at once. Raises OSError when it has changed or is gone."""
        content = WaitingContent(self)
        return content if self.mark.size > KEPT_IN_MEMORY else BytesContent(content.read())


@dataclass(frozen=True, slots=True)
class WaitingContent:
    """The content of a waiting file; it cannot be read any more once the file has changed."""

    file: WaitingFile

    @property
    def size(self) -> int:
        return self.file.mark.size

    def open(self) -> BinaryIO:
        if FileMark.of(self.file.path) != self.file.mark:
            raise OSError(f"{self.file.path} has changed since it was pulled; the next trip takes it as it is then")
        return self.file.path.open("rb")

    def read(self) -> bytes:
        """All of it, as it was when it was seen. Raises OSError."""
        with self.open() as stream:
            data = stream.read()
        if len(data) != self.size or FileMark.of(self.file.path) != self.file.mark:
            raise OSError(f"{self.file.path} has changed while it was read; the next trip takes it as it is then")
        return data


class FolderSource(Puller):
    """Base of pullers that take files from a folder: subclasses yield a passenger per file and mark it with `offer`."""

    Arguments = FolderSourceArguments
    arguments: FolderSourceArguments
    pull_has_no_side_effect = True

    def problems(self) -> Iterator[str]:
        """Whether the folder can be listed, and seated files put away."""
        try:
            self._listed()
        except DatabusError as error:
            yield str(error)
            return
        if self.arguments.when_seated is not WhenSeated.KEEP:
            yield from obstacles(self.arguments.folder)
        if self.arguments.when_seated is WhenSeated.ARCHIVE:
            yield from obstacles(self.arguments.archive)

    def waiting(self) -> Iterator[WaitingFile]:
        """The files that wait, oldest first. Raises DatabusError when the folder cannot be listed."""
        files = self._listed()
        young = [file for file in files if self._wait(file) > 0]
        yield from (file for file in files if self._wait(file) <= 0)
        if young:
            time.sleep(max(0, *(self._wait(file) for file in young)))
            yield from (file for file in young if _unchanged(file))

    def _listed(self) -> list[WaitingFile]:
        pattern = re.compile(fnmatch.translate(self.arguments.pattern.lower()))
        try:
            with os.scandir(self.arguments.folder) as entries:
                paths = [Path(entry.path) for entry in entries if pattern.match(entry.name.lower())]
        except OSError as error:
            raise DatabusError(f"The folder {self.arguments.folder} cannot be listed: {error.strerror}") from error
        found = [file for path in paths if not UNFINISHED.search(path.name) and (file := _seen(path))]
        return sorted(found, key=lambda file: (file.mark.mtime_ns, file.mark.name))

    def _wait(self, file: WaitingFile) -> float:
        """Seconds until the file has settled."""
        age = time.time() - file.mark.mtime_ns / 1e9
        # The file's clock may be ahead of ours: it is only waited for, not left out until our clock has come so far.
        return min(self.arguments.settle_seconds - age, self.arguments.settle_seconds)

    def offer(self, passenger: Passenger, file: WaitingFile) -> Passenger:
        """Remember in the passenger which file it came from."""
        passenger.properties[MARK] = file.mark.text
        return passenger

    def notify_passengers_seated(self, passengers: Sequence[Passenger]) -> None:
        """Archive, delete or keep the files. One that is gone is fine; one that has changed is not the one seated."""
        if self.arguments.when_seated is WhenSeated.KEEP:
            return
        for passenger in passengers:
            self._retire(str(passenger.properties.get(MARK, "")))

    def _retire(self, mark: str) -> None:
        path = self.arguments.folder / Path(mark.rpartition("|")[0].rpartition("|")[0]).name
        file = _seen(path)
        if file is None or file.mark.text != mark:
            return
        try:
            if self.arguments.when_seated is WhenSeated.DELETE:
                path.unlink(missing_ok=True)
            elif target := move_into(path, self.arguments.archive):
                self.log.info(f"Moved {path.name} to {target}")
        except OSError as error:
            raise DatabusError(f"The seated file {path} cannot be put away: {error}") from error


def _seen(path: Path) -> WaitingFile | None:
    """The file, unless it is gone or no plain file: a link may lead to anything."""
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return None
    mark = FileMark(path.name, found.st_size, found.st_mtime_ns)
    return WaitingFile(path, mark) if stat.S_ISREG(found.st_mode) else None


def _unchanged(file: WaitingFile) -> bool:
    return _seen(file.path) == file
