"""Why a passenger is not delivered, asked of a dispatcher and on the command line."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from databus_core import Client, ClientPassenger, Dispatcher, DispatcherObserver, DispatcherTicket, NotYet
from databus_core.errors import NotFoundError
from databus_core.model.breaker_change import BreakerChange
from databus_core.model.query import Query
from databus_core.model.queue_entry import QueueStatus
from databus_core.plugins.observer import Change
from tests.support.program import answered, databus, in_process
from tests.support.stage import Stage, hang_until, ticket_with

BREAKER = {"failures": 2, "wait": "1 h"}


class Ear(DispatcherObserver):
    """Hears breakers."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, BreakerChange]] = []

    def breaker_changed(self, client: Client, client_passenger: ClientPassenger, change: BreakerChange) -> None:
        self.heard.append((client_passenger.name, change))


@pytest.fixture
def stage() -> Stage:
    return Stage(waiting=["1", "2", "3"])


def configured(folder: Path, stage: Stage, *, attempts: int = 3, **options: Any) -> DispatcherTicket:
    """Client demo with one client passenger, orders, and one pusher, crm, whose breaker opens after two failures."""
    pushers, retry = [stage.pusher("crm", breaker=BREAKER)], {"attempts": attempts, "first_wait": "1 h"}
    route = stage.client_passenger(processors=[], pushers=pushers, retry=retry, sync_frequency=60, **options)
    return ticket_with(folder, root=[], demo=[route])


@pytest.fixture
async def dispatcher(tmp_path: Path, stage: Stage) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(configured(tmp_path, stage))
    yield dispatcher
    await dispatcher.shut_down(leave=True)


def shut(*_: object) -> None:
    raise ConnectionError("crm is down")


async def reasons(dispatcher: Dispatcher) -> dict[str, str]:
    """By external id."""
    rows = await dispatcher.read(lambda storage: storage.database.queue_rows(Query(client_id="demo")).rows)
    return {row.external_id: await dispatcher.why("demo", row.internal_id) for row in rows}


async def test_a_breaker_is_told_of_those_that_were_not_tried_too(dispatcher: Dispatcher, stage: Stage) -> None:
    stage.on_push = shut
    ear = Ear()
    dispatcher.add_observer(ear)
    await dispatcher.start(paused=True)
    await dispatcher.drive("demo", "orders")
    told = await reasons(dispatcher)
    assert told["1"].startswith("Waiting: the dispatcher is paused; attempt 1 of pusher crm failed: ConnectionError")
    assert told["3"] == "Waiting: the dispatcher is paused."
    await dispatcher.resume()
    told = await reasons(dispatcher)
    assert {reason.partition(" since")[0] for reason in told.values()} == {"Waiting: breaker of pusher crm open"}
    assert all(reason.endswith("ConnectionError: crm is down.") for reason in told.values())
    stage.on_push = lambda *_: None
    await dispatcher.drive("demo", "orders")
    assert all(reason.startswith("Delivered at ") for reason in (await reasons(dispatcher)).values())
    await asyncio.sleep(0.1)
    assert [(name, change.client_id, change.pusher, change.opened) for name, change in ear.heard] == [
        ("orders", "demo", "crm", True),
        ("orders", "demo", "crm", False),
    ]


async def test_what_has_failed_waits_for_its_time_or_for_a_person(tmp_path: Path, stage: Stage) -> None:
    stage.waiting, stage.on_push = ["1"], shut
    dispatcher = Dispatcher(configured(tmp_path, stage, attempts=2))
    await dispatcher.start(paused=True)
    await dispatcher.drive("demo", "orders")
    await dispatcher.resume()
    assert (await reasons(dispatcher))["1"].startswith("Waiting for attempt 2 of pusher crm at ")
    await dispatcher.pause()
    await dispatcher.drive("demo", "orders")
    told = (await reasons(dispatcher))["1"]
    assert told.startswith("Needs a decision (try it again, or set it complete): pusher crm failed 2 times, at last: ")
    await dispatcher.shut_down()


async def test_the_first_of_those_with_the_same_key_holds_the_others_back(tmp_path: Path, stage: Stage) -> None:
    customers = {"1": "moreau", "2": "weber", "3": "moreau"}
    stage.spoil = lambda passenger: passenger.properties.update(customer=customers[passenger.external_id])
    stage.on_push = lambda _role, passenger: shut() if passenger.external_id == "1" else None
    dispatcher = Dispatcher(configured(tmp_path, stage, ordered_by="customer"))
    await dispatcher.start(paused=True)
    await dispatcher.drive("demo", "orders")
    await dispatcher.resume()
    told = await reasons(dispatcher)
    assert told["1"].startswith("Waiting for attempt 2")
    assert told["2"].startswith("Delivered at ")
    assert told["3"].startswith("Waiting for shop - 1 (")
    assert told["3"].endswith("), which is to be delivered before it.")
    await dispatcher.shut_down()


async def test_who_holds_back_is_found_however_many_stand_between(tmp_path: Path, stage: Stage) -> None:
    stage.waiting = [str(number) for number in range(100, 1300)]
    stage.spoil = lambda passenger: passenger.properties.update(customer=min(int(passenger.external_id), 1250))
    stage.on_push = lambda *_: NotYet("closed")
    dispatcher = Dispatcher(configured(tmp_path, stage, ordered_by="customer"))
    await dispatcher.start(paused=True)
    await dispatcher.drive("demo", "orders")
    await dispatcher.resume()
    rows = await dispatcher.read(lambda storage: storage.database.queue_rows(Query(client_id="demo", limit=2000)).rows)
    ids = {row.external_id: row.internal_id for row in rows}
    assert (await dispatcher.why("demo", ids["1299"])).startswith("Waiting for shop - 1250 (")
    await dispatcher.shut_down()


async def test_a_trip_under_way_is_told(dispatcher: Dispatcher, stage: Stage) -> None:
    go, entered = threading.Event(), threading.Event()
    hang = hang_until(go)
    stage.on_push = lambda *_: (entered.set(), hang())[1]
    await dispatcher.start()
    await asyncio.to_thread(entered.wait, 10)
    assert (await reasons(dispatcher))["1"].startswith("On its way: ")
    go.set()


async def test_one_whose_client_passenger_is_configured_no_more_is_told_so(
    dispatcher: Dispatcher, stage: Stage, tmp_path: Path
) -> None:
    stage.on_push = shut
    await dispatcher.start(paused=True)
    await dispatcher.drive("demo", "orders")
    await dispatcher.resume()
    await dispatcher.change(
        lambda storage: storage.customizing.save("demo", "__databus__", '{"passengers": []}'),
        Change.CUSTOMIZING,
        "demo",
    )
    assert (await reasons(dispatcher))["3"] == "Waiting: 'orders' is not in the configuration any more."


async def test_a_paused_client_passenger_is_told(dispatcher: Dispatcher, stage: Stage) -> None:
    stage.on_push = shut
    await dispatcher.start(paused=True)
    await dispatcher.drive("demo", "orders")
    await dispatcher.resume()
    await dispatcher.pause_route("demo", "orders")
    assert (await reasons(dispatcher))["3"] == "Waiting: its client passenger, orders, is paused."


async def test_nobody_knows_why_of_what_is_not_there(dispatcher: Dispatcher) -> None:
    await dispatcher.start(paused=True)
    with pytest.raises(NotFoundError, match="no-such-id"):
        await dispatcher.why("demo", "no-such-id")
    with pytest.raises(NotFoundError, match="no client 'nobody'"):
        await dispatcher.why("nobody", "no-such-id")


# On the command line -----------------------------------------------------------------------------------------------


def test_without_a_dispatcher_the_database_is_read(tmp_path: Path, stage: Stage) -> None:
    configured(tmp_path, stage, attempts=1)
    stage.on_push = lambda _role, passenger: shut() if passenger.external_id == "1" else None
    in_process(tmp_path, "drive", "demo", "orders")
    by_id = {entry["external_id"]: entry for entry in answered(tmp_path, "queue", "demo")}
    assert by_id["2"]["why"].startswith("Delivered at ")
    assert by_id["1"]["why"].startswith("Needs a decision")
    told = in_process(tmp_path, "why", "demo", by_id["1"]["internal_id"])
    assert (told.exit_code, told.stdout) == (0, f"{by_id['1']['why']}\n")
    for status in ("failed", "decision", "failing", "incomplete"):
        assert [entry["external_id"] for entry in answered(tmp_path, "queue", "demo", "--status", status)] == ["1"]
    assert answered(tmp_path, "queue", "demo", "--status", "unknown") == []
    assert in_process(tmp_path, "queue-set", "demo", by_id["1"]["internal_id"], "crm", "incomplete").exit_code == 0
    told = in_process(tmp_path, "why", "demo", by_id["1"]["internal_id"])
    assert told.stdout == "Waiting: the dispatcher is stopped.\n"
    assert "no-such-id" in in_process(tmp_path, "why", "demo", "no-such-id").stderr


async def test_a_running_dispatcher_is_asked(dispatcher: Dispatcher, stage: Stage, tmp_path: Path) -> None:
    stage.waiting, stage.on_push = ["1"], shut
    await dispatcher.start(paused=True)
    await dispatcher.drive("demo", "orders")
    await dispatcher.resume()
    (row,) = await dispatcher.read(lambda storage: storage.database.queue_rows(Query(client_id="demo")).rows)
    expected = await dispatcher.why("demo", row.internal_id)
    assert expected.startswith("Waiting for attempt 2 of pusher crm at ")
    asked = await asyncio.to_thread(databus, tmp_path, "why", "demo", row.internal_id)
    assert (asked.stdout, asked.stderr) == (f"{expected}\n", "")
    (entry,) = await asyncio.to_thread(answered, tmp_path, "queue", "demo")
    assert entry["why"] == expected
    await dispatcher.pause()
    (entry,) = await asyncio.to_thread(answered, tmp_path, "queue", "demo")
    assert entry["why"].startswith("Waiting: the dispatcher is paused; ")


def test_a_step_is_set_to_complete_or_incomplete_only(tmp_path: Path, stage: Stage) -> None:
    configured(tmp_path, stage)
    for status in set(QueueStatus) - {QueueStatus.COMPLETE, QueueStatus.INCOMPLETE}:
        refused = in_process(tmp_path, "queue-set", "demo", "an id", "crm", status)
        assert refused.exit_code == 2
        assert "'complete', 'incomplete'" in " ".join(refused.stderr.replace("│", " ").split())
