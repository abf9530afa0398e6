"""The main window on a real dispatcher, by clicks and keys."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from databus_core.errors import DatabusError
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.observer import DispatcherState
from databus_gui.actions import ACTIONS
from databus_gui.main_window import MainWindow
from databus_gui.main_window.farewell import FarewellBox
from databus_gui.pages import PAGES
from databus_gui.settings import Settings
from databus_gui.slots import start
from databus_gui.theme import is_dark
from databus_gui.widgets.empty_state import EmptyState
from databus_gui.widgets.filters import SearchLine
from tests.support.stage import Stage, hang_until, ticket_with
from tests.support.window import action, at_rest, click


def enabled(window: MainWindow) -> set[str]:
    names = ("start", "pause", "resume", "shut_down", "leave_trips", "expedite")
    return {name for name in names if action(window, name).isEnabled()}


def state_is(window: MainWindow, state: DispatcherState) -> Callable[[], bool]:
    return lambda: window.session.dispatcher.state is state


def test_toolbar_takes_the_dispatcher_through_its_states(qtbot: QtBot, window: MainWindow) -> None:
    assert enabled(window) == {"resume", "shut_down"}
    click(qtbot, window, "resume")
    qtbot.waitUntil(lambda: enabled(window) == {"pause", "shut_down"})
    click(qtbot, window, "pause")
    qtbot.waitUntil(lambda: enabled(window) == {"resume", "shut_down"})
    click(qtbot, window, "shut_down")
    qtbot.waitUntil(lambda: enabled(window) == {"start"})
    assert window.session.dispatcher.state is DispatcherState.STOPPED
    click(qtbot, window, "start")
    qtbot.waitUntil(lambda: enabled(window) == {"pause", "shut_down"})
    assert window.page.error_bar.text == ""


def test_status_bar_says_the_state_in_a_word(qtbot: QtBot, window: MainWindow) -> None:
    def word() -> str:
        labels = window.statusBar().findChildren(QLabel)
        return next(label.text() for label in labels if label.accessibleName() == "State of the dispatcher")

    assert word() == "Paused"
    click(qtbot, window, "resume")
    qtbot.waitUntil(lambda: word() == "Running")


def test_ctrl_and_number_show_every_page(qtbot: QtBot, window: MainWindow) -> None:
    for number, page in enumerate(PAGES, start=1):
        qtbot.keyClick(window, getattr(Qt.Key, f"Key_{number}"), Qt.KeyboardModifier.ControlModifier)
        assert window.page.name == page.name
        assert window.page.isVisible()
        qtbot.waitUntil(lambda: at_rest(window.page))
    assert [page.name for page in window._pages.values() if page.error_bar.text] == []


def test_pages_are_made_when_they_are_shown(qtbot: QtBot, window: MainWindow) -> None:
    assert len(window._pages) == 1
    window.session.open("queue")
    assert len(window._pages) == 2
    assert window.page.name == "queue"


def test_the_page_in_sight_is_there_at_the_next_start(
    qtbot: QtBot, open_window: Callable[..., MainWindow], ticket: DispatcherTicket, settings: Settings
) -> None:
    settings.page = "about"
    assert open_window(ticket).page.name == "about"


def test_client_selector_lets_root_look_at_each_client(
    qtbot: QtBot, open_window: Callable[..., MainWindow], ticket: DispatcherTicket
) -> None:
    window = open_window(ticket, client_id="root")
    box = next(box for box in window.findChildren(QComboBox) if box.accessibleName() == "Client")
    assert [box.itemText(number) for number in range(box.count())] == ["root", "acme"]
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Down)
    assert window.session.client_id == "acme"


def test_one_client_needs_no_selector(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path, stage: Stage
) -> None:
    window = open_window(ticket_with(tmp_path, root=[]), client_id="root")
    box = next(box for box in window.findChildren(QComboBox) if box.accessibleName() == "Client")
    assert not box.isVisible()


def test_last_error_leads_to_its_log(qtbot: QtBot, window: MainWindow, stage: Stage, drive: Callable) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("the gate is shut")

    stage.waiting, stage.on_pull = ["1"], refuse
    log = drive()
    link = next(each for each in window.statusBar().findChildren(QPushButton) if each.accessibleName() == "Last error")
    qtbot.waitUntil(link.isVisible)
    assert "the gate is shut" in link.toolTip()
    asked: list[dict[str, object]] = []
    window.session.page_requested.connect(lambda _page, what: asked.append(dict(what)))
    qtbot.mouseClick(link, Qt.MouseButton.LeftButton)
    assert window.page.name == "logs"
    assert asked[0]["log_id"] == log.id


def test_error_of_an_action_appears_on_the_page(qtbot: QtBot, window: MainWindow) -> None:
    async def fail() -> None:
        raise DatabusError("The bus has a flat tyre.")

    start(window, fail())
    qtbot.waitUntil(lambda: window.page.error_bar.text == "The bus has a flat tyre.")
    assert window.page.error_bar.isVisible()


def test_unforeseen_errors_share_one_box_with_details_to_copy(
    qtbot: QtBot, window: MainWindow, expected_logs: list[str]
) -> None:
    expected_logs.append("Unexpected error")
    for number in (1, 2):
        try:
            raise ZeroDivisionError(f"by {number}")
        except ZeroDivisionError as error:
            window.unexpected.report(error)
    boxes = [box for box in window.findChildren(QMessageBox) if box.isVisible()]
    assert len(boxes) == 1
    assert "ZeroDivisionError: by 2" in boxes[0].text()
    copy = next(button for button in boxes[0].buttons() if "Copy" in button.text())
    qtbot.mouseClick(copy, Qt.MouseButton.LeftButton)
    assert boxes[0].isVisible()
    copied = QApplication.clipboard().text()
    assert copied.count("Traceback") == 2
    qtbot.keyClick(boxes[0], Qt.Key.Key_Escape)
    assert window.unexpected.details == ""


def test_theme_changes_at_once_and_is_remembered(qtbot: QtBot, window: MainWindow, settings: Settings) -> None:
    assert not is_dark()
    action(window, "theme_dark").trigger()
    assert is_dark()
    assert settings.theme == "dark"
    action(window, "theme_light").trigger()
    assert not is_dark()


def test_every_action_has_a_word_for_every_reader() -> None:
    assert all(action.text and action.icon for action in ACTIONS)
    shortcuts = [action.shortcut for action in ACTIONS if action.shortcut]
    assert len(shortcuts) == len(set(shortcuts))


def test_title_tells_live_from_test(qtbot: QtBot, window: MainWindow) -> None:
    assert window.windowTitle().startswith("Databus")
    assert str(window.session.dispatcher.ticket.file) in window.windowTitle()


# Closing ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def travelling(qtbot: QtBot, window: MainWindow, stage: Stage, loop) -> threading.Event:
    """A trip is under way until the event is set."""
    go = threading.Event()
    stage.waiting, stage.on_push = ["1"], hang_until(go)
    loop.create_task(window.session.dispatcher.drive("acme", "orders"))
    qtbot.waitUntil(lambda: len(window.session.dispatcher.running) == 1)
    return go


def close(qtbot: QtBot, window: MainWindow) -> FarewellBox:
    window.close()
    qtbot.waitUntil(lambda: bool(window.findChildren(FarewellBox)))
    return window.findChildren(FarewellBox)[-1]


def press(qtbot: QtBot, box: FarewellBox, words: str) -> None:
    button = next(button for button in box.buttons() if words in button.text())
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_idle_window_closes_when_the_dispatcher_has_stopped(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.closed):
        window.close()
    assert window.session.dispatcher.state is DispatcherState.STOPPED
    assert not window.isVisible()


def test_closing_waits_for_the_trip_where_that_is_chosen(
    qtbot: QtBot, window: MainWindow, travelling: threading.Event, stage: Stage
) -> None:
    box = close(qtbot, window)
    assert "acme / orders" in box.informativeText()
    press(qtbot, box, "Finish")
    qtbot.waitUntil(state_is(window, DispatcherState.STOPPING))
    assert window.isVisible()
    with qtbot.waitSignal(window.closed):
        travelling.set()
    assert [role for role, _ in stage.pushed] == ["erp", "crm"]


def test_closing_leaves_the_trip_where_that_is_chosen(
    qtbot: QtBot, window: MainWindow, travelling: threading.Event, stage: Stage
) -> None:
    with qtbot.waitSignal(window.closed):
        press(qtbot, close(qtbot, window), "Leave")
    assert stage.pushed == []
    assert window.session.dispatcher.state is DispatcherState.STOPPED
    travelling.set()


def test_closing_can_be_thought_over(qtbot: QtBot, window: MainWindow, travelling: threading.Event) -> None:
    box = close(qtbot, window)
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert window.isVisible()
    assert window.session.dispatcher.state is DispatcherState.PAUSED
    travelling.set()
    qtbot.waitUntil(lambda: not window.session.dispatcher.running)


def test_one_who_waits_for_a_trip_can_leave_it_after_all(
    qtbot: QtBot, window: MainWindow, travelling: threading.Event
) -> None:
    press(qtbot, close(qtbot, window), "Finish")
    qtbot.waitUntil(state_is(window, DispatcherState.STOPPING))
    with qtbot.waitSignal(window.closed):
        press(qtbot, close(qtbot, window), "Leave")
    travelling.set()


@pytest.fixture
def changed(qtbot: QtBot, window: MainWindow) -> MainWindow:
    """Somebody has written into a document and has not saved it."""
    page = window.show_page("customizing")
    qtbot.waitUntil(lambda: page.editor.text() != "")
    qtbot.keyClicks(page.editor.editor, " ")
    window.show_page("queue")
    return window


def test_closing_asks_about_changes_that_are_not_saved(qtbot: QtBot, changed: MainWindow) -> None:
    box = close(qtbot, changed)
    assert "Customizing" in box.text()
    assert "Ticket" not in box.text()
    qtbot.keyClick(box, Qt.Key.Key_Return)  # the default is to stay
    assert changed.isVisible()
    assert changed.session.dispatcher.state is DispatcherState.PAUSED
    with qtbot.waitSignal(changed.closed):
        press(qtbot, close(qtbot, changed), "Close without saving")


def test_closing_asks_about_changes_also_after_the_dispatcher_was_shut_down(qtbot: QtBot, changed: MainWindow) -> None:
    click(qtbot, changed, "shut_down")
    qtbot.waitUntil(state_is(changed, DispatcherState.STOPPED))
    box = close(qtbot, changed)
    assert changed.isVisible()
    with qtbot.waitSignal(changed.closed):
        press(qtbot, box, "Close without saving")


def test_closing_asks_about_trips_and_changes_at_once(
    qtbot: QtBot, changed: MainWindow, travelling: threading.Event
) -> None:
    box = close(qtbot, changed)
    assert "Customizing" in box.text()
    assert "1 trip is still running" in box.text()
    with qtbot.waitSignal(changed.closed):
        press(qtbot, box, "Leave")
    travelling.set()


@pytest.mark.parametrize("name", ["queue", "logs", "peek"])
def test_root_is_told_that_a_page_shows_one_client_and_chooses_it(
    qtbot: QtBot, window: MainWindow, stage: Stage, drive: Callable, name: str
) -> None:
    stage.waiting = ["1"]
    drive()
    window.session.choose_client("root")
    page = window.show_page(name)
    qtbot.waitUntil(lambda: bool(page.findChildren(EmptyState)))
    said = page.findChild(EmptyState)
    assert said is not None
    qtbot.waitUntil(said.isVisible)
    assert "one client" in said.text()
    qtbot.waitUntil(lambda: at_rest(page))
    said.setFocus()
    qtbot.keyClick(said, Qt.Key.Key_Tab)
    qtbot.keyClick(said, Qt.Key.Key_Return)
    assert window.session.client_id == "acme"
    qtbot.waitUntil(lambda: "one client" not in said.text())


@pytest.mark.parametrize("name", ["queue", "logs"])
def test_what_was_searched_for_does_not_outlive_its_client(
    qtbot: QtBot, window: MainWindow, stage: Stage, drive: Callable, name: str
) -> None:
    stage.waiting = ["1"]
    drive()
    page = window.show_page(name)
    search = next(each for each in page.findChildren(SearchLine) if each.isVisible())
    qtbot.keyClicks(search, "nothing has this")
    qtbot.waitUntil(lambda: page.model.total == 0)
    window.session.choose_client("root")
    qtbot.waitUntil(lambda: at_rest(page))
    assert search.text() == ""
    window.session.choose_client("acme")
    qtbot.waitUntil(lambda: page.model.total == 1)


def test_the_menu_ticks_the_colours_in_use(qtbot: QtBot, window: MainWindow) -> None:
    themes = ("theme_system", "theme_light", "theme_dark")
    assert [name for name in themes if action(window, name).isChecked()] == ["theme_light"]
    action(window, "theme_dark").trigger()
    assert [name for name in themes if action(window, name).isChecked()] == ["theme_dark"]
    action(window, "theme_dark").trigger()
    assert [name for name in themes if action(window, name).isChecked()] == ["theme_dark"]
    action(window, "theme_light").trigger()


def test_the_view_menu_has_the_pages_with_their_keys(qtbot: QtBot, window: MainWindow) -> None:
    view = next(each.menu() for each in window.menuBar().actions() if each.text() == "&View")
    entries = [(each.text(), each.shortcut().toString()) for each in view.actions()[: len(PAGES)]]
    assert entries == [(page.title, f"Ctrl+{number}") for number, page in enumerate(PAGES, start=1)]
    view.actions()[3].trigger()
    assert window.page.name == PAGES[3].name
    qtbot.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert window.page.name == PAGES[0].name
