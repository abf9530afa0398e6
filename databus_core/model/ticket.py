"""The dispatcher ticket: everything the dispatcher needs to start. An empty one works."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self, cast

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict

from databus_core.errors import TicketError
from databus_core.model.json_text import doubled_keys, read_json
from databus_core.model.problem import Problem, problems_of

FACTORY_MODULE = "databus_core.plugins.factory"
ADVANCED: JsonDict = {"group": "advanced"}
DATABASE: JsonDict = {"group": "database"}
WEB: JsonDict = {"group": "web interface"}


class ExternalConfigFile(BaseModel):
    """A further JSON file that administrators of a client edit in the app."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str = Field(min_length=1, description="Client whose administrators may edit the file.")
    file_id: str = Field(min_length=1, description="Name under which the app shows the file.")
    path: str = Field(
        min_length=1,
        description="Path of the file; a relative one starts at the ticket's folder.",
        json_schema_extra={"format": "file-path"},
    )

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: object) -> object:
        """Existing tickets write [client id, file id, path]."""
        if isinstance(value, (list, tuple)):
            parts = cast("list[object] | tuple[object, ...]", value)
            if len(parts) != 3:
                raise ValueError("write [client id, file id, path]")
            return dict(zip(("client_id", "file_id", "path"), parts, strict=True))
        return value


def _factory(kind: str) -> Any:
    return Field(
        default=FACTORY_MODULE,
        min_length=1,
        description=f"Module whose Factory makes {kind}; leave it alone in most cases.",
        json_schema_extra=ADVANCED,
    )


class DispatcherTicket(BaseModel):
    """The options of a dispatcher. Raises TicketError, naming file, option, value and what is allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    system_alias: str = Field(
        default="Databus", min_length=1, description="Shown on top of the app, to tell test from live."
    )
    database_module: str = Field(
        default="databus_core.database.json_files",
        min_length=1,
        description="Database engine module.",
        json_schema_extra=DATABASE,
    )
    database_arguments: dict[str, Any] = Field(
        default_factory=dict,
        description="Arguments of the database engine; the JSON database needs none.",
        json_schema_extra=DATABASE,
    )
    drivers_at_once: int = Field(
        default=4, ge=1, le=64, description="How many trips of different client passengers run at the same time."
    )
    grace_seconds: float = Field(
        default=10,
        ge=0,
        le=3600,
        description="How long a second request to shut down waits for running trips before it leaves them.",
    )
    crashes_until_quarantine: int = Field(
        default=3,
        ge=1,
        le=1000,
        description="After how many crashes in a row a plug-in is called no more until a person releases it.",
    )
    dispatcher_observer: Any = Field(
        default=None,
        description="Module of an observer that is told of events (in Python also the observer itself).",
        json_schema_extra={"type": "string", "picker": "dispatcher_observer"},
    )
    external_config_files: tuple[ExternalConfigFile, ...] = Field(
        default=(), strict=False, description="Further JSON files that administrators edit in the app."
    )
    run_web_server: bool = Field(
        default=True,
        description="Whether the web interface runs, where this installation has it.",
        json_schema_extra=WEB,
    )
    web_server_port: int = Field(
        default=5000, ge=1, le=65535, description="Port of the web interface.", json_schema_extra=WEB
    )
    driver_module: str = Field(
        default="databus_core.engine.driver", min_length=1, description="Driver module.", json_schema_extra=ADVANCED
    )
    database_factory: str = _factory("databases")
    driver_factory: str = _factory("drivers")
    passenger_factory: str = _factory("passengers")
    queue_factory: str = _factory("queues")
    puller_factory: str = _factory("pullers")
    processor_factory: str = _factory("processors")
    pusher_factory: str = _factory("pushers")

    _folder: Path = PrivateAttr(default_factory=Path.cwd)
    _file: Path | None = PrivateAttr(default=None)

    def __init__(self, /, **options: Any) -> None:
        plain, problems = _without_prefix(options)
        cause = None
        try:
            super().__init__(**plain)
        except ValidationError as error:
            cause = error
            problems += problems_of(error, DispatcherTicket)
        if problems:
            raise TicketError("Ticket", *problems) from cause

    @field_validator("dispatcher_observer")
    @classmethod
    def _observer_or_its_module(cls, observer: object) -> object:
        """Whether an object is an observer is known above the models; that a JSON value is none is known here."""
        if observer == "" or isinstance(observer, (int, float, list, tuple, dict)):
            raise ValueError("it should be the name of an observer's module (in Python also an observer)")
        return observer

    @field_serializer("dispatcher_observer")
    def _observer_by_name(self, observer: object) -> str | None:
        """A ticket file can only name an observer."""
        return observer if isinstance(observer, str) or observer is None else type(observer).__module__

    @classmethod
    def load(cls, file: Path | str) -> Self:
        """Read a ticket file. Raises TicketError when it is missing, no JSON, or wrong."""
        ticket, problems = cls.usable_part(file)
        if problems:
            raise TicketError(ticket.file, *problems)
        return ticket

    @classmethod
    def usable_part(cls, file: Path | str) -> tuple[Self, list[Problem]]:
        """The ticket in a file without the options that are wrong, and what is wrong with them.

        Raises TicketError when it is missing or no JSON object.
        """
        file = Path(file).expanduser().absolute()
        document, problems = _read(file)
        problems += cls.problems(document)
        wrong = {problem.path[0] for problem in problems if problem.path}
        usable = {name: value for name, value in document.items() if _plain_name(name) not in wrong}
        return cls.parse(usable, file), problems

    @classmethod
    def parse(cls, document: dict[str, Any], file: Path) -> Self:
        """A ticket from a document that is, or will be, in `file`. Raises TicketError."""
        try:
            ticket = cls(**document)
        except TicketError as error:
            raise TicketError(file, *error.problems) from error.__cause__
        ticket._place(file)
        return ticket

    def _place(self, file: Path) -> None:
        self._file, self._folder = file, file.parent

    @classmethod
    def problems(cls, document: dict[str, Any]) -> list[Problem]:
        """What is wrong with the options of a ticket, each with its place. Empty when they make one."""
        try:
            cls(**document)
        except TicketError as error:
            return error.problems
        return []

    @property
    def file(self) -> Path | None:
        """The file it was read from; None for a ticket written in Python."""
        return self._file

    @property
    def folder(self) -> Path:
        """Relative paths start here: the file's folder, or the current folder for a ticket written in Python."""
        return self._folder

    def document(self) -> dict[str, Any]:
        """The options that differ from their defaults, as JSON values."""
        options = self.model_dump(mode="json", exclude_defaults=True)
        return {name: value for name, value in options.items() if value is not None}

    def text(self) -> str:
        """The ticket as its file has it."""
        return orjson.dumps(self.document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _plain_name(option: str) -> str:
    """Existing tickets spell options with the prefix `p_`."""
    name = option.removeprefix("p_")
    return name if name in DispatcherTicket.model_fields else option


def _without_prefix(options: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The options by their plain names, and which of them are given under both."""
    plain: dict[str, Any] = {}
    problems: list[Problem] = []
    for option, value in options.items():
        name = _plain_name(option)
        if name in plain:
            problems.append(Problem((name,), "is given twice, with and without the prefix p_; leave one of them"))
        plain[name] = value
    return plain, problems


def _read(file: Path) -> tuple[dict[str, Any], list[Problem]]:
    """The options in a ticket file, and which of them are given twice. Raises TicketError."""
    try:
        text = file.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise TicketError(file, Problem((), "there is no such ticket. `databus new FOLDER` makes one.")) from error
    except OSError as error:
        raise TicketError(file, Problem((), f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise TicketError(file, Problem((), f"cannot be read: {error}")) from error
    document = read_json(text)
    if isinstance(document, Problem):
        raise TicketError(file, document)
    if not isinstance(document, dict):
        raise TicketError(file, Problem((), f"a ticket is a JSON object with options, not {document!r:.80}"))
    return cast("dict[str, Any]", document), doubled_keys(text)
