"""Unzips attachments: as a processor, and as a function for plug-ins of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pydantic import Field

from databus_core.connectors._shared.formats import format_of, matches
from databus_core.connectors.archive.zip_content import Budget, UnzipLimits, members
from databus_core.model.attachment import Attachment
from databus_core.model.passenger import Passenger
from databus_core.plugins.plugin import Arguments
from databus_core.plugins.processor import Processor

ZIP_EXTENSIONS: Final = ("zip",)

UNZIPPED: Final = "unzipped"
"""Key of the property that names the attachments already unzipped: doing it again by hand adds nothing twice."""


def unzip_attachments(
    passenger: Passenger, extensions: Iterable[str] = (), *, depth: int = 1, limits: UnzipLimits | None = None
) -> list[Attachment]:
    """Attach the files in the passenger's zip archives; answers the new attachments. The archives stay.

    `extensions` limits which files are attached; none means all. `depth` 1 unzips the attachments, 2 also archives in
    them, and so on. Files lose their folders, so nothing can escape; bytes are untouched. Raises AttachmentError, with
    the passenger as it was, when an archive is damaged, encrypted, or holds more than the limits allow.
    """
    done = passenger.properties.get(UNZIPPED)
    names = [str(name) for name in done] if isinstance(done, list) else []
    archives = [a for a in passenger.attachments_by_extension(ZIP_EXTENSIONS) if a.name not in names]
    budget = Budget(limits or UnzipLimits())
    wanted = tuple(extensions)
    found = [new for archive in archives for new in _unzipped(archive, wanted, depth, budget)]
    attached = [passenger.attach(new) for new in found]
    inner = [a.name for a in attached if matches(a.name, ZIP_EXTENSIONS)] if depth > 1 else []
    if archives:
        passenger.properties[UNZIPPED] = [*names, *(archive.name for archive in archives), *inner]
    return attached


def _unzipped(archive: Attachment, wanted: tuple[str, ...], depth: int, budget: Budget) -> Iterator[Attachment]:
    for name, content in members(archive, budget):
        attachment = Attachment.binary(name, b"")
        attachment.content = content
        if matches(name, wanted):
            with attachment.open() as stream:
                attachment.format = format_of(name, stream)
            yield attachment
        if depth > 1 and matches(name, ZIP_EXTENSIONS):
            yield from _unzipped(attachment, wanted, depth - 1, budget)


class UnzipArguments(Arguments):
    """Which files, and how many at most."""

    extensions: list[str] = Field(
        default_factory=list[str], description="Only files with these extensions, like xlsx; all of them if empty."
    )
    depth: int = Field(default=1, ge=1, le=5, description="1 unzips attachments, 2 also archives in them, and so on.")
    most_files: int = Field(default=1000, ge=1, description="More files than this in one passenger are an error.")
    most_megabytes: int = Field(default=500, ge=1, description="More than this unzipped in one passenger is an error.")
    most_ratio: int = Field(
        default=200, ge=1, description="An archive that unzips to more than so many times its length is an error."
    )


class Unzip(Processor):
    """Attaches the files in zip archives. A passenger without archives is fine."""

    Arguments = UnzipArguments
    arguments: UnzipArguments

    def process(self, passenger: Passenger) -> None:
        """Raises AttachmentError when an archive cannot be unzipped within the limits."""
        limits = UnzipLimits(
            files=self.arguments.most_files,
            total_bytes=self.arguments.most_megabytes << 20,
            ratio=self.arguments.most_ratio,
        )
        attached = unzip_attachments(passenger, self.arguments.extensions, depth=self.arguments.depth, limits=limits)
        if attached:
            self.log.info(f"Unzipped {', '.join(attachment.name for attachment in attached)}")
