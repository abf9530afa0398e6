"""The page Passengers, by clicks and keys."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction
from pytestqt.qtbot import QtBot

from databus_core.engine.storage import Storage
from databus_core.model.clock import now
from databus_core.model.missed import Absence, MissedTrips
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.observer import Change
from databus_gui.main_window import MainWindow
from databus_gui.pages.page import REFRESH_MS
from databus_gui.pages.passengers import PassengersPage
from databus_gui.slots import start
from tests.support.stage import Stage, hang_until, ticket_with
from tests.support.window import LONG_MS, action, at_rest, click, said


@pytest.fixture
def page(qtbot: QtBot, window: MainWindow) -> PassengersPage:
    page = window.show_page("passengers")
    assert isinstance(page, PassengersPage)
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)
    return page


def cells(page: PassengersPage, name: str) -> dict[str, str]:
    """What the row of that client passenger says, by column key."""
    for number in range(page.model.rowCount()):
        row = page.model.row(number)
        if row is not None and row.route[1] == name:
            return {column.key: column.text(row) for column in page.model.columns}
    return {}


def place(page: PassengersPage, name: str, column: str) -> QPoint:
    number = next(n for n in range(page.model.rowCount()) if page.model.row(n).route[1] == name)
    section = [each.key for each in page.model.columns].index(column)
    return page.table.visualRect(page.model.index(number, section)).center()


def test_a_client_passenger_that_never_travelled(page: PassengersPage) -> None:
    shown = cells(page, "orders")
    assert shown["schedule"] == "every hour"
    assert (shown["state"], shown["next"], shown["last"]) == ("at rest", "–", "never")
    assert (shown["waiting"], shown["failing"], shown["complete"]) == ("0", "0", "0")


def test_a_trip_shows_at_once(qtbot: QtBot, page: PassengersPage, stage: Stage, drive: Callable) -> None:
    stage.waiting = ["1", "2", "3"]

    def fail_for_2(role: str, passenger: object) -> None:
        if role == "erp" and passenger.external_id == "2":
            raise RuntimeError("no such customer")

    stage.on_push = fail_for_2
    drive()
    expected = {"complete": "2", "waiting": "0", "failing": "1", "result": "errors"}
    qtbot.waitUntil(lambda: expected.items() <= cells(page, "orders").items())
    assert cells(page, "orders")["last"] != "never"


def test_the_size_of_passengers_grows_and_shrinks_again(
    qtbot: QtBot, page: PassengersPage, window: MainWindow, stage: Stage, drive: Callable, run: Callable
) -> None:
    def size() -> int:
        return next(row.space.queue for row in map(page.model.row, range(2)) if row and row.route[1] == "orders")

    assert cells(page, "orders")["size"] == "0 bytes"
    stage.waiting = ["1", "2", "3"]
    drive()
    qtbot.waitUntil(lambda: cells(page, "orders")["complete"] == "3" and size() > 0)
    assert cells(page, "orders")["size"].endswith((" bytes", " KB"))
    assert page.whole_size.text().startswith("The whole database takes ")
    run(window.session.dispatcher.change(lambda storage: storage.queue("acme").purge(), Change.QUEUE, "acme"))
    qtbot.waitUntil(lambda: cells(page, "orders")["complete"] == "0" and size() == 0)


def test_next_trip_counts_down_while_the_dispatcher_runs(
    qtbot: QtBot, page: PassengersPage, window: MainWindow
) -> None:
    window.findChild(QAction, "resume").trigger()
    qtbot.waitUntil(lambda: cells(page, "orders")["next"].startswith("in 59:"), timeout=8000)
    first = cells(page, "orders")["next"]
    painted: list[object] = []
    page.model.dataChanged.connect(lambda *_: painted.append(1))
    qtbot.waitUntil(lambda: cells(page, "orders")["next"] not in {first, ""}, timeout=3000)
    qtbot.waitUntil(lambda: bool(painted), timeout=3000)


@pytest.mark.parametrize("by", ["double click", "Enter", "Ctrl+E"])
def test_expedite(qtbot: QtBot, page: PassengersPage, window: MainWindow, stage: Stage, by: str) -> None:
    window.findChild(QAction, "resume").trigger()
    after_the_first_trip = {"result": "fine", "state": "scheduled"}
    qtbot.waitUntil(lambda: after_the_first_trip.items() <= cells(page, "orders").items(), timeout=LONG_MS)
    stage.waiting = ["7"]
    viewport = page.table.viewport()
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=place(page, "orders", "passenger"))
    if by == "double click":
        qtbot.mouseDClick(viewport, Qt.MouseButton.LeftButton, pos=place(page, "orders", "passenger"))
    elif by == "Enter":
        qtbot.keyClick(page.table, Qt.Key.Key_Return)
    else:
        qtbot.waitUntil(lambda: window.findChild(QAction, "expedite").isEnabled())
        qtbot.keyClick(window, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: ("crm", "7") in stage.pushed)
    qtbot.waitUntil(lambda: cells(page, "orders")["complete"] == "1")


def test_a_running_trip_is_shown_travelling(
    qtbot: QtBot, page: PassengersPage, window: MainWindow, stage: Stage, loop
) -> None:
    go = threading.Event()
    stage.waiting, stage.on_push = ["1"], hang_until(go)
    loop.create_task(window.session.dispatcher.drive("acme", "orders"))
    qtbot.waitUntil(lambda: cells(page, "orders")["state"] == "travelling")
    go.set()
    qtbot.waitUntil(lambda: cells(page, "orders")["state"] == "at rest")


def test_click_on_a_number_opens_the_queue_filtered(
    qtbot: QtBot, page: PassengersPage, window: MainWindow, stage: Stage, drive: Callable
) -> None:
    def fail(role: str, passenger: object) -> None:
        raise RuntimeError("closed")

    stage.waiting, stage.on_push = ["1", "2"], fail
    drive()
    qtbot.waitUntil(lambda: cells(page, "orders")["failing"] == "2")
    qtbot.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=place(page, "orders", "failing"))
    assert window.page.name == "queue"
    bar = window.page.filter_bar
    assert (bar.chips.value, bar.passenger.name) == ("failing", "orders")
    qtbot.waitUntil(lambda: window.page.model.total == 2)


def test_click_on_the_result_of_the_last_trip_opens_its_log(
    qtbot: QtBot, page: PassengersPage, window: MainWindow, drive: Callable
) -> None:
    log = drive()
    qtbot.waitUntil(lambda: cells(page, "orders")["result"] == "fine")
    qtbot.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=place(page, "orders", "result"))
    assert window.page.name == "logs"
    qtbot.waitUntil(lambda: window.page.content.log_id == log.id)


def test_a_number_of_nothing_leads_nowhere(qtbot: QtBot, page: PassengersPage, window: MainWindow) -> None:
    qtbot.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=place(page, "orders", "failing"))
    assert window.page.name == "passengers"


def test_root_sees_every_client(qtbot: QtBot, open_window: Callable[..., MainWindow], ticket: DispatcherTicket) -> None:
    window = open_window(ticket, client_id="root")
    page = window.show_page("passengers")
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)
    assert not page.table.isColumnHidden(0)
    assert {page.model.row(number).route for number in range(2)} == {("acme", "orders"), ("acme", "invoices")}
    window.session.choose_client("acme")
    qtbot.waitUntil(lambda: page.table.isColumnHidden(0))


def test_a_client_without_passengers_says_what_to_do(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path
) -> None:
    window = open_window(ticket_with(tmp_path, root=[]), client_id="root")
    page = window.show_page("passengers")
    qtbot.waitUntil(lambda: page.model.total == 0)
    assert "Customizing" in page.table.empty_text


def test_a_hidden_page_reads_nothing_and_is_up_to_date_when_shown(
    qtbot: QtBot, page: PassengersPage, window: MainWindow, stage: Stage, drive: Callable
) -> None:
    qtbot.waitUntil(lambda: at_rest(page))
    window.show_page("about")
    fetched: list[int] = []
    page.model.loaded.connect(lambda: fetched.append(1))
    stage.waiting = ["1"]
    drive()
    qtbot.waitUntil(lambda: page._dirty)  # it has heard of the trip
    qtbot.wait(2 * REFRESH_MS)
    assert fetched == []
    window.show_page("passengers")
    qtbot.waitUntil(lambda: cells(page, "orders")["complete"] == "1")


def test_nothing_is_scheduled_once_the_dispatcher_is_shut_down(
    qtbot: QtBot, page: PassengersPage, window: MainWindow
) -> None:
    click(qtbot, window, "resume")
    qtbot.waitUntil(lambda: cells(page, "orders")["state"] == "scheduled", timeout=LONG_MS)
    painted: list[object] = []
    click(qtbot, window, "shut_down")
    qtbot.waitUntil(action(window, "start").isEnabled, timeout=LONG_MS)
    page.model.dataChanged.connect(lambda *_: painted.append(1))
    assert (cells(page, "orders")["state"], cells(page, "orders")["next"]) == ("at rest", "–")
    qtbot.waitUntil(lambda: bool(painted))


# Schedules and pauses -----------------------------------------------------------------------------------------------


def choose(qtbot: QtBot, page: PassengersPage, name: str, text: str) -> None:
    """Take an action from the menu of a client passenger."""
    qtbot.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=place(page, name, "passenger"))
    (found,) = (each for each in page.table.row_actions() if each.text() == text)
    assert found.isEnabled()
    found.trigger()


def offered(page: PassengersPage) -> set[str]:
    return {each.text() for each in page.table.row_actions() if each.isEnabled()}


def tip(page: PassengersPage, name: str, column: str) -> str:
    (row,) = (row for n in range(page.model.rowCount()) if (row := page.model.row(n)).route[1] == name)
    (found,) = (each for each in page.model.columns if each.key == column)
    return found.tooltip(row)


def test_a_client_passenger_is_paused_and_resumed_from_its_menu(
    qtbot: QtBot, page: PassengersPage, window: MainWindow
) -> None:
    window.findChild(QAction, "resume").trigger()
    qtbot.waitUntil(lambda: cells(page, "orders")["state"] == "scheduled", timeout=LONG_MS)
    choose(qtbot, page, "orders", "Pause")
    qtbot.waitUntil(lambda: cells(page, "orders")["state"] == "paused")
    assert said(window) == "1 client passenger is paused"
    assert (cells(page, "orders")["next"], cells(page, "invoices")["state"]) == ("–", "scheduled")
    assert tip(page, "orders", "next") == "It is paused until somebody resumes it."
    assert {"Expedite", "Pause"}.isdisjoint(offered(page))
    choose(qtbot, page, "orders", "Pause only the intake")
    qtbot.waitUntil(lambda: cells(page, "orders")["state"] == "intake paused")
    assert cells(page, "orders")["next"].startswith("in ")
    assert {"Expedite", "Pause", "Resume"} <= offered(page)
    choose(qtbot, page, "orders", "Resume")
    qtbot.waitUntil(lambda: cells(page, "orders")["state"] == "scheduled")
    assert "Resume" not in offered(page)
    assert page.error_bar.text == ""


def test_what_cannot_be_expedited_says_so(qtbot: QtBot, page: PassengersPage, window: MainWindow) -> None:
    window.findChild(QAction, "resume").trigger()
    qtbot.waitUntil(lambda: cells(page, "orders")["state"] == "scheduled", timeout=LONG_MS)
    choose(qtbot, page, "orders", "Pause")
    qtbot.waitUntil(lambda: cells(page, "orders")["state"] == "paused")
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.error_bar.text == "acme / orders is paused; resume it first.")


def test_a_schedule_is_told_with_its_next_five_times_and_what_was_missed(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path, stage: Stage
) -> None:
    nightly = stage.client_passenger("nightly", schedule={"cron": "30 3 * * *", "zone": "UTC", "missed": "skip"})
    hourly = stage.client_passenger("hourly", sync_frequency=60)
    window = open_window(ticket_with(tmp_path, root=[], acme=[nightly, hourly]))
    page = window.show_page("passengers")
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)
    assert cells(page, "nightly")["schedule"] == "at 03:30 every day, clocks of UTC"
    first, *lines = tip(page, "nightly", "schedule").splitlines()
    assert first == "At 03:30 every day, clocks of UTC; trips that are missed are left out."
    assert lines[1] == "The next times, if it travelled:"
    assert len({datetime.strptime(line.strip(), "%a %Y-%m-%d %H:%M:%S").astimezone() for line in lines[2:]}) == 5
    row = MissedTrips("nightly", now() - timedelta(days=3), now(), Absence.ASLEEP, 3, 0)

    def miss(storage: Storage) -> None:
        storage.database.append_missed("acme", [row])

    start(page, window.session.change(miss, Change.TRIPS))
    qtbot.waitUntil(lambda: "3 trips since" in tip(page, "nightly", "schedule"))
    assert tip(page, "nightly", "schedule").endswith(": the machine slept; left out")
    assert "Missed" not in tip(page, "hourly", "schedule")


def test_schedules_are_sorted_by_how_often_they_come(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path, stage: Stage
) -> None:
    schedules = {"b": {"every": "2 h"}, "c": {"cron": "0 7 * * *"}, "a": {"every": "30 s"}}
    routes = [stage.client_passenger(name, schedule=schedule) for name, schedule in schedules.items()]
    page = open_window(ticket_with(tmp_path, root=[], acme=routes)).show_page("passengers")
    qtbot.waitUntil(lambda: page.model.rowCount() == 3)
    page.model.sort([each.key for each in page.model.columns].index("schedule"))
    order = lambda: [page.model.row(n).route[1] for n in range(3) if page.model.row(n)]  # noqa: E731
    qtbot.waitUntil(lambda: order() == ["a", "b", "c"])


def test_a_pusher_that_is_spared_is_shown_with_its_reason(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path, stage: Stage, run: Callable
) -> None:
    crm = stage.pusher("crm", breaker={"failures": 1, "wait": "1 h"})
    window = open_window(ticket_with(tmp_path / "breaker", acme=[stage.client_passenger(pushers=[crm])], root=[]))
    page = window.show_page("passengers")
    assert isinstance(page, PassengersPage)
    qtbot.waitUntil(lambda: page.model.total == 1)
    stage.waiting, stage.on_push = ["1"], lambda *_: 1 / 0
    run(window.session.dispatcher.drive("acme", "orders"))
    qtbot.waitUntil(lambda: cells(page, "orders")["state"] == "breaker open")
    state = next(column for column in page.model.columns if column.key == "state")
    assert state.tooltip is not None
    told = state.tooltip(page.model.row(0))
    assert told.startswith("crm is spared since 20")
    assert told.endswith(": ZeroDivisionError: division by zero")
    stage.on_push = lambda *_: None
    run(window.session.dispatcher.drive("acme", "orders"))
    qtbot.waitUntil(lambda: cells(page, "orders")["state"] == "at rest")
