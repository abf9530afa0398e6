"""Whatever a trip calls, each plug-in and each method of the database, goes wrong at the moment that a test wants.

The calls of a trip are counted; the n-th is struck by a fault: it raises, it hangs, the trip is halted, or the process
dies. A process that died is played by what it left: a copy of its folder as it was at that moment. Nothing that the
survivors of its memory still do has an effect.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from databus_core import DispatcherTicket, LeaveOut, NotYet, Passenger
from databus_core.engine.access import NOT_FOR_TRIPS, far_database
from databus_core.errors import DatabaseError
from databus_core.plugins.database import Database, DatabaseContext
from databus_core.plugins.factory import Factory
from databus_core.plugins.plugin import PluginContext
from databus_core.plugins.pusher import Pushed
from tests.support.engines import Engine
from tests.support.stage import (
    StageBatchPusher,
    StageProcessor,
    StagePuller,
    StagePusher,
    StageTellingPusher,
    ticket_on,
)

FATES: dict[str, Fate] = {}
PULLER, PROCESSOR, PUSHER, BATCH_PUSHER, TELLING_PUSHER, DATABASE = (
    f"{__name__}:{name}"
    for name in (
        "FatedPuller",
        "FatedProcessor",
        "FatedPusher",
        "FatedBatchPusher",
        "FatedTellingPusher",
        "FatedDatabase",
    )
)

Fault = Callable[["Fate", Callable[[], Any]], Any]
"""Stands in the place of a call, which it is given: it answers or raises what the caller gets."""


class Died(DatabaseError):
    """The process is no more."""


@dataclass
class Fate:
    """What befalls the calls of a trip, from `arm` to `disarm`; from any thread."""

    folder: Path
    """What is copied when the process dies."""
    fault: Fault | None = None
    at: int = 0
    """Which call is struck, counted from 1."""
    of: str = ""
    """Of which calls: "database" or "plug-in"."""
    calls: list[str] = field(default_factory=list)
    struck: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    """What hangs, hangs until then."""
    dead: bool = False

    _armed = False

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def arm(self) -> None:
        """Count calls from now on."""
        self._armed = True

    def disarm(self) -> None:
        """Count no more."""
        self._armed = False

    @property
    def remains(self) -> Path:
        """Where a process that died has left its data."""
        return self.folder.with_name(f"{self.folder.name}-remains")

    def call(self, of: str, name: str, real: Callable[[], Any]) -> Any:
        """One call, or what befalls it."""
        with self._lock:
            mine = self._armed and of == self.of
            if mine:
                self.calls.append(name)
                mine = len(self.calls) == self.at
        if self.dead:
            raise Died("the process has died")
        if not mine or self.fault is None:
            return real()
        self.struck.set()
        return self.fault(self, real)

    def die(self) -> None:
        """What is on disk now is what a next process finds."""
        with ExitStack() as stack:
            for file in self.folder.rglob("*.sqlite"):  # who reads keeps another thread from writing its log anew
                reading = stack.enter_context(closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)))
                reading.execute("BEGIN")
                reading.execute("SELECT count(*) FROM sqlite_master").fetchone()
            shutil.copytree(self.folder, self.remains)
        self.dead = True
        raise Died("the process has died")


# Faults --------------------------------------------------------------------------------------------------------------


def raises(error: Callable[[], BaseException], *, done: bool) -> Fault:
    """It raises; with `done`, behind its effect: an answer that was lost."""

    def fault(_fate: Fate, real: Callable[[], Any]) -> None:
        if done:
            real()
        raise error()

    return fault


def dies(*, done: bool) -> Fault:
    """The process is killed before it, or right behind it."""

    def fault(fate: Fate, real: Callable[[], Any]) -> None:
        if done:
            real()
        fate.die()

    return fault


def hangs(fate: Fate, real: Callable[[], Any]) -> Any:
    """It begins when the test releases it."""
    assert fate.released.wait(30), "the test never let it go"
    return real()


# The database --------------------------------------------------------------------------------------------------------


class _Fated:
    def __init__(self, context: DatabaseContext) -> None:
        wanted = context.arguments
        inner = replace(context, arguments=wanted["arguments"])
        self._database = Factory().create(Database, wanted["engine"], inner)
        self._fate = wanted["fate"]
        self.context = context

    def ask(self, method: str, *args: Any, **kwargs: Any) -> Any:
        real = partial(getattr(self._database, method), *args, **kwargs)
        if method in {*NOT_FOR_TRIPS, "holder", "__str__"}:
            return real()
        fate = FATES[self._fate]
        answer = fate.call("database", method, real)
        return _stream(fate, f"{method}, further", answer) if isinstance(answer, Iterator) else answer


_END = object()


def _stream(fate: Fate, name: str, answers: Iterator[Any]) -> Iterator[Any]:
    while (answer := fate.call("database", name, lambda: next(answers, _END))) is not _END:
        yield answer


_METHODS = {
    name: method for name, method in vars(type(far_database(lambda: None))).items() if not name.startswith("__a")
}
FatedDatabase = type("FatedDatabase", (_Fated, Database), _METHODS | {"__module__": __name__})
"""A database of the engine in its arguments, whose calls have the fate that they name."""


def prepare(engine: Engine, folder: Path, fate: str, *passengers: dict[str, Any]) -> None:
    """Make a ticket over such a database, whose client "demo" has these client passengers."""
    ticket = ticket_on(engine, folder, *passengers).document()
    arguments = {"engine": engine.module, "arguments": engine.arguments_in(folder), "fate": fate}
    ticket |= {"database_module": DATABASE, "database_arguments": arguments}
    (folder / "ticket.json").write_text(json.dumps(ticket))


def fated_ticket(folder: Path) -> DispatcherTicket:
    """The ticket of a folder that was prepared so, or of a copy of it."""
    return DispatcherTicket.load(folder / "ticket.json")


# The plug-ins --------------------------------------------------------------------------------------------------------


class _FatedPlugin:
    arguments: Any

    def fated(self, doing: str, real: Callable[[], Any]) -> Any:
        return FATES[self.arguments.stage].call("plug-in", doing, real)


class FatedPuller(_FatedPlugin, StagePuller):
    def pull(self) -> Iterator[Passenger]:
        offered = self.fated("pull", super().pull)
        while (passenger := self.fated("pull, further", lambda: next(offered, None))) is not None:
            yield passenger

    def notify_passengers_seated(self, passengers: Sequence[Passenger]) -> None:
        self.fated("notify", partial(super().notify_passengers_seated, passengers))

    def close(self) -> None:
        self.fated("close", super().close)


class FatedProcessor(_FatedPlugin, StageProcessor):
    def process(self, passenger: Passenger) -> NotYet | LeaveOut | None:
        return self.fated("process", partial(super().process, passenger))

    def close(self) -> None:
        self.fated("close", super().close)


class FatedPusher(_FatedPlugin, StagePusher):
    def __init__(self, context: PluginContext) -> None:
        super().__init__(context)
        self.fated("make", lambda: None)

    def push(self, passenger: Passenger) -> NotYet | None:
        return self.fated("push", partial(super().push, passenger))

    def close(self) -> None:
        self.fated("close", super().close)


class FatedBatchPusher(FatedPusher, StageBatchPusher):
    batch_size = 2

    def push_batch(self, passengers: Sequence[Passenger]) -> Sequence[Pushed]:
        return self.fated("push_batch", partial(StageBatchPusher.push_batch, self, passengers))


class FatedTellingPusher(FatedPusher, StageTellingPusher):
    def was_delivered(self, passenger: Passenger, key: str) -> bool | None:
        return self.fated("was_delivered", partial(StageTellingPusher.was_delivered, self, passenger, key))
