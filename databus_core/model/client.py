"""A client's configuration: the document `__databus__`, kept as `config.json` by the JSON database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from databus_core.model.byte_size import ByteSize
from databus_core.model.client_id import lookalike, why_no_client_id
from databus_core.model.duration import Duration
from databus_core.model.policies import AfterCrash, BreakerPolicy, CommitMode, RateLimit, RetryPolicy
from databus_core.model.schedule import LONGEST_DAYS, Schedule
from databus_core.model.timing import Timing

ROOT = "root"
"""The client that sees all clients."""

EMPTY_CONFIGURATION = '{\n  "log_life_span": 1,\n  "passengers": [],\n  "users": []\n}\n'
"""The configuration of a new client."""

PLAIN_PASSENGER = "databus_core.model.passenger"
QUEUE_MODULE = "databus_core.engine.queue"


class Role(StrEnum):
    """What a user may do."""

    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


class Isolation(StrEnum):
    """Where the trips of a client passenger run."""

    AUTO = "auto"
    PROCESS = "process"
    THREAD = "thread"


class _Document(BaseModel):
    """Part of a document that people edit: unknown keys are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)


class ModuleReference(_Document):
    """A plug-in in a configuration: its module, and what it is told."""

    module: str = Field(min_length=1, description="Dotted name of the module that defines the plug-in.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Arguments that the plug-in declares.")
    name: str = Field(
        default="", description="Tells two plug-ins of the same module apart; the module's name if empty."
    )

    retry: RetryPolicy | None = Field(
        default=None,
        description="When a step of this plug-in that failed is tried again; the client passenger's if empty.",
    )

    @property
    def step_name(self) -> str:
        """Name of the step this plug-in does for each passenger."""
        return self.name or self.module


RateLimitEntry = Annotated[RateLimit, BeforeValidator(RateLimit.read, json_schema_input_type=str | RateLimit)]


class PusherReference(ModuleReference):
    """A pusher in a configuration, and how carefully it is used."""

    breaker: BreakerPolicy = Field(
        default_factory=BreakerPolicy, description="When the pusher is spared because its target is down."
    )
    rate_limit: Annotated[RateLimit, BeforeValidator(RateLimit.read, json_schema_input_type=str | RateLimit)] | None = (
        Field(default=None, description="How many passengers it may deliver in a span of time, such as '100 / min'.")
    )
    after_crash: AfterCrash = Field(
        default=AfterCrash.REPEAT,
        description="What becomes of a push that the process died in, unless the pusher can tell whether it arrived: "
        "repeat it, or hold the passenger until a person decides.",
    )
    commit: CommitMode = Field(
        default=CommitMode.EACH,
        description="each: a crash can repeat one push. grouped: several outcomes are made durable together, which is "
        "many times faster, and a crash can repeat those.",
    )


def _from_text(value: object) -> object:
    return {"module": value} if isinstance(value, str) else value


ModuleEntry = Annotated[ModuleReference, BeforeValidator(_from_text, json_schema_input_type=str | ModuleReference)]
PusherEntry = Annotated[PusherReference, BeforeValidator(_from_text, json_schema_input_type=str | PusherReference)]


class ClientPassenger(_Document):
    """One kind of passenger that a client moves, and the plug-ins that move it."""

    name: str = Field(min_length=1, description="Unique within the client; the passenger's module in simple cases.")
    module: str = Field(default="", description="Module of the passenger class; the name itself if empty.")
    pullers: list[ModuleEntry] = Field(default_factory=list["ModuleEntry"], description="Where passengers come from.")
    processors: list[ModuleEntry] = Field(
        default_factory=list["ModuleEntry"], description="What is done to each passenger, in this order."
    )
    pushers: list[PusherEntry] = Field(default_factory=list["PusherEntry"], description="Where passengers go to.")
    retry: RetryPolicy = Field(default_factory=RetryPolicy, description="When a step that failed is tried again.")
    ordered_by: str = Field(
        default="",
        description="Name of a property: passengers with the same value of it are delivered in the order in which they "
        "were pulled, so that one waits for those before it. Empty: none waits for another.",
    )
    queue: str = Field(default=QUEUE_MODULE, description="Queue module.")
    queue_life_span: float = Field(
        default=1, ge=0, le=LONGEST_DAYS, description="Days that completed passengers stay in the queue."
    )
    queue_keep_count: int | None = Field(
        default=None, ge=0, description="Most completed passengers that stay in the queue; the oldest go first."
    )
    queue_keep_size: ByteSize | None = Field(
        default=None,
        description='Most bytes of completed passengers that stay, such as "500 MB"; the oldest go first.',
    )
    log_life_span: float | None = Field(
        default=None, ge=0, le=LONGEST_DAYS, description="Days that its logs are kept; the client's span if missing."
    )
    log_keep_count: int | None = Field(
        default=None, ge=1, description="Most of its logs that are kept; the oldest go first, the newest never."
    )
    log_keep_size: ByteSize | None = Field(
        default=None, description='Most bytes of its logs that are kept, such as "20 MB"; the newest always is.'
    )
    search_substrings: bool = Field(
        default=False,
        description="Whether a search in a SQL database finds any part of a word of its passengers, and not only words "
        "and their beginnings. Takes several times the room of the text, and longer to index.",
    )
    sync_frequency: float = Field(default=1, gt=0, le=LONGEST_DAYS * 24 * 60, description="Minutes between two trips.")
    schedule: Schedule | None = Field(
        default=None, description="When it departs, where every so many minutes (sync_frequency) is not enough."
    )

    isolation: Isolation = Field(
        default=Isolation.AUTO,
        description="Where its trips run. process: in a process of their own, so that a plug-in that crashes, hangs or "
        "takes too much memory harms nothing else. thread: in the dispatcher's process. auto: in a process of their "
        "own in the desktop app, and wherever a memory limit is set.",
    )
    memory_limit: ByteSize | None = Field(
        default=None,
        description='Most memory of the process of a trip, such as "500 MB"; no limit if missing.',
    )
    call_time_limit: Duration | None = Field(
        default=None,
        description='Longest time of one call of a plug-in, such as "30 s"; no limit if missing.',
    )

    @property
    def passenger_module(self) -> str:
        """Module of the passenger class: a name without dots is only a name, and means the plain passenger."""
        return self.module or (self.name if "." in self.name else PLAIN_PASSENGER)

    def reference(self, step_name: str) -> ModuleReference | None:
        """The plug-in of that step; None when it is configured no more."""
        listed = (*self.pullers, *self.processors, *self.pushers)
        return next((reference for reference in listed if reference.step_name == step_name), None)

    def retry_of(self, reference: ModuleReference | None) -> RetryPolicy:
        """The policy of one plug-in's steps: what it does not say itself, the client passenger says."""
        own = reference.retry if reference is not None else None
        if own is None:
            return self.retry
        return self.retry.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})

    @property
    def timing(self) -> Timing:
        """When it departs by itself."""
        return (self.schedule or Schedule()).timing(timedelta(minutes=self.sync_frequency))

    @model_validator(mode="after")
    def _steps_are_distinct(self) -> ClientPassenger:
        names = Counter(reference.step_name for reference in (*self.pullers, *self.processors, *self.pushers))
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ValueError(f"plug-in {twice[0]!r} is listed twice; give one of them a 'name' of its own")
        return self

    @model_validator(mode="after")
    def _memory_is_a_processes(self) -> ClientPassenger:
        if self.memory_limit and self.isolation is Isolation.THREAD:
            raise ValueError("memory_limit needs a process of its own: set isolation to 'process' or 'auto'")
        return self


class User(_Document):
    """Somebody who may sign in."""

    username: str = Field(min_length=1, description="Name to sign in with.")
    password: str = Field(default="", description="Password.", json_schema_extra={"format": "password"})
    role: Role = Field(default=Role.OPERATOR, description="operator looks and handles, administrator also configures.")
    token: str = Field(default="", description="Token for programs.", json_schema_extra={"format": "password"})


class Client(_Document):
    """The configuration of one client."""

    log_life_span: float = Field(default=1, ge=0, le=LONGEST_DAYS, description="Days that logs and backups are kept.")
    passengers: list[ClientPassenger] = Field(default_factory=list["ClientPassenger"], description="What is moved.")
    drivers_at_once: int | None = Field(
        default=None,
        ge=1,
        description="How many of its trips run at the same time; as the ticket allows if null.",
    )
    users: list[User] = Field(default_factory=list["User"], description="Who may sign in; nobody needs to if empty.")

    @model_validator(mode="after")
    def _names_are_unique(self) -> Client:
        for what, names in (
            ("passenger", Counter(passenger.name for passenger in self.passengers)),
            ("user", Counter(user.username for user in self.users)),
        ):
            twice = [name for name, count in names.items() if count > 1]
            if twice:
                raise ValueError(f"{what} {twice[0]!r} is listed twice")
        return self

    def passenger(self, name: str) -> ClientPassenger | None:
        """The client passenger of that name, if there is one."""
        return next((passenger for passenger in self.passengers if passenger.name == name), None)


def _client_id(text: str) -> str:
    if why := why_no_client_id(text):
        raise ValueError(why)
    return text


class ClientListItem(_Document):
    """One client in the document `__clients__`."""

    id: Annotated[str, AfterValidator(_client_id)] = Field(description="Its name; in files, its folder's, too.")


class ClientList(_Document):
    """The document `__clients__`, which only administrators of `root` may edit."""

    clients: list[ClientListItem] = Field(description="Every client of this instance.")

    @model_validator(mode="after")
    def _ids_are_unique(self) -> ClientList:
        first: dict[str, str] = {}
        for number, item in enumerate(self.clients):
            other = first.setdefault(lookalike(item.id), item.id)
            if len(first) <= number:
                also = f", once as {other!r}" if other != item.id else ""
                raise ValueError(f"client {item.id!r} is listed twice{also}")
        return self

    @classmethod
    def of(cls, ids: Sequence[str]) -> ClientList:
        """The list of these clients, as they are: folders may hold what a person would not be allowed to enter."""
        return cls.model_construct(clients=[ClientListItem.model_construct(id=client_id) for client_id in ids])
