"""Trips in child processes: what a plug-in that crashes, hangs or eats memory does, and to whom."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from databus_core import Dispatcher, DispatcherTicket, Log
from databus_core.errors import DispatcherError, NotFoundError
from databus_core.model.client import ClientPassenger
from databus_core.model.log import MessageType
from databus_core.model.query import Query
from tests.core.test_dispatcher import Ear, until
from tests.support.engines import JSON_FILES, REPOSITORY, SQLITE, Engine
from tests.support.program import in_process, running
from tests.support.risky import CLIENT, ROUTE, calls, direct, offer, ticket_in

Drive = Callable[[], Any]


@pytest.fixture
def ear() -> Ear:
    return Ear()


class Started:
    """Dispatchers of one test, shut down at its end."""

    def __init__(self, ear: Ear) -> None:
        self._ear = ear
        self.dispatchers: list[Dispatcher] = []

    async def __call__(self, ticket: DispatcherTicket, **options: Any) -> Dispatcher:
        dispatcher = Dispatcher(ticket, self._ear, **options)
        self.dispatchers.append(dispatcher)
        await dispatcher.start(paused=True)
        return dispatcher


@pytest.fixture
async def started(ear: Ear) -> AsyncIterator[Started]:
    started = Started(ear)
    yield started
    for dispatcher in started.dispatchers:
        await dispatcher.shut_down(leave=True)


def errors(log: Log) -> list[str]:
    return [entry.message for entry in log.errors]


def children() -> list[int]:
    """Processes of trips that this process, or one that is gone, started."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                command = (entry / "cmdline").read_bytes()
                mine = (entry / "environ").read_bytes()
            except OSError:
                continue
            if b"databus_core.engine.child" in command and os.environ["PYTEST_CURRENT_TEST"].encode() in mine:
                found.append(int(entry.name))
    return found


async def step_error(dispatcher: Dispatcher, name: str = "a") -> tuple[str, int]:
    """The error of the first step that failed, and how often it was tried."""

    def read(storage: Any) -> tuple[str, int]:
        row = next(r for r in storage.database.queue_rows(Query(client_id=CLIENT)).rows if r.external_id == name)
        failing = storage.database.entry(CLIENT, row.internal_id).failing
        return ("", 0) if failing is None else (failing.error, failing.attempts)

    return await dispatcher.read(read)


@pytest.mark.parametrize("engine", [JSON_FILES, SQLITE], ids=str)
async def test_a_trip_in_a_process_is_the_same_to_everybody(
    tmp_path: Path, started: Started, ear: Ear, engine: Engine
) -> None:
    heard: dict[str, list[Any]] = {}
    for isolation in ("process", "thread"):
        folder = tmp_path / isolation
        folder.mkdir()
        dispatcher = await started(ticket_in(folder, "a", "b", engine=engine, isolation=isolation))
        ear.heard.clear()
        log = await dispatcher.drive(CLIENT, ROUTE)
        record = dispatcher.timetable()[0].last_trip
        assert record is not None
        assert (record.log_id, record.seated, record.processed, record.pushed) == (log.id, 2, 2, 2)
        assert (folder / "target" / "a").read_text() == "content of a+stamp"
        stored = await dispatcher.read(lambda storage, log=log: storage.database.log_entries(CLIENT, log.id).rows)
        assert stored == log.entries
        lines = [line for some in ear.of("lines") for line in some]
        assert lines == [entry.message for entry in log.entries]
        ids = sorted({word for line in lines for word in line.split() if word.startswith("(01")})
        heard[isolation] = [
            [line if "process" not in line else line.rpartition(" ")[0] for line in lines],
            list(dict.fromkeys(what for what, _ in ear.heard)),
            len(ids),
        ]
        where = {line.rpartition(" ")[2] for line in lines if "in process" in line}
        assert (where == {str(os.getpid())}) == (isolation == "thread")
        await dispatcher.shut_down()
    assert [len(each) for each in heard["process"][:1]] == [len(each) for each in heard["thread"][:1]]
    assert heard["process"][1:] == heard["thread"][1:]


async def test_a_child_is_used_again_and_has_neither_window_nor_database(tmp_path: Path, started: Started) -> None:
    dispatcher = await started(ticket_in(tmp_path, "a"))
    direct(tmp_path, "erp", "modules")
    first = await dispatcher.drive(CLIENT, ROUTE)
    assert "loaded: []" in [entry.message for entry in first.entries if entry.module == "output"]
    (before,) = children()
    offer(tmp_path, "b")
    await dispatcher.drive(CLIENT, ROUTE)
    assert children() == [before]
    await dispatcher.shut_down()
    assert children() == []


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("exit 3", "its process ended itself with exit code 3"),
        ("signal SIGSEGV", "its process was ended by SIGSEGV"),
        ("signal SIGKILL", "its process was ended by SIGKILL"),
    ],
)
async def test_a_crash_is_an_error_of_its_trip_and_nothing_else(
    tmp_path: Path, started: Started, deed: str, words: str
) -> None:
    dispatcher = await started(ticket_in(tmp_path, "a", "b"))
    direct(tmp_path, "erp", f"{deed} for a")
    log = await dispatcher.drive(CLIENT, ROUTE)
    assert log.worst is MessageType.ERROR
    assert any(line.startswith("The trip ended early while erp was pushing files - a (") for line in errors(log))
    assert words in errors(log)[-1]
    if "SEGV" in deed:
        assert any("in push" in entry.message for entry in log.entries if entry.module == "output")
    error, attempts = await step_error(dispatcher)
    assert error.startswith(f"pushing failed: {words}")
    assert attempts == 1
    record = dispatcher.timetable()[0].last_trip
    assert record is not None
    assert (record.seated, record.failed, record.worst) == (2, 1, MessageType.ERROR)
    direct(tmp_path, "erp", "")
    assert not (await dispatcher.drive(CLIENT, ROUTE)).has_errors
    assert sorted(path.name for path in (tmp_path / "target").iterdir()) == ["a", "b"]


async def test_a_crash_of_a_puller_is_said_too(tmp_path: Path, started: Started) -> None:
    dispatcher = await started(ticket_in(tmp_path, "a"))
    direct(tmp_path, "shop", "exit 7")
    log = await dispatcher.drive(CLIENT, ROUTE)
    assert errors(log)[0] == "pulling failed: its process ended itself with exit code 7"
    assert errors(log)[1].startswith("The trip ended early while shop was pulling: its process")


@pytest.mark.parametrize("isolation", ["process", "thread"])
async def test_a_call_that_takes_too_long_is_ended(tmp_path: Path, started: Started, isolation: str) -> None:
    dispatcher = await started(ticket_in(tmp_path, "a", "b", isolation=isolation, call_time_limit="1 s"))
    direct(tmp_path, "erp", "hang 20 for a" if isolation == "thread" else "stuck for a")
    begun = time.monotonic()
    log = await dispatcher.drive(CLIENT, ROUTE)
    assert time.monotonic() - begun < 15
    assert "while erp was pushing files - a (" in errors(log)[-1]
    assert errors(log)[-1].endswith("it took longer than its time limit of 1 s")
    error, attempts = await step_error(dispatcher)
    assert error == "pushing failed: it took longer than its time limit of 1 s"
    assert attempts == 1
    direct(tmp_path, "erp", "")
    again = await asyncio.wait_for(dispatcher.drive(CLIENT, ROUTE), 20)
    assert not again.has_errors, "what the trip that was left held is free"
    assert sorted(path.name for path in (tmp_path / "target").iterdir()) == ["a", "b"]


async def test_a_plug_in_that_was_left_in_its_thread_changes_nothing_any_more(tmp_path: Path, started: Started) -> None:
    dispatcher = await started(ticket_in(tmp_path, "a", isolation="thread", call_time_limit="0.5 s"))
    direct(tmp_path, "stamp", "hang 3")
    log = await dispatcher.drive(CLIENT, ROUTE)
    length = log.length
    await asyncio.sleep(3.5)
    assert calls(tmp_path, "erp") == []
    error, _ = await step_error(dispatcher)
    assert "time limit" in error
    stored = await dispatcher.read(lambda storage: storage.database.log_entries(CLIENT, log.id).rows)
    assert len(stored) == length


async def test_a_process_that_takes_too_much_memory_is_ended(tmp_path: Path, started: Started) -> None:
    dispatcher = await started(ticket_in(tmp_path, "a", isolation="auto", memory_limit="200 MB"))
    direct(tmp_path, "erp", "eat 1500")
    log = await dispatcher.drive(CLIENT, ROUTE)
    assert "of memory, and 200.0 MB are allowed" in errors(log)[-1]
    error, _ = await step_error(dispatcher)
    assert "of memory, and 200.0 MB are allowed" in error


async def test_a_plug_in_that_keeps_crashing_is_quarantined_until_a_person_releases_it(
    tmp_path: Path, started: Started
) -> None:
    ticket = ticket_in(tmp_path, "a")
    dispatcher = await started(ticket)
    direct(tmp_path, "erp", "exit 3")
    for number in range(3):
        assert await dispatcher.quarantined(CLIENT) == {}, number
        log = await dispatcher.drive(CLIENT, ROUTE)
    assert list(await dispatcher.quarantined(CLIENT)) == ["erp"]
    assert any("erp is in quarantine since" in line for line in errors(log))
    await dispatcher.shut_down()
    again = await started(ticket)
    offer(tmp_path, "b")
    log = await again.drive(CLIENT, ROUTE)
    assert calls(tmp_path, "erp") == ["a"] * 3
    assert calls(tmp_path, "stamp") == ["a", "b"], "the others go on"
    assert any("it crashed 3 times in a row" in line for line in errors(log))
    error, attempts = await step_error(again)
    assert "When that is cured, a person releases it." in error
    assert attempts == 3
    with pytest.raises(NotFoundError, match="there are: erp"):
        await again.release(CLIENT, "crm")
    assert await again.release(CLIENT, "erp") == "erp"
    direct(tmp_path, "erp", "")
    assert not (await again.drive(CLIENT, ROUTE)).has_errors
    assert await again.quarantined(CLIENT) == {}


async def test_crashes_are_counted_only_in_a_row(tmp_path: Path, started: Started) -> None:
    dispatcher = await started(ticket_in(tmp_path, "a"))
    for number in range(5):
        direct(tmp_path, "erp", "exit 3")
        await dispatcher.drive(CLIENT, ROUTE)
        direct(tmp_path, "erp", "")
        assert not (await dispatcher.drive(CLIENT, ROUTE)).has_errors
        offer(tmp_path, f"n{number}")
    assert await dispatcher.quarantined(CLIENT) == {}


@pytest.mark.parametrize("isolation", ["process", "thread"])
async def test_halting_ends_a_trip(tmp_path: Path, started: Started, isolation: str) -> None:
    dispatcher = await started(ticket_in(tmp_path, "a", isolation=isolation))
    direct(tmp_path, "erp", "hang 60")
    trip = asyncio.create_task(dispatcher.drive(CLIENT, ROUTE))
    await until(lambda: calls(tmp_path, "erp"), 30)
    dispatcher.halt(CLIENT, ROUTE, "the test")
    log = await asyncio.wait_for(trip, 10)
    assert errors(log)[-1].startswith("The trip was halted by the test after ")
    assert (await step_error(dispatcher)) == ("", 0), "nobody is to blame"
    with pytest.raises(DispatcherError, match="does not travel now"):
        dispatcher.halt(CLIENT, ROUTE)
    direct(tmp_path, "erp", "")
    assert not (await asyncio.wait_for(dispatcher.drive(CLIENT, ROUTE), 20)).has_errors
    assert (tmp_path / "target" / "a").exists()


async def test_where_a_trip_runs_by_default(tmp_path: Path, started: Started) -> None:
    for name, isolate, options, process in (
        ("headless", False, {}, False),
        ("window", True, {}, True),
        ("limited", False, {"memory_limit": "1 GB"}, True),
        ("wished", True, {"isolation": "thread"}, False),
    ):
        folder = tmp_path / name
        folder.mkdir()
        dispatcher = await started(ticket_in(folder, "a", **({"isolation": "auto"} | options)), isolate=isolate)
        log = await dispatcher.drive(CLIENT, ROUTE)
        here = any(entry.message.endswith(f"in process {os.getpid()}") for entry in log.entries)
        assert here is not process, name


async def test_what_travels_keeps_its_attachments(tmp_path: Path, started: Started) -> None:
    dispatcher = await started(ticket_in(tmp_path))
    large = os.urandom(5 << 20)
    (tmp_path / "source" / "large").write_bytes(large)
    (tmp_path / "source" / "empty").write_bytes(b"")
    assert not (await dispatcher.drive(CLIENT, ROUTE)).has_errors
    assert (tmp_path / "target" / "large").read_bytes() == large + b"+stamp"
    assert (tmp_path / "target" / "empty").read_bytes() == b"+stamp"


def run_dispatcher(folder: Path, **options: Any) -> subprocess.Popen[bytes]:
    """`databus run` in a process of its own."""
    command = [sys.executable, "-c", "from databus_core.cli import app; app()", "run", str(folder / "ticket.json")]
    return subprocess.Popen(command, cwd=REPOSITORY, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, **options)


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    until_ = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until_, "it never came so"
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("deed", ["hang 60", "stuck"])
def test_no_child_outlives_a_dispatcher_that_is_killed(tmp_path: Path, deed: str) -> None:
    ticket_in(tmp_path, "a")
    direct(tmp_path, "erp", deed)
    with run_dispatcher(tmp_path) as process:
        wait_for(lambda: calls(tmp_path, "erp"))
        assert children()
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_for(lambda: not children(), 5)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("isolation", ["process", "thread"])
def test_a_plug_in_that_hangs_does_not_keep_the_dispatcher_alive(tmp_path: Path, isolation: str) -> None:
    ticket_in(tmp_path, "a", isolation=isolation)
    direct(tmp_path, "erp", "hang 60")
    with run_dispatcher(tmp_path) as process:
        wait_for(lambda: calls(tmp_path, "erp"))
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert process.poll() is None, "the first signal lets the trip finish"
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 1, "the trip had errors"
        assert time.monotonic() - begun < 40
    wait_for(lambda: not children())


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_shutting_down_lets_the_trip_in_a_process_finish(tmp_path: Path) -> None:
    ticket_in(tmp_path, "a", "b")
    direct(tmp_path, "erp", "hang 1")
    with run_dispatcher(tmp_path) as process:
        wait_for(lambda: calls(tmp_path, "erp"))
        os.kill(children()[0], signal.SIGTERM)  # as systemd does, which tells every process of a service
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert sorted(path.name for path in (tmp_path / "target").iterdir()) == ["a", "b"]
    wait_for(lambda: not children())


# Commands -----------------------------------------------------------------------------------------------------------


def test_halt_and_release_by_command(tmp_path: Path) -> None:
    ticket_in(tmp_path, "a")
    direct(tmp_path, "erp", "hang 60")
    with run_dispatcher(tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: calls(tmp_path, "erp"))
        halted = in_process(tmp_path, "halt", CLIENT, ROUTE)
        assert "is halted" in halted.stdout
        wait_for(lambda: in_process(tmp_path, "halt", CLIENT, ROUTE).exit_code == 2)
        assert "does not travel now" in in_process(tmp_path, "halt", CLIENT, ROUTE).stderr
        direct(tmp_path, "erp", "exit 3")
        for number in range(3):
            assert in_process(tmp_path, "expedite", CLIENT, ROUTE).exit_code == 0
            wait_for(lambda number=number: len(calls(tmp_path, "erp")) == 2 + number)
        wait_for(lambda: "in quarantine since" in in_process(tmp_path, "release", CLIENT).stdout)
        assert "erp is called again" in in_process(tmp_path, "release", CLIENT, "erp").stdout
        assert "no plug-in in quarantine" in in_process(tmp_path, "release", CLIENT).stdout
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert "there are: none" in in_process(tmp_path, "release", CLIENT, "erp").stderr, "also without a dispatcher"


def test_run_safe_drives_nothing(tmp_path: Path) -> None:
    ticket_in(tmp_path, "a")
    with running(tmp_path, "run", "--safe") as process:
        assert process.stdout is not None
        assert "is open, and nothing is driven (--safe)" in process.stdout.readline()
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert calls(tmp_path, "shop") == []
    refused = in_process(tmp_path, "run", "--safe", "--once")
    assert refused.exit_code == 2
    assert "one of them is allowed" in refused.stderr


# Configuration ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"isolation": "jail"}, "'auto', 'process' or 'thread'"),
        ({"memory_limit": "much"}, "no size: write a number of bytes, or a number and a unit"),
        ({"memory_limit": "500 MB", "isolation": "thread"}, "memory_limit needs a process of its own"),
        ({"call_time_limit": "soon"}, "'soon' is no span of time; write a number with ms, s, min, h or d"),
    ],
)
def test_limits_that_cannot_be_are_refused_in_words(options: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(words)):
        ClientPassenger(name="orders", **options)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("30 s", 30), ("5 min", 300), ("1 h", 3600), ("2 hours", 7200), ("1.5", 1.5), (30, 30), (0.5, 0.5)],
)
def test_durations(value: Any, seconds: float) -> None:
    limit = ClientPassenger(name="orders", call_time_limit=value).call_time_limit
    assert limit is not None
    assert limit.total_seconds() == seconds


async def test_what_a_slow_puller_gave_is_delivered_while_it_waits_for_more(tmp_path: Path, started: Started):
    dispatcher = await started(ticket_in(tmp_path, "a", "b"))
    (tmp_path / "do-shop").write_text("hang 5 for b")
    driving = asyncio.create_task(dispatcher.drive(CLIENT, ROUTE))
    await until((tmp_path / "target" / "a").exists)
    assert not (tmp_path / "source" / "a").exists(), "its source was told"
    assert not driving.done()
    assert errors(await driving) == []
    assert (tmp_path / "target" / "b").exists()


async def test_who_crashes_beside_a_slow_puller_is_to_blame_and_not_the_puller(tmp_path: Path, started: Started):
    dispatcher = await started(ticket_in(tmp_path, "a", "b"))
    (tmp_path / "do-shop").write_text("hang 20 for b")
    (tmp_path / "do-erp").write_text("signal SIGSEGV")
    log = await dispatcher.drive(CLIENT, ROUTE)
    assert "ended early while erp was pushing" in "\n".join(errors(log))
