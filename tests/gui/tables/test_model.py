"""Tables of any length, over a fetch that answers late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from databus_core.errors import DatabaseError
from databus_core.model.query import PAGE, Rows
from databus_gui.loop import FairLoop
from databus_gui.settings import Settings
from databus_gui.tables.model import PAGES_KEPT, PLACEHOLDER, ROW_ROLE, Column, PageRequest, TableModel
from databus_gui.tables.view import TableView


@dataclass
class Store:
    """Rows that are numbers; answers after the loop has turned."""

    numbers: list[int]
    asked: list[PageRequest] = field(default_factory=list)
    failing: bool = False

    async def fetch(self, request: PageRequest) -> Rows[int]:
        self.asked.append(request)
        await asyncio.sleep(0.001)
        if self.failing:
            raise DatabaseError("The disk is gone.")
        numbers = sorted(self.numbers, reverse=request.descending) if request.order else self.numbers
        return Rows(numbers[request.offset : request.offset + request.limit], len(numbers))


COLUMNS = [
    Column[int](key="number", title="Number", text=lambda row: f"n{row}", sort_key="number"),
    Column[int](key="even", title="Even", text=lambda row: "yes" if row % 2 == 0 else "no", width=80, right=True),
]


def make_model(store: Store) -> TableModel[int]:
    return TableModel(COLUMNS, store.fetch, str)


@pytest.fixture
def view_of(qtbot: QtBot, loop: FairLoop, run: Callable):
    def view_of(store: Store, settings: Settings | None = None) -> TableView[int]:
        view = TableView(make_model(store), "numbers", settings or Settings())
        qtbot.addWidget(view)
        view.resize(300, 26 * 11)
        view.show()
        run(view.table_model.restart())
        return view

    return view_of


def text(model: TableModel[int], number: int, column: int = 0) -> str:
    return model.index(number, column).data()


@pytest.mark.parametrize("by_python", [True, False], ids=["pytest-qt's tester", "Qt's tester"])
def test_model_keeps_the_rules_of_qt(
    qtmodeltester: ModelTester, loop: FairLoop, run: Callable, by_python: bool
) -> None:
    """From the check on, the tester follows every signal."""
    model = make_model(store := Store([]))
    run(model.restart())
    qtmodeltester.check(model, force_py=by_python)
    for numbers in (range(600), range(-4, 700), range(300, 400), (), range(5), range(5, 0, -1), (9, 3, 4)):
        store.numbers = list(numbers)
        run(model.refresh())
        assert model.rowCount() == len(numbers)
    store.numbers = list(range(PAGE * 3))
    run(model.restart())
    assert model.rowCount() == PAGE * 3


def test_cells_show_a_placeholder_until_their_page_has_come(qtbot: QtBot, loop: FairLoop, run: Callable) -> None:
    model = make_model(Store(list(range(10_000))))
    run(model.restart())
    assert text(model, 0) == "n0"
    assert text(model, 9_999) == PLACEHOLDER
    assert model.index(9_999, 0).data(ROW_ROLE) is None
    qtbot.waitUntil(lambda: text(model, 9_999) == "n9999")
    assert model.index(9_999, 0).data(ROW_ROLE) == 9_999


def test_a_page_is_asked_for_once_and_old_pages_go(qtbot: QtBot, loop: FairLoop, run: Callable) -> None:
    pages = PAGES_KEPT + 10
    model = make_model(store := Store(list(range(pages * PAGE))))
    run(model.restart())
    for page in range(pages):
        for row in range(page * PAGE, page * PAGE + 30):
            text(model, row)
    qtbot.waitUntil(lambda: len(store.asked) == pages)
    qtbot.waitUntil(lambda: text(model, pages * PAGE - 1) != PLACEHOLDER)
    assert len(store.asked) == pages
    assert len(model._pages) == PAGES_KEPT


def test_one_million_rows_open_at_the_last_one_at_once(qtbot: QtBot, view_of: Callable) -> None:
    view = view_of(store := Store(list(range(1_000_000))))
    view.scrollToBottom()
    qtbot.waitUntil(lambda: view.table_model.row(999_999) == 999_999)
    assert len(store.asked) <= 3


def test_refresh_keeps_the_selected_row_and_the_place(qtbot: QtBot, view_of: Callable, run: Callable) -> None:
    view = view_of(store := Store(list(range(1000))))
    view.verticalScrollBar().setValue(500)
    qtbot.waitUntil(lambda: view.table_model.row(500) == 500)
    assert view.choose("505")
    store.numbers = [*range(-7, 0), *store.numbers]

    run(view.table_model.refresh())

    assert view.current_row() == 505
    assert view.selectionModel().selectedRows()[0].row() == 512
    assert view.verticalScrollBar().value() == 507


def test_rows_that_come_above_those_in_sight_are_told_and_a_click_leads_there(
    qtbot: QtBot, view_of: Callable, run: Callable
) -> None:
    view = view_of(store := Store(list(range(1000))))
    view.verticalScrollBar().setValue(500)
    qtbot.waitUntil(lambda: view.table_model.row(500) == 500)
    for first in (-30, -37):
        store.numbers = [*range(first, store.numbers[0]), *store.numbers]
        run(view.table_model.refresh())
    assert view.new_rows.isVisible()
    assert view.new_rows.text() == "37 new"
    assert view.viewport().rect().contains(view.new_rows.geometry())
    qtbot.mouseClick(view.new_rows, Qt.MouseButton.LeftButton)
    assert view.verticalScrollBar().value() == 0
    assert not view.new_rows.isVisible()
    store.numbers = [-99, *store.numbers]
    run(view.table_model.refresh())
    assert not view.new_rows.isVisible(), "it is in sight"
    store.numbers.remove(-99)
    view.verticalScrollBar().setValue(300)
    run(view.table_model.refresh())
    assert not view.new_rows.isVisible(), "rows that go are no news"


def test_refresh_at_the_top_shows_new_rows(view_of: Callable, run: Callable) -> None:
    view = view_of(store := Store(list(range(100))))
    store.numbers = [-1, *store.numbers]
    run(view.table_model.refresh())
    assert view.verticalScrollBar().value() == 0
    assert text(view.table_model, 0) == "n-1"


def test_a_row_that_is_gone_is_no_longer_selected(view_of: Callable, run: Callable) -> None:
    view = view_of(store := Store([1, 2, 3]))
    chosen: list[int | None] = []
    view.row_chosen.connect(chosen.append)
    view.choose("2")
    store.numbers = [1, 3]
    run(view.table_model.refresh())
    assert view.current_row() is None
    assert chosen == [2, None]


def test_several_selected_rows_follow_their_ids(view_of: Callable, run: Callable) -> None:
    view = view_of(store := Store(list(range(10))))
    flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    for row in (2, 5, 9):
        view.selectionModel().select(view.table_model.index(row, 0), flags)
    store.numbers = [9, 0, 1, 2, 3, 4, 6]
    run(view.table_model.refresh())
    assert view.chosen_rows() == [9, 2]


def test_of_a_million_selected_rows_those_that_are_here_are_told_in_their_order(
    qtbot: QtBot, view_of: Callable
) -> None:
    view = view_of(store := Store(list(range(1_000_000))))
    view.scrollToBottom()
    qtbot.waitUntil(lambda: view.table_model.row(999_999) == 999_999)
    view.selectAll()
    assert view.chosen_places() == [(0, 1_000_000)]
    chosen = view.chosen_rows()
    assert chosen[:PAGE] == store.numbers[:PAGE]
    assert chosen[-1] == 999_999
    assert chosen == sorted(chosen)
    assert len(chosen) <= PAGE * PAGES_KEPT
    view.clearSelection()
    both = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    for number in (999_999, 3, 4, 500_000):
        view.selectionModel().select(view.table_model.index(number, 0), both)
    assert view.chosen_rows() == [3, 4, 999_999]


def test_an_answer_to_an_older_question_is_dropped(loop: FairLoop, run: Callable) -> None:
    store = Store([1, 2, 3])
    model = make_model(store)

    async def two_questions() -> None:
        slow = asyncio.ensure_future(model.restart())
        await asyncio.sleep(0)
        store.numbers = [7]
        await model.restart()
        await slow

    run(two_questions())
    assert [text(model, row) for row in range(model.rowCount())] == ["n7"]


def test_error_of_a_fetch_is_told_and_the_table_stays(qtbot: QtBot, loop: FairLoop, run: Callable) -> None:
    store = Store(list(range(1000)))
    model = make_model(store)
    run(model.restart())
    store.failing = True
    with qtbot.waitSignal(model.failed) as failed:
        text(model, 900)
    assert str(failed.args[0]) == "The disk is gone."
    assert model.rowCount() == 1000
    with pytest.raises(DatabaseError):
        run(model.refresh())
    store.failing = False
    text(model, 900)
    qtbot.waitUntil(lambda: text(model, 900) == "n900")


def test_click_on_a_header_sorts_and_is_remembered(qtbot: QtBot, view_of: Callable) -> None:
    settings = Settings()
    view = view_of(Store([2, 3, 1]), settings)
    header = view.horizontalHeader()
    click_section(qtbot, view, 0)
    qtbot.waitUntil(lambda: text(view.table_model, 0) == "n1")
    click_section(qtbot, view, 0)
    qtbot.waitUntil(lambda: text(view.table_model, 0) == "n3")
    qtbot.waitUntil(lambda: settings.table("numbers").descending)

    click_section(qtbot, view, 1)  # cannot be sorted by
    assert header.sortIndicatorSection() == 0
    again = view_of(Store([2, 3, 1]), settings)
    assert text(again.table_model, 0) == "n3"


def click_section(qtbot: QtBot, view: TableView[int], section: int) -> None:
    header = view.horizontalHeader()
    place = QPoint(header.sectionViewportPosition(section) + 10, 8)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)


@dataclass
class Uncounted(Store):
    """Counts no further than a little behind the page."""

    async def fetch(self, request: PageRequest) -> Rows[int]:
        all_ = await super().fetch(request)
        total = min(all_.total, request.offset + request.limit + 50)
        return Rows(all_.rows, total, more=total < all_.total)


def test_a_total_that_was_not_counted_to_its_end_grows_while_a_person_scrolls(loop: FairLoop, run: Callable) -> None:
    model = make_model(Uncounted(list(range(PAGE * 3))))
    run(model.restart())
    assert (model.total, model.more) == (PAGE + 50, True)
    for _ in range(20):
        last = model.rowCount() - 1
        model.visible_rows = (last - 5, last)
        text(model, last)
        run(asyncio.sleep(0.02))
    assert (model.total, model.more) == (PAGE * 3, False)
    text(model, 0)
    run(asyncio.sleep(0.02))
    assert text(model, 0) == "n0"
