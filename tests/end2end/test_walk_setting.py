"""A setting, form to running dispatcher: another database by a value in the ticket's form."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.observer import DispatcherState
from databus_gui.forms.json_editor import JsonEditor
from databus_gui.main_window import MainWindow
from databus_gui.pages.passengers import PassengersPage
from databus_gui.pages.ticket import TicketPage
from tests.support.engines import Engine
from tests.support.stage import Stage, ticket_with
from tests.support.window import LONG_MS, click

HOURLY = {"sync_frequency": 60, "queue_life_span": 30}
AS_IT_IS = "Use the other database as it is"


class Clerk:
    """Somebody at the Ticket page of a window whose dispatcher runs."""

    def __init__(self, qtbot: QtBot, window: MainWindow, folder: Path) -> None:
        self.qtbot = qtbot
        self.window = window
        self.folder = folder
        self.dispatcher = window.session.dispatcher
        page = window.show_page("ticket")
        assert isinstance(page, TicketPage)
        self.page = page
        self.until(page.place.text)

    def until(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=LONG_MS)

    def type_database(self, arguments: object) -> None:
        editor = self.page.form.row("database_arguments").fitting.field.findChild(JsonEditor)
        assert editor is not None
        editor.editor.selectAll()
        editor.editor.insertPlainText(json.dumps(arguments))
        assert self.page.unsaved

    def save(self, answer: str = "") -> None:
        """`answer` is the button that is clicked in the question about another database."""
        self.qtbot.mouseClick(self.page.save_button, Qt.MouseButton.LeftButton)
        if answer:
            self.until(lambda: self.page.findChild(QMessageBox))
            box = self.page.findChild(QMessageBox)
            assert box is not None
            button = next(button for button in box.buttons() if button.text() == answer)
            self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        self.until(lambda: self.page.busy.isHidden() and (self.page.error_bar.text or not self.page.unsaved))

    def file(self) -> Any:
        return json.loads((self.folder / "ticket.json").read_text("utf-8"))

    def passengers(self) -> list[str]:
        """What the page Passengers lists."""
        page = self.window.show_page("passengers")
        assert isinstance(page, PassengersPage)
        self.until(lambda: page.model.total is not None)
        rows = [page.model.row(number) for number in range(page.model.rowCount())]
        return [row.route[1] for row in rows if row is not None]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Stage:
    """A second database folder `other`, whose client acme moves `mails` that wait on this stage."""
    stage = Stage(waiting=["7"])
    client = tmp_path / "other" / "clients" / "acme"
    client.mkdir(parents=True)
    (client / "config.json").write_text(json.dumps({"passengers": [stage.client_passenger("mails", **HOURLY)]}))
    return stage


@pytest.fixture
def ticket(tmp_path: Path, stage: Stage) -> DispatcherTicket:
    return ticket_with(tmp_path, acme=[stage.client_passenger("orders", **HOURLY)], root=[])


@pytest.fixture
def clerk(
    qtbot: QtBot, open_window: Callable[..., MainWindow], ticket: DispatcherTicket, stage: Stage, tmp_path: Path
) -> Clerk:
    stage.waiting = ["1"]
    clerk = Clerk(qtbot, open_window(ticket, paused=False), tmp_path)
    clerk.until(lambda: ("crm", "1") in stage.pushed and not clerk.dispatcher.running)
    return clerk


def test_another_database_is_in_force_saved_and_shown(clerk: Clerk, stage: Stage, elsewhere: Stage) -> None:
    clerk.until(lambda: clerk.passengers() == ["orders"])
    clerk.window.show_page("ticket")
    clerk.type_database({"database_dir": "other"})
    clerk.save(AS_IT_IS)
    assert clerk.page.error_bar.text == ""
    assert clerk.dispatcher.ticket.database_arguments == {"database_dir": "other"}
    assert clerk.file()["database_arguments"] == {"database_dir": "other"}
    assert clerk.file()["grace_seconds"] == 0.5
    clerk.until(lambda: clerk.dispatcher.state is DispatcherState.RUNNING)
    clerk.until(lambda: ("crm", "7") in elsewhere.pushed)
    clerk.until(lambda: clerk.passengers() == ["mails"])
    assert stage.pulls == 1, "nothing travels any more by the old database"
    old = Engine("databus_core.database.json_files", {"database_dir": "data"})
    with closing(old.opened(clerk.folder)) as database:
        assert database.known("acme", "shop", "1")


def test_a_database_that_cannot_be_had_leaves_the_old_one_in_force(
    clerk: Clerk, qtbot: QtBot, stage: Stage, elsewhere: Stage
) -> None:
    before = clerk.file()
    clerk.type_database({"database_dir": "other"})
    held = Engine("databus_core.database.json_files", {"database_dir": "other"})
    with closing(held.opened(clerk.folder)):
        clerk.save(AS_IT_IS)
        assert "is in use by tests (process" in clerk.page.error_bar.text
        assert "The old ticket stays in force." in clerk.page.error_bar.text
    assert clerk.page.unsaved
    assert clerk.dispatcher.ticket.database_arguments == {"database_dir": "data"}
    assert clerk.file() == before
    assert elsewhere.pulls == 0
    clerk.until(lambda: clerk.dispatcher.state is DispatcherState.RUNNING)
    clerk.until(lambda: clerk.passengers() == ["orders"])
    stage.waiting = ["2"]
    page = clerk.window.page
    assert isinstance(page, PassengersPage)
    page.table.selectRow(0)
    click(qtbot, clerk.window, "expedite")
    clerk.until(lambda: ("crm", "2") in stage.pushed)


def test_a_value_that_is_wrong_is_said_at_its_field_and_never_tried(clerk: Clerk) -> None:
    before = clerk.file()
    clerk.type_database(["no", "object"])
    clerk.save()
    assert clerk.page.form.row("database_arguments").problem
    assert clerk.page.error_bar.text.startswith("The ticket cannot be saved like this.")
    assert clerk.file() == before
    assert clerk.dispatcher.state is DispatcherState.RUNNING
    assert clerk.dispatcher.ticket.database_arguments == {"database_dir": "data"}
