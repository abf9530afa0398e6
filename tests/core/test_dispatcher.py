"""The dispatcher's verbs, its states, and who hears of what."""

import asyncio
import io
import json
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from databus_core import (
    Attachment,
    AttachmentFormat,
    Change,
    Client,
    ClientPassenger,
    DatabusError,
    Dispatcher,
    DispatcherObserver,
    DispatcherState,
    Log,
    NotYet,
)
from databus_core.database.json_files import JsonFiles
from databus_core.engine import events
from databus_core.engine.control import ControlListener, command
from databus_core.engine.station import CLOSE_SECONDS
from databus_core.errors import CustomizingError, DatabaseHeldError, DispatcherError, NotFoundError
from databus_core.model import clock
from databus_core.model.audit import AuditRecord
from databus_core.model.missed import Absence
from databus_core.model.query import LogQuery, Query
from databus_core.model.route_state import RoutePause
from databus_core.model.ticket import DispatcherTicket, ExternalConfigFile
from databus_core.plugins.database import DatabaseContext
from tests.support.stage import Stage, hang_until, ticket_with
from tests.support.waiting import until


class Ear(DispatcherObserver):
    """Hears everything, and on which thread."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.threads: set[threading.Thread] = set()

    def _hear(self, what: str, detail: object) -> None:
        self.heard.append((what, detail))
        self.threads.add(threading.current_thread())

    def state_changed(self, state: DispatcherState) -> None:
        self._hear("state", state)

    def trip_started(self, client: Client, client_passenger: ClientPassenger, log: Log) -> None:
        self._hear("started", client_passenger.name)

    def log_appended(self, log: Log, entries: Any) -> None:
        self._hear("lines", [entry.message for entry in entries])

    def trip_complete(self, client: Client, client_passenger: ClientPassenger, log: Log) -> None:
        self._hear("complete", client_passenger.name)

    def changed(self, change: Change, client_id: str) -> None:
        self._hear("changed", (change, client_id))

    def failed(self, message: str) -> None:
        self._hear("failed", message)

    def of(self, what: str) -> list[Any]:
        return [detail for kind, detail in self.heard if kind == what]


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def stages() -> list[Stage]:
    return [Stage(waiting=[f"{number}-1"]) for number in range(6)]


@pytest.fixture
def ticket(tmp_path: Path, stages: list[Stage]) -> DispatcherTicket:
    routes = [stage.client_passenger(f"route{number}", sync_frequency=60) for number, stage in enumerate(stages)]
    return ticket_with(tmp_path, root=[], demo=routes)


@pytest.fixture
async def dispatcher(ticket: DispatcherTicket, ear: Ear) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(ticket, ear)
    yield dispatcher
    await dispatcher.shut_down(leave=True)


async def test_what_is_due_departs_and_everybody_hears_it_on_the_loop(dispatcher: Dispatcher, ear: Ear):
    await dispatcher.start()
    await until(lambda: len(ear.of("complete")) == 6)
    assert ear.threads == {threading.current_thread()}
    assert ear.of("state") == [DispatcherState.STARTING, DispatcherState.RUNNING]
    assert sorted(ear.of("started")) == [f"route{number}" for number in range(6)]
    assert (Change.QUEUE, "demo") in ear.of("changed")
    assert (Change.LOGS, "demo") in ear.of("changed")
    assert any("Seated 1 new" in line for lines in ear.of("lines") for line in lines)
    for row in dispatcher.timetable():
        assert row.last_trip is not None
        assert row.next_due_at is not None
        assert (row.next_due_at - row.last_trip.started_at).total_seconds() == pytest.approx(3600, abs=5)


async def test_trips_run_side_by_side_but_no_more_than_the_drivers(
    dispatcher: Dispatcher, stages: list[Stage], ear: Ear
):
    go = threading.Event()
    for stage in stages:
        stage.on_push = hang_until(go)
    await dispatcher.start()
    await until(lambda: len(dispatcher.running) == 4)
    await asyncio.sleep(0.1)
    assert len(dispatcher.running) == 4
    go.set()
    await until(lambda: len(ear.of("complete")) == 6)


async def test_an_expedited_passenger_moves_within_100_ms_even_when_all_drivers_are_busy(
    dispatcher: Dispatcher, stages: list[Stage], ear: Ear
):
    await dispatcher.start()
    await until(lambda: len(ear.of("complete")) == 6)
    moved: list[float] = []
    stages[0].on_pull = lambda _: moved.append(time.monotonic())
    waits: list[float] = []
    for _ in range(5):
        stages[0].waiting.append(f"x{len(waits)}")
        asked = time.monotonic()
        await dispatcher.expedite("demo", "route0")
        await until(lambda: len(moved) > len(waits))
        waits.append(moved[-1] - asked)
        await until(lambda: not dispatcher.running)
    assert min(waits) < 0.1


async def test_an_expedite_during_the_trip_is_not_forgotten(dispatcher: Dispatcher, stages: list[Stage], ear: Ear):
    await dispatcher.start()
    await until(lambda: len(ear.of("complete")) == 6)
    go = threading.Event()
    stages[0].waiting.append("2")
    stages[0].on_push = hang_until(go)
    await dispatcher.expedite("demo", "route0")
    await until(lambda: "2" in stages[0].told)
    pulls = stages[0].pulls
    for _ in range(3):
        await dispatcher.expedite("demo", "route0")
    await asyncio.sleep(0.05)
    assert len(dispatcher.running) == 1, "it travels twice at once"
    go.set()
    await until(lambda: ear.of("complete").count("route0") == 3)
    assert stages[0].pulls == pulls + 1


async def test_paused_means_that_no_trip_runs(dispatcher: Dispatcher, stages: list[Stage], ear: Ear):
    go = threading.Event()
    stages[0].on_push = hang_until(go)
    await dispatcher.start()
    await until(lambda: len(ear.of("complete")) == 5)
    pausing = asyncio.create_task(dispatcher.pause())
    await until(lambda: dispatcher.state is DispatcherState.PAUSING)
    with pytest.raises(DispatcherError, match="pausing"):
        await dispatcher.expedite("demo", "route1")
    assert not pausing.done()
    go.set()
    await pausing
    assert dispatcher.state is DispatcherState.PAUSED
    assert ear.of("complete").count("route0") == 1
    await dispatcher.resume()
    await dispatcher.expedite("demo", "route1")
    await until(lambda: ear.of("complete").count("route1") == 2)


async def test_shutting_down_finishes_the_running_trips(dispatcher: Dispatcher, stages: list[Stage], ear: Ear):
    go = threading.Event()
    stages[0].on_push = hang_until(go)
    await dispatcher.start()
    await until(lambda: len(ear.of("complete")) == 5)
    stopping = asyncio.create_task(dispatcher.shut_down())
    await asyncio.sleep(0.1)
    assert dispatcher.state is DispatcherState.STOPPING
    go.set()
    await stopping
    assert "route0" in ear.of("complete")
    assert dispatcher.state is DispatcherState.STOPPED
    with pytest.raises(DispatcherError, match="stopped"):
        await dispatcher.read(lambda storage: storage.database.client_ids())


async def test_a_second_request_leaves_a_trip_that_hangs_while_the_database_stores_its_attachment(
    ticket: DispatcherTicket, dispatcher: Dispatcher, stages: list[Stage], ear: Ear
):
    go, reading = threading.Event(), threading.Event()

    class EndlessContent:
        size = 10

        def open(self) -> BinaryIO:
            reading.set()
            hang_until(go)()
            return io.BytesIO(b"0123456789")

    stages[0].attach = lambda _: [Attachment("scan.bin", AttachmentFormat.BINARY, EndlessContent())]
    await dispatcher.start()
    assert await asyncio.to_thread(reading.wait, 30)
    begun = time.monotonic()
    await dispatcher.shut_down(leave=True)
    assert time.monotonic() - begun < ticket.grace_seconds + CLOSE_SECONDS + 3
    assert dispatcher.state is DispatcherState.STOPPED
    assert [trip.client_passenger.name for trip in dispatcher.left] == ["route0"]
    assert "is still in use by a trip that was left" in ear.of("failed")[-1]
    with pytest.raises(DatabaseHeldError):
        await dispatcher.start()
    go.set()
    stages[0].attach = lambda _: []
    await until(lambda: all(thread.name != "databus-close" for thread in threading.enumerate()))
    await dispatcher.start(paused=True)
    assert not (await dispatcher.drive("demo", "route0")).has_errors
    assert ("crm", "0-1") in stages[0].pushed


async def test_a_second_request_leaves_what_hangs_and_the_next_start_takes_it_up(
    ticket: DispatcherTicket, dispatcher: Dispatcher, stages: list[Stage], ear: Ear
):
    go = threading.Event()
    stages[0].on_push = hang_until(go)
    await dispatcher.start()
    await until(lambda: len(ear.of("complete")) == 5)
    first = asyncio.create_task(dispatcher.shut_down())
    await asyncio.sleep(0.05)
    begun = time.monotonic()
    await dispatcher.shut_down(leave=True)
    await first
    assert ticket.grace_seconds <= time.monotonic() - begun < ticket.grace_seconds + 3
    assert dispatcher.state is DispatcherState.STOPPED
    assert [trip.client_passenger.name for trip in dispatcher.left] == ["route0"]
    assert ear.of("complete")[-1] == "route0"
    go.set()
    stages[0].on_push = lambda *_: None
    again = Dispatcher(ticket)
    await again.start(paused=True)
    left = next(row.last_trip for row in again.timetable() if row.client_passenger.name == "route0")
    assert left is not None
    assert (left.worst, left.seated) == ("error", 1)
    lines = await again.read(lambda storage: storage.database.log_entries("demo", left.log_id).rows)
    assert [line.message.partition(" after ")[0] for line in lines if line.type == "error"] == ["The trip was left"]
    assert lines[-1].message.startswith("Trip ends: 1 seated")
    rows = await again.read(lambda storage: storage.database.log_rows(LogQuery(client_id="demo")).rows)
    assert all(row.finished_at for row in rows)
    assert not (await again.drive("demo", "route0")).has_errors
    assert ("crm", "0-1") in stages[0].pushed
    await again.shut_down()


async def test_the_schedule_goes_on_over_a_restart(ticket: DispatcherTicket, dispatcher: Dispatcher, ear: Ear):
    await dispatcher.start()
    await until(lambda: len(ear.of("complete")) == 6)
    before = {row.client_passenger.name: row.next_due_at for row in dispatcher.timetable()}
    await dispatcher.shut_down()
    later = Dispatcher(ticket)
    await later.start()
    after = {row.client_passenger.name: row.next_due_at for row in later.timetable()}
    await later.shut_down()
    for name, due_at in before.items():
        assert due_at is not None
        assert after[name] is not None
        assert abs((due_at - after[name]).total_seconds()) < 2


async def test_an_observer_that_fails_harms_nobody(dispatcher: Dispatcher, ear: Ear, caplog: pytest.LogCaptureFixture):
    class Broken(DispatcherObserver):
        def trip_started(self, *_: object) -> None:
            raise RuntimeError("I am broken")

        async def trip_complete(self, *_: object) -> None:
            raise RuntimeError("and so is my task")

    dispatcher.add_observer(Broken())
    await dispatcher.start()
    await until(lambda: len(ear.of("complete")) == 6)
    await until(lambda: "and so is my task" in caplog.text)
    assert "I am broken" in caplog.text
    assert f"{__name__}:" in caplog.text
    assert caplog.text.count("Traceback") == 2, "the same again is not told in full, though six trips began"


async def test_an_observers_error_that_comes_again_is_counted(
    dispatcher: Dispatcher, ear: Ear, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    class Broken(DispatcherObserver):
        def trip_started(self, *_: object) -> None:
            raise RuntimeError("I am broken")

    monkeypatch.setattr(events, "SAME_ERROR_SECONDS", 0.0)
    dispatcher.add_observer(Broken())
    await dispatcher.start()
    await until(lambda: len(ear.of("complete")) == 6)
    first, *others = [record.getMessage() for record in caplog.records]
    assert first.endswith("Broken failed")
    assert len(others) == 5
    assert all(message.endswith("Broken failed again (1): RuntimeError: I am broken") for message in others)


@pytest.mark.parametrize(
    "text",
    [b'{"passengers": [', b"", b"\xff\xfe\0", b"[" * 200_000, b'{"log_life_span": %s}' % (b"1" * 6000), b"[]"],
    ids=range(6),
)
async def test_one_bad_configuration_stops_only_itself(tmp_path: Path, ear: Ear, text: bytes):
    good, bad = Stage(waiting=["1"]), Stage(waiting=["1"])
    wrong = bad.client_passenger("wrong") | {"queue_life_span": "soon"}
    ticket = ticket_with(tmp_path, a_broken=[], demo=[wrong, good.client_passenger("right")])
    (tmp_path / "data" / "clients" / "a_broken" / "config.json").write_bytes(text)
    dispatcher = Dispatcher(ticket, ear)
    await dispatcher.start()
    await until(lambda: "right" in ear.of("complete"))
    await dispatcher.shut_down()
    told = "\n".join(ear.of("failed"))
    assert "passengers[0].queue_life_span: 'soon'" in told
    assert "a_broken" in told
    assert bad.pulls == 0


async def test_a_configuration_changed_on_disk_is_in_force_at_the_next_trip(
    tmp_path: Path, dispatcher: Dispatcher, stages: list[Stage], ear: Ear
):
    await dispatcher.start()
    await until(lambda: len(ear.of("complete")) == 6)
    ticket_with(tmp_path, demo=[stages[0].client_passenger("route0"), stages[1].client_passenger("brand new")])
    await dispatcher.expedite("demo", "route0")
    await until(lambda: "brand new" in ear.of("complete"))
    assert [row.client_passenger.name for row in dispatcher.timetable()] == ["route0", "brand new"]


async def test_a_saved_configuration_takes_effect_and_a_wrong_one_is_not_saved(
    dispatcher: Dispatcher, stages: list[Stage]
):
    await dispatcher.start(paused=True)
    stored = await dispatcher.read(lambda storage: storage.customizing.text("demo", "__databus__"))
    text = json.dumps({"passengers": [stages[0].client_passenger("only")], "mine": {"kept": True}}, indent=2)

    def save(new: str, based_on: str) -> Any:
        change = lambda storage: storage.customizing.save("demo", "__databus__", new, based_on)  # noqa: E731
        return dispatcher.change(change, Change.CUSTOMIZING, "demo")

    with pytest.raises(CustomizingError, match="line 2, passengers"):
        await save('{\n"passengers": 3}', stored)
    await save(text, stored)
    assert [row.client_passenger.name for row in dispatcher.timetable()] == ["only"]
    with pytest.raises(CustomizingError, match="somebody else"):
        await save("{}", stored)
    kept = await dispatcher.read(lambda storage: storage.customizing.text("demo", "__databus__"))
    assert kept == text
    backups = await dispatcher.read(lambda storage: storage.customizing.backups("demo", "__databus__"))
    texts = [await dispatcher.read(lambda s, b=b: s.customizing.backup_text("demo", b.id)) for b in backups]
    assert stored in texts


async def test_clients_are_added_by_name_and_not_removed_with_passengers_that_wait(
    dispatcher: Dispatcher, stages: list[Stage]
):
    await dispatcher.start(paused=True)
    stages[0].on_push = lambda *_: 1 / 0
    await dispatcher.drive("demo", "route0")

    def save(*client_ids: str) -> Any:
        text = json.dumps({"clients": [{"id": client_id} for client_id in client_ids]})
        return dispatcher.change(lambda s: s.customizing.save("root", "__clients__", text), Change.CLIENTS)

    await save("root", "demo", "acme")
    assert set(dispatcher.clients) == {"root", "demo", "acme"}
    with pytest.raises(CustomizingError, match=r"'demo' cannot be removed: 1 of its passengers"):
        await save("root", "acme")
    with pytest.raises(CustomizingError, match="root"):
        await save("demo", "acme")
    only_root = json.dumps({"clients": [{"id": "root"}]})
    with pytest.raises(NotFoundError, match="'demo' has no configuration document '__clients__'"):
        await dispatcher.read(lambda s: s.customizing.save("demo", "__clients__", only_root))
    await save("root", "demo")
    assert set(dispatcher.clients) == {"root", "demo"}


async def test_a_client_whose_folder_composes_its_letters_otherwise_is_the_one_that_a_person_types(
    tmp_path: Path, ear: Ear
):
    on_disk, typed = "Mu\u0308ller GmbH", "Müller GmbH"
    stage = Stage(waiting=["1"])
    ticket = ticket_with(tmp_path, root=[], **{on_disk: [stage.client_passenger()]})
    (tmp_path / "prices.json").write_text("{}")
    ticket = ticket.model_copy(
        update={"external_config_files": [ExternalConfigFile(client_id=typed, file_id="prices", path="prices.json")]}
    )
    dispatcher = Dispatcher(ticket, ear)
    await dispatcher.start()
    await until(lambda: "orders" in ear.of("complete"))
    control = JsonFiles(DatabaseContext(folder=tmp_path, arguments=ticket.database_arguments)).holder()
    assert control is not None
    await asyncio.to_thread(command, control.control, "expedite", client_id=typed, client_passenger="orders")
    await until(lambda: ear.of("complete").count("orders") == 2)
    (row,) = (await dispatcher.read(lambda s: s.database.queue_rows(Query(client_id=typed)))).rows
    request = {"internal_id": row.internal_id, "step_name": "erp", "status": "incomplete"}
    ear.heard.clear()
    await asyncio.to_thread(command, control.control, "set_step", client_id=typed, **request)
    await until(lambda: (Change.QUEUE, on_disk) in ear.of("changed"))
    assert await dispatcher.read(lambda s: s.customizing.text(on_disk, "prices")) == "{}"
    text = json.dumps({"clients": [{"id": "root"}, {"id": typed}]})
    await dispatcher.change(lambda s: s.customizing.save("root", "__clients__", text), Change.CLIENTS)
    assert set(dispatcher.clients) == {"root", on_disk}
    await dispatcher.shut_down()


async def test_clients_that_some_systems_cannot_tell_apart_are_listed_and_may_not_be_added(tmp_path: Path, ear: Ear):
    ticket = ticket_with(tmp_path, root=[], demo=[], Demo=[])
    dispatcher = Dispatcher(ticket, ear)
    await dispatcher.start(paused=True)
    listed = await dispatcher.read(lambda s: s.customizing.text("root", "__clients__"))
    assert [item["id"] for item in json.loads(listed)["clients"]] == ["root", "Demo", "demo"]
    with pytest.raises(CustomizingError, match="'demo' is listed twice, once as 'Demo'"):
        await dispatcher.read(lambda s: s.customizing.save("root", "__clients__", listed))
    assert ear.of("failed") == []
    await dispatcher.shut_down()


async def test_a_second_dispatcher_is_refused_and_told_who_holds_the_data(
    ticket: DispatcherTicket, dispatcher: Dispatcher
):
    await dispatcher.start(paused=True)
    second = Dispatcher(ticket)
    with pytest.raises(DatabaseHeldError, match=r"databus \(process"):
        await second.start()
    assert second.state is DispatcherState.STOPPED


async def test_another_process_may_command_it_with_the_key_only(
    dispatcher: Dispatcher, ticket: DispatcherTicket, ear: Ear
):
    await dispatcher.start()
    await until(lambda: len(ear.of("complete")) == 6)
    database = JsonFiles(DatabaseContext(folder=ticket.folder, arguments=ticket.database_arguments))
    holder = database.holder()
    assert holder is not None
    await asyncio.to_thread(command, holder.control, "expedite", client_id="demo", client_passenger="route0")
    await until(lambda: ear.of("complete").count("route0") == 2)
    with pytest.raises(DispatcherError, match="no client passenger 'nobody'"):
        await asyncio.to_thread(command, holder.control, "expedite", client_id="demo", client_passenger="nobody")
    stranger = holder.control.rpartition(":")[0] + ":wrong"
    with pytest.raises(DispatcherError, match="cannot be reached"):
        await asyncio.to_thread(command, stranger, "expedite", client_id="demo", client_passenger="route0")


def test_the_control_socket_closes_right_after_a_stranger_was_turned_away() -> None:
    """Its thread is awake then, and may end before it is woken: nobody may wait for an answer of it."""
    for _ in range(100):
        listener = ControlListener(lambda request: {})
        with pytest.raises(DispatcherError, match="cannot be reached"):
            command(listener.address.rpartition(":")[0] + ":wrong", "expedite")
        closing = threading.Thread(target=listener.close, daemon=True)
        closing.start()
        closing.join(10)
        assert not closing.is_alive()


async def test_peek_shows_what_waits_and_consumes_nothing(dispatcher: Dispatcher, stages: list[Stage]):
    await dispatcher.start(paused=True)
    await dispatcher.drive("demo", "route0")
    stages[0].waiting = ["0-1", "2"]
    (shown,) = await dispatcher.peek("demo", "route0")
    assert [(item.passenger.external_id, bool(item.known)) for item in shown.items] == [("0-1", True), ("2", False)]
    assert shown.items[1].passenger.attachments[0].read_text() == "content of 2"
    assert stages[0].told == ["0-1"]
    assert stages[0].waiting == ["0-1", "2"]


async def test_export_copies_everything_pauses_meanwhile_and_doubles_nothing(
    tmp_path: Path, dispatcher: Dispatcher, stages: list[Stage], ear: Ear
):
    stages[0].waiting = [str(number) for number in range(60)]
    await dispatcher.start()
    await until(lambda: len(ear.of("complete")) == 6)
    progress: list[tuple[int, int]] = []
    arguments = {"database_dir": str(tmp_path / "copy")}
    module = "databus_core.database.json_files"
    copied = await dispatcher.export("demo", module, arguments, lambda done, total: progress.append((done, total)))
    assert copied == 65
    assert progress[-1] == (65, 65)
    assert dispatcher.state is DispatcherState.RUNNING
    assert DispatcherState.PAUSED in ear.of("state")
    assert await dispatcher.export("demo", module, arguments) == 0
    copy = JsonFiles(DatabaseContext(folder=tmp_path, arguments=arguments))
    copy.open(None)
    rows = copy.queue_rows(Query(client_id="demo", limit=1000)).rows
    originals = await dispatcher.read(lambda s: s.database.queue_rows(Query(client_id="demo", limit=1000)).rows)
    assert rows == originals
    assert copy.entry("demo", rows[0].internal_id).attachments[0].read_text().startswith("content of")
    assert copy.configuration("demo") == await dispatcher.read(lambda s: s.database.configuration("demo"))
    log_id = copy.entry("demo", rows[0].internal_id).log_ids[0]
    assert copy.log_entries("demo", log_id) == await dispatcher.read(lambda s: s.database.log_entries("demo", log_id))
    copy.close()


async def test_an_export_cancelled_while_it_waits_for_a_trip_lets_the_dispatcher_drive_on(
    tmp_path: Path, dispatcher: Dispatcher, stages: list[Stage]
):
    go = threading.Event()
    stages[0].on_pull = hang_until(go)
    await dispatcher.start()
    await until(lambda: bool(dispatcher.running))
    arguments = {"database_dir": str(tmp_path / "copy")}
    export = asyncio.create_task(dispatcher.export("demo", "databus_core.database.json_files", arguments))
    await until(lambda: dispatcher.state is DispatcherState.PAUSING)
    export.cancel()
    with pytest.raises(asyncio.CancelledError):
        await export
    assert dispatcher.state is DispatcherState.RUNNING
    go.set()


async def test_another_ticket_is_taken_into_force_and_saved(tmp_path: Path, dispatcher: Dispatcher, ear: Ear):
    await dispatcher.start()
    await until(lambda: len(ear.of("complete")) == 6)
    file = tmp_path / "ticket.json"
    await dispatcher.apply(DispatcherTicket.parse({"database_arguments": {"database_dir": "other"}}, file))
    assert dispatcher.state is DispatcherState.RUNNING
    assert json.loads(file.read_text()) == {"database_arguments": {"database_dir": "other"}}
    assert (tmp_path / "other" / "clients" / "root" / "config.json").exists()
    assert dispatcher.timetable() == []
    assert (Change.TICKET, "") in ear.of("changed") or await _hears(ear, (Change.TICKET, ""))


async def _hears(ear: Ear, change: tuple[Change, str]) -> bool:
    await until(lambda: change in ear.of("changed"))
    return True


@pytest.mark.parametrize(
    "wrong",
    [
        {"database_module": "no.such.engine"},
        {"database_arguments": {"database_dir": "/proc/nowhere"}},
        {"database_arguments": {"folder": "x"}},
        {"dispatcher_observer": "no.such.observer"},
        {"puller_factory": "databus_core.errors"},
    ],
)
async def test_a_ticket_that_cannot_be_taken_leaves_the_old_one_in_force(
    tmp_path: Path, dispatcher: Dispatcher, ticket: DispatcherTicket, wrong: dict[str, Any], ear: Ear
):
    await dispatcher.start()
    await until(lambda: len(ear.of("complete")) == 6)
    file = tmp_path / "ticket.json"
    before = file.read_text()
    with pytest.raises(DatabusError):
        await dispatcher.apply(DispatcherTicket.parse(wrong, file))
    assert dispatcher.ticket is ticket
    assert file.read_text() == before
    assert dispatcher.state is DispatcherState.RUNNING
    assert len(dispatcher.timetable()) == 6
    assert not (await dispatcher.drive("demo", "route0")).has_errors


async def test_where_the_old_database_cannot_be_opened_again_either_it_stops_and_can_be_started_later(
    tmp_path: Path, dispatcher: Dispatcher, ticket: DispatcherTicket, ear: Ear
):
    await dispatcher.start(paused=True)
    data, aside = tmp_path / "data", tmp_path / "aside"
    data.rename(aside)
    data.write_text("in the way")
    wrong = DispatcherTicket.parse({"database_arguments": {"database_dir": "/proc/nowhere"}}, tmp_path / "ticket.json")
    with pytest.raises(DispatcherError, match=r"holder.*\n.*has stopped; start it again .*data' cannot be made"):
        await dispatcher.apply(wrong)
    assert dispatcher.state is DispatcherState.STOPPED
    assert dispatcher.ticket is ticket
    with pytest.raises(DispatcherError, match="database is closed"):
        await dispatcher.read(lambda storage: storage.database.client_ids())
    data.unlink()
    aside.rename(data)
    await dispatcher.start()
    await until(lambda: len(ear.of("complete")) == 6)


async def test_a_damaged_configuration_can_be_repaired_in_the_app(tmp_path: Path, ear: Ear):
    stage = Stage(waiting=["1"])
    ticket = ticket_with(tmp_path, demo=[stage.client_passenger()])
    file = tmp_path / "data" / "clients" / "demo" / "config.json"
    right = file.read_text()
    file.write_text(right[:-2])
    file.chmod(0o600)
    dispatcher = Dispatcher(ticket, ear)
    await dispatcher.start()
    assert "config.json: line 1" in "\n".join(ear.of("failed"))
    assert [row.client_passenger.name for row in dispatcher.timetable()] == []
    shown = await dispatcher.read(lambda storage: storage.customizing.text("demo", "__databus__"))
    assert shown == right[:-2]
    await dispatcher.change(
        lambda storage: storage.customizing.save("demo", "__databus__", right, shown), Change.CUSTOMIZING, "demo"
    )
    await until(lambda: "orders" in ear.of("complete"))
    await dispatcher.shut_down()
    assert file.read_text() == right
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("paused", [True, False])
async def test_a_stop_during_the_start_ends_in_order(dispatcher: Dispatcher, ticket: DispatcherTicket, paused: bool):
    for turns in range(12):
        starting = asyncio.create_task(dispatcher.start(paused=paused))
        for _ in range(turns):
            await asyncio.sleep(0)
        await asyncio.sleep(0.001 * turns)
        await dispatcher.shut_down()
        await starting
        assert dispatcher.state is DispatcherState.STOPPED
        assert dispatcher.running == []
        database = JsonFiles(DatabaseContext(folder=ticket.folder, arguments=ticket.database_arguments))
        assert database.holder() is None


async def test_a_stop_during_a_change_of_the_ticket_ends_in_order(tmp_path: Path, dispatcher: Dispatcher):
    for turns in range(8):
        await dispatcher.start(paused=True)
        other = {"database_arguments": {"database_dir": f"other{turns}"}}
        applying = asyncio.create_task(dispatcher.apply(DispatcherTicket.parse(other, tmp_path / "ticket.json")))
        await asyncio.sleep(0.002 * turns)
        await dispatcher.shut_down()
        await asyncio.gather(applying, return_exceptions=True)
        assert dispatcher.state is DispatcherState.STOPPED
        arguments = dispatcher.ticket.database_arguments
        assert JsonFiles(DatabaseContext(folder=tmp_path, arguments=arguments)).holder() is None


async def test_peek_tells_what_the_puller_could_not_read(dispatcher: Dispatcher, stages: list[Stage]):
    await dispatcher.start(paused=True)

    def fail(external_id: str) -> None:
        raise ConnectionError("the mail server is away")

    stages[0].on_pull = fail
    (shown,) = await dispatcher.peek("demo", "route0")
    assert "the mail server is away" in shown.error


@pytest.mark.parametrize("option", ["sync_frequency", "queue_life_span"])
async def test_a_number_out_of_range_is_refused_by_name(tmp_path: Path, ear: Ear, option: str):
    good, bad = Stage(waiting=["1"]), Stage()
    routes = [bad.client_passenger("wrong") | {option: 1e300}, good.client_passenger("right")]
    dispatcher = Dispatcher(ticket_with(tmp_path, demo=routes), ear)
    await dispatcher.start()
    await until(lambda: "right" in ear.of("complete"))
    await dispatcher.shut_down()
    assert f"passengers[0].{option}: 1e+300 is not allowed" in "\n".join(ear.of("failed"))


@pytest.mark.parametrize("option", ["driver_module", "driver_factory", "queue_factory", "database_module"])
async def test_a_ticket_that_names_what_cannot_be_used_names_file_and_option(tmp_path: Path, option: str):
    file = tmp_path / "ticket.json"
    dispatcher = Dispatcher(DispatcherTicket.parse({option: "no.such"}, file))
    with pytest.raises(DatabusError, match=rf"ticket\.json: {option}: 'no\.such' is not allowed"):
        await dispatcher.start()
    assert dispatcher.state is DispatcherState.STOPPED


# Schedules ----------------------------------------------------------------------------------------------------------


async def test_a_paused_client_passenger_rests_over_a_restart_until_it_is_resumed(
    dispatcher: Dispatcher, ticket: DispatcherTicket, stages: list[Stage], ear: Ear
):
    await dispatcher.start(paused=True)
    await dispatcher.pause_route("demo", "route0")
    assert (Change.TRIPS, "demo") in ear.of("changed") or await _hears(ear, (Change.TRIPS, "demo"))
    await dispatcher.resume()
    await until(lambda: len(ear.of("complete")) == 5)
    await dispatcher.shut_down()
    again = Dispatcher(ticket, ear)
    await again.start()
    (row,) = (row for row in again.timetable() if row.client_passenger.name == "route0")
    assert (row.pause, row.next_due_at) == (RoutePause.EVERYTHING, None)
    for verb in (again.expedite, again.drive):
        with pytest.raises(DispatcherError, match=r"demo / route0 is paused; resume it first\."):
            await verb("demo", "route0")
    with pytest.raises(NotFoundError, match="no client passenger 'nobody'"):
        await again.pause_route("demo", "nobody")
    await asyncio.sleep(0.1)
    assert stages[0].pulls == 0
    await again.resume_route("demo", "route0")
    await until(lambda: "route0" in ear.of("complete"))
    assert stages[0].told == ["0-1"]
    await again.shut_down()


async def test_a_paused_intake_pulls_nothing_and_delivers_what_is_seated(dispatcher: Dispatcher, stages: list[Stage]):
    stages[0].on_push = lambda *_: NotYet("closed")
    stages[0].on_notify = lambda *_: 1 / 0
    await dispatcher.start(paused=True)
    await dispatcher.drive("demo", "route0")
    stages[0].on_push = stages[0].on_notify = lambda *_: None
    stages[0].waiting = ["later"]
    await dispatcher.pause_route("demo", "route0", intake_only=True)
    log = await dispatcher.drive("demo", "route0")
    lines = await dispatcher.read(lambda storage: storage.database.log_entries("demo", log.id).rows)
    assert "Intake is paused: nothing is pulled" in [line.message for line in lines]
    assert (stages[0].pulls, stages[0].told, stages[0].waiting) == (1, ["0-1"], ["later"])
    assert stages[0].pushed == [("erp", "0-1"), ("crm", "0-1")]
    await dispatcher.resume_route("demo", "route0")
    await dispatcher.drive("demo", "route0")
    assert ("crm", "later") in stages[0].pushed


async def test_a_trip_under_way_is_finished_when_its_client_passenger_is_paused(
    dispatcher: Dispatcher, stages: list[Stage], ear: Ear
):
    go = threading.Event()
    stages[0].on_push = hang_until(go)
    await dispatcher.start()
    await until(lambda: len(ear.of("complete")) == 5)
    await dispatcher.expedite("demo", "route0")
    await dispatcher.pause_route("demo", "route0")
    go.set()
    await until(lambda: not dispatcher.running)
    await asyncio.sleep(0.05)
    assert ear.of("complete").count("route0") == 1, "what was expedited before is forgotten"
    assert ("crm", "0-1") in stages[0].pushed


class Clock:
    """What everybody takes for the time: it can jump, as it does while a machine sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = timedelta()
        monkeypatch.setattr(clock, "source", lambda: datetime.now(UTC) + self.ahead)


async def test_what_was_missed_asleep_paused_and_stopped_is_in_the_ledger_and_made_up_for(
    tmp_path: Path, ear: Ear, monkeypatch: pytest.MonkeyPatch
):
    stage, time_of_day = Stage(), Clock(monkeypatch)
    every_hour = {"every": "1 h", "missed": {"all_up_to": 2}}
    ticket = ticket_with(tmp_path, demo=[stage.client_passenger(schedule=every_hour)])
    dispatcher = Dispatcher(ticket, ear)

    async def ledger() -> list[tuple[Absence, int, int]]:
        rows = await dispatcher.read(lambda storage: storage.database.missed("demo"))
        return [(row.why, row.count, row.made_up) for row in rows]

    await dispatcher.start()
    await until(lambda: stage.pulls == 1)
    await until(lambda: not dispatcher.running)
    time_of_day.ahead += timedelta(hours=5.5)
    dispatcher._traffic.look_again()  # in the machine, its own timer wakes it
    await until(lambda: stage.pulls == 3)
    await until(lambda: not dispatcher.running)
    assert await ledger() == [(Absence.ASLEEP, 5, 2)]
    await dispatcher.pause()
    time_of_day.ahead += timedelta(hours=1.5)
    await dispatcher.resume()
    await until(lambda: stage.pulls == 4)
    await dispatcher.pause()
    assert await ledger() == [(Absence.PAUSED, 1, 1), (Absence.ASLEEP, 5, 2)]
    await dispatcher.shut_down()
    time_of_day.ahead += timedelta(hours=72.5)
    await dispatcher.start()
    await until(lambda: stage.pulls == 6)
    await until(lambda: not dispatcher.running)
    assert (await ledger())[0] == (Absence.STOPPED, 72, 2)
    (row,) = dispatcher.timetable()
    assert row.next_due_at is not None
    assert row.next_due_at - clock.now() == pytest.approx(timedelta(hours=1), abs=timedelta(seconds=9))
    await dispatcher.shut_down()


async def test_trips_that_are_owed_for_missed_ones_are_made_over_restarts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    stage, time_of_day, going = Stage(waiting=["1"]), Clock(monkeypatch), threading.Event()
    stage.on_notify = lambda _: stage.waiting.append("1")  # it goes on offering it
    schedule = {"every": "1 h", "missed": {"all_up_to": 3}}
    ticket = ticket_with(tmp_path, demo=[stage.client_passenger(schedule=schedule, pushers=[], processors=[])])
    async with trips_driving(ticket) as dispatcher:
        await until(lambda: stage.pulls == 1 and not dispatcher.running)
        stage.on_pull = hang_until(going)
        time_of_day.ahead += timedelta(hours=5.5)
        dispatcher._traffic.look_again()
        await until(lambda: stage.pulls == 2)
        pausing = asyncio.create_task(dispatcher.pause())
        await until(lambda: dispatcher.state is DispatcherState.PAUSING)
        going.set()
        await pausing
    for pulls in (4, 4):
        async with trips_driving(ticket) as dispatcher:
            await until(lambda: stage.pulls == pulls and not dispatcher.running)  # noqa: B023 - it is called here
            await asyncio.sleep(0.2)
            assert stage.pulls == pulls
    time_of_day.ahead += timedelta(hours=2.5)
    async with trips_driving(ticket) as dispatcher:
        await until(lambda: stage.pulls == 6 and not dispatcher.running)


@asynccontextmanager
async def trips_driving(ticket: DispatcherTicket) -> AsyncIterator[Dispatcher]:
    """A dispatcher that drives inside."""
    dispatcher = Dispatcher(ticket)
    await dispatcher.start()
    try:
        yield dispatcher
    finally:
        await dispatcher.shut_down()


async def test_what_is_due_while_the_machine_is_always_off_is_made_up_for_though_it_never_travelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    stage, time_of_day = Stage(), Clock(monkeypatch)
    ticket = ticket_with(tmp_path, demo=[stage.client_passenger(schedule={"cron": "0 3 1 * *"})])
    dispatcher = Dispatcher(ticket)
    await dispatcher.start()
    await asyncio.sleep(0.1)
    await dispatcher.shut_down()
    assert stage.pulls == 0
    time_of_day.ahead += timedelta(days=33)
    await dispatcher.start()
    await until(lambda: stage.pulls == 1)
    rows = await dispatcher.read(lambda storage: storage.database.missed("demo"))
    assert [(row.why, row.made_up) for row in rows] == [(Absence.STOPPED, 1)]
    await dispatcher.shut_down()


async def test_a_client_has_no_more_trips_at_once_than_it_may(tmp_path: Path, ear: Ear):
    go, few, many = threading.Event(), [Stage(waiting=["1"]) for _ in range(3)], Stage(waiting=["1"])
    for stage in (*few, many):
        stage.on_push = hang_until(go)
    ticket = ticket_with(
        tmp_path,
        few=[stage.client_passenger(f"few{n}") for n, stage in enumerate(few)],
        many=[many.client_passenger("many")],
    )
    place = tmp_path / "data" / "clients" / "few" / "config.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"drivers_at_once": 1}))
    dispatcher = Dispatcher(ticket, ear)
    await dispatcher.start()
    await until(lambda: len(dispatcher.running) == 2)
    await asyncio.sleep(0.1)
    assert sorted(trip.client_id for trip in dispatcher.running) == ["few", "many"]
    go.set()
    await until(lambda: len(ear.of("complete")) == 4)
    await dispatcher.shut_down()


async def test_what_people_do_is_kept_in_the_audit(tmp_path: Path, ear: Ear):
    stage = Stage(waiting=["1"])
    ticket = ticket_with(tmp_path, root=[], demo=[stage.client_passenger()])
    dispatcher = Dispatcher(ticket, ear, program="the test")
    await dispatcher.start(paused=True)
    await dispatcher.resume()
    await dispatcher.resume()
    await dispatcher.expedite("demo", "orders")
    await until(lambda: bool(ear.of("complete")))
    await dispatcher.pause()
    await dispatcher.change(lambda storage: storage.queue("demo").purge(), Change.QUEUE, "demo", deed="purged")
    await dispatcher.export("demo", "databus_core.database.json_files", {"database_dir": "copy"})
    await dispatcher.apply(ticket)
    with pytest.raises(DatabusError):
        await dispatcher.change(lambda storage: storage.queue("demo").entry("no"), Change.QUEUE, "demo", deed="never")
    await dispatcher.shut_down()
    done, of_demo = audit(tmp_path / "data", "root"), audit(tmp_path / "data", "demo")
    assert [record.what for record in done] == ["shut down", "changed the ticket", "paused", "resumed"]
    assert {record.who.endswith("(the test)") for record in done} == {True}
    assert [record.what for record in of_demo] == ["exported", "purged", "expedited"]
    assert of_demo[-1].on == "orders"
    assert [record.what for record in audit(tmp_path / "copy", "demo")] == ["purged", "expedited"]


def audit(folder: Path, client_id: str) -> list[AuditRecord]:
    context = DatabaseContext(folder=folder.parent, arguments={"database_dir": folder.name})
    database = JsonFiles(context)
    database.open(None)
    try:
        return database.audit_rows(client_id).rows
    finally:
        database.close()
