"""The whole app: from a ticket to an orderly exit, and what it says when it cannot start."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.observer import DispatcherState
from databus_gui.app.app import Desktop
from databus_gui.app.start_dialog import StartDialog
from databus_gui.loop import FairLoop
from databus_gui.main_window import MainWindow
from databus_gui.settings import Settings
from databus_gui.slots import start
from tests.support.engines import Engine
from tests.support.risky import calls, direct, ticket_in
from tests.support.stage import Stage, hang_until
from tests.support.window import LONG_MS, said

Work = Callable[[Path | None], "asyncio.Task[int]"]


@pytest.fixture
def desktop(qapp: QApplication, settings: Settings) -> Desktop:
    return Desktop(qapp, settings)


@pytest.fixture
def work(qtbot: QtBot, loop: FairLoop, desktop: Desktop) -> Generator[Work]:
    """Starts the app on a ticket; at the end it must have ended by itself."""
    tasks: list[asyncio.Task[int]] = []

    def work(file: Path | None) -> asyncio.Task[int]:
        tasks.append(loop.create_task(desktop.work(file)))
        return tasks[-1]

    yield work
    qtbot.waitUntil(lambda: all(task.done() for task in tasks), timeout=LONG_MS)
    assert [task.result() for task in tasks] == [0]


def main_window() -> MainWindow | None:
    shown = [w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow) and w.isVisible()]
    return shown[0] if shown else None


def start_dialog() -> StartDialog | None:
    shown = [w for w in QApplication.topLevelWidgets() if isinstance(w, StartDialog) and w.isVisible()]
    return shown[0] if shown else None


def started_window(qtbot: QtBot) -> MainWindow:
    """Wait until the window shows its first page: where the start takes long, it is there before that, and empty."""
    qtbot.waitUntil(lambda: main_window() is not None and main_window().page is not None, timeout=LONG_MS)
    return main_window()


def close(qtbot: QtBot) -> None:
    """Wait until the window is there and the trips of the start are over, and close it."""
    window = started_window(qtbot)
    dispatcher = window.session.dispatcher
    qtbot.waitUntil(
        lambda: all(row.last_trip for row in dispatcher.timetable()) and not dispatcher.running, timeout=20_000
    )
    window.close()
    qtbot.waitUntil(lambda: main_window() is not window, timeout=LONG_MS)


def press(qtbot: QtBot, words: str) -> None:
    """Wait for the start dialog and press the button."""
    qtbot.waitUntil(lambda: start_dialog() is not None, timeout=LONG_MS)
    button = next(button for button in start_dialog().findChildren(QPushButton) if button.text().startswith(words))
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_app_works_until_its_window_is_closed(
    qtbot: QtBot, work: Work, ticket: DispatcherTicket, settings: Settings, stage: Stage
) -> None:
    stage.waiting = ["1"]
    work(ticket.file)
    window = started_window(qtbot)
    qtbot.waitUntil(lambda: ("crm", "1") in stage.pushed, timeout=LONG_MS)
    assert window.session.client_id == "acme"
    qtbot.waitUntil(lambda: settings.recent_tickets == [str(ticket.file)])
    dispatcher = window.session.dispatcher
    close(qtbot)
    assert dispatcher.state is DispatcherState.STOPPED


def test_safe_means_that_nothing_is_driven_before_somebody_says_so(
    qtbot: QtBot, loop: FairLoop, desktop: Desktop, tmp_path: Path
) -> None:
    ticket = ticket_in(tmp_path, "a", isolation="auto")
    task = loop.create_task(desktop.work(ticket.file, safe=True))
    window = started_window(qtbot)
    dispatcher = window.session.dispatcher
    qtbot.waitUntil(lambda: "Nothing is driven (--safe)" in said(window), timeout=LONG_MS)
    qtbot.wait(300)
    assert dispatcher.state is DispatcherState.PAUSED
    assert calls(tmp_path, "shop") == []
    loop.create_task(dispatcher.resume())
    qtbot.waitUntil((tmp_path / "target" / "a").exists, timeout=LONG_MS)
    close(qtbot)
    qtbot.waitUntil(task.done, timeout=LONG_MS)


def test_trips_run_in_a_process_of_their_own(qtbot: QtBot, work: Work, tmp_path: Path) -> None:
    direct(tmp_path, "erp", "modules")
    work(ticket_in(tmp_path, "a", isolation="auto").file)
    window = started_window(qtbot)
    qtbot.waitUntil((tmp_path / "target" / "a").exists, timeout=LONG_MS)
    log_id = next(iter((tmp_path / "data" / "json_db" / "clients" / "demo" / "log").iterdir()))
    qtbot.waitUntil(lambda: "[output][info] loaded: []" in log_id.read_text("utf-8"), timeout=LONG_MS)
    assert window.isVisible()
    close(qtbot)


def test_without_a_ticket_it_asks_and_quits(qtbot: QtBot, work: Work) -> None:
    work(None)
    press(qtbot, "Quit")


def test_broken_ticket_is_named_and_can_be_tried_again(qtbot: QtBot, work: Work, ticket: DispatcherTicket) -> None:
    text = ticket.file.read_text()
    ticket.file.write_text('{"drivers_at_once": 0}')
    work(ticket.file)
    qtbot.waitUntil(lambda: start_dialog() is not None, timeout=LONG_MS)
    said = start_dialog().error_bar.text
    assert str(ticket.file) in said
    assert "drivers_at_once" in said
    ticket.file.write_text(text)
    press(qtbot, "Try again")
    close(qtbot)


def test_database_in_use_says_by_whom(qtbot: QtBot, work: Work, ticket: DispatcherTicket) -> None:
    engine = Engine("databus_core.database.json_files", {"database_dir": "data"})
    database = engine.opened(ticket.folder)
    try:
        work(ticket.file)
        qtbot.waitUntil(lambda: start_dialog() is not None, timeout=LONG_MS)
        assert "is in use by tests (process" in start_dialog().error_bar.text
        assert main_window() is None
        press(qtbot, "Quit")
        qtbot.waitUntil(lambda: start_dialog() is None)
    finally:
        database.close()


def test_unknown_database_engine_is_named(qtbot: QtBot, work: Work, ticket: DispatcherTicket) -> None:
    ticket.file.write_text(json.dumps({"database_module": "no.such.engine"}))
    work(ticket.file)
    qtbot.waitUntil(lambda: start_dialog() is not None, timeout=LONG_MS)
    assert "no.such.engine" in start_dialog().error_bar.text
    press(qtbot, "Quit")


def test_demo_is_made_in_the_documents_and_opened(
    qtbot: QtBot, work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    work(None)
    press(qtbot, "Open the demo")
    window = started_window(qtbot)
    assert (tmp_path / "Documents" / "Databus demo" / "ticket.json").is_file()
    assert window.session.client_ids == ["root", "demo"]
    close(qtbot)


def test_recent_tickets_are_offered(qtbot: QtBot, work: Work, ticket: DispatcherTicket, settings: Settings) -> None:
    settings.remember_ticket(ticket.file)
    work(None)
    press(qtbot, str(ticket.file))
    close(qtbot)


def test_another_ticket_is_opened_in_the_place_of_this_one(
    qtbot: QtBot, work: Work, ticket: DispatcherTicket, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "ticket.json"
    other.parent.mkdir()
    other.write_text('{"system_alias": "The other one", "database_arguments": {"database_dir": "data"}}')
    work(ticket.file)
    dispatcher = started_window(qtbot).session.dispatcher
    qtbot.waitUntil(
        lambda: all(row.last_trip for row in dispatcher.timetable()) and not dispatcher.running, timeout=LONG_MS
    )
    main_window()._on_ticket_selected(str(other))
    qtbot.waitUntil(
        lambda: main_window() is not None and main_window().windowTitle().startswith("The other one"), timeout=LONG_MS
    )
    close(qtbot)


def test_end_of_the_desktop_session_waits_until_everything_is_closed(
    qtbot: QtBot, work: Work, desktop: Desktop, ticket: DispatcherTicket, stage: Stage
) -> None:
    go = threading.Event()
    stage.waiting, stage.on_push = ["1"], hang_until(go)
    work(ticket.file)
    dispatcher = started_window(qtbot).session.dispatcher
    qtbot.waitUntil(lambda: bool(dispatcher.running), timeout=LONG_MS)
    desktop._on_session_end()
    assert dispatcher.state is DispatcherState.STOPPED
    go.set()


def test_error_of_a_slot_is_shown_and_the_app_goes_on(
    qtbot: QtBot, work: Work, ticket: DispatcherTicket, expected_logs: list[str]
) -> None:
    expected_logs.append("Unexpected error")
    work(ticket.file)
    window = started_window(qtbot)

    async def stumble() -> None:
        raise ZeroDivisionError

    start(window, stumble())
    qtbot.waitUntil(lambda: "ZeroDivisionError" in window.unexpected.details)
    assert window.session.dispatcher.state is DispatcherState.RUNNING
    close(qtbot)
