"""A passenger: a mail, an order, a file on its way from a source system to target systems."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import TypeAlias, cast

import orjson

from databus_core.model.attachment import Attachment, unique_name
from databus_core.model.clock import now
from databus_core.model.identity import new_id

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


_FINGERPRINT = "fingerprint"
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


def fingerprint_in(properties: Mapping[str, Json]) -> str:
    """The fingerprint in a passenger's properties; empty when it has none."""
    fingerprint = properties.get(_FINGERPRINT)
    return fingerprint if isinstance(fingerprint, str) else ""


TITLE_LIMIT = 200
"""Longest title in characters; of a longer one the beginning is shown."""
FILE_MARK = re.compile(r"(?P<name>[^|]+)\|\d+\|\d+")
"""How pullers of folders mark one state of one file: name, size, time."""
_TITLES = ("title", "subject", "origin")


def title_in(properties: Mapping[str, Json]) -> str:
    """What a person would call the passenger: the subject of a mail, the name of a file; empty where nothing says."""
    for key in _TITLES:
        value = properties.get(key)
        if isinstance(value, str) and value.strip():
            title = " ".join(value.split())
            return title if len(title) <= TITLE_LIMIT else f"{title[:TITLE_LIMIT]} …"
    marks = (FILE_MARK.fullmatch(value) for value in properties.values() if isinstance(value, str))
    return next((mark["name"] for mark in marks if mark is not None), "")


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

    @property
    def fingerprint(self) -> str:
        """What the content gives, the same each time; empty unless the puller sets it.

        A puller sets it when its source's ids cannot be trusted: a passenger whose external id is known, but with
        another fingerprint, is another passenger.
        """
        return fingerprint_in(self.properties)

    @fingerprint.setter
    def fingerprint(self, fingerprint: str) -> None:
        self.properties[_FINGERPRINT] = fingerprint

    @property
    def distinct_id(self) -> str:
        """The external id that it is seated under when another passenger has its own."""
        return f"{self.external_id} {self.fingerprint}"

    @property
    def origin(self) -> str:
        """What a person looks for in the source system: the name of its file, say; empty unless the puller sets it."""
        origin = self.properties.get("origin")
        return origin if isinstance(origin, str) else ""

    @origin.setter
    def origin(self, origin: str) -> None:
        self.properties["origin"] = origin

    def unfit(self) -> str:
        """Why it cannot be stored as a plug-in left it; empty when it can."""
        for name in ("external_id", "source_system", "internal_id"):
            value: object = getattr(self, name)
            if not isinstance(value, str) or not value:
                return f"{name} {value!r:.80} is no text"
            if not value.isascii() and value.encode(errors="ignore").decode() != value:
                return f"{name} {value!r:.80} cannot be written as UTF-8"
        if not _PLAIN_ID.fullmatch(self.internal_id):
            return f"internal_id {self.internal_id!r:.80} is no plain id"
        return self._unfit_parts()

    def _unfit_parts(self) -> str:
        attachments = cast("object", self.attachments)
        if not isinstance(attachments, list):
            return f"attachments {attachments!r:.80} are no list"
        for attachment in cast("list[object]", attachments):
            if not isinstance(attachment, Attachment):
                return f"attachment {attachment!r:.80} is no Attachment"
        properties = cast("object", self.properties)
        if not isinstance(properties, dict):
            return f"properties {properties!r:.80} are no dictionary"
        try:
            orjson.dumps(properties)
        except TypeError as error:
            return f"properties cannot be stored as JSON: {error}"
        return ""

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


def property_key(properties: Mapping[str, Json], name: str) -> bytes:
    """What tells the values of a property apart: its JSON; that of null where there is none."""
    return orjson.dumps(properties.get(name), option=orjson.OPT_SORT_KEYS)
