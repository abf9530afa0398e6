"""One trip: pull, seat, notify, process, push, and what goes wrong on the way."""

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from databus_core import Attachment, Dispatcher, DispatcherTicket, LeaveOut, Log, NotYet, Passenger, QueueStatus
from databus_core.engine.storage import Storage
from databus_core.model.audit import AuditRecord
from databus_core.model.clock import now
from databus_core.model.query import LogQuery, Query
from databus_core.model.queue_entry import QueueEntry, Step
from databus_core.plugins.observer import Change
from tests.support.entries import minutes
from tests.support.stage import Stage, ticket_with


class Trips:
    """A dispatcher that drives when it is told, and what its queue says."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher

    async def drive(self, name: str = "orders") -> Log:
        return await self.dispatcher.drive("demo", name)

    async def entries(self) -> dict[str, QueueEntry]:
        def read(storage: Any) -> dict[str, QueueEntry]:
            rows = storage.database.queue_rows(Query(client_id="demo")).rows
            return {row.external_id: storage.database.entry("demo", row.internal_id) for row in rows}

        return await self.dispatcher.read(read)

    async def step(self, external_id: str, name: str) -> Step:
        entry = (await self.entries())[external_id]
        return next(step for step in entry.steps() if step.name == name)


@pytest.fixture
def stage() -> Stage:
    return Stage(waiting=["1", "2", "3"])


@pytest.fixture
async def trips(tmp_path: Path, stage: Stage):
    ticket = ticket_with(tmp_path, root=[], demo=[stage.client_passenger()])
    dispatcher = Dispatcher(ticket)
    await dispatcher.start(paused=True)
    yield Trips(dispatcher)
    await dispatcher.shut_down()


def messages(log: Log) -> str:
    return "\n".join(entry.message for entry in log.entries)


async def test_everything_is_pulled_seated_notified_processed_and_pushed(trips: Trips, stage: Stage):
    log = await trips.drive()
    assert not log.has_errors
    assert stage.told == ["1", "2", "3"]
    assert stage.waiting == []
    assert stage.pushed == [(pusher, number) for number in "123" for pusher in ("erp", "crm")]
    assert stage.texts["1"] == "content of 1+first+second"
    for entry in (await trips.entries()).values():
        assert entry.status is QueueStatus.COMPLETE
        assert entry.log_ids == [log.id]
    assert (await trips.drive()).worst == "info"
    assert len(stage.pushed) == 6


async def test_a_failed_processor_stops_this_passengers_chain_only(trips: Trips, stage: Stage):
    def fail(role: str, passenger: Passenger) -> None:
        if (role, passenger.external_id) == ("first", "2"):
            raise KeyError("price")

    stage.on_process = fail
    log = await trips.drive()
    assert [e.message.split("\n")[0] for e in log.errors if "Processing" in e.message]
    assert "KeyError: 'price'" in messages(log)
    assert "Traceback" in messages(log)
    assert {number for _, number in stage.pushed} == {"1", "3"}
    assert ("second", "2") not in stage.processed
    step = await trips.step("2", "first")
    assert step.error == "KeyError: 'price'"
    assert step.error_at is not None
    assert step.attempts == 1
    stage.on_process = lambda *_: None
    assert not (await trips.drive()).has_errors
    assert stage.texts["2"] == "content of 2+first+second", "what the failed processor changed was not dropped"
    assert (await trips.step("2", "first")).error == ""


async def test_pushers_fail_independently_and_only_the_failed_one_is_repeated(trips: Trips, stage: Stage):
    def fail(role: str, passenger: Passenger) -> None:
        if role == "erp":
            raise TimeoutError("erp is away")

    stage.on_push = fail
    await trips.drive()
    assert stage.pushed == [("crm", "1"), ("crm", "2"), ("crm", "3")]
    stage.on_push = lambda *_: None
    await trips.drive()
    assert stage.pushed[3:] == [("erp", "1"), ("erp", "2"), ("erp", "3")]
    assert (await trips.step("1", "erp")).attempts == 2


async def test_a_puller_that_breaks_half_way_keeps_what_it_gave(trips: Trips, stage: Stage):
    def fail(external_id: str) -> None:
        if external_id == "3":
            raise ConnectionError("mail server is gone")

    stage.on_pull = fail
    log = await trips.drive()
    assert "ConnectionError: mail server is gone" in messages(log)
    assert stage.told == ["1", "2"]
    assert {number for _, number in stage.pushed} == {"1", "2"}


async def test_what_a_puller_says_that_it_cannot_read_is_counted(tmp_path: Path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "half_blind.py").write_text(
        "from databus_core import Passenger, Puller\n"
        "class HalfBlind(Puller):\n"
        "    def pull(self):\n"
        "        self.log.error('the first cannot be read')\n"
        "        yield Passenger(external_id='2', source_system='shop')\n"
        "        self.log.error('the third cannot be read')\n"
    )
    dispatcher = Dispatcher(ticket_with(tmp_path, demo=[{"name": "orders", "pullers": ["half_blind"]}]))
    await dispatcher.start(paused=True)
    log = await dispatcher.drive("demo", "orders")
    await dispatcher.shut_down()
    assert log.last is not None
    assert log.last.message == "Trip ends: 1 seated, 0 processed, 0 pushed, 0 steps failed, 2 could not be read"


async def test_who_was_not_notified_waits_and_is_told_again(trips: Trips, stage: Stage):
    def fail(external_id: str) -> None:
        if external_id == "2":
            raise PermissionError("locked")

    stage.on_notify = fail
    await trips.drive()
    assert set(stage.told) == {"1", "3"}
    assert {number for _, number in stage.pushed} == {"1", "3"}
    assert (await trips.entries())["2"].notification.error == "PermissionError: locked"
    stage.on_notify = lambda *_: None
    await trips.drive()
    assert "2" in stage.told
    assert {number for _, number in stage.pushed} == {"1", "2", "3"}


async def test_who_was_not_notified_is_told_though_the_source_offers_it_no_more(trips: Trips, stage: Stage):
    stage.on_notify = lambda *_: 1 / 0
    await trips.drive()
    stage.on_notify = lambda *_: None
    stage.waiting.clear()
    await trips.drive()
    assert sorted(set(stage.told)) == ["1", "2", "3"]
    assert len(stage.pushed) == 6


async def test_a_source_that_does_not_forget_is_told_again_and_nothing_is_seated_twice(trips: Trips, stage: Stage):
    await trips.drive()
    stage.waiting = ["1", "1", "4"]
    await trips.drive()
    assert len(await trips.entries()) == 4
    assert stage.pushed.count(("erp", "1")) == 1
    assert stage.told.count("1") >= 2


async def test_a_purged_passenger_is_not_delivered_again(trips: Trips, stage: Stage):
    await trips.drive()
    await trips.dispatcher.change(lambda storage: storage.queue("demo").purge(), Change.QUEUE, "demo")
    assert await trips.entries() == {}
    stage.waiting = ["1"]
    await trips.drive()
    assert len(stage.pushed) == 6
    assert stage.waiting == []


async def test_not_yet_waits_without_an_error(trips: Trips, stage: Stage):
    stage.on_push = lambda role, passenger: NotYet("erp opens at nine") if role == "erp" else None
    log = await trips.drive()
    assert not log.has_errors
    step = await trips.step("1", "erp")
    assert (step.status, step.error, step.note) == (QueueStatus.INCOMPLETE, "", "erp opens at nine")
    stage.on_push = lambda *_: None
    await trips.drive()
    assert stage.pushed.count(("erp", "1")) == 1


async def test_who_is_left_out_is_complete_and_never_pushed(trips: Trips, stage: Stage):
    stage.on_process = lambda role, p: LeaveOut("no order in it") if p.external_id == "2" else None
    await trips.drive()
    entry = (await trips.entries())["2"]
    assert entry.status is QueueStatus.COMPLETE
    assert "no order in it" in entry.pushers[0].note
    assert "2" not in {number for _, number in stage.pushed}


async def test_a_step_set_by_hand_is_done_again(trips: Trips, stage: Stage):
    await trips.drive()
    entry = (await trips.entries())["1"]
    await trips.dispatcher.change(
        lambda storage: storage.queue("demo").set_step(entry.internal_id, "erp", QueueStatus.INCOMPLETE, "Ada"),
        Change.QUEUE,
        "demo",
    )
    assert (await trips.step("1", "erp")).note == "set by Ada"
    await trips.drive()
    assert stage.pushed.count(("erp", "1")) == 2


async def test_delivery_follows_pull_order(trips: Trips, stage: Stage):
    stage.waiting = [f"{number:04}" for number in range(250, 0, -1)]
    await trips.drive()
    assert [number for pusher, number in stage.pushed if pusher == "erp"] == [f"{n:04}" for n in range(250, 0, -1)]


@pytest.mark.parametrize(
    ("role", "broken", "told"),
    [
        ("pullers", "no.such.module", "no module"),
        ("processors", "databus_core.model.log", "defines no class"),
        ("pushers", {"module": "tests.support.stage:StagePusher", "name": "x"}, "argument stage: is missing"),
    ],
)
async def test_a_plugin_that_cannot_be_made_harms_no_other(tmp_path: Path, role: str, broken: Any, told: str):
    stage = Stage(waiting=["1"])
    configured = stage.client_passenger()
    configured[role].append(broken)
    dispatcher = Dispatcher(ticket_with(tmp_path, demo=[configured]))
    await dispatcher.start(paused=True)
    log = await dispatcher.drive("demo", "orders")
    await dispatcher.shut_down()
    assert told in messages(log)
    assert len(stage.pushed) == (0 if role == "processors" else 2)
    assert log.last is not None
    assert log.last.message.endswith(", 1 step failed")


async def test_async_plugins_work(tmp_path: Path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "async_parts.py").write_text(
        "import asyncio\n"
        "from databus_core import Passenger, Processor, Puller, Pusher\n"
        "got = []\n"
        "class Source(Puller):\n"
        "    async def pull(self):\n"
        "        for number in range(3):\n"
        "            await asyncio.sleep(0)\n"
        "            yield Passenger(external_id=str(number), source_system='async')\n"
        "    async def notify_passengers_seated(self, passengers):\n"
        "        await asyncio.sleep(0)\n"
        "class Work(Processor):\n"
        "    async def process(self, passenger):\n"
        "        passenger.properties['loop'] = id(asyncio.get_running_loop())\n"
        "class Target(Pusher):\n"
        "    async def push(self, passenger):\n"
        "        assert passenger.properties['loop'] == id(asyncio.get_running_loop())\n"
        "        got.append(passenger.external_id)\n"
    )
    parts = {
        role: [f"async_parts:{name}"]
        for role, name in zip(("pullers", "processors", "pushers"), ("Source", "Work", "Target"), strict=True)
    }
    dispatcher = Dispatcher(ticket_with(tmp_path, demo=[{"name": "orders", **parts}]))
    await dispatcher.start(paused=True)
    log = await dispatcher.drive("demo", "orders")
    await dispatcher.shut_down()
    assert not log.has_errors, messages(log)
    import async_parts

    assert async_parts.got == ["0", "1", "2"]


async def test_the_log_is_stored_when_the_driver_crashes(tmp_path: Path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "bad_driver.py").write_text(
        "from databus_core.engine.driver import Driver as Base\n"
        "class Driver(Base):\n    def drive(self):\n        raise RuntimeError('no fuel')\n"
    )
    file = ticket_with(tmp_path, demo=[Stage().client_passenger()]).file
    assert file is not None
    file.write_text(json.dumps(json.loads(file.read_text()) | {"driver_module": "bad_driver"}))
    dispatcher = Dispatcher(DispatcherTicket.load(file))
    await dispatcher.start(paused=True)
    log = await dispatcher.drive("demo", "orders")
    stored = await dispatcher.read(lambda storage: storage.database.log_entries("demo", log.id).rows)
    await dispatcher.shut_down()
    assert "no fuel" in "\n".join(entry.message for entry in stored)
    assert [entry.message for entry in stored] == [entry.message for entry in log.entries]


async def test_who_is_left_out_by_the_first_processor_does_not_see_the_second(trips: Trips, stage: Stage):
    stage.on_process = lambda role, p: LeaveOut("no order in it") if role == "first" else None
    await trips.drive()
    assert {role for role, _ in stage.processed} == {"first"}
    assert stage.pushed == []


async def test_an_attachment_that_vanished_keeps_only_its_own_passenger_off_the_bus(
    trips: Trips, stage: Stage, tmp_path: Path
):
    gone = Attachment.from_file(tmp_path / "gone.pdf")
    stage.attach = lambda external_id: [gone] if external_id == "2" else []
    log = await trips.drive()
    assert "gone.pdf" in messages(log)
    assert set(await trips.entries()) == {"1", "3"}
    assert stage.told == ["1", "3"]
    assert stage.waiting == ["2"]


async def test_a_processor_that_attaches_what_cannot_be_read_fails_alone(trips: Trips, stage: Stage, tmp_path: Path):
    def attach(role: str, passenger: Passenger) -> None:
        if (role, passenger.external_id) == ("first", "2"):
            passenger.attach(Attachment.from_file(tmp_path / "gone.pdf"))

    stage.on_process = attach
    await trips.drive()
    assert "gone.pdf" in (await trips.step("2", "first")).error
    assert {number for _, number in stage.pushed} == {"1", "3"}
    stage.on_process = lambda *_: None
    await trips.drive()
    assert stage.texts["2"] == "content of 2+first+second"


async def test_life_spans_remove_what_is_complete_and_never_what_is_not(tmp_path: Path):
    stage = Stage(waiting=["1", "2"])
    stage.on_push = lambda role, passenger: 1 / 0 if (role, passenger.external_id) == ("crm", "2") else None
    ticket = ticket_with(tmp_path, demo=[stage.client_passenger(queue_life_span=0)])
    configuration = tmp_path / "data" / "clients" / "demo" / "config.json"
    configuration.write_text(configuration.read_text().replace('"log_life_span": 1', '"log_life_span": 0'))
    old_log = tmp_path / "data" / "clients" / "demo" / "log" / "2020-03-18T16:46:31.954096_e0322b58-691e.txt"
    old_log.parent.mkdir()
    old_log.write_text("[2020-03-18T16:46:31.802101][databus.driver][info] Driving\n")
    dispatcher = Dispatcher(ticket)
    await dispatcher.start(paused=True)
    log = await dispatcher.drive("demo", "orders")
    trips = Trips(dispatcher)
    assert set(await trips.entries()) == {"2"}
    assert "Removed 1 passenger completed more than 0 days ago" in messages(log)
    assert not old_log.exists()
    assert "Removed 1 log from more than 0 days ago" in messages(log)
    stage.on_push = lambda *_: None
    await trips.drive()
    assert await trips.entries() == {}
    assert stage.pushed.count(("erp", "2")) == 1, "what one pusher had delivered was pushed again"
    await dispatcher.shut_down()


async def test_what_is_too_much_goes_by_count_and_by_size_and_the_log_says_so(tmp_path: Path):
    stage = Stage(waiting=["1", "2", "3", "4"])
    stage.on_push = lambda role, passenger: 1 / 0 if passenger.external_id == "1" else None
    by_count = stage.client_passenger("orders") | {"queue_keep_count": 2, "log_keep_count": 2, "log_life_span": 999}
    mails = Stage(waiting=["a", "b"])
    by_size = mails.client_passenger("mails") | {"queue_keep_size": "0 MB", "log_keep_size": 1, "log_life_span": 0}
    dispatcher = Dispatcher(ticket_with(tmp_path, demo=[by_count, by_size]))
    await dispatcher.start(paused=True)
    storage = await dispatcher.read(lambda storage: storage)
    for number in range(4):
        for name in ("orders", "mails"):
            old = Log("demo", name, started_at=minutes(number))
            storage.database.append_log(old, [])
            storage.database.finish_log(old)
    log = await dispatcher.drive("demo", "orders")
    trips = Trips(dispatcher)
    assert "Removed 1 passenger completed before the 2 that are kept" in messages(log)
    assert set(await trips.entries()) == {"1", "3", "4"}, "what is not complete is neither counted nor removed"
    assert "Removed 3 logs of mails from more than 0 days ago" in messages(log)
    assert "Removed 3 logs of orders before the 2 that are kept" in messages(log)
    assert sorted(log_names(storage)) == ["mails", "orders", "orders"]
    log = await dispatcher.drive("demo", "mails")
    said = "Removed 2 passengers completed before those that are kept, which take 0 B at most"
    assert said in messages(log)
    assert set(await trips.entries()) == {"1", "3", "4"}
    await dispatcher.shut_down()


async def test_the_audit_is_kept_for_400_days(trips: Trips):
    storage = await trips.dispatcher.read(lambda storage: storage)
    days = [401, 399, 0]
    for age in days:
        storage.database.append_audit("demo", [AuditRecord(now() - timedelta(days=age), "ann", f"{age} days ago")])
    await trips.drive()
    left = [record.what for record in storage.database.audit_rows("demo").rows]
    assert left == ["drove", "0 days ago", "399 days ago"]


def log_names(storage: Storage) -> list[str]:
    return [row.client_passenger for row in storage.database.log_rows(LogQuery(client_id="demo")).rows]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ({"properties": {"x": object()}}, "JSON"),
        ({"external_id": "x\ud800"}, "UTF-8"),
        ({"attachments": [5]}, "no Attachment"),
        ({"internal_id": "../../x"}, "internal_id"),
        ({"external_id": ""}, "external_id"),
    ],
)
async def test_one_bad_passenger_of_a_batch_keeps_nobody_else_off_the_bus(
    trips: Trips, stage: Stage, spoil: dict[str, Any], told: str
):
    def change(passenger: Passenger) -> None:
        if passenger.external_id == "2":
            for name, value in spoil.items():
                setattr(passenger, name, value)

    stage.spoil = change
    log = await trips.drive()
    assert told in messages(log)
    assert {number for _, number in stage.pushed} == {"1", "3"}


@pytest.mark.parametrize(
    "nonsense",
    [
        lambda passenger: "nonsense",
        lambda passenger: True,
        lambda passenger: setattr(passenger, "attachments", None),
        lambda passenger: setattr(passenger, "attachments", [5]),
        lambda passenger: passenger.properties.update(x=object()),
        lambda passenger: sys.exit(3),
        lambda passenger: (_ for _ in ()).throw(KeyboardInterrupt),
        lambda passenger: (_ for _ in ()).throw(asyncio.CancelledError),
    ],
    ids=["text", "true", "no list", "no attachment", "no json", "exit", "interrupt", "cancel"],
)
async def test_a_processor_that_goes_mad_is_an_error_of_its_step_alone(trips: Trips, stage: Stage, nonsense: Any):
    stage.on_process = lambda role, passenger: (
        nonsense(passenger) if (role, passenger.external_id) == ("second", "1") else None
    )
    log = await trips.drive()
    assert (await trips.step("1", "second")).error
    assert {number for _, number in stage.pushed} == {"2", "3"}
    assert log.last is not None
    assert "Trip ends" in log.last.message


async def test_a_pusher_that_says_false_has_not_delivered(trips: Trips, stage: Stage):
    stage.on_push = lambda role, passenger: False if role == "erp" else None
    await trips.drive()
    assert "answered False" in (await trips.step("1", "erp")).error
    assert ("crm", "1") in stage.pushed
