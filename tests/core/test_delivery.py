"""Batches, announced pushes, grouped commits, streaming, and a person's hand while a trip is under way."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from databus_core import NotYet, Passenger, QueueStatus
from databus_core.engine import pulling
from databus_core.errors import DatabusError, OutcomeUnknown, PermanentError
from databus_core.model.query import Query
from databus_core.model.queue_entry import QueueEntry
from databus_core.plugins.pusher import delivery_key
from tests.support.engines import JSON_FILES, SQLITE, Engine
from tests.support.stage import BATCH_PUSHER, PUSHER, TELLING_PUSHER, Stage, ticket_on
from tests.support.trips import messages, trips_by, trips_on

pytestmark = pytest.mark.parametrize("engine", [JSON_FILES, SQLITE], ids=str)

NEVER = {"failures": 0}


def stored(engine: Engine, folder: Path) -> dict[str, QueueEntry]:
    """What a process that starts now would find, by external id."""
    with closing(engine.opened(folder, reading=True)) as database:
        rows = database.queue_rows(Query(client_id="demo", limit=10_000)).rows
        return {row.external_id: database.entry("demo", row.internal_id) for row in rows}


def interrupt(engine: Engine, folder: Path, *steps: str) -> None:
    """Leave those steps of every passenger as a process leaves them that dies inside of a push."""
    with closing(engine.opened(folder)) as database:
        for row in database.queue_rows(Query(client_id="demo")).rows:
            entry = database.entry("demo", row.internal_id)
            for step in entry.steps():
                if step.name in steps:
                    step.reopen()
                    step.begin()
            database.update("demo", [entry])


# Streaming ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["number", "bytes", "time"])
async def test_pushing_begins_before_pulling_ends(
    engine: Engine, tmp_path: Path, by: str, monkeypatch: pytest.MonkeyPatch
):
    stage = Stage(waiting=[f"{number:02}" for number in range(12)])
    name, value = {"number": ("BATCH_SIZE", 3), "bytes": ("BATCH_BYTES", 3000), "time": ("BATCH_SECONDS", 0.0)}[by]
    monkeypatch.setattr(pulling, name, value)
    stage.text = "x" * 1000
    pushed_at_pull: list[int] = []
    stage.on_pull = lambda _: pushed_at_pull.append(len(stage.pushed))
    async with trips_on(engine, tmp_path, stage.client_passenger(pushers=["erp"])) as trips:
        await trips.drive()
    size = 1 if by == "time" else 3
    assert pushed_at_pull == [number // size * size for number in range(12)]
    assert [number for _, number in stage.pushed] == [f"{number:02}" for number in range(12)]


async def test_what_a_slow_puller_gave_is_delivered_while_it_waits_for_more(engine: Engine, tmp_path: Path):
    stage = Stage(waiting=["1", "2", "3", "4"])
    go, threads = threading.Event(), dict[str, set[int]]()

    def seen(what: str) -> None:
        threads.setdefault(what, set()).add(threading.get_ident())

    def pull(external_id: str) -> None:
        seen("pull")
        if external_id == "3":
            assert go.wait(30)

    stage.on_pull = pull
    stage.on_notify = lambda external_id: seen("notify while pulling" if external_id in "12" else "notify")
    stage.on_push = lambda *_: seen("push")
    async with trips_on(engine, tmp_path, stage.client_passenger(pushers=["erp"])) as trips:
        driving = asyncio.create_task(trips.drive())
        async with asyncio.timeout(20):
            while len(stage.pushed) < 2:  # noqa: ASYNC110 - the trip's thread does it
                await asyncio.sleep(0.01)
        assert stage.told == ["1", "2"]
        assert stage.waiting == ["3", "4"]
        assert not driving.done()
        go.set()
        assert not (await driving).has_errors
    assert [number for _, number in stage.pushed] == ["1", "2", "3", "4"]
    assert all(len(some) == 1 for some in threads.values())
    assert threads["pull"] == threads["notify"], "an object is called in its own thread only"
    assert threads["push"] == threads["notify while pulling"] != threads["pull"]


async def test_a_puller_that_fails_after_it_was_slow_ends_its_own_pulling_only(engine: Engine, tmp_path: Path):
    stage = Stage(waiting=["1", "2"])

    def pull(external_id: str) -> None:
        if external_id == "2":
            time.sleep(1.5)
            raise ConnectionError("the mail server went away")

    stage.on_pull = pull
    async with trips_on(engine, tmp_path, stage.client_passenger(pushers=["erp"])) as trips:
        log = await trips.drive()
    assert "Pulling failed: ConnectionError: the mail server went away" in messages(log)
    assert stage.pushed == [("erp", "1")]


# Batches ------------------------------------------------------------------------------------------------------------


async def test_each_passenger_of_a_batch_has_its_own_outcome(engine: Engine, tmp_path: Path):
    stage = Stage(waiting=["1", "2", "3", "4", "5"])
    stage.on_batch = lambda *_: [
        None,
        ValueError("wrong"),
        NotYet("opens at nine"),
        PermanentError("never"),
        "nonsense",
    ]
    pushers = [stage.pusher("erp", BATCH_PUSHER), "crm"]
    async with trips_on(engine, tmp_path, stage.client_passenger(pushers=pushers)) as trips:
        await trips.drive()
        assert stage.batches == [["1", "2", "3", "4", "5"]]
        steps = {number: await trips.step(number, "erp") for number in "12345"}
        assert {number: (step.status.value, step.attempts) for number, step in steps.items()} == {
            "1": ("complete", 1),
            "2": ("incomplete", 1),
            "3": ("incomplete", 0),
            "4": ("failed", 1),
            "5": ("incomplete", 1),
        }
        assert steps["2"].error == "ValueError: wrong"
        assert steps["3"].note == "opens at nine"
        assert "'nonsense'" in steps["5"].error
        assert [number for pusher, number in stage.pushed if pusher == "crm"] == ["1", "2", "3", "4", "5"]
        stage.on_batch = lambda *_: None
        await trips.drive()
        assert stage.batches[1:] == [["2", "3", "5"]]


@pytest.mark.parametrize("answer", [[None], [None] * 4, "abc", 5, {}, (None,) * 3], ids=str)
async def test_an_answer_that_is_not_one_outcome_for_each_is_an_error_of_all(
    engine: Engine, tmp_path: Path, answer: Any
):
    stage = Stage(waiting=["1", "2", "3"])
    stage.on_batch = lambda *_: answer
    async with trips_on(engine, tmp_path, stage.client_passenger(pushers=[stage.pusher("erp", BATCH_PUSHER)])) as trips:
        await trips.drive()
        fits = isinstance(answer, tuple)
        assert set((await trips.statuses()).values()) == {"complete" if fits else "incomplete"}


async def test_a_batch_that_raises_is_tried_again_whole(engine: Engine, tmp_path: Path):
    stage = Stage(waiting=[str(number) for number in range(25)])
    calls: list[int] = []

    def fail(role: str, passengers: Any) -> None:
        calls.append(len(passengers))
        if len(calls) == 2:
            raise SystemExit(3)

    stage.on_batch = fail
    pushers = [stage.pusher("erp", BATCH_PUSHER, breaker=NEVER)]
    async with trips_on(engine, tmp_path, stage.client_passenger(pushers=pushers)) as trips:
        await trips.drive()
        assert calls == [10, 10, 5]
        assert list((await trips.statuses()).values()).count("incomplete") == 10
        await trips.drive()
        assert calls == [10, 10, 5, 10]
        assert sorted(number for _, number in stage.pushed) == sorted(stage.told)


# Announced pushes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "options", "announced"),
    [
        (PUSHER, {}, "incomplete"),
        (PUSHER, {"after_crash": "hold"}, "running"),
        (TELLING_PUSHER, {}, "running"),
        (BATCH_PUSHER, {}, "incomplete"),
        (BATCH_PUSHER, {"after_crash": "hold"}, "running"),
    ],
)
async def test_a_push_is_announced_durably_where_that_matters_after_a_crash(
    engine: Engine, tmp_path: Path, module: str, options: dict[str, Any], announced: str
):
    stage = Stage(waiting=["1", "2"])
    seen: set[str] = set()

    def look(role: str, _: object) -> None:
        entries = stored(engine, tmp_path).values()
        seen.update(entry.pushers[0].status.value for entry in entries if not entry.pushers[0].complete)

    stage.on_push = stage.on_batch = look
    pushers = [stage.pusher("erp", module, **options)]
    async with trips_on(engine, tmp_path, stage.client_passenger(pushers=pushers)) as trips:
        await trips.drive()
        assert announced in seen
        assert set((await trips.statuses()).values()) == {"complete"}


@pytest.mark.parametrize(
    ("answer", "after_crash", "status", "pushes"),
    [
        (True, "repeat", "complete", 0),
        (True, "hold", "complete", 0),
        (False, "repeat", "complete", 1),
        (False, "hold", "complete", 1),
        (None, "repeat", "complete", 1),
        (None, "hold", "unknown", 0),
        (ConnectionError("away"), "repeat", "running", 0),
        (ConnectionError("away"), "hold", "running", 0),
        ("yes", "repeat", "running", 0),
    ],
    ids=str,
)
@pytest.mark.parametrize("how", ["died in the push", "said so"])
async def test_what_becomes_of_a_push_whose_outcome_is_unknown(
    engine: Engine, tmp_path: Path, how: str, answer: Any, after_crash: str, status: str, pushes: int
):
    stage = Stage(waiting=["1"])

    def ask(*_: object) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    def unknown(*_: object) -> None:
        raise OutcomeUnknown("no answer came")

    stage.on_ask, stage.on_push = ask, unknown
    pushers = [stage.pusher("erp", TELLING_PUSHER, after_crash=after_crash)]
    ticket = ticket_on(engine, tmp_path, stage.client_passenger(pushers=pushers))
    if how == "died in the push":
        stage.on_push = lambda *_: NotYet("first")
        async with trips_by(ticket) as trips:
            await trips.drive()
        interrupt(engine, tmp_path, "erp")
        stage.on_push = lambda *_: None
    async with trips_by(ticket) as trips:
        log = await trips.drive()
        assert "crashed" not in messages(log)
        internal_id = (await trips.entries())["1"].internal_id
        assert stage.asked == [("1", delivery_key(internal_id, "erp"))]
        expected = "incomplete" if how == "said so" and pushes else status
        assert await trips.statuses() == {"1": expected}
        assert len(stage.pushed) == (0 if how == "said so" else pushes)
        if status == "running":
            stage.on_ask = lambda *_: True
            await trips.drive()
            assert await trips.statuses() == {"1": "complete"}
            assert stage.pushed == [], "what could not be found out was taken for not delivered"
        if status == "unknown":
            stage.on_push = lambda *_: None
            await trips.drive()
            assert await trips.statuses() == {"1": "unknown"}, "nobody but a person decides"
            await trips.set_step("1", "erp", QueueStatus.INCOMPLETE)
            await trips.drive()
            assert stage.pushed == [("erp", "1")]


@pytest.mark.parametrize(("after_crash", "status", "pushes"), [("repeat", "complete", 3), ("hold", "unknown", 0)])
async def test_a_batch_that_the_process_died_in(
    engine: Engine, tmp_path: Path, after_crash: str, status: str, pushes: int
):
    stage = Stage(waiting=["1", "2", "3"])
    stage.on_batch = lambda role, some: [NotYet("first")] * len(some)
    pushers = [stage.pusher("erp", BATCH_PUSHER, after_crash=after_crash)]
    ticket = ticket_on(engine, tmp_path, stage.client_passenger(pushers=pushers))
    async with trips_by(ticket) as trips:
        await trips.drive()
    interrupt(engine, tmp_path, "erp")
    stage.on_batch = lambda *_: None
    async with trips_by(ticket) as trips:
        await trips.drive()
        assert set((await trips.statuses()).values()) == {status}
        assert len(stage.pushed) == pushes


# Commits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("commit", "seconds", "at_most"), [("each", 0, 0), ("grouped", 0, 500), ("grouped", 0.06, 1)])
async def test_outcomes_are_durable_at_once_or_in_groups(
    engine: Engine, tmp_path: Path, commit: str, seconds: float, at_most: int
):
    stage = Stage(waiting=[f"{number:03}" for number in range(8)])
    behind: list[int] = []

    def look(*_: object) -> None:
        entries = stored(engine, tmp_path).values()
        behind.append(len(stage.pushed) - sum(entry.pushers[0].complete for entry in entries))
        time.sleep(seconds)

    stage.on_push = look
    configured = stage.client_passenger(processors=[], pushers=[stage.pusher("erp", commit=commit)])
    async with trips_on(engine, tmp_path, configured) as trips:
        await trips.drive()
        assert max(behind) <= at_most
        assert set((await trips.statuses()).values()) == {"complete"}


async def test_that_the_source_was_told_is_durable_with_the_first_group(engine: Engine, tmp_path: Path):
    stage = Stage(waiting=[f"{number:03}" for number in range(4)])
    durable: list[int] = []

    def look(*_: object) -> None:
        durable.append(sum(entry.puller_notified for entry in stored(engine, tmp_path).values()))
        time.sleep(0.06)

    stage.on_push = look
    configured = stage.client_passenger(processors=[], pushers=[stage.pusher("erp", commit="grouped")])
    async with trips_on(engine, tmp_path, configured) as trips:
        await trips.drive()
    assert durable == [0, 4, 4, 4]


# A person, and what is damaged --------------------------------------------------------------------------------------


async def test_what_a_person_sets_during_a_trip_is_never_overwritten(engine: Engine, tmp_path: Path):
    """Each passenger is set by hand at any moment of its trip; who comes last has the last word."""
    chance = random.Random(4)
    stage = Stage(waiting=[str(number) for number in range(60)])
    stage.on_push = lambda *_: time.sleep(0.002)

    def decide(storage: Any) -> dict[str, bool]:
        """Set crm, which always says that it waits, of everybody to complete; answers who could be set."""
        done: dict[str, bool] = {}
        deadline = time.monotonic() + 20
        while len(done) < 60 and time.monotonic() < deadline:
            for row in storage.database.queue_rows(Query(client_id="demo", limit=100)).rows:
                if row.external_id not in done and chance.random() < 0.3:
                    try:
                        storage.queue("demo").set_step(row.internal_id, "crm", QueueStatus.COMPLETE, "Ada")
                    except DatabusError:
                        continue
                    done[row.external_id] = True
        return done

    def push(role: str, passenger: Passenger) -> NotYet | None:
        time.sleep(0.001)
        return NotYet("waits") if role == "crm" else None

    stage.on_push = push
    pushers = ["erp", stage.pusher("crm", after_crash="hold")]
    async with trips_on(engine, tmp_path, stage.client_passenger(processors=[], pushers=pushers)) as trips:
        stop = threading.Event()

        async def drive() -> None:
            while not stop.is_set():
                await trips.drive()

        driving = asyncio.create_task(drive())
        done = await trips.dispatcher.read(decide)
        stop.set()
        await driving
        assert len(done) == 60
        for entry in (await trips.entries()).values():
            crm = entry.pushers[1]
            assert (crm.status, crm.note) == (QueueStatus.COMPLETE, "set by Ada")
        assert len([one for one in stage.pushed if one[0] == "erp"]) == 60


async def test_a_passenger_that_cannot_be_read_is_passed_over(engine: Engine, tmp_path: Path):
    stage = Stage(waiting=["1", "2", "3"])
    stage.on_push = lambda *_: NotYet("first")
    ticket = ticket_on(engine, tmp_path, stage.client_passenger(pushers=["erp"]))
    async with trips_by(ticket) as trips:
        await trips.drive()
        damaged = (await trips.entries())["2"].internal_id
    damage(engine, tmp_path, damaged)
    stage.on_push = lambda *_: None
    async with trips_by(ticket) as trips:
        log = await trips.drive()
        assert "ended early" not in messages(log)
        assert "crashed" not in messages(log)
        assert stage.pushed == [("erp", "1"), ("erp", "3")]


def damage(engine: Engine, folder: Path, internal_id: str) -> None:
    """Spoil what is stored of one passenger."""
    if engine is JSON_FILES:
        file = next(folder.glob(f"data/json_db/clients/demo/pqueue/{internal_id}*/passenger.json"))
        file.write_bytes(file.read_bytes()[:50])
    else:
        import sqlite3

        with closing(sqlite3.connect(folder / "data" / "databus.sqlite")) as connection, connection:
            sql = "UPDATE queue_entry SET properties = '{\"x' WHERE internal_id = ?"
            assert connection.execute(sql, (internal_id,)).rowcount == 1


# A puller's own ids -------------------------------------------------------------------------------------------------


async def test_passengers_that_are_copies_of_one_are_seated_each_with_an_id_of_its_own(engine: Engine, tmp_path: Path):
    stage = Stage(waiting=["1", "2", "3"])
    stage.spoil = lambda passenger: setattr(passenger, "internal_id", "the-same-for-all")
    async with trips_on(engine, tmp_path, stage.client_passenger(pushers=["erp"])) as trips:
        log = await trips.drive()
        assert "ended early" not in messages(log)
        stage.waiting += ["4"]
        log = await trips.drive()
        assert not log.has_errors
    assert stage.told == ["1", "2", "3", "4"]
    assert sorted(number for _, number in stage.pushed) == ["1", "2", "3", "4"]
    assert len({entry.internal_id for entry in stored(engine, tmp_path).values()}) == 4
