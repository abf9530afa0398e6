"""A damaged database in the desktop app: the start dialog and the Ticket page offer its newest backup."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from databus_core.model.client import ROOT
from databus_core.model.query import Query
from databus_core.model.ticket import DispatcherTicket
from tests.core.test_sql_backup import FILE, OFTEN, until
from tests.core.test_sql_damage import corrupt_header
from tests.gui.app.test_app import Work, close, desktop, press, start_dialog, started_window, work
from tests.gui.pages.test_another_database import Clerk
from tests.support.engines import SQL, SQLITE
from tests.support.entries import entry
from tests.support.window import LONG_MS, OpenWindow, said

__all__ = ["desktop", "work"]


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A ticket on a damaged database of which there is a backup with one passenger."""
    folder = tmp_path / "damaged"
    folder.mkdir()
    with closing(OFTEN.opened(folder)) as database:
        database.seat(ROOT, [entry("kept")])
        until(database.database_backups)
    corrupt_header(folder / FILE)
    file = folder / "ticket.json"
    file.write_text(json.dumps({"database_module": SQL}))
    return file


def seated(folder: Path) -> int:
    with closing(SQLITE.opened(folder, reading=True)) as database:
        return database.queue_rows(Query(client_id=ROOT)).total


def test_the_start_dialog_restores_the_backup_and_starts(qtbot: QtBot, work: Work, damaged: Path) -> None:
    work(damaged)
    qtbot.waitUntil(lambda: start_dialog() is not None, timeout=LONG_MS)
    assert "databus.sqlite is damaged" in start_dialog().error_bar.text
    press(qtbot, "Restore the backup of 20")
    window = started_window(qtbot)
    qtbot.waitUntil(lambda: "what was there is databus.replaced-20" in said(window), timeout=LONG_MS)
    close(qtbot)
    assert seated(damaged.parent) == 1


def test_the_start_dialog_says_why_a_backup_cannot_be_restored(qtbot: QtBot, work: Work, damaged: Path) -> None:
    work(damaged)
    qtbot.waitUntil(lambda: start_dialog() is not None, timeout=LONG_MS)
    [backup] = SQLITE.make(damaged.parent).database_backups()
    corrupt_header(backup.file)
    press(qtbot, "Restore the backup of 20")
    qtbot.waitUntil(lambda: "cannot be restored: file is not a database" in start_dialog().error_bar.text)
    press(qtbot, "Quit")


def test_without_a_good_backup_none_is_offered(qtbot: QtBot, work: Work, damaged: Path) -> None:
    [backup] = SQLITE.make(damaged.parent).database_backups()
    corrupt_header(backup.file)
    work(damaged)
    qtbot.waitUntil(lambda: start_dialog() is not None, timeout=LONG_MS)
    assert "There is no good backup of it" in start_dialog().error_bar.text
    assert not any(button.text().startswith("Restore") for button in start_dialog().findChildren(QPushButton))
    press(qtbot, "Quit")


def test_the_ticket_page_restores_the_backup_of_the_database_it_changes_to(
    qtbot: QtBot, open_window: OpenWindow, run: Callable[..., Any], ticket: DispatcherTicket, damaged: Path
) -> None:
    clerk = Clerk(qtbot, open_window(ticket), run, ticket.folder)
    clerk.write(SQL, {"file": str(damaged.parent / FILE)})
    clerk.save()
    clerk.answer("Use the other database as it is")
    bar = clerk.page.error_bar
    clerk.until(lambda: "is damaged" in bar.text and "The old ticket stays in force" in bar.text)
    assert bar.offered.text().startswith("Restore the backup of 20")
    qtbot.mouseClick(bar.offered, Qt.MouseButton.LeftButton)
    clerk.answer("Use the other database as it is")
    clerk.until(lambda: clerk.module == SQL)
    clerk.until(lambda: clerk.done)
    assert bar.text == ""
    assert run(clerk.window.session.read(lambda storage: storage.database.queue_rows(Query(client_id=ROOT)).total)) == 1
