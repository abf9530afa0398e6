"""Events reach the window in batches, in order, with nothing lost."""

from __future__ import annotations

import time

from pytestqt.qtbot import QtBot

from databus_core.model.client import Client, ClientPassenger
from databus_core.model.log import Log, MessageType
from databus_core.plugins.observer import Change, DispatcherState
from databus_gui.signals import DispatcherSignals, SignalObserver


def log_with_entries(number: int) -> Log:
    log = Log("demo", "orders")
    for line in range(number):
        log.append("puller", MessageType.INFO, f"line {line}")
    return log


def test_burst_of_log_lines_is_one_signal_with_all_of_them(qtbot: QtBot) -> None:
    signals = DispatcherSignals()
    observer = SignalObserver(signals)
    log, other = log_with_entries(500), log_with_entries(3)
    got: list[tuple[Log, list[str]]] = []
    signals.log_appended.connect(lambda log, entries: got.append((log, [entry.message for entry in entries])))

    for entry in log.entries:
        observer.log_appended(log, [entry])
    observer.log_appended(other, other.entries)

    qtbot.waitUntil(lambda: bool(got))
    assert [(each, len(lines)) for each, lines in got] == [(log, 500), (other, 3)]
    assert got[0][1] == [entry.message for entry in log.entries]


def test_batches_come_at_most_thirty_times_a_second(qtbot: QtBot) -> None:
    signals = DispatcherSignals()
    observer = SignalObserver(signals)
    log, times, lines = log_with_entries(1), [], []
    signals.log_appended.connect(lambda _log, entries: (times.append(time.monotonic()), lines.extend(entries)))

    end, written = time.monotonic() + 30, 0
    while len(times) < 25 and time.monotonic() < end:
        observer.log_appended(log, log.entries)
        written += 1
        qtbot.wait(1)

    qtbot.waitUntil(lambda: len(lines) == written)
    assert (len(times) - 1) / (times[-1] - times[0]) < 33, "a gap may be short after one that the machine made long"


def test_order_of_different_events_is_kept(qtbot: QtBot) -> None:
    signals = DispatcherSignals()
    observer = SignalObserver(signals)
    log, client, passenger = log_with_entries(2), Client(), ClientPassenger(name="orders")
    heard: list[str] = []
    signals.state_changed.connect(heard.append)
    signals.trip_started.connect(lambda *_: heard.append("started"))
    signals.log_appended.connect(lambda _log, entries: heard.append(f"{len(entries)} lines"))
    signals.trip_complete.connect(lambda *_: heard.append("complete"))
    signals.failed.connect(heard.append)

    observer.state_changed(DispatcherState.RUNNING)
    observer.trip_started(client, passenger, log)
    observer.log_appended(log, log.entries[:1])
    observer.log_appended(log, log.entries[1:])
    observer.trip_complete(client, passenger, log)
    observer.failed("disk nearly full")

    qtbot.waitUntil(lambda: len(heard) == 5)
    assert heard == ["running", "started", "2 lines", "complete", "disk nearly full"]


def test_the_same_change_is_told_once_a_batch(qtbot: QtBot) -> None:
    signals = DispatcherSignals()
    observer = SignalObserver(signals)
    heard: list[tuple[Change, str]] = []
    signals.changed.connect(lambda change, client_id: heard.append((change, client_id)))

    for _ in range(100):
        observer.changed(Change.QUEUE, "demo")
        observer.changed(Change.QUEUE, "other")
        observer.changed(Change.LOGS, "demo")

    qtbot.waitUntil(lambda: len(heard) >= 3)
    assert heard == [(Change.QUEUE, "demo"), (Change.QUEUE, "other"), (Change.LOGS, "demo")]
    observer.changed(Change.QUEUE, "demo")
    qtbot.waitUntil(lambda: len(heard) == 4)
