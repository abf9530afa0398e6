"""Attachments that are stored with a seated passenger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from databus_core.errors import AttachmentError
from databus_core.files import CHUNK
from databus_core.model.attachment import Attachment, BytesContent, clean_name


@dataclass(frozen=True, slots=True)
class StoredContent:
    """Content in a file of the database; such a file is never changed, a new content gets a new one."""

    folder: Path
    file: str

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / self.file

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def open(self) -> BinaryIO:
        return self.path.open("rb")


def chunks(attachment: Attachment) -> Iterator[bytes]:
    """The attachment's bytes, little by little. Raises AttachmentError."""
    if isinstance(attachment.content, BytesContent):
        yield attachment.content.data
        return
    with attachment.open() as stream:
        while True:
            try:
                chunk = stream.read(CHUNK)
            except OSError as error:
                raise AttachmentError(f"Attachment {attachment.name!r} cannot be read: {error}") from error
            if not chunk:
                return
            yield chunk


def file_name(name: str, taken: set[str]) -> str:
    """A file for an attachment of that name: the name itself, or `order.2.xml` when it is taken (in lower case)."""
    cleaned = clean_name(name)
    stem, suffix = PurePosixPath(cleaned).stem, PurePosixPath(cleaned).suffix
    candidate, number = cleaned, 1
    while candidate.lower() in taken:
        number += 1
        candidate = f"{stem}.{number}{suffix}"
    return candidate
