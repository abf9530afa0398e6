"""The page Passengers where trips run in processes of their own: halting one, and plug-ins in quarantine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from databus_gui.loop import FairLoop
from databus_gui.main_window import MainWindow
from databus_gui.pages.passengers import PassengersPage
from tests.support.risky import CLIENT, ROUTE, calls, direct, ticket_in
from tests.support.window import LONG_MS, action, said


@pytest.fixture
def window(open_window: Callable[..., MainWindow], tmp_path: Path) -> MainWindow:
    window = open_window(ticket_in(tmp_path, "a"), client_id=CLIENT)
    page = window.show_page("passengers")
    assert isinstance(page, PassengersPage)
    return window


@pytest.fixture
def page(qtbot: QtBot, window: MainWindow) -> PassengersPage:
    page = window.page
    assert isinstance(page, PassengersPage)
    qtbot.waitUntil(lambda: page.model.rowCount() == 1, timeout=LONG_MS)
    page.table.selectRow(0)
    return page


def state(page: PassengersPage) -> str:
    row = page.model.row(0)
    column = next(column for column in page.model.columns if column.key == "state")
    return "" if row is None else column.text(row)


@pytest.mark.parametrize("answer", ["Halt", "Cancel"])
def test_halting_a_trip_asks_first(
    qtbot: QtBot, loop: FairLoop, window: MainWindow, page: PassengersPage, tmp_path: Path, answer: str
) -> None:
    assert not action(window, "halt").isEnabled()
    direct(tmp_path, "erp", "hang 4")
    trip = loop.create_task(window.session.dispatcher.drive(CLIENT, ROUTE))
    qtbot.waitUntil(lambda: bool(calls(tmp_path, "erp")), timeout=LONG_MS)
    qtbot.waitUntil(action(window, "halt").isEnabled)
    action(window, "halt").trigger()
    qtbot.waitUntil(lambda: window.findChild(QMessageBox) is not None)
    box = window.findChild(QMessageBox)
    assert box.text() == "Halt the trip of orders?"
    next(button for button in box.buttons() if button.text().replace("&", "") == answer).click()
    qtbot.waitUntil(trip.done, timeout=LONG_MS)
    halted = any(entry.message.startswith("The trip was halted by hand after") for entry in trip.result().errors)
    assert halted == (answer == "Halt")
    qtbot.waitUntil(lambda: not action(window, "halt").isEnabled())


def test_a_plug_in_in_quarantine_is_seen_and_released(
    qtbot: QtBot, window: MainWindow, page: PassengersPage, run: Callable[..., Any], tmp_path: Path
) -> None:
    direct(tmp_path, "erp", "exit 3")
    for _ in range(3):
        run(window.session.dispatcher.drive(CLIENT, ROUTE))
    qtbot.waitUntil(lambda: state(page) == "quarantine", timeout=LONG_MS)
    row = page.model.row(0)
    assert row is not None
    column = next(column for column in page.model.columns if column.key == "state")
    assert "it crashed 3 times in a row" in column.tooltip(row)
    release = next(each for each in page.table.row_actions() if each.text() == "Release erp from quarantine")
    release.trigger()
    qtbot.waitUntil(lambda: state(page) == "at rest", timeout=LONG_MS)
    assert "erp is called again" in said(window)
    direct(tmp_path, "erp", "")
    assert not run(window.session.dispatcher.drive(CLIENT, ROUTE)).has_errors
