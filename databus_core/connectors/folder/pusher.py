"""Pushes attachments into a folder."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pydantic import Field, field_validator

from databus_core.connectors._shared.files import obstacles, write_whole
from databus_core.connectors._shared.formats import CHUNK, matches
from databus_core.errors import DatabusError
from databus_core.model.attachment import Attachment, clean_name
from databus_core.model.passenger import Passenger
from databus_core.model.ticket_path import TicketPath
from databus_core.plugins.plugin import Arguments
from databus_core.plugins.pusher import Pusher

FIELDS = ("internal_id", "external_id", "source_system", "name")


class FolderPusherArguments(Arguments):
    """Where the files go and what they are called."""

    folder: TicketPath = Field(description="Folder into which attachments are written; made when it is missing.")
    extensions: list[str] = Field(
        default_factory=list[str],
        description="Only attachments with these extensions, like xlsx; all of them if empty.",
    )
    path: str = Field(
        default="{internal_id}/{name}",
        description="Path of each file below the folder; {internal_id}, {external_id} and {source_system} are the "
        "passenger's, {name} is the attachment's and must be in it.",
    )

    @field_validator("path")
    @classmethod
    def _is_a_pattern(cls, path: str) -> str:
        fields = [field for _, field, _, _ in string.Formatter().parse(path) if field is not None]
        unknown = [field for field in fields if field not in FIELDS]
        if unknown:
            raise ValueError(f"{{{unknown[0]}}} is not known; write {', '.join(f'{{{field}}}' for field in FIELDS)}")
        parts = PurePosixPath(path).parts
        if "name" not in fields or "name}" not in parts[-1]:
            raise ValueError("its last part must have {name} in it, so that two attachments get two files")
        if "\\" in path or ":" in path or path.startswith("/") or ".." in parts:
            raise ValueError("it is a path below the folder, its parts separated by /")
        return path


class FolderPusher(Pusher):
    """Writes each attachment to one file: there with all of its content, or not at all.

    A second delivery of the same passenger gives the same files. Where the path has no {internal_id}, a file that is
    not this passenger's may have the name already: it is left alone, and the attachment's file gets the internal id
    behind its name. A file of that name with the very same content counts as delivered.
    """

    Arguments = FolderPusherArguments
    arguments: FolderPusherArguments

    def problems(self) -> Iterator[str]:
        """Whether the folder can be made and written to."""
        return obstacles(self.arguments.folder)

    def push(self, passenger: Passenger) -> None:
        """Raises DatabusError when a file cannot be written."""
        wanted = [a for a in passenger.attachments if matches(a.name, self.arguments.extensions)]
        for attachment in wanted:
            target = self._target(passenger, attachment)
            try:
                self._deliver(passenger, attachment, target)
            except OSError as error:
                raise DatabusError(f"Attachment {attachment.name!r} cannot be written to {target}: {error}") from error
        if not wanted:
            self.log.warning(f"Passenger {passenger} has no attachment to write to {self.arguments.folder}")

    def _target(self, passenger: Passenger, attachment: Attachment) -> Path:
        values = {
            "internal_id": _plain_id(passenger),
            "external_id": clean_name(passenger.external_id.replace("/", "_").replace("\\", "_")),
            "source_system": clean_name(passenger.source_system.replace("/", "_").replace("\\", "_")),
            "name": clean_name(attachment.name),
        }
        return self.arguments.folder / self.arguments.path.format(**values)

    def _deliver(self, passenger: Passenger, attachment: Attachment, target: Path) -> None:
        own = "{internal_id}" in self.arguments.path
        try:
            self._write(attachment, target, replace=own)
        except FileExistsError:
            if _holds(target, attachment):
                self.log.info(f"{target} is there already")
                return
            beside = target.with_name(f"{target.stem}_{_plain_id(passenger)}{target.suffix}")
            self._write(attachment, beside, replace=True)

    def _write(self, attachment: Attachment, target: Path, *, replace: bool) -> None:
        with attachment.open() as stream:
            write_whole(stream, target, replace=replace)
        self.log.info(f"Wrote {target}")


def _plain_id(passenger: Passenger) -> str:
    """The internal id as the queue shows it; it is a UUID unless an old queue has it otherwise."""
    return re.sub(r"[^A-Za-z0-9-]", "_", passenger.internal_id)


def _holds(path: Path, attachment: Attachment) -> bool:
    """Whether the file has exactly the attachment's content."""
    if path.stat().st_size != attachment.size:
        return False
    with path.open("rb") as file, attachment.open() as stream:
        while chunk := file.read(CHUNK):
            if chunk != stream.read(len(chunk)):
                return False
    return True
