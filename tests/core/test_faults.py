"""Each call of a small trip goes wrong, one after another, in each way: nobody is lost, doubled or damaged by it.

What a trip calls is found by walking along it: the n-th call is struck, for n = 1, 2, 3 ... until a trip has fewer.
A test run makes a few of all walks; `dev.py bench faults calls` makes every one.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import shutil
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from databus_core import Dispatcher, Log
from databus_core.engine import escort
from databus_core.engine.storage import Storage
from databus_core.errors import DatabaseError, DatabusError, DispatcherError
from databus_core.model.query import LogQuery, Query
from databus_core.model.queue_entry import QueueEntry, QueueStatus
from databus_core.plugins.observer import DispatcherObserver
from tests.core.test_dispatcher import until
from tests.support import faults
from tests.support.engines import JSON_FILES, POSTGRESQL, SQLITE, Engine
from tests.support.faults import FATES, Fate, Fault, dies, hangs, raises
from tests.support.stage import Stage, nothing

KEY = "fated"
"""Of the stage and of the fate: there is one of each at a time."""
EARLIER, SOURCE = ["0"], ["1", "2", "3"]
"""Who was seated by an earlier trip on which a pusher failed, and who waits."""
LONGEST_WALK = 200


class Mode(NamedTuple):
    """How passengers are pushed."""

    pusher: str
    options: dict[str, Any]
    batch: int
    """So many are pushed, or stored, together, and may be pushed again."""


MODES = {
    "single": Mode(faults.PUSHER, {}, 1),
    "grouped": Mode(faults.PUSHER, {"commit": "grouped"}, 4),
    "batch": Mode(faults.BATCH_PUSHER, {}, 2),
    "telling": Mode(faults.TELLING_PUSHER, {}, 1),
}


def _full() -> Exception:
    return OSError(errno.ENOSPC, "No space left on device")


DEATHS: dict[str, Fault] = {"dies before": dies(done=False), "dies after": dies(done=True)}
FAULTS: dict[str, dict[str, Fault]] = {
    "database": {
        "fails": raises(lambda: DatabaseError("the database failed"), done=False),
        "fails behind": raises(lambda: DatabaseError("the answer was lost"), done=True),
        "is full": raises(_full, done=False),
        "has a bug": raises(lambda: KeyError("a mistake"), done=False),
        "hangs": hangs,
        **DEATHS,
    },
    "plug-in": {
        "fails": raises(lambda: ConnectionError("no answer"), done=False),
        "fails behind": raises(lambda: ConnectionError("the answer was lost"), done=True),
        "exits": raises(SystemExit, done=False),
        "hangs": hangs,
        **DEATHS,
    },
}
ENGINES = {str(engine): engine for engine in (JSON_FILES, SQLITE, POSTGRESQL)}


class Walk(NamedTuple):
    """Along the calls of one kind, with one fault."""

    of: str
    fault: str
    mode: str
    engine: str

    def __str__(self) -> str:
        return f"{self.engine}, {self.mode}: {self.of} {self.fault}"


def _walks() -> list[Walk]:
    """Every one; where there is no copy of a folder that a process could have left, no process dies."""
    kinds = [(of, fault) for of, known in FAULTS.items() for fault in known]
    walks = (Walk(of, fault, mode, engine) for engine in ENGINES for of, fault in kinds for mode in MODES)
    return [walk for walk in walks if not (ENGINES[walk.engine].server and walk.fault in DEATHS)]


def _in_test_run() -> list[Walk]:
    """Each fault with one of the modes, on files; a few on the others."""
    modes = itertools.cycle(MODES)
    chosen = [Walk(of, fault, next(modes), str(JSON_FILES)) for of, known in FAULTS.items() for fault in known]
    return [
        *chosen,
        Walk("database", "dies after", "grouped", str(SQLITE)),
        Walk("plug-in", "dies after", "batch", str(SQLITE)),
        Walk("database", "fails behind", "single", str(POSTGRESQL)),
        Walk("database", "hangs", "grouped", str(POSTGRESQL)),
    ]


WALKS = _walks() if os.environ.get("DATABUS_EVERY_FAULT") else _in_test_run()


class Failures(DispatcherObserver):
    """What a dispatcher says that no log has."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def failed(self, message: str) -> None:
        self.heard.append(message)


@dataclass
class Scene:
    """One folder with one dispatcher after the other, and the systems on either side."""

    engine: Engine
    folder: Path
    stage: Stage

    @classmethod
    def of(cls, engine: Engine, mode: str, folder: Path) -> Scene:
        """A new one, in which an earlier trip has seated passengers and one of its pushers failed."""
        pusher, options, _ = MODES[mode]
        stage = Stage(waiting=list(EARLIER), key=KEY)
        stage.on_ask = lambda role, passenger: (role, passenger.external_id) in stage.pushed
        pushers = [stage.pusher(name, pusher, **options) for name in ("erp", "crm")]
        puller, processor = (
            stage.pusher(name, kind) for name, kind in (("shop", faults.PULLER), ("first", faults.PROCESSOR))
        )
        route = stage.client_passenger(pullers=[puller], processors=[processor], pushers=pushers)
        faults.prepare(engine, folder, KEY, route)
        return cls(engine, folder, stage)

    def copy(self, folder: Path) -> Scene:
        """The same in another folder."""
        shutil.copytree(self.folder, folder)
        stage = replace(
            self.stage,
            waiting=list(SOURCE),
            told=list(self.stage.told),
            pushed=list(self.stage.pushed),
            texts=dict(self.stage.texts),
        )
        stage.on_ask = lambda role, passenger: (role, passenger.external_id) in stage.pushed
        return Scene(self.engine, folder, stage)

    @asynccontextmanager
    async def dispatcher(self) -> AsyncGenerator[Dispatcher]:
        """A process that finds what the last one left, and is told of nothing that is damaged."""
        failures = Failures()
        dispatcher = Dispatcher(faults.fated_ticket(self.folder), failures)
        await dispatcher.start(paused=True)
        try:
            assert failures.heard == []
            yield dispatcher
        finally:
            await dispatcher.shut_down()

    async def drive_on(self, walk: Walk) -> None:
        """Whatever happened before: in the end everything is delivered, and no more than a batch was twice."""
        async with self.dispatcher() as dispatcher:
            done = self.delivered(await dispatcher.read(stored))
            before = len(self.stage.pushed)
            log = await dispatcher.drive("demo", "orders")
            entries = await dispatcher.read(stored)
        assert not log.has_errors, [entry.message for entry in log.errors]
        assert done.isdisjoint(self.stage.pushed[before:]), "what was complete was pushed again"
        assert sorted(entries) == sorted(EARLIER + SOURCE)
        assert {entry.status for entry in entries.values()} == {QueueStatus.COMPLETE}
        assert self.stage.waiting == []
        assert self.stage.texts == {name: f"content of {name}+first" for name in entries}
        pushes = Counter(self.stage.pushed)
        assert set(pushes) == {(role, name) for role in ("erp", "crm") for name in entries}
        assert max(pushes.values()) <= 2
        repeated = Counter(role for (role, _), times in pushes.items() if times > 1)
        assert all(times <= _may_repeat(walk) for times in repeated.values()), f"pushed again: {repeated}"

    def delivered(self, entries: dict[str, QueueEntry]) -> set[tuple[str, str]]:
        """What is stored as delivered, by pusher and passenger."""
        assert set(self.stage.told) <= entries.keys(), "notified, and lost"
        done = {(step.name, name) for name, entry in entries.items() for step in entry.pushers if step.complete}
        assert done <= set(self.stage.pushed), "complete, and was never pushed"
        return done


def stored(storage: Storage) -> dict[str, QueueEntry]:
    """The queue by external id; all of it, and of the logs, can be read."""
    database = storage.database
    rows = database.queue_rows(Query(client_id="demo", limit=1000)).rows
    entries = {row.external_id: database.entry("demo", row.internal_id) for row in rows}
    assert all(entry.attachments[0].read_text().startswith("content of ") for entry in entries.values())
    for log in database.log_rows(LogQuery(client_id="demo", limit=1000)).rows:
        database.log_entries("demo", log.id)
    assert len(entries) == len(rows), "a passenger is seated twice"
    return entries


def _may_repeat(walk: Walk) -> int:
    """How many passengers a pusher may get twice."""
    told = walk.mode == "telling" and (walk.of == "database" or walk.fault in DEATHS)
    return 0 if told else MODES[walk.mode].batch


async def strike(scene: Scene, fate: Fate) -> None:
    """A trip of which one call is struck; afterwards another process looks at what it has left."""
    FATES[KEY] = fate
    async with scene.dispatcher() as dispatcher:
        fate.arm()
        trip = asyncio.create_task(dispatcher.drive("demo", "orders"))
        await until(lambda: trip.done() or fate.struck.is_set())
        trips = [trip]
        if fate.fault is hangs and not trip.done():
            trips += await leave(dispatcher, trip)
            fate.released.set()
        for each in trips:
            with suppress(DatabusError, KeyError, OSError):
                await each
        fate.disarm()
        if fate.dead:
            scene.folder = fate.remains
        await until(lambda: not any("trip demo" in thread.name for thread in threading.enumerate()))
    FATES[KEY] = Fate(scene.folder)


async def leave(dispatcher: Dispatcher, trip: asyncio.Task[Log]) -> list[asyncio.Task[Log]]:
    """Halt a trip that hangs, and let the next one begin before the first one goes on; answers that next one."""
    with suppress(DispatcherError):
        dispatcher.halt("demo", "orders")
    await asyncio.wait({trip}, timeout=1)
    if not trip.done():
        return []
    following = asyncio.create_task(dispatcher.drive("demo", "orders"))
    await asyncio.wait({following}, timeout=0.15)
    return [following]


Scenes = Callable[[str, str], Awaitable[Scene]]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    """Answers a scene by engine and mode, made once where it can be copied: a database takes its time to be made."""
    made: dict[tuple[str, str], Scene] = {}

    async def scene(engine: str, mode: str) -> Scene:
        if (engine, mode) not in made or ENGINES[engine].server:  # a server's data lie in no folder that is copied
            made[engine, mode] = await first_trip(ENGINES[engine], mode, tmp_path_factory.mktemp(f"{engine}-{mode}"))
        return made[engine, mode]

    return scene


async def first_trip(engine: Engine, mode: str, folder: Path) -> Scene:
    """A new scene, with a trip behind it on which one of its pushers failed."""
    scene = Scene.of(engine, mode, folder)
    FATES[KEY] = Fate(folder)
    scene.stage.on_push = scene.stage.on_batch = lambda role, _: _fail() if role == "crm" else None
    async with scene.dispatcher() as dispatcher:
        await dispatcher.drive("demo", "orders")
    scene.stage.on_push = scene.stage.on_batch = nothing
    return scene


def _fail() -> None:
    raise ConnectionError("the target is down")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("walk", WALKS, ids=str)
async def test_no_call_that_goes_wrong_loses_doubles_or_damages_a_passenger(
    walk: Walk, scenes: Scenes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ENGINES[walk.engine].require()
    monkeypatch.setattr(escort, "PATIENCE", 0.02)
    wrong: list[str] = []
    for number in range(1, LONGEST_WALK):
        scene = (await scenes(walk.engine, walk.mode)).copy(tmp_path / str(number))
        fate = Fate(scene.folder, FAULTS[walk.of][walk.fault], number, walk.of)
        await strike(scene, fate)
        try:
            await scene.drive_on(walk)
        except (AssertionError, DatabusError) as error:
            wrong.append(f"{', '.join(fate.calls[:number])}: {str(error).splitlines()[0]}")
        if not fate.struck.is_set():
            break
    print(f"{walk}: {number - 1} calls")
    assert wrong == []
    assert 10 < number < LONGEST_WALK
