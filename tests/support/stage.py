"""A source system, processing and a target system in memory, played by real plug-ins that a test directs."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from databus_core import Arguments, Attachment, DispatcherTicket, LeaveOut, NotYet, Passenger, Processor, Puller, Pusher
from databus_core.plugins.database import Database
from databus_core.plugins.pusher import Pushed
from tests.support.engines import Engine

_numbers = itertools.count(1)
STAGES: dict[str, Stage] = {}
PULLER, PROCESSOR, PUSHER, BATCH_PUSHER, TELLING_PUSHER = (
    f"{__name__}:{name}"
    for name in ("StagePuller", "StageProcessor", "StagePusher", "StageBatchPusher", "StageTellingPusher")
)


def nothing(*_: object) -> None:
    """The default of every hook."""


def down(*_: object) -> None:
    """A hook for what cannot be reached."""
    raise ConnectionError("the target is down")


@dataclass
class Stage:
    """What waits in the source, what reached the target, and hooks that a test sets to make things go wrong."""

    waiting: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    processed: list[tuple[str, str]] = field(default_factory=list)
    pushed: list[tuple[str, str]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    """Content of the attachment that arrived, by external id."""
    text: str = "content of {}"
    """Content of each passenger's attachment; {} stands for the external id."""
    attach: Callable[[str], list[Attachment]] = lambda external_id: []
    """Further attachments, by external id."""
    spoil: Callable[[Passenger], object] = nothing
    """What the source does to each passenger."""
    on_pull: Callable[[str], object] = nothing
    on_notify: Callable[[str], object] = nothing
    on_process: Callable[[str, Passenger], Any] = nothing
    on_push: Callable[[str, Passenger], Any] = nothing
    on_batch: Callable[[str, Sequence[Passenger]], Any] = nothing
    """Answers what `push_batch` answers; None stands for "all of them are delivered"."""
    on_ask: Callable[[str, Passenger], Any] = nothing
    """Answers what `was_delivered` answers."""
    on_close: Callable[[str], object] = nothing
    batches: list[list[str]] = field(default_factory=list)
    """External ids of each batch that a pusher was called with."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """External id and delivery key of each question whether something was delivered."""
    pulls: int = 0
    key: str = field(default_factory=lambda: f"stage {next(_numbers)}")

    def __post_init__(self) -> None:
        STAGES[self.key] = self

    def client_passenger(self, name: str = "orders", **options: Any) -> dict[str, Any]:
        """A configuration of a client passenger that plays on this stage, which is in this process."""
        given = {"name": name, "pullers": [""], "processors": ["first", "second"], "pushers": ["erp", "crm"]} | options
        given.setdefault("isolation", "thread")
        for role, module in (("pullers", PULLER), ("processors", PROCESSOR), ("pushers", PUSHER)):
            given[role] = [self._reference(module, step) if isinstance(step, str) else step for step in given[role]]
        return given

    def _reference(self, module: str, name: str) -> dict[str, Any]:
        return {"module": module, "name": name, "arguments": {"stage": self.key, "role": name}}

    def pusher(self, name: str = "erp", module: str = PUSHER, **options: Any) -> dict[str, Any]:
        """A configuration of a pusher of another kind, or with a policy."""
        return self._reference(module, name) | options

    def deliver(self, role: str, passenger: Passenger) -> None:
        """It has reached the target."""
        self.pushed.append((role, passenger.external_id))
        if passenger.attachments:
            self.texts[passenger.external_id] = passenger.attachments[0].read_text()


class StageArguments(Arguments):
    """Which stage, and which part on it."""

    stage: str
    role: str = ""


class StagePuller(Puller):
    """Offers what waits; what it is told about waits no more."""

    Arguments = StageArguments
    pull_has_no_side_effect = True

    def pull(self) -> Iterator[Passenger]:
        stage = STAGES[self.arguments.stage]
        stage.pulls += 1
        for external_id in list(stage.waiting):
            stage.on_pull(external_id)
            text = Attachment.text("order.txt", stage.text.format(external_id))
            attachments = [text, *stage.attach(external_id)]
            passenger = Passenger(external_id=external_id, source_system="shop", attachments=attachments)
            stage.spoil(passenger)
            yield passenger

    def notify_passengers_seated(self, passengers: Sequence[Passenger]) -> None:
        stage = STAGES[self.arguments.stage]
        for passenger in passengers:
            stage.on_notify(passenger.external_id)
            stage.told.append(passenger.external_id)
            if passenger.external_id in stage.waiting:
                stage.waiting.remove(passenger.external_id)


class StageProcessor(Processor):
    """Writes its role behind the text."""

    Arguments = StageArguments

    def process(self, passenger: Passenger) -> NotYet | LeaveOut | None:
        stage = STAGES[self.arguments.stage]
        attachment = passenger.attachments[0]
        attachment.set_text(f"{attachment.read_text()}+{self.arguments.role}")
        outcome = stage.on_process(self.arguments.role, passenger)
        stage.processed.append((self.arguments.role, passenger.external_id))
        return outcome


class StagePusher(Pusher):
    """Remembers what it got."""

    Arguments = StageArguments

    def push(self, passenger: Passenger) -> NotYet | None:
        stage = STAGES[self.arguments.stage]
        outcome = stage.on_push(self.arguments.role, passenger)
        if outcome is None:
            stage.deliver(self.arguments.role, passenger)
        return outcome

    def close(self) -> None:
        STAGES[self.arguments.stage].on_close(self.arguments.role)


class StageBatchPusher(StagePusher):
    """Takes up to ten at once."""

    batch_size = 10

    def push_batch(self, passengers: Sequence[Passenger]) -> Sequence[Pushed]:
        stage = STAGES[self.arguments.stage]
        stage.batches.append([passenger.external_id for passenger in passengers])
        outcomes = stage.on_batch(self.arguments.role, passengers)
        outcomes = [None] * len(passengers) if outcomes is None else outcomes
        if isinstance(outcomes, list):
            for passenger, outcome in zip(passengers, outcomes, strict=False):
                if outcome is None:
                    stage.deliver(self.arguments.role, passenger)
        return outcomes


class StageTellingPusher(StagePusher):
    """Can tell whether it has delivered."""

    def was_delivered(self, passenger: Passenger, key: str) -> bool | None:
        stage = STAGES[self.arguments.stage]
        stage.asked.append((passenger.external_id, key))
        return stage.on_ask(self.arguments.role, passenger)


def hang_until(event: threading.Event) -> Callable[..., None]:
    """A hook that waits for the test's word."""

    def hook(*_: object) -> None:
        assert event.wait(30), "the test never let the plug-in go"

    return hook


def ticket_on(engine: Engine, folder: Path, *passengers: dict[str, Any]) -> DispatcherTicket:
    """A ticket file over a database of that engine, whose client "demo" has these client passengers."""
    with closing(engine.opened(folder)) as database:
        database.create_client("demo")
        configure(database, *passengers)
    file = folder / "ticket.json"
    ticket = {"database_module": engine.module, "database_arguments": engine.arguments_in(folder), "grace_seconds": 0.5}
    file.write_text(json.dumps(ticket))
    return DispatcherTicket.load(file)


def configure(database: Database, *passengers: dict[str, Any]) -> None:
    """Give the client "demo" these client passengers, and no others."""
    database.write_configuration("demo", json.dumps({"log_life_span": 1, "passengers": list(passengers), "users": []}))


def ticket_with(folder: Path, **clients: list[dict[str, Any]]) -> DispatcherTicket:
    """A ticket file over a JSON database whose clients have these client passengers."""
    for client_id, passengers in clients.items():
        place = folder / "data" / "clients" / client_id
        place.mkdir(parents=True, exist_ok=True)
        configuration = {"log_life_span": 1, "passengers": passengers, "users": []}
        (place / "config.json").write_text(json.dumps(configuration))
    file = folder / "ticket.json"
    file.write_text(json.dumps({"database_arguments": {"database_dir": "data"}, "grace_seconds": 0.5}))
    return DispatcherTicket.load(file)
