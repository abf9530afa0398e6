"""The demo, driven by the toolbar of the real main window."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pytestqt.qtbot import QtBot

from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.observer import DispatcherState
from databus_gui.main_window import MainWindow
from databus_gui.pages.passengers import PassengersPage
from tests.support.program import invoke
from tests.support.window import LONG_MS, click

ORDERS = "orders by mail"


def order_numbers(folder: Path) -> Counter[str]:
    """How many lines of each order are in the table."""
    if not (folder / "orders.sqlite").exists():
        return Counter()
    with closing(sqlite3.connect(folder / "orders.sqlite")) as table:
        if not table.execute("select 1 from sqlite_master where name = 'order_lines'").fetchall():
            return Counter()
        return Counter(number for (number,) in table.execute("select order_no from order_lines"))


def choose(page: PassengersPage, name: str) -> None:
    """Choose the row of that client passenger."""
    rows = [page.model.row(number) for number in range(page.model.rowCount())]
    page.table.selectRow(next(number for number, row in enumerate(rows) if row is not None and row.route[1] == name))


def complete(page: PassengersPage, name: str) -> int:
    """How many complete ones the page counts of that client passenger."""
    rows = [page.model.row(number) for number in range(page.model.rowCount())]
    return next((row.counts.complete for row in rows if row is not None and row.route[1] == name), -1)


def test_toolbar_drives_the_demo_until_the_orders_are_there(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    def until(condition: Callable[[], object]) -> None:
        qtbot.waitUntil(lambda: bool(condition()), timeout=3 * LONG_MS)

    folder = tmp_path / "demo"
    assert invoke("new", str(folder), "--demo").exit_code == 0
    window = open_window(DispatcherTicket.load(folder / "ticket.json"), client_id="demo")
    dispatcher = window.session.dispatcher
    page = window.show_page("passengers")
    assert isinstance(page, PassengersPage)
    until(lambda: page.model.rowCount() == 3)
    assert order_numbers(folder) == Counter()

    click(qtbot, window, "shut_down")
    until(lambda: dispatcher.state is DispatcherState.STOPPED)
    click(qtbot, window, "start")
    until(lambda: order_numbers(folder).total() > 50)
    until(lambda: complete(page, ORDERS) == 12)
    click(qtbot, window, "pause")
    until(lambda: dispatcher.state is DispatcherState.PAUSED)
    assert dispatcher.running == []
    before = order_numbers(folder)

    again = (folder / "archive" / "01_simple.eml").read_bytes().replace(b"<demo-01", b"<another-01")
    (folder / "inbox" / "another.eml").write_bytes(again)
    click(qtbot, window, "resume")
    until(lambda: dispatcher.state is DispatcherState.RUNNING)
    choose(page, ORDERS)
    click(qtbot, window, "expedite")
    until(lambda: order_numbers(folder) != before and not dispatcher.running)
    added = order_numbers(folder) - before
    assert list(added) == ["4711"]
    assert added["4711"] == before["4711"] > 0
    until(lambda: complete(page, ORDERS) == 13)
    assert [file.name for file in (folder / "inbox").iterdir()] == ["13_damaged.eml"]
    assert page.error_bar.text == ""
    assert window.unexpected.details == ""
