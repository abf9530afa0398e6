"""A passenger: a mail, an order, a file on its way from a source system to target systems."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import TypeAlias

from databus_core.model.attachment import Attachment, unique_name
from databus_core.model.clock import now
from databus_core.model.identity import new_id

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


@dataclass(slots=True, kw_only=True)
class Passenger:
    """What plug-ins handle. A puller makes it; it is stored in the queue and handed to processors and pushers.

    A kind of passenger of one's own is a subclass without new fields: what it keeps goes into `properties`,
    which is stored with the passenger and may be offered as properties of the class (see `Email`).
    """

    external_id: str
    """Its id in the source system: unique there, the same each time the source offers it."""
    source_system: str
    """The name of the system it comes from."""
    internal_id: str = field(default_factory=new_id)
    attachments: list[Attachment] = field(default_factory=list["Attachment"])
    properties: dict[str, Json] = field(default_factory=dict[str, "Json"])
    """Further facts about the passenger, JSON values by name."""
    pulled_at: datetime = field(default_factory=now)

    def __str__(self) -> str:
        return f"{self.source_system} - {self.external_id} ({self.internal_id})"

    def attach(self, attachment: Attachment) -> Attachment:
        """Add an attachment, its name made clean and unique among the others."""
        attachment.name = unique_name(attachment.name, {a.name.lower() for a in self.attachments})
        self.attachments.append(attachment)
        return attachment

    def attachment(self, name: str) -> Attachment | None:
        """The attachment of that name, if there is one."""
        return next((a for a in self.attachments if a.name == name), None)

    def attachments_by_extension(self, extensions: Iterable[str]) -> list[Attachment]:
        """The attachments whose names end in one of the extensions (with or without a dot, in any case)."""
        wanted = {f".{extension.lower().lstrip('.')}" for extension in extensions}
        return [a for a in self.attachments if PurePosixPath(a.name).suffix.lower() in wanted]
