"""The page Passengers, by clicks and keys."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction
from pytestqt.qtbot import QtBot

from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.observer import Change
from databus_gui.main_window import MainWindow
from databus_gui.pages.page import REFRESH_MS
from databus_gui.pages.passengers import PassengersPage
from tests.support.stage import Stage, hang_until, ticket_with
from tests.support.window import LONG_MS, action, at_rest, click


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
