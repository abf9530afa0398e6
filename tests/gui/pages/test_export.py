from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from databus_core.model.log import Log
from databus_core.model.query import PAGE, LogQuery, Query
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.observer import DispatcherState
from databus_gui.forms.json_editor import JsonEditor
from databus_gui.main_window import MainWindow
from databus_gui.pages.export import ExportPage
from tests.support.engines import JSON_FILES, SQL, SQLITE, Engine
from tests.support.entries import entries
from tests.support.stage import Stage, hang_until, ticket_with
from tests.support.window import LONG_MS, at_rest

NEW_FILE = Engine(SQL, {"file": "new.sqlite"})
MANY = 6 * PAGE


class Clerk:
    """Somebody at the page Export."""

    def __init__(self, qtbot: QtBot, window: MainWindow, run: Callable[..., Any]) -> None:
        self.qtbot, self.window, self.run = qtbot, window, run
        self.dispatcher = window.session.dispatcher
        page = window.show_page("export")
        assert isinstance(page, ExportPage)
        self.page = page
        self.until(lambda: at_rest(page) and page._module)

    def until(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=LONG_MS)

    def choose(self, module: str) -> None:
        self.page.engine.setCurrentIndex(self.page.engine.findData(module))
        self.until(lambda: self.page._module == module)

    def write(self, argument: str, text: str) -> None:
        line = self.page.form.row(argument).fitting.field.findChild(QLineEdit)
        assert line is not None
        line.selectAll()
        self.qtbot.keyClicks(line, text)

    def begin(self) -> None:
        self.until(self.page.button.isEnabled)
        self.qtbot.mouseClick(self.page.button, Qt.MouseButton.LeftButton)

    def export(self) -> str:
        """What the page says afterwards."""
        self.begin()
        self.until(self.page.progress.isHidden)
        self.until(lambda: self.page.said.text() or self.page.error_bar.text)
        return self.page.said.text()

    def cancel(self) -> None:
        self.qtbot.mouseClick(self.page.progress.cancel_button, Qt.MouseButton.LeftButton)
        self.until(self.page.progress.isHidden)


def seated(folder: Path, engine: Engine, client_id: str = "acme") -> list[str]:
    """External ids of that client's passengers in a database that nobody holds."""
    with closing(engine.opened(folder)) as database:
        rows = database.queue_rows(Query(client_id=client_id, limit=100_000)).rows
        return [row.external_id for row in rows]


@pytest.fixture
def clerk(qtbot: QtBot, window: MainWindow, run: Callable[..., Any]) -> Clerk:
    return Clerk(qtbot, window, run)


@pytest.fixture
def large(tmp_path: Path) -> DispatcherTicket:
    """A ticket over a file of SQLite whose client acme has so many passengers that copying them takes a while."""
    with closing(SQLITE.opened(tmp_path)) as database:
        database.create_client("acme")
        database.seat("acme", entries(MANY))
    (tmp_path / "ticket.json").write_text(json.dumps({"database_module": SQL}))
    return DispatcherTicket.load(tmp_path / "ticket.json")


def test_a_client_is_copied_to_a_file_of_sqlite(
    clerk: Clerk, stage: Stage, drive: Callable[..., Log], tmp_path: Path
) -> None:
    stage.waiting = ["1", "2"]
    drive()
    assert clerk.page.client.currentText() == "acme"
    assert clerk.page.engine.currentData() == SQL, "another engine than the one in force comes first"
    clerk.write("file", "new.sqlite")
    assert clerk.export() == f"acme is copied to {tmp_path / 'new.sqlite'}; 2 passengers were new there."
    assert clerk.page.error_bar.text == ""
    assert sorted(seated(tmp_path, NEW_FILE)) == ["1", "2"]
    with closing(NEW_FILE.opened(tmp_path)) as database:
        configuration = clerk.run(clerk.window.session.read(lambda storage: storage.database.configuration("acme")))
        assert database.configuration("acme") == configuration
        assert database.log_rows(LogQuery(client_id="acme")).total == 1
    assert clerk.dispatcher.ticket.database_module == JSON_FILES.module
    assert "; 0 passengers were new there." in clerk.export()
    clerk.write("file", "newer.sqlite")
    assert clerk.page.said.isHidden(), "what was said was about another place"


def test_a_target_that_cannot_be_used_is_said_in_words(clerk: Clerk, tmp_path: Path) -> None:
    clerk.write("url", "oracle://somewhere/db")
    assert clerk.export() == ""
    assert "url begins with 'oracle'; allowed are" in clerk.page.error_bar.text
    clerk.write("schema", "not a name")
    clerk.export()
    assert clerk.page.form.row("schema").problem
    (tmp_path / "taken.sqlite").write_text("no database at all, but a text that is long enough to be looked at")
    clerk.choose(JSON_FILES.module)
    clerk.choose(SQL)
    clerk.write("file", "taken.sqlite")
    clerk.export()
    assert "taken.sqlite" in clerk.page.error_bar.text
    assert clerk.dispatcher.state is DispatcherState.PAUSED
    assert clerk.page.button.isEnabled()


def test_the_database_in_force_is_no_target(clerk: Clerk, tmp_path: Path) -> None:
    clerk.choose(JSON_FILES.module)
    clerk.write("database_dir", "data")
    clerk.export()
    assert clerk.page.error_bar.text == f"{tmp_path / 'data'} is the database in force. Choose another place."


def test_cancelled_in_the_middle_and_again_to_the_end(
    qtbot: QtBot,
    open_window: Callable[..., MainWindow],
    run: Callable[..., Any],
    large: DispatcherTicket,
    tmp_path: Path,
) -> None:
    clerk = Clerk(qtbot, open_window(large, paused=False), run)
    target = Engine(JSON_FILES.module, {"database_dir": "files"})
    clerk.write("database_dir", "files")
    clerk.begin()
    clerk.until(lambda: clerk.page.progress.bar.value() >= PAGE)
    assert f" of {MANY:,} passengers" in clerk.page.progress.said.text()
    assert not clerk.page.button.isEnabled()
    clerk.window.show_page("logs")
    clerk.window.show_page("export")
    assert clerk.page.progress.isVisible()
    clerk.cancel()
    assert clerk.page.said.text().startswith("Cancelled.")
    assert clerk.page.error_bar.text == ""
    clerk.until(lambda: clerk.dispatcher.state is DispatcherState.RUNNING)
    copied = len(seated(tmp_path, target))
    assert 0 < copied < MANY
    assert f"; {MANY - copied:,} passengers were new there." in clerk.export()
    assert len(seated(tmp_path, target)) == MANY


def test_shut_down_in_the_middle_it_lets_go_of_both_databases(
    qtbot: QtBot,
    open_window: Callable[..., MainWindow],
    run: Callable[..., Any],
    large: DispatcherTicket,
    tmp_path: Path,
) -> None:
    clerk = Clerk(qtbot, open_window(large), run)
    clerk.write("database_dir", "files")
    clerk.begin()
    clerk.until(lambda: clerk.page.progress.bar.value() >= PAGE)
    run(clerk.dispatcher.shut_down())
    clerk.until(clerk.page.progress.isHidden)
    assert clerk.dispatcher.state is DispatcherState.STOPPED
    assert not clerk.page.button.isEnabled()
    assert len(seated(tmp_path, SQLITE)) == MANY
    assert 0 < len(seated(tmp_path, Engine(JSON_FILES.module, {"database_dir": "files"}))) < MANY


def test_cancelled_while_a_trip_is_awaited(
    qtbot: QtBot, open_window: Callable[..., MainWindow], run: Callable[..., Any], stage: Stage, tmp_path: Path
) -> None:
    go = threading.Event()
    stage.waiting, stage.on_pull = ["1"], hang_until(go)
    passenger = stage.client_passenger(sync_frequency=60, queue_life_span=30)
    clerk = Clerk(qtbot, open_window(ticket_with(tmp_path, acme=[passenger]), paused=False), run)
    clerk.until(lambda: clerk.dispatcher.running)
    clerk.write("file", "new.sqlite")
    clerk.begin()
    clerk.until(lambda: clerk.dispatcher.state is DispatcherState.PAUSING)
    clerk.cancel()
    assert clerk.dispatcher.state is DispatcherState.RUNNING
    assert not (tmp_path / "new.sqlite").exists()
    go.set()
    clerk.until(lambda: ("crm", "1") in stage.pushed)


def test_while_it_is_stopped_the_button_is_off_with_a_word_why(clerk: Clerk) -> None:
    assert clerk.page.button.isEnabled()
    clerk.run(clerk.dispatcher.shut_down())
    clerk.until(lambda: not clerk.page.button.isEnabled())
    assert "The dispatcher is stopped" in clerk.page.why_not.text()
    clerk.run(clerk.dispatcher.start(paused=True))
    clerk.until(clerk.page.button.isEnabled)
    assert "stopped" not in clerk.page.why_not.text()


def test_root_chooses_among_all_clients(clerk: Clerk) -> None:
    assert [clerk.page.client.itemText(n) for n in range(clerk.page.client.count())] == ["acme"]
    assert not clerk.page.client.isEnabled()
    clerk.window.session.choose_client("root")
    clerk.until(lambda: clerk.page.client.count() == 2)
    assert [clerk.page.client.itemText(n) for n in range(2)] == ["root", "acme"]
    assert clerk.page.client.isEnabled()
    clerk.page.client.setCurrentIndex(1)
    clerk.write("file", "new.sqlite")
    assert clerk.export().startswith("acme is copied to ")


ENGINE_THAT_SAYS_NOTHING = """
import importlib
from databus_core.plugins.plugin import Arguments

class Folders(importlib.import_module("databus_core.database.json_files").JsonFiles):
    Arguments = Arguments
"""


def test_arguments_that_an_engine_does_not_declare_are_written_as_json(
    qtbot: QtBot,
    open_window: Callable[..., MainWindow],
    run: Callable[..., Any],
    ticket: DispatcherTicket,
    tmp_path: Path,
) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "folders_of_ours.py").write_text(ENGINE_THAT_SAYS_NOTHING)
    clerk = Clerk(qtbot, open_window(ticket), run)
    clerk.choose("folders_of_ours")
    editor = clerk.page.form.findChild(JsonEditor)
    assert editor is not None
    editor.editor.selectAll()
    editor.editor.insertPlainText('["files"]')
    clerk.begin()
    assert clerk.page.error_bar.text == "Arguments have names: write an object, such as {}."
    editor.editor.selectAll()
    editor.editor.insertPlainText('{"database_dir": "files"}')
    assert clerk.export() == f"acme is copied to {tmp_path / 'files'}; 0 passengers were new there."
