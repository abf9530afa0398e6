"""Fixtures for tests with a window; a conftest takes over those that its tests use.

How the asyncio loop runs in them: a test is a plain function. The fixture `loop` makes the app's own FairLoop on the
QApplication and *attaches* it: from then on callbacks and tasks run whenever Qt processes events, that is inside
`qtbot.wait*`, and slots may start coroutines. Nothing runs between two waits, so a test acts (clicks, types, calls
`loop.create_task`) and then waits for what must come of it by `qtbot.waitUntil`. `run(coroutine)` waits for one result.

Any log record of level WARNING or above, any warning of Qt, and any exception that reaches the loop's handler fail the
test; one that a test expects it takes off with `expected_logs`.

`open_window(ticket)` opens the real main window on a real dispatcher over a JSON database; with `paused=True` (the
default) nothing travels before the test says so, by `drive` or by the window's own buttons. At the end the dispatcher
is shut down in order. What travels is played by tests/support/stage.py.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QToolBar, QWidget
from pytestqt.qtbot import QtBot

from databus_core.engine.dispatcher import Dispatcher
from databus_core.model.log import Log
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.observer import DispatcherState
from databus_gui.loop import FairLoop
from databus_gui.main_window import MainWindow
from databus_gui.main_window.said import Said
from databus_gui.pages import Page
from databus_gui.session import Session
from databus_gui.settings import Settings, ThemeChoice
from databus_gui.signals import DispatcherSignals, SignalObserver
from databus_gui.theme import use_theme
from tests.support.desk import Desk
from tests.support.stage import Stage, ticket_with

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

T = TypeVar("T")
LONG_MS = 10_000


@pytest.fixture(autouse=True)
def expected_logs(caplog: pytest.LogCaptureFixture) -> Generator[list[str]]:
    """A list to which a test adds parts of the messages that it expects; every other warning or error fails it."""
    expected: list[str] = []
    yield expected
    for when in ("setup", "call"):
        for record in caplog.get_records(when):
            message = record.getMessage()
            if record.levelno >= logging.WARNING and not any(part in message for part in expected):
                pytest.fail(f"Unexpected log record at {when}: {record.levelname} {record.name}: {message}")


@pytest.fixture
def loop(qapp: QApplication, garbage: None) -> Generator[FairLoop]:
    """The app's loop, attached to Qt; its tasks are cancelled at the end."""
    loop = FairLoop(qapp)
    try:
        with loop.attached():
            yield loop
        loop.run_until_complete(_cancel_all())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@pytest.fixture
def run(loop: FairLoop, qtbot: QtBot) -> Callable[[Coroutine[Any, Any, T]], T]:
    """Wait for a coroutine and answer its result."""

    def run(coroutine: Coroutine[Any, Any, T]) -> T:
        task = loop.create_task(coroutine)
        qtbot.waitUntil(task.done, timeout=LONG_MS)
        return task.result()

    return run


@pytest.fixture
def stage() -> Stage:
    """What the client passengers of `ticket` play on."""
    return Stage()


@pytest.fixture
def ticket(tmp_path: Path, stage: Stage) -> DispatcherTicket:
    """Client acme with the client passengers orders and invoices (both on `stage`), and root with none."""
    hourly = {"sync_frequency": 60, "queue_life_span": 30}
    invoices = stage.client_passenger("invoices", pullers=[], **hourly)
    return ticket_with(tmp_path, acme=[stage.client_passenger(**hourly), invoices], root=[])


@pytest.fixture
def settings() -> Settings:
    """Settings that are only for the test."""
    return Settings(theme=ThemeChoice.LIGHT)


OpenWindow = Callable[..., MainWindow]


def action(window: MainWindow, name: str) -> QAction:
    """One of databus_gui/actions.py as the window has it."""
    found = window.findChild(QAction, name)
    assert found is not None
    return found


def said(window: QWidget) -> str:
    """What the status bar tells that was done; empty when it tells nothing, or none of it is in sight."""
    found = window.findChild(Said)
    assert found is not None
    return found.toolTip() if found.text() else ""


def click(qtbot: QtBot, window: MainWindow, name: str) -> None:
    """Click the toolbar's button, as soon as it can be."""
    qtbot.waitUntil(action(window, name).isEnabled, timeout=LONG_MS)
    toolbar = window.findChild(QToolBar, "toolbar")
    assert toolbar is not None
    qtbot.mouseClick(toolbar.widgetForAction(action(window, name)), Qt.MouseButton.LeftButton)


def at_rest(page: Page) -> bool:
    """Whether the page shows everything that it has heard of: no refresh is under way or due."""
    return not page._dirty and not page._refreshing


@pytest.fixture
def open_window(
    qapp: QApplication, qtbot: QtBot, loop: FairLoop, run: Callable[..., Any], settings: Settings
) -> Generator[OpenWindow]:
    """Opens the main window on a ticket, its dispatcher started."""
    use_theme(qapp, settings.theme)
    windows: list[MainWindow] = []
    unforeseen: list[str] = []
    loop.set_exception_handler(lambda _, context: unforeseen.append(repr(context.get("exception", context["message"]))))

    def open_window(ticket: DispatcherTicket, *, client_id: str = "acme", paused: bool = True) -> MainWindow:
        signals = DispatcherSignals()
        states: list[DispatcherState] = []
        signals.state_changed.connect(states.append)
        dispatcher = Dispatcher(ticket, SignalObserver(signals), program="tests")
        window = MainWindow(Session(dispatcher, signals, settings, client_id))
        windows.append(window)
        run(dispatcher.start(paused=paused))
        run(window.session.load_clients())
        window.show_first_page()
        window.resize(1240, 700)
        window.show()
        qtbot.waitExposed(window)
        qtbot.waitUntil(lambda: states[-1:] == [dispatcher.state])  # the window has heard of the start
        return window

    yield open_window
    for window in windows:
        run(window.session.dispatcher.shut_down(leave=True))
        assert window.session.dispatcher.state is DispatcherState.STOPPED
        window.hide()
        window.deleteLater()
    qtbot.wait(1)
    assert unforeseen == []


@pytest.fixture
def window(open_window: OpenWindow, ticket: DispatcherTicket) -> MainWindow:
    """The main window on `ticket`, looking at acme, paused."""
    return open_window(ticket)


@pytest.fixture
def drive(window: MainWindow, run: Callable[..., Any]) -> Callable[..., Log]:
    """Makes one trip and waits for it; answers its log."""

    def drive(name: str = "orders", client_id: str = "acme") -> Log:
        return run(window.session.dispatcher.drive(client_id, name))

    return drive


@pytest.fixture
def desk(tmp_path: Path, qtbot: QtBot, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> Generator[Desk]:
    """A desk whose dispatcher is shut down at the end."""
    desk = Desk(tmp_path, qtbot, run)
    yield desk
    if desk.dispatcher.state is not DispatcherState.STOPPED:
        run(desk.dispatcher.shut_down())
