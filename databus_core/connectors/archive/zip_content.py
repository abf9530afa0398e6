"""Members of a zip archive, read without trusting what the archive says of itself."""

from __future__ import annotations

import lzma
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from databus_core.connectors._shared.formats import CHUNK
from databus_core.errors import AttachmentError
from databus_core.model.attachment import Attachment, BytesContent, Content

KEPT_IN_MEMORY = 1 << 20
"""Longer members are unzipped again when they are asked for."""

RATIO_FROM = 10 << 20
"""From so many unzipped bytes of one archive on, its compression ratio is looked at; short texts may shrink much."""

_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnzipLimits:
    """How much may come out of the archives of one passenger, counted while it comes out."""

    files: int = 1000
    total_bytes: int = 500 << 20
    ratio: int = 200
    """How many times longer than itself an archive may unzip."""


@dataclass(slots=True)
class Budget:
    """What is left of the limits."""

    limits: UnzipLimits
    files: int = 0
    total: int = 0

    def take_file(self, archive: str) -> None:
        """Raises AttachmentError when there are too many files."""
        self.files += 1
        if self.files > self.limits.files:
            raise AttachmentError(f"Archive {archive!r} is not unzipped: more than {self.limits.files} files come out")

    def take(self, archive: str, length: int, unzipped: int, packed: int) -> None:
        """Count `length` more bytes; `unzipped` came out of this archive of `packed` bytes. Raises AttachmentError."""
        self.total += length
        if self.total > self.limits.total_bytes:
            raise AttachmentError(
                f"Archive {archive!r} is not unzipped: more than {self.limits.total_bytes} bytes come out"
            )
        if unzipped > RATIO_FROM and unzipped > packed * self.limits.ratio:
            raise AttachmentError(
                f"Archive {archive!r} is not unzipped: it comes out more than {self.limits.ratio} times as long"
            )


@dataclass(frozen=True, slots=True)
class MemberContent:
    """One member of an archive, unzipped when it is read."""

    archive: Content
    index: int
    size: int

    def open(self) -> BinaryIO:
        """Into memory or, when it is long, a temporary file. Raises OSError."""
        spool = tempfile.SpooledTemporaryFile(max_size=KEPT_IN_MEMORY)  # noqa: SIM115  the caller closes it
        try:
            with opened_zip(self.archive) as archive, archive.open(archive.infolist()[self.index]) as member:
                while chunk := member.read(CHUNK):
                    spool.write(chunk)
        except _BROKEN as error:
            spool.close()
            raise OSError(f"the archive cannot be read any more: {error}") from error
        spool.seek(0)
        return cast("BinaryIO", spool)


@contextmanager
def opened_zip(content: Content) -> Generator[zipfile.ZipFile]:
    """The archive in the content. Raises BadZipFile, OSError."""
    with content.open() as stream, zipfile.ZipFile(stream) as archive:
        yield archive


def members(attachment: Attachment, budget: Budget) -> Iterator[tuple[str, Content]]:
    """Name (without folders) and content of each file in the archive, each read once, in full, within the budget.

    Folders, links and what macOS adds are passed over. Raises AttachmentError when the archive is damaged, encrypted,
    or more than the limits allow.
    """
    reading = _Reading(attachment, budget)
    try:
        with opened_zip(attachment.content) as archive:
            for index, info in enumerate(archive.infolist()):
                if _is_file(info):
                    yield _base_name(info.filename), reading.read(archive, index)
    except _BROKEN as error:
        raise AttachmentError(f"Archive {attachment.name!r} cannot be unzipped: {error}") from error
    except OSError as error:
        raise AttachmentError(f"Archive {attachment.name!r} cannot be read: {error}") from error


@dataclass(slots=True)
class _Reading:
    """One archive while it is read."""

    attachment: Attachment
    budget: Budget
    unzipped: int = 0

    def read(self, archive: zipfile.ZipFile, index: int) -> Content:
        info = archive.infolist()[index]
        name = self.attachment.name
        self.budget.take_file(name)
        if info.flag_bits & 1:
            raise AttachmentError(f"Archive {name!r} is not unzipped: {info.filename!r} in it is encrypted")
        kept = bytearray()
        length = 0
        with archive.open(info) as member:
            while chunk := member.read(CHUNK):
                length += len(chunk)
                self.unzipped += len(chunk)
                self.budget.take(name, len(chunk), self.unzipped, self.attachment.size)
                if length <= KEPT_IN_MEMORY:
                    kept += chunk
        if length <= KEPT_IN_MEMORY:
            return BytesContent(bytes(kept))
        return MemberContent(self.attachment.content, index, length)


def _is_file(info: zipfile.ZipInfo) -> bool:
    if info.filename.endswith("/") or info.filename.startswith("__MACOSX/"):  # is_dir() needs a name, before 3.12
        return False
    kind = stat.S_IFMT(info.external_attr >> 16)
    return kind in {0, stat.S_IFREG}


def _base_name(path: str) -> str:
    """Only the last part: where an archive wants its files to go is none of its business."""
    return PurePosixPath(path.replace("\\", "/")).name
