"""The Ticket page names another database: what becomes of the clients in the old one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QMessageBox
from pytestqt.qtbot import QtBot

from databus_core.model.query import PAGE, Query
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.observer import DispatcherState
from databus_gui.forms.json_editor import JsonEditor
from databus_gui.main_window import MainWindow
from databus_gui.pages.ticket import TicketPage
from databus_gui.widgets.copying import CopyDialog
from tests.support.engines import JSON_FILES, SQL, SQLITE, Engine
from tests.support.entries import entries
from tests.support.stage import Stage, hang_until
from tests.support.window import LONG_MS, said

COPY, AS_IT_IS = "Copy them there first", "Use the other database as it is"
NEW_FILE = {"file": "new.sqlite"}


class Clerk:
    """Somebody at the Ticket page."""

    def __init__(self, qtbot: QtBot, window: MainWindow, run: Callable[..., Any], folder: Path) -> None:
        self.qtbot, self.window, self.run, self.folder = qtbot, window, run, folder
        self.dispatcher = window.session.dispatcher
        page = window.show_page("ticket")
        assert isinstance(page, TicketPage)
        self.page = page
        self.until(page.place.text)

    def until(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=LONG_MS)

    def write(self, module: str, arguments: object) -> None:
        line = self.page.form.row("database_module").fitting.field.findChild(QLineEdit)
        assert line is not None
        line.selectAll()
        self.qtbot.keyClicks(line, module)
        editor = self.page.form.row("database_arguments").fitting.field.findChild(JsonEditor)
        assert editor is not None
        editor.editor.selectAll()
        editor.editor.insertPlainText(json.dumps(arguments))

    def save(self) -> None:
        self.qtbot.mouseClick(self.page.save_button, Qt.MouseButton.LeftButton)

    @property
    def box(self) -> QMessageBox | None:
        return self.page.findChild(QMessageBox)

    def answer(self, text: str) -> None:
        self.until(lambda: self.box)
        assert self.box is not None
        button = next(button for button in self.box.buttons() if button.text().replace("&", "") == text)
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    @property
    def dialog(self) -> CopyDialog | None:
        return self.window.findChild(CopyDialog)

    @property
    def done(self) -> bool:
        return self.page.save_button.isEnabled() and self.dialog is None

    @property
    def module(self) -> str:
        return self.dispatcher.ticket.database_module

    def file(self) -> Any:
        return json.loads((self.folder / "ticket.json").read_text("utf-8"))


def seated(folder: Path, engine: Engine, client_id: str = "acme") -> int:
    """How many passengers that client has in a database that nobody holds; -1 where there is no such client."""
    with closing(engine.opened(folder)) as database:
        known = client_id in database.client_ids()
        return database.queue_rows(Query(client_id=client_id)).total if known else -1


@pytest.fixture
def clerk(
    qtbot: QtBot,
    open_window: Callable[..., MainWindow],
    run: Callable[..., Any],
    ticket: DispatcherTicket,
    stage: Stage,
    tmp_path: Path,
) -> Clerk:
    """The dispatcher drives, and has delivered one passenger."""
    stage.waiting = ["1"]
    clerk = Clerk(qtbot, open_window(ticket, paused=False), run, tmp_path)
    clerk.until(lambda: ("crm", "1") in stage.pushed and not clerk.dispatcher.running)
    return clerk


def test_copied_first_everything_is_there_and_nothing_travels_twice(clerk: Clerk, stage: Stage) -> None:
    session = clerk.window.session
    before = clerk.run(session.read(lambda storage: storage.database.configuration("acme")))
    clerk.write(SQL, NEW_FILE)
    clerk.save()
    clerk.until(lambda: clerk.box)
    assert clerk.box is not None
    assert str(clerk.folder / "new.sqlite") in clerk.box.text()
    assert f"What shall become of the 2 clients in {clerk.folder / 'data'}?" in clerk.box.text()
    assert clerk.box.defaultButton().text() == COPY
    assert clerk.dispatcher.state is DispatcherState.RUNNING, "a question stops nobody"
    clerk.answer(COPY)
    clerk.until(lambda: clerk.done and clerk.module == SQL)
    assert clerk.page.error_bar.text == ""
    assert clerk.file()["database_arguments"] == NEW_FILE
    clerk.until(lambda: "1 passenger is copied" in said(clerk.window))
    clerk.until(lambda: clerk.dispatcher.state is DispatcherState.RUNNING)
    after = clerk.run(session.read(lambda storage: storage.database.configuration("acme")))
    assert after == before
    rows = clerk.run(session.read(lambda storage: storage.database.queue_rows(Query(client_id="acme")))).rows
    assert [row.external_id for row in rows] == ["1"]
    assert clerk.run(session.read(lambda storage: storage.database.client_ids())) == ["root", "acme"]
    clerk.run(clerk.dispatcher.drive("acme", "orders"))
    assert stage.pushed.count(("crm", "1")) == 1
    assert seated(clerk.folder, Engine(JSON_FILES.module, {"database_dir": "data"})) == 1


def test_the_other_database_as_it_is(clerk: Clerk) -> None:
    clerk.write(SQL, NEW_FILE)
    clerk.save()
    clerk.answer(AS_IT_IS)
    clerk.until(lambda: clerk.done and clerk.module == SQL)
    ids = clerk.run(clerk.window.session.read(lambda storage: storage.database.client_ids()))
    assert "acme" not in ids
    clerk.until(lambda: clerk.dispatcher.state is DispatcherState.RUNNING)


def test_cancelled_nothing_happens(clerk: Clerk) -> None:
    before = clerk.file()
    clerk.write(SQL, NEW_FILE)
    clerk.save()
    clerk.answer("Cancel")
    clerk.until(lambda: clerk.done)
    assert clerk.page.unsaved
    assert clerk.file() == before
    assert clerk.module == JSON_FILES.module
    assert not (clerk.folder / "new.sqlite").exists()
    assert clerk.dispatcher.state is DispatcherState.RUNNING


def test_a_copy_that_fails_is_said_and_nothing_is_applied(clerk: Clerk) -> None:
    before = clerk.file()
    (clerk.folder / "new.sqlite").mkdir()
    clerk.write(SQL, NEW_FILE)
    clerk.save()
    clerk.answer(COPY)
    clerk.until(lambda: clerk.done and clerk.page.error_bar.text)
    assert "new.sqlite" in clerk.page.error_bar.text
    assert "The old ticket stays in force." in clerk.page.error_bar.text
    assert clerk.file() == before
    assert clerk.module == JSON_FILES.module
    clerk.until(lambda: clerk.dispatcher.state is DispatcherState.RUNNING)


def test_the_same_database_in_other_words_is_no_question(clerk: Clerk) -> None:
    clerk.write(JSON_FILES.module, {"database_dir": str(clerk.folder / "data")})
    clerk.save()
    clerk.until(lambda: not clerk.page.unsaved and clerk.done)
    assert clerk.box is None
    assert clerk.file()["database_arguments"] == {"database_dir": str(clerk.folder / "data")}


def test_cancelled_while_a_trip_is_awaited_it_drives_on(clerk: Clerk, stage: Stage) -> None:
    go = threading.Event()
    stage.waiting, stage.on_pull = ["2"], hang_until(go)
    clerk.run(clerk.dispatcher.expedite("acme", "orders"))
    clerk.until(lambda: clerk.dispatcher.running)
    clerk.write(SQL, NEW_FILE)
    clerk.save()
    clerk.answer(COPY)
    clerk.until(lambda: clerk.dialog is not None and clerk.dispatcher.state is DispatcherState.PAUSING)
    assert clerk.dialog is not None
    clerk.qtbot.mouseClick(clerk.dialog.progress.cancel_button, Qt.MouseButton.LeftButton)
    clerk.until(lambda: clerk.done)
    clerk.until(lambda: clerk.dispatcher.state is DispatcherState.RUNNING)
    go.set()
    clerk.until(lambda: ("crm", "2") in stage.pushed)
    assert clerk.module == JSON_FILES.module
    assert clerk.page.unsaved


def test_cancelled_in_the_middle_the_next_copy_goes_on_from_there(
    qtbot: QtBot, open_window: Callable[..., MainWindow], run: Callable[..., Any], tmp_path: Path
) -> None:
    many = 6 * PAGE
    with closing(SQLITE.opened(tmp_path)) as database:
        database.create_client("acme")
        database.seat("acme", entries(many))
    (tmp_path / "ticket.json").write_text(json.dumps({"database_module": SQL}))
    clerk = Clerk(qtbot, open_window(DispatcherTicket.load(tmp_path / "ticket.json")), run, tmp_path)
    target = Engine(JSON_FILES.module, {"database_dir": "files"})
    clerk.write(target.module, target.arguments)
    clerk.save()
    clerk.answer(COPY)
    clerk.until(lambda: clerk.dialog is not None and clerk.dialog.progress.bar.maximum() == many)
    assert clerk.dialog is not None
    qtbot.keyClick(clerk.dialog, Qt.Key.Key_Escape)
    assert clerk.dialog.progress.said.text() == "Stopping …"
    clerk.until(lambda: clerk.done)
    assert clerk.page.error_bar.text == ""
    clerk.until(lambda: "cancelled" in said(clerk.window))
    assert clerk.module == SQL
    assert clerk.dispatcher.state is DispatcherState.PAUSED
    copied = seated(tmp_path, target)
    assert 0 < copied < many
    clerk.save()
    clerk.answer(COPY)
    clerk.until(lambda: clerk.done and clerk.module == target.module)
    clerk.until(lambda: f"{many - copied:,} passengers are copied" in said(clerk.window))
    rows = run(clerk.window.session.read(lambda storage: storage.database.queue_rows(Query(client_id="acme"))))
    assert rows.total == many
    assert clerk.dispatcher.state is DispatcherState.PAUSED, "as it was before"


def test_while_it_is_stopped_nothing_can_be_copied(clerk: Clerk) -> None:
    clerk.run(clerk.dispatcher.shut_down())
    clerk.write(SQL, NEW_FILE)
    clerk.save()
    clerk.until(lambda: clerk.box)
    assert clerk.box is not None
    copy = next(button for button in clerk.box.buttons() if button.text() == COPY)
    assert not copy.isEnabled()
    assert "The dispatcher is stopped" in clerk.box.informativeText()
    clerk.answer(AS_IT_IS)
    clerk.until(lambda: clerk.done and clerk.file().get("database_module") == SQL)
