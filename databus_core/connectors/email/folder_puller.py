"""Pulls e-mails that lie as `.eml` files in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from pydantic import Field

from databus_core.connectors._shared.folder_source import (
    KEPT_IN_MEMORY,
    FolderSource,
    FolderSourceArguments,
    WaitingContent,
    WaitingFile,
)
from databus_core.connectors.email.parser import parse_email
from databus_core.connectors.email.structure import parts, read_message
from databus_core.errors import DatabusError
from databus_core.model.attachment import BytesContent, Content
from databus_core.model.passenger import Passenger


class EmailFolderArguments(FolderSourceArguments):
    """Which mails of a folder, and what becomes of them."""

    pattern: str = Field(default="*.eml", min_length=1, description="Names to pull; upper and lower case are equal.")
    source_system: str = Field(
        default="e-mail folder", min_length=1, description="Name of the source system, under which its mails are known."
    )


@dataclass(frozen=True, slots=True)
class PartContent:
    """One part of a mail that lies in a file."""

    file: WaitingFile
    number: int
    size: int

    def open(self) -> BinaryIO:
        """Raises OSError when the file has changed or is gone."""
        message = read_message(WaitingContent(self.file).read(), str(self.file.path))
        found = next(part for number, part in enumerate(parts(message, str(self.file.path))) if number == self.number)
        return BytesIO(found.data)


class EmailFolderPuller(FolderSource):
    """Each mail is an Email passenger, known by its Message-ID.

    A mail that cannot be read stays in the folder, and is an error in the log of each trip.
    """

    Arguments = EmailFolderArguments

    def pull(self) -> Iterator[Passenger]:
        """Every mail that waits, oldest file first."""
        for file in self.waiting():
            try:
                passenger = self._passenger(file)
            except (OSError, DatabusError) as error:
                self.log.error(f"{file.path.name} stays in {file.path.parent}: {error}")
            else:
                yield self.offer(passenger, file)

    def _passenger(self, file: WaitingFile) -> Passenger:
        raw = WaitingContent(file).read()

        def store(data: bytes, number: int) -> Content:
            return BytesContent(data) if len(data) <= KEPT_IN_MEMORY else PartContent(file, number, len(data))

        return parse_email(
            raw,
            origin=file.path.name,
            source_system=self.arguments.source_system,
            passenger_class=self.context.passenger_class,
            store=store,
        )
