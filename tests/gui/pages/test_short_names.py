"""Modules are shown under a short name on every page; filters, tooltips and copies have the whole one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from databus_core.model.ticket import DispatcherTicket
from databus_gui.main_window import MainWindow
from databus_gui.pages.logs import LogsPage
from databus_gui.pages.passengers import PassengersPage
from databus_gui.pages.peek import PeekPage
from databus_gui.pages.queue import QueuePage
from databus_gui.tables.view import TableView
from tests.support.stage import PROCESSOR, PULLER, PUSHER, Stage, ticket_with

ORDERS, MAILS, OTHER_ORDERS = "acme_plugins.shop.orders", "acme_plugins.mails", "acme_plugins.archive.shop.orders"


@pytest.fixture
def ticket(tmp_path: Path, stage: Stage) -> DispatcherTicket:
    """Two client passengers whose names end alike, one that differs; steps called by their module."""

    def client_passenger(name: str, role: str) -> dict[str, object]:
        step = {"arguments": {"stage": stage.key, "role": role}}
        modules = {"pullers": PULLER, "processors": PROCESSOR, "pushers": PUSHER}
        steps = {kind: [{"module": module} | step] for kind, module in modules.items()}
        return {"name": name, "module": "databus_core.model.passenger", "sync_frequency": 60} | steps

    return ticket_with(tmp_path, acme=[client_passenger(name, name) for name in (ORDERS, MAILS, OTHER_ORDERS)], root=[])


@pytest.fixture
def failed(window: MainWindow, stage: Stage, drive: Callable) -> MainWindow:
    """An order that could not be processed."""

    def refuse(*_: object) -> None:
        raise RuntimeError("no such article")

    stage.waiting, stage.on_process = ["1"], refuse
    drive(ORDERS)
    return window


def column(table: TableView, key: str, role: Qt.ItemDataRole = Qt.ItemDataRole.DisplayRole) -> list[str]:
    """What a column shows, from top to bottom."""
    model = table.table_model
    number = [each.key for each in model.columns].index(key)
    return [model.index(row, number).data(role) for row in range(model.rowCount())]


def copied_cell(qtbot: QtBot, qapp, table: TableView, key: str, row: int = 0) -> str:
    """What the context menu's "Copy cell" puts on the clipboard."""
    number = [each.key for each in table.table_model.columns].index(key)
    place = table.visualRect(table.table_model.index(row, number)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    table.copy_cell()
    return qapp.clipboard().text()


def test_passengers(qtbot: QtBot, qapp, window: MainWindow) -> None:
    page = window.show_page("passengers")
    assert isinstance(page, PassengersPage)
    qtbot.waitUntil(lambda: page.model.total == 3)
    assert column(page.table, "passenger") == ["acme_plugins.mails", "acme_plugins.shop.orders", "archive.shop.orders"]
    assert column(page.table, "passenger", Qt.ItemDataRole.ToolTipRole) == [MAILS, ORDERS, OTHER_ORDERS]
    page.table.selectRow(2)
    qtbot.keyClick(page.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert OTHER_ORDERS in qapp.clipboard().text()


def test_queue(qtbot: QtBot, qapp, failed: MainWindow) -> None:
    page = failed.show_page("queue")
    assert isinstance(page, QueuePage)
    qtbot.waitUntil(lambda: page.model.total == 1)
    assert column(page.table, "passenger") == ["acme_plugins.shop.orders"]
    assert column(page.table, "error") == ["stage:StageProcessor: RuntimeError: no such article"]
    assert copied_cell(qtbot, qapp, page.table, "error") == f"{PROCESSOR}: RuntimeError: no such article"
    box = next(box for box in page.findChildren(QComboBox) if box.accessibleName() == "Client passenger")
    assert "archive.shop.orders" in [box.itemText(number) for number in range(box.count())]
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_End)
    assert (box.currentText(), box.toolTip()) == ("archive.shop.orders", OTHER_ORDERS)
    qtbot.waitUntil(lambda: page.model.total == 0)
    for key in (Qt.Key.Key_Home, Qt.Key.Key_Down):
        qtbot.keyClick(box, key)
    assert box.toolTip() == ORDERS
    qtbot.waitUntil(lambda: page.model.total == 1)


def test_steps_of_a_passenger(qtbot: QtBot, failed: MainWindow) -> None:
    page = failed.show_page("queue")
    assert isinstance(page, QueuePage)
    qtbot.waitUntil(lambda: page.model.total == 1)
    page.table.selectRow(0)

    def labels() -> dict[str, str]:
        found = [label for label in page.details.findChildren(QLabel) if label.isVisible()]
        return {label.text().replace("\u200b", ""): label.toolTip() for label in found}

    qtbot.waitUntil(lambda: "stage:StagePusher" in labels())
    assert labels()["stage:StageProcessor"] == PROCESSOR
    sentence = next(text for text in labels() if "attempt 1 of processor stage:StageProcessor failed" in text)
    assert labels()[sentence] == PROCESSOR


def test_logs(qtbot: QtBot, qapp, failed: MainWindow) -> None:
    page = failed.show_page("logs")
    assert isinstance(page, LogsPage)
    qtbot.waitUntil(lambda: page.model.total == 1)
    assert column(page.table, "passenger") == ["acme_plugins.shop.orders"]
    page.table.selectRow(0)
    entries = page.content.table
    qtbot.waitUntil(lambda: "stage:StageProcessor" in column(entries, "module"))
    assert "engine.boarding" in column(entries, "module")
    assert "databus_core.engine.boarding" in column(entries, "module", Qt.ItemDataRole.ToolTipRole)
    assert page.content.title.text().startswith("acme_plugins.shop.orders, ")
    row = column(entries, "module").index("stage:StageProcessor")
    assert copied_cell(qtbot, qapp, entries, "module", row) == PROCESSOR


def test_peek(qtbot: QtBot, window: MainWindow, stage: Stage) -> None:
    stage.waiting = ["1"]
    window.session.open("peek", client_passenger=OTHER_ORDERS)
    page = window.page
    assert isinstance(page, PeekPage)
    qtbot.waitUntil(lambda: page.passenger.count() == 3 and page.button.isEnabled())
    assert page.passenger.currentText() == "archive.shop.orders"
    assert page.passenger.toolTip() == OTHER_ORDERS
    qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.tree.topLevelItemCount() == 1)
    puller = page.tree.topLevelItem(0)
    assert puller is not None
    assert (puller.text(0), puller.toolTip(0)) == ("stage:StagePuller", PULLER)


def test_last_error(qtbot: QtBot, failed: MainWindow) -> None:
    bar = failed.statusBar()
    link = next(button for button in bar.findChildren(QPushButton) if button.accessibleName() == "Last error")
    qtbot.waitUntil(link.isVisible)
    assert "acme / acme_plugins.shop.orders: " in link.text()
    assert f"acme / {ORDERS}: " in link.toolTip()
