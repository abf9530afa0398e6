"""How a table is handled: columns, copying, activation."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QMenu, QStyleOptionViewItem
from pytestqt.qtbot import QtBot

from databus_core.model.query import Rows
from databus_gui.loop import FairLoop
from databus_gui.settings import Settings
from databus_gui.tables.model import Column, PageRequest, TableModel
from databus_gui.tables.view import TableView

COLUMNS = [
    Column[str](key="name", title="Name", text=str.title, width=150),
    Column[str](key="length", title="Length", text=lambda row: str(len(row)), link=lambda row: len(row) > 3),
    Column[str](key="first", title="First", text=lambda row: row[0], hidden=True),
]


async def fetch(request: PageRequest) -> Rows[str]:
    return Rows(["anna", "bob", "carla"], 3)


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def view(qtbot: QtBot, loop: FairLoop, run: Callable, settings: Settings) -> TableView[str]:
    view = TableView(TableModel(COLUMNS, fetch, str), "people", settings)
    qtbot.addWidget(view)
    view.resize(420, 200)
    view.show()
    run(view.table_model.restart())
    return view


def centre(view: TableView[str], row: int, column: int) -> QPoint:
    return view.visualRect(view.table_model.index(row, column)).center()


def test_columns_that_nobody_asked_for_are_hidden_until_chosen(
    qtbot: QtBot, view: TableView[str], settings: Settings
) -> None:
    assert view.isColumnHidden(2)
    view._show_column_menu(QPoint(5, 5))
    menu = next(menu for menu in view.findChildren(QMenu) if menu.isVisible())
    first = next(choice for choice in menu.actions() if choice.text() == "First")
    assert not first.isChecked()
    first.trigger()
    menu.close()
    assert not view.isColumnHidden(2)
    qtbot.waitUntil(lambda: settings.table("people").hidden == [] and bool(settings.table("people").order))


def toggle(view: TableView[str], title: str) -> None:
    """Choose an entry of the header's menu."""
    view._show_column_menu(QPoint(5, 5))
    menu = next(menu for menu in view.findChildren(QMenu) if menu.isVisible())
    next(choice for choice in menu.actions() if choice.text() == title).trigger()
    menu.close()


def test_width_order_and_visibility_are_remembered(
    qtbot: QtBot, view: TableView[str], settings: Settings, loop: FairLoop
) -> None:
    view.setColumnWidth(0, 222)
    view.horizontalHeader().moveSection(0, 1)
    toggle(view, "Length")
    toggle(view, "First")
    qtbot.waitUntil(lambda: settings.table("people").order == ["length", "name", "first"])

    again = TableView(TableModel(COLUMNS, fetch, str), "people", settings)
    qtbot.addWidget(again)
    assert again.columnWidth(0) == 222
    assert again.horizontalHeader().visualIndex(0) == 1
    assert (again.isColumnHidden(1), again.isColumnHidden(2)) == (True, False)


def test_a_column_that_an_update_brought_is_shown_in_its_place(
    qtbot: QtBot, settings: Settings, loop: FairLoop
) -> None:
    kept = settings.table("people")
    kept.order, kept.hidden, kept.widths = ["length", "name"], ["length"], {"name": 222}
    view = TableView(TableModel(COLUMNS, fetch, str), "people", settings)
    qtbot.addWidget(view)
    assert [view.horizontalHeader().visualIndex(number) for number in range(3)] == [0, 1, 2]
    assert [view.isColumnHidden(number) for number in range(3)] == [column.hidden for column in COLUMNS]
    assert view.columnWidth(0) == 222


def test_the_last_column_cannot_be_hidden(qtbot: QtBot, view: TableView[str]) -> None:
    toggle(view, "Length")
    view._show_column_menu(QPoint(5, 5))
    menu = next(menu for menu in view.findChildren(QMenu) if menu.isVisible())
    assert [choice.isEnabled() for choice in menu.actions()] == [False, True, True]
    menu.close()


def test_copying_a_cell_and_rows(qtbot: QtBot, view: TableView[str], qapp: QApplication) -> None:
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=centre(view, 1, 0))
    place = centre(view, 1, 0)
    QApplication.sendEvent(
        view.viewport(),
        QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, view.viewport().mapToGlobal(place)),
    )
    menu = next(menu for menu in view.findChildren(QMenu) if menu.isVisible())
    choices = {choice.text(): choice for choice in menu.actions()}
    choices["Copy cell"].trigger()
    assert qapp.clipboard().text() == "Bob"
    choices["Copy rows"].trigger()
    assert qapp.clipboard().text() == "Name\tLength\nBob\t3"
    menu.close()


def test_double_click_and_enter_activate_the_row(qtbot: QtBot, view: TableView[str]) -> None:
    activated: list[str] = []
    view.row_activated.connect(activated.append)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=centre(view, 2, 0))
    qtbot.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=centre(view, 2, 0))
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert activated == ["carla", "carla"]


def test_a_link_is_a_cell_that_leads_somewhere(qtbot: QtBot, view: TableView[str]) -> None:
    clicked: list[tuple[str, str]] = []
    view.link_clicked.connect(lambda row, key: clicked.append((row, key)))
    for row in range(3):
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=centre(view, row, 1))
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=centre(view, row, 0))
    assert clicked == [("anna", "length"), ("carla", "length")]


def test_sentences_are_cut_at_their_end_and_names_in_the_middle(
    qtbot: QtBot, settings: Settings, loop: FairLoop, run: Callable
) -> None:
    columns = [
        Column[str](key="name", title="Name", text=str),
        Column[str](key="error", title="Error", text=str, prose=True),
    ]
    view = TableView(TableModel(columns, fetch, str), "sentences", settings)
    qtbot.addWidget(view)
    run(view.table_model.restart())

    def cut(column: int) -> Qt.TextElideMode:
        option = QStyleOptionViewItem()
        option.textElideMode = view.textElideMode()
        index = view.table_model.index(0, column)
        view.itemDelegateForIndex(index).initStyleOption(option, index)
        return option.textElideMode

    assert (cut(0), cut(1)) == (Qt.TextElideMode.ElideMiddle, Qt.TextElideMode.ElideRight)


def test_the_chosen_row_is_told_once(qtbot: QtBot, view: TableView[str]) -> None:
    chosen: list[str | None] = []
    view.row_chosen.connect(chosen.append)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=centre(view, 0, 0))
    qtbot.keyClick(view, Qt.Key.Key_Down)
    qtbot.wait(10)
    assert chosen == ["anna", "bob"]
    view.clearSelection()
    assert chosen[-1] is None


def test_one_column_takes_the_room_that_the_others_leave(qtbot: QtBot, settings: Settings, loop: FairLoop) -> None:
    columns = [
        Column(key="name", title="Name", text=str, width=100, stretch=True),
        Column(key="length", title="Length", text=lambda row: f"{len(row)}", width=80),
    ]
    view = TableView(TableModel(columns, fetch, str), "stretched", settings)
    qtbot.addWidget(view)
    view.resize(500, 200)
    view.show()
    assert (view.columnWidth(0), view.columnWidth(1)) == (view.viewport().width() - 80, 80)
    view.resize(120, 200)
    assert (view.columnWidth(0), view.columnWidth(1)) == (100, 80)
