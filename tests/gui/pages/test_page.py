"""What every page has from its base."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from databus_core.errors import DatabaseError
from databus_core.plugins.observer import Change, DispatcherState
from databus_gui.main_window import MainWindow
from databus_gui.pages.page import REFRESH_MS, Page
from tests.support.window import at_rest


class Counting(Page):
    """Counts its refreshes."""

    name, title, icon = "counting", "Counting", "mdi6.counter"
    refreshes_on: ClassVar[frozenset[Change]] = frozenset({Change.QUEUE})

    def build(self) -> None:
        self.refreshed = 0
        self.failing = False

    async def refresh(self) -> None:
        ids = await self.session.read(lambda storage: storage.database.client_ids())
        assert ids
        self.refreshed += 1
        if self.failing:
            raise DatabaseError("The disk is gone.")


@pytest.fixture
def page(qtbot: QtBot, window: MainWindow) -> Counting:
    page = Counting(window.session)
    qtbot.addWidget(page)
    page.show()
    qtbot.waitUntil(lambda: page.refreshed == 1)
    return page


def change(page: Page, run: Callable, what: Change, client_id: str = "acme") -> None:
    run(page.session.dispatcher.change(lambda storage: None, what, client_id))


def test_refreshes_on_changes_that_concern_it(qtbot: QtBot, page: Counting, run: Callable) -> None:
    heard: list[tuple[Change, str]] = []
    page.session.signals.changed.connect(lambda what, client_id: heard.append((what, client_id)))
    change(page, run, Change.LOGS)
    change(page, run, Change.QUEUE, "root")
    qtbot.waitUntil(lambda: len(heard) == 2)
    qtbot.wait(2 * REFRESH_MS)
    assert page.refreshed == 1
    change(page, run, Change.QUEUE)
    qtbot.waitUntil(lambda: page.refreshed == 2)


def test_many_changes_make_few_refreshes(qtbot: QtBot, page: Counting) -> None:
    began = time.monotonic()
    for _ in range(100):
        page.session.signals.changed.emit(Change.QUEUE, "acme")
        qtbot.wait(5)
    qtbot.waitUntil(lambda: at_rest(page))
    took_ms = (time.monotonic() - began) * 1000
    assert 1 < page.refreshed <= 2 + took_ms / REFRESH_MS


def test_error_of_a_refresh_goes_when_a_refresh_succeeds(qtbot: QtBot, page: Counting) -> None:
    page.failing = True
    page.request_refresh()
    qtbot.waitUntil(lambda: page.error_bar.text == "The disk is gone.")
    page.failing = False
    page.request_refresh()
    qtbot.waitUntil(lambda: page.error_bar.text == "")
    assert not page.error_bar.isVisible()


def test_error_of_an_action_stays_until_it_is_closed(qtbot: QtBot, page: Counting) -> None:
    page.show_error(DatabaseError("It cannot be saved."))
    page.request_refresh()
    qtbot.waitUntil(lambda: page.refreshed == 2)
    assert page.error_bar.text == "It cannot be saved."
    page.error_bar.clear()
    assert not page.error_bar.isVisible()


def test_a_stopped_dispatcher_leaves_the_page_as_it_is(qtbot: QtBot, page: Counting, run: Callable) -> None:
    dispatcher = page.session.dispatcher
    run(dispatcher.shut_down())
    page.request_refresh()
    qtbot.wait(2 * REFRESH_MS)
    assert (page.refreshed, page.error_bar.text) == (1, "")
    run(dispatcher.start(paused=True))
    assert dispatcher.state is DispatcherState.PAUSED
    qtbot.waitUntil(lambda: page.refreshed == 2)


def test_of_another_client_nothing_is_shown_until_it_can_be_read(qtbot: QtBot, page: Counting, run: Callable) -> None:
    data = QLabel("of acme")
    page.body.addWidget(data)
    data.show()
    run(page.session.dispatcher.shut_down())
    assert data.isVisible()
    page.session.choose_client("root")
    assert not data.isVisible()
    assert page.error_bar.text == "Start the dispatcher to see the data of this client."
    run(page.session.dispatcher.start(paused=True))
    qtbot.waitUntil(data.isVisible)
    qtbot.waitUntil(lambda: page.error_bar.text == "")


def test_f5_refreshes_the_page_in_sight(qtbot: QtBot, window: MainWindow) -> None:
    page = window.show_page("passengers")
    qtbot.waitUntil(lambda: page.model.total is not None)
    with qtbot.waitSignal(page.model.loaded):
        qtbot.keyClick(window, Qt.Key.Key_F5)
