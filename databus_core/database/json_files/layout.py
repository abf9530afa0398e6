"""Where everything lies: the engine's arguments, and the paths of one client that follow from them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from databus_core.model.client_id import LEFT_BY_SYSTEMS
from databus_core.model.ticket_path import TicketPath
from databus_core.plugins.plugin import Arguments

TEMPORARY = ".tmp-"
"""Names that begin so belong to a write that is under way; whoever opens the folder next deletes them."""

WORKSHOP = ".temp"
"""Folder inside the queue's folder where seats are made ready and broken up; emptied at each open."""


def _with_separators(value: object) -> object:
    return value.replace("|", "/") if isinstance(value, str) else value


def _inside(value: str) -> str:
    """A path inside the folder above it, so that no argument reaches out of the database."""
    parts = PurePosixPath(value).parts
    if not parts or value.startswith("/") or PureWindowsPath(value).drive or {".", ".."} & set(parts):
        raise ValueError("a name, or a relative path without '..', is allowed")
    return value


def _plain_extension(value: str) -> str:
    if not re.fullmatch(r"\.?[A-Za-z0-9]+", value):
        raise ValueError("letters and digits are allowed")
    return value.removeprefix(".")


RelativePath = Annotated[str, BeforeValidator(_with_separators), AfterValidator(_inside)]


class JsonFilesArguments(Arguments):
    """Arguments of the JSON database; in a path, `|` may stand for the separator."""

    database_dir: Annotated[TicketPath, BeforeValidator(_with_separators)] = Field(
        default=Path("data/json_db"),
        validate_default=True,
        description="Folder of the database; a relative one starts at the ticket's folder.",
    )
    client_dir: RelativePath = Field(default="clients", description="Folder of all clients, in the database's folder.")
    client_config: RelativePath = Field(default="config.json", description="A client's configuration.")
    log_dir: RelativePath = Field(default="log", description="Folder of a client's logs.")
    log_extension: Annotated[str, AfterValidator(_plain_extension)] = Field(
        default="txt", description="Extension of a log file."
    )
    queue_dir: RelativePath = Field(default="pqueue", description="Folder of a client's queue.")
    queue_passenger: RelativePath = Field(default="passenger.json", description="A passenger's file, in its folder.")
    queue_attachment_dir: RelativePath = Field(
        default="attachments", description="Folder of a passenger's attachments, in its folder."
    )
    backup_dir: RelativePath = Field(default="backup", description="Folder of a client's customizing backups.")

    @property
    def clients(self) -> Path:
        """Folder of all clients."""
        return self.database_dir / self.client_dir

    @property
    def removed(self) -> Path:
        """Folder of the clients that were taken out of use."""
        return self.database_dir / "removed"

    def client(self, client_id: str) -> ClientLayout:
        """The paths of one client."""
        return ClientLayout(self.clients / client_id, self)


@dataclass(frozen=True, slots=True)
class ClientLayout:
    """The paths of one client."""

    folder: Path
    arguments: JsonFilesArguments

    @property
    def config(self) -> Path:
        """The document `__databus__`."""
        return self.folder / self.arguments.client_config

    @property
    def queue(self) -> Path:
        """One folder per passenger."""
        return self.folder / self.arguments.queue_dir

    @property
    def logs(self) -> Path:
        """One file per trip."""
        return self.folder / self.arguments.log_dir

    @property
    def backups(self) -> Path:
        """One file per copy of a customizing node."""
        return self.folder / self.arguments.backup_dir

    @property
    def damaged(self) -> Path:
        """Passengers whose file could not be read, each with everything that its folder held."""
        return self.folder / "damaged"

    @property
    def purged(self) -> Path:
        """One line per passenger that was here and is removed, so that it is not seated again."""
        return self.folder / "purged.jsonl"

    @property
    def trips(self) -> Path:
        """The last trip of each client passenger."""
        return self.folder / "trips.json"

    @property
    def plugin_states(self) -> Path:
        """What is known of plug-ins that crashed."""
        return self.folder / "plugin_states.json"


def is_ignored(name: str) -> bool:
    """Whether a file of that name is of no interest to anybody: an operating system left it, or hides it."""
    return name.startswith(".") or name.lower() in LEFT_BY_SYSTEMS
