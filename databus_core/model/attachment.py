"""An attachment of a passenger: a name, a format, and content that is read only when somebody asks for it."""

from __future__ import annotations

import io
import re
from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from databus_core.errors import AttachmentError

NAME_LIMIT = 200
"""Longest attachment name in characters; file systems allow 255 bytes, and a version suffix must still fit."""


class AttachmentFormat(StrEnum):
    """Whether the content is text (UTF-8) or any bytes."""

    TEXT = "text"
    BINARY = "binary"


class Content(Protocol):
    """Where the bytes of an attachment are."""

    @property
    def size(self) -> int:
        """Length in bytes, known without reading."""
        ...

    def open(self) -> BinaryIO:
        """A new readable stream at the first byte; the caller closes it. Raises OSError."""
        ...


@dataclass(frozen=True, slots=True)
class BytesContent:
    """Content in memory."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)


@dataclass(frozen=True, slots=True)
class FileContent:
    """Content in a file that somebody else owns and that stays where it is as long as the attachment is used."""

    path: Path

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def open(self) -> BinaryIO:
        return self.path.open("rb")


@dataclass(slots=True)
class Attachment:
    """One file that travels with a passenger.

    Assign `content` (or use `set_text`, `set_bytes`) to change it; content objects themselves never change.
    """

    name: str
    format: AttachmentFormat
    content: Content

    @classmethod
    def text(cls, name: str, text: str) -> Attachment:
        """A text attachment; stored as UTF-8, line ends untouched."""
        return cls(name, AttachmentFormat.TEXT, BytesContent(text.encode()))

    @classmethod
    def binary(cls, name: str, data: bytes) -> Attachment:
        """A binary attachment from bytes in memory."""
        return cls(name, AttachmentFormat.BINARY, BytesContent(data))

    @classmethod
    def from_file(
        cls, path: Path, name: str | None = None, fmt: AttachmentFormat = AttachmentFormat.BINARY
    ) -> Attachment:
        """An attachment whose content stays in `path` until it is stored with the passenger."""
        return cls(name or path.name, fmt, FileContent(path))

    @property
    def size(self) -> int:
        """Length of the content in bytes."""
        try:
            return self.content.size
        except OSError as error:
            raise AttachmentError(f"Attachment {self.name!r} cannot be measured: {error}") from error

    def open(self) -> BinaryIO:
        """A binary stream over the content; the caller closes it."""
        try:
            return self.content.open()
        except OSError as error:
            raise AttachmentError(f"Attachment {self.name!r} cannot be read: {error}") from error

    def read_bytes(self, limit: int = -1) -> bytes:
        """The content, or its first `limit` bytes."""
        with self.open() as stream:
            return stream.read(limit)

    def read_text(self) -> str:
        """The content as text: UTF-8, a byte order mark left out. Raises AttachmentError when it is not UTF-8."""
        try:
            return self.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise AttachmentError(f"Attachment {self.name!r} is not UTF-8 text: {error}") from error

    def set_text(self, text: str) -> None:
        """Replace the content by text."""
        self.format = AttachmentFormat.TEXT
        self.content = BytesContent(text.encode())

    def set_bytes(self, data: bytes) -> None:
        """Replace the content by bytes."""
        self.format = AttachmentFormat.BINARY
        self.content = BytesContent(data)


def clean_name(name: str) -> str:
    """The name reduced to `[A-Za-z0-9_.]`: without folders, never empty, hidden, reserved or too long for a file."""
    cleaned = re.sub(r"[^A-Za-z0-9_.]+", "_", PurePosixPath(name.replace("\\", "/")).name)
    # What is written in another script has nothing left before its extension, and must still be known by that.
    cleaned = re.sub(r"^_+\.+(?=[A-Za-z0-9])", "attachment.", cleaned).strip("_.") or "attachment"
    if re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", cleaned, re.IGNORECASE):
        cleaned = "_" + cleaned
    if len(cleaned) > NAME_LIMIT:
        suffix = PurePosixPath(cleaned).suffix[:20]
        cleaned = cleaned[: NAME_LIMIT - len(suffix)] + suffix
    return cleaned


def unique_name(name: str, taken: Container[str]) -> str:
    """A clean name that is not among `taken`, which holds names in lower case (some file systems ignore case)."""
    cleaned = clean_name(name)
    stem, suffix = PurePosixPath(cleaned).stem, PurePosixPath(cleaned).suffix
    candidate, number = cleaned, 1
    while candidate.lower() in taken:
        number += 1
        candidate = f"{stem[: NAME_LIMIT - len(suffix) - 8]}_{number}{suffix}"
    return candidate
