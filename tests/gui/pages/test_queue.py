"""The page Queue, by clicks and keys."""

from __future__ import annotations

import csv
import json
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QFontMetrics, QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QInputDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from databus_core.database import sql
from databus_core.database.sql import search_page
from databus_core.engine import queue
from databus_core.engine.storage import Storage
from databus_core.model import query
from databus_core.model.clock import now
from databus_core.model.query import PAGE, Query
from databus_core.model.queue_entry import QueueStatus
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.observer import Change
from databus_gui.main_window import MainWindow
from databus_gui.pages.page import REFRESH_MS
from databus_gui.pages.queue import QueuePage, csv_file
from databus_gui.pages.queue.bulk_dialog import BulkDialog
from databus_gui.pages.queue.step_row import NO_BREAK
from databus_gui.widgets.attachments import TEXT_SHOWN, AttachmentRow, TextView
from databus_gui.widgets.long_text import LINE_SHOWN
from databus_gui.widgets.words import local_time
from tests.support.desk import Desk
from tests.support.engines import SQL, SQLITE
from tests.support.entries import entry
from tests.support.stage import Stage, hang_until
from tests.support.window import said


@pytest.fixture
def page(qtbot: QtBot, window: MainWindow, stage: Stage, drive: Callable) -> QueuePage:
    """Passengers 1 to 4; 2 failed at its second pusher, 3 in its first processor."""

    def fail(role: str, passenger: object) -> None:
        if (role, passenger.external_id) in {("crm", "2"), ("first", "3")}:
            raise RuntimeError(f"{role} is shut for {passenger.external_id}")

    stage.waiting, stage.on_push, stage.on_process = ["1", "2", "3", "4"], fail, fail
    drive()
    stage.on_push = stage.on_process = lambda *_: None
    page = window.show_page("queue")
    assert isinstance(page, QueuePage)
    qtbot.waitUntil(lambda: page.model.total == 4)
    return page


def rows(page: QueuePage) -> list[dict[str, str]]:
    found = [page.model.row(number) for number in range(page.model.rowCount())]
    return [{column.key: column.text(row) for column in page.model.columns} for row in found]


def shown(page: QueuePage) -> set[str]:
    return {row["external_id"] for row in rows(page)}


def chip(page: QueuePage, word: str) -> QPushButton:
    return next(button for button in page.findChildren(QPushButton) if button.text() == word)


def named(page: QWidget, kind: type, name: str):
    """The visible widget with that accessible name."""
    return next(w for w in page.findChildren(kind) if w.accessibleName() == name and w.isVisible())


def choose(qtbot: QtBot, page: QueuePage, external_id: str) -> None:
    """Click the row, and wait for its details."""
    number = next(n for n in range(page.model.rowCount()) if page.model.row(n).external_id == external_id)
    place = page.table.visualRect(page.model.index(number, 2)).center()
    qtbot.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: external_id in texts(page.details))


def texts(widget: QWidget) -> list[str]:
    labels = widget.findChildren(QLabel)
    return [label.text().replace("\u200b", "") for label in labels if label.isVisible()]


def buttons(widget: QWidget, word: str) -> dict[str, QPushButton]:
    """Visible buttons whose accessible name begins so, by the rest of it."""
    found = [b for b in widget.findChildren(QPushButton) if b.accessibleName().startswith(word) and b.isVisible()]
    return {button.accessibleName().removeprefix(word).strip(": "): button for button in found}


def test_each_row_says_how_it_stands(page: QueuePage) -> None:
    by_id = {row["external_id"]: row for row in rows(page)}
    assert by_id["1"]["status"] == "complete"
    assert by_id["1"]["steps"] == "5/5"
    assert by_id["2"]["status"] == "failing"
    assert by_id["2"]["error"] == "crm: RuntimeError: crm is shut for 2"
    assert by_id["3"]["steps"] == "1/5"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Complete", {"1", "4"}),
        ("Failing", {"2", "3"}),
        ("Waiting", set()),
        ("Needs decision", set()),
        ("All", set("1234")),
    ],
)
def test_chips_filter(qtbot: QtBot, page: QueuePage, word: str, expected: set[str]) -> None:
    qtbot.mouseClick(chip(page, "Complete" if word == "All" else "All"), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(chip(page, word), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.model.total == len(expected))
    qtbot.waitUntil(lambda: shown(page) == expected)


def test_search_finds_errors_and_ids(qtbot: QtBot, page: QueuePage) -> None:
    qtbot.keyClick(page.window(), Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    search = named(page, QLineEdit, "Search")
    qtbot.waitUntil(search.hasFocus)
    qtbot.keyClicks(search, "SHUT FOR 3")
    qtbot.waitUntil(lambda: shown(page) == {"3"})
    search.selectAll()
    qtbot.keyClick(search, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: len(shown(page)) == 4)


def test_nothing_found_says_so(qtbot: QtBot, page: QueuePage) -> None:
    qtbot.keyClicks(named(page, QLineEdit, "Search"), "no such passenger")
    qtbot.waitUntil(lambda: page.model.total == 0)
    qtbot.waitUntil(lambda: page.table.empty_text == "No passenger matches the filter.")


def test_filters_by_client_passenger_and_date(qtbot: QtBot, page: QueuePage) -> None:
    box = named(page, QComboBox, "Client passenger")
    assert [box.itemText(number) for number in range(1, box.count())] == ["orders", "invoices"]
    box.setFocus()
    qtbot.keyClicks(box, "invoices")
    qtbot.waitUntil(lambda: page.model.total == 0)
    qtbot.keyClick(box, Qt.Key.Key_Up)
    qtbot.waitUntil(lambda: page.model.total == 4)
    date = named(page, QComboBox, "When it was pulled")
    for number in range(date.count()):
        date.setCurrentIndex(number)
        qtbot.waitUntil(lambda: len(shown(page)) == 4)


def test_a_line_says_what_to_show_and_the_controls_follow(qtbot: QtBot, page: QueuePage) -> None:
    search, bar = named(page, QLineEdit, "Search"), page.filter_bar
    qtbot.keyClicks(search, "status:failing processor:first age:<1h")
    qtbot.waitUntil(lambda: shown(page) == {"3"})
    assert chip(page, "Failing").isChecked()
    assert bar.date.currentText() == "Last hour"
    qtbot.mouseClick(chip(page, "All"), Qt.MouseButton.LeftButton)
    assert search.text() == "processor:first age:<1h"
    search.end(False)
    qtbot.keyClicks(search, " status:unknown")
    qtbot.waitUntil(lambda: shown(page) == set())
    assert not any(button.isChecked() for button in bar.chips.group.buttons())
    qtbot.mouseClick(chip(page, "Failing"), Qt.MouseButton.LeftButton)
    assert search.text() == "processor:first age:<1h status:failing"
    bar.date.setCurrentText("Any time")
    assert search.text() == "processor:first status:failing"
    search.setText("")
    qtbot.keyClicks(search, "pulled:today..today passenger:orders")
    qtbot.waitUntil(lambda: len(shown(page)) == 4)
    assert bar.date.currentText() == ""
    assert bar.date.placeholderText() == "As typed"
    assert bar.passenger.name == "orders"
    bar.passenger.setCurrentText("invoices")
    assert search.text() == "passenger:invoices pulled:today..today"


def test_a_line_that_cannot_be_read_says_why_and_shows_what_was_asked_before(qtbot: QtBot, page: QueuePage) -> None:
    search = named(page, QLineEdit, "Search")
    qtbot.keyClicks(search, "status:failing")
    qtbot.waitUntil(lambda: shown(page) == {"2", "3"})
    qtbot.keyClicks(search, " stauts:failed")
    problem = page.filter_bar.problem
    qtbot.waitUntil(problem.isVisible)
    assert '"stauts:" is no qualifier; do you mean status: ?' in problem.text()
    page.request_refresh()
    qtbot.wait(REFRESH_MS * 2)
    assert shown(page) == {"2", "3"}
    search.setText("")
    qtbot.keyClicks(search, "refused")
    qtbot.waitUntil(lambda: shown(page) == set())
    assert not problem.isVisible()


def entries_of(page: QueuePage) -> dict[str, QAction]:
    """The menu of searches, as it opens."""
    menu = page.searches.menu()
    menu.aboutToShow.emit()
    return {action.text(): action for action in menu.actions()}


def test_searches_are_kept_and_one_is_what_a_client_passenger_is_shown_with(
    qtbot: QtBot, page: QueuePage, window: MainWindow
) -> None:
    assert not entries_of(page)["Keep this search …"].isEnabled()
    page.filter_bar.ask("status:failing passenger:orders")
    qtbot.waitUntil(lambda: shown(page) == {"2", "3"})
    entries_of(page)["Keep this search …"].trigger()
    dialog = next(widget for widget in window.findChildren(QInputDialog) if widget.isVisible())
    dialog.setTextValue("my & yours")
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    entries_of(page)["Show orders like this at first"].trigger()
    page.filter_bar.ask("")
    qtbot.waitUntil(lambda: len(shown(page)) == 4)
    entries_of(page)["my && yours"].trigger()
    qtbot.waitUntil(lambda: shown(page) == {"2", "3"})
    page.filter_bar.ask("")
    page.filter_bar.passenger.setCurrentText("orders")
    assert page.filter_bar.line == "passenger:orders status:failing"
    window.session.open("queue", client_passenger="orders", show="complete")
    assert page.filter_bar.line == "status:complete passenger:orders"
    window.session.open("queue", client_passenger="orders")
    assert page.filter_bar.line == "passenger:orders status:failing"
    qtbot.waitUntil(lambda: shown(page) == {"2", "3"})
    qtbot.waitUntil(lambda: "Show all of orders at first" in entries_of(page))
    entries_of(page)["Show all of orders at first"].trigger()
    entries_of(page)["Forget"].menu().actions()[0].trigger()
    assert "my && yours" not in entries_of(page)
    window.session.open("queue", client_passenger="orders")
    assert page.filter_bar.line == "passenger:orders"


def bulk_entries(menu: QMenu) -> dict[str, QAction]:
    """The entries of a menu and of what unfolds from it."""
    found: dict[str, QAction] = {}
    for action in menu.actions():
        found[action.text()] = action
        if action.menu():
            found |= {f"{action.text()} > {text}": each for text, each in bulk_entries(action.menu()).items()}
    return found


def bulk(qtbot: QtBot, page: QueuePage, entry: str) -> BulkDialog:
    """Click an entry of the button Actions, and wait for the question."""
    page.bulk.menu().aboutToShow.emit()
    bulk_entries(page.bulk.menu())[entry].trigger()
    dialog = next(found for found in page.window().findChildren(BulkDialog) if found.isVisible())
    qtbot.waitUntil(lambda: "Looking" not in dialog.question.text())
    return dialog


def test_what_is_chosen_is_retried(qtbot: QtBot, page: QueuePage, drive: Callable) -> None:
    page.table.selectAll()
    page.bulk.menu().aboutToShow.emit()
    assert bulk_entries(page.bulk.menu())["Retry 4 chosen …"].isEnabled()
    page.table.clearSelection()
    page.bulk.menu().aboutToShow.emit()
    assert not bulk_entries(page.bulk.menu())["Retry 0 chosen …"].isEnabled()
    choose(qtbot, page, "2")
    dialog = bulk(qtbot, page, "Retry 1 chosen …")
    assert dialog.question.text().startswith("Retry 1 passenger? Steps that failed get all their attempts again")
    assert not dialog.word.isVisible()
    qtbot.mouseClick(dialog.do, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.question.text() == "1 passenger was changed.")
    qtbot.mouseClick(dialog.close_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: {row["status"] for row in rows(page) if row["external_id"] == "2"} == {"waiting"})
    assert {row["status"] for row in rows(page) if row["external_id"] == "3"} == {"failing"}
    drive()
    qtbot.waitUntil(lambda: {row["status"] for row in rows(page) if row["external_id"] == "2"} == {"complete"})


def test_all_that_match_are_retried_and_what_may_be_delivered_twice_takes_a_word(
    qtbot: QtBot, undecided: QueuePage
) -> None:
    page = undecided
    page.filter_bar.ask("status:decision")
    qtbot.waitUntil(lambda: shown(page) == {"2", "3"})
    dialog = bulk(qtbot, page, "Retry all 2 that match …")
    assert "2 of them wait for a decision." in dialog.question.text()
    assert dialog.danger.text() == "Of 1 nobody knows whether it was delivered: it may be delivered twice."
    assert not dialog.do.isEnabled()
    qtbot.keyClick(dialog.word, Qt.Key.Key_Return)
    assert dialog.isVisible(), "Enter alone does nothing"
    assert dialog.question.text().startswith("Retry 2")
    qtbot.keyClicks(dialog.word, "Retry")
    qtbot.mouseClick(dialog.do, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.question.text() == "2 passengers were changed.")
    assert not dialog.do.isVisible()
    dialog.reject()
    qtbot.waitUntil(lambda: shown(page) == set())


def test_a_step_is_set_for_many_and_who_refuses_is_named(
    qtbot: QtBot, page: QueuePage, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "HOLD_SECONDS", 0.05)
    held = next(row.internal_id for row in map(page.model.row, range(4)) if row.external_id == "3")
    run(page.session.read(lambda storage: storage.queue("acme").take([held])))
    dialog = bulk(qtbot, page, "Set a step of all 4 that match > crm > complete …")
    assert dialog.question.text() == "Set crm complete of 4 passengers?"
    assert "it is never done" in dialog.danger.text()
    qtbot.keyClicks(dialog.word, "set")
    qtbot.mouseClick(dialog.do, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(dialog.refused.isVisible)
    assert dialog.question.text() == "1 passenger was changed. 2 were so already. 1 could not be changed:"
    assert dialog.refused.toPlainText().startswith(f"{held}: Passenger {held} is being handled by a trip")
    dialog.reject()
    run(page.session.read(lambda storage: storage.queue("acme").give_back([held])))
    choose(qtbot, page, "2")
    qtbot.waitUntil(lambda: set(buttons(page.details, "Set complete")) == set())


def test_what_is_filtered_is_saved_as_csv_with_the_columns_that_are_shown(
    qtbot: QtBot, page: QueuePage, stage: Stage, drive: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "ROWS_AT_ONCE", 2)
    stage.waiting = ["=2+3", "ü;\n5"]
    drive()
    qtbot.waitUntil(lambda: page.model.total == 6)
    page.filter_bar.ask("status:complete pulled:today")
    qtbot.waitUntil(lambda: page.model.total == 6)
    file = tmp_path / "out.csv"
    for place in (tmp_path / "no such folder" / "out.csv", file):
        page.save_csv()
        dialog = next(found for found in page.findChildren(QFileDialog) if found.isVisible())
        monkeypatch.setattr(dialog, "selectedFiles", lambda place=place: [str(place)])
        dialog.accepted.emit()
        dialog.reject()
    qtbot.waitUntil(file.exists)
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    with file.open(encoding="utf-8-sig", newline="") as stream:
        lines = list(csv.reader(stream))
    assert lines[0] == ["Pulled", "Status", "Title", "Error", "Passenger", "Steps"]
    assert [line[2] for line in lines[1:]] == ["ü;\n5", "'=2+3", "4", "3", "2", "1"]
    assert {line[1] for line in lines[1:]} == {"complete"}
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == ["out.csv"]
    qtbot.waitUntil(lambda: "out.csv cannot be written: No such file" in page.error_bar.text)


def test_rows_are_copied_as_json(qtbot: QtBot, page: QueuePage) -> None:
    choose(qtbot, page, "2")
    page.table.copy_json()
    (copied,) = json.loads(QGuiApplication.clipboard().text())
    assert (copied["external_id"], copied["status"]) == ("2", "failing")
    assert copied["error"] == "crm: RuntimeError: crm is shut for 2"


def test_details_tell_each_step_its_error_and_attempts(qtbot: QtBot, page: QueuePage) -> None:
    choose(qtbot, page, "2")
    said = "\n".join(texts(page.details))
    assert "crm failed" in said
    assert "RuntimeError: crm is shut for 2" in said
    assert "1 attempt" in said
    assert set(buttons(page.details, "Set incomplete")) >= {"first", "second", "erp"}
    assert set(buttons(page.details, "Set complete")) == {"crm"}


@pytest.fixture
def undecided(qtbot: QtBot, page: QueuePage, run: Callable) -> QueuePage:
    """Passenger 2 is out of attempts at crm, and of 3 nobody knows whether erp delivered it."""

    def give_up(storage: Storage) -> None:
        for row in storage.database.queue_rows(Query(client_id="acme", has_error=True)).rows:
            entry = storage.database.entry("acme", row.internal_id)
            for step in (*entry.processors, entry.pushers[0]):
                step.finish()
            if entry.external_id == "2":
                entry.pushers[1].give_up("ValueError: no such customer")
            else:
                entry.pushers[0].doubt("its push was interrupted")
            storage.database.update("acme", [entry])

    run(page.session.change(give_up, Change.QUEUE))
    qtbot.waitUntil(lambda: {row["status"] for row in rows(page)} == {"complete", "failed", "unknown"})
    return page


def test_what_needs_a_decision_has_a_chip_and_states_of_its_own(qtbot: QtBot, undecided: QueuePage) -> None:
    assert {row["external_id"]: row["status"] for row in rows(undecided)}["3"] == "unknown"
    qtbot.mouseClick(chip(undecided, "Needs decision"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown(undecided) == {"2", "3"})
    choose(qtbot, undecided, "3")
    said = texts(undecided.details)
    assert any(text.startswith("Needs a decision (try it again, or set it complete): the outcome") for text in said)
    assert any("outcome unknown, needs a decision" in text for text in said)


def test_what_has_failed_is_tried_again_by_a_click(
    qtbot: QtBot, undecided: QueuePage, stage: Stage, drive: Callable
) -> None:
    choose(qtbot, undecided, "2")
    assert set(buttons(undecided.details, "Set complete")) == {"crm"}
    qtbot.mouseClick(buttons(undecided.details, "Try again")["crm"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not buttons(undecided.details, "Try again"))
    qtbot.waitUntil(lambda: {row["external_id"]: row["status"] for row in rows(undecided)}["2"] == "waiting")
    drive()
    assert stage.pushed.count(("crm", "2")) == 1
    qtbot.waitUntil(lambda: any(text.startswith("Delivered at ") for text in texts(undecided.details)))


def test_when_it_is_tried_again_is_told_by_its_row_and_its_step(qtbot: QtBot, page: QueuePage) -> None:
    by_id = {row["external_id"]: row for row in rows(page)}
    assert by_id["1"]["next_attempt"] == ""
    at = by_id["2"]["next_attempt"]
    assert at > local_time(now())
    choose(qtbot, page, "2")
    assert any(f"next attempt {at}" in text.replace(NO_BREAK, " ") for text in texts(page.details))


def test_how_long_ago_it_was_goes_on_while_nothing_changes(qtbot: QtBot, page: QueuePage) -> None:
    choose(qtbot, page, "2")

    def ages() -> set[str]:
        return set(re.findall(r"\d+ s ago", "\n".join(texts(page.details))))

    qtbot.waitUntil(lambda: bool(ages()))
    before = ages()
    qtbot.waitUntil(lambda: bool(ages()) and not ages() & before, timeout=5000)


def test_a_step_is_set_complete_by_a_click(qtbot: QtBot, page: QueuePage) -> None:
    choose(qtbot, page, "2")
    qtbot.mouseClick(buttons(page.details, "Set complete")["crm"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "crm" in buttons(page.details, "Set incomplete"))
    assert any("set by hand" in text for text in texts(page.details))
    qtbot.waitUntil(lambda: next(row for row in rows(page) if row["external_id"] == "2")["status"] == "complete")
    assert page.table.current_row().external_id == "2"


def test_a_step_set_incomplete_is_done_again_on_the_next_trip(
    qtbot: QtBot, page: QueuePage, stage: Stage, drive: Callable
) -> None:
    choose(qtbot, page, "1")
    qtbot.mouseClick(buttons(page.details, "Set incomplete")["erp"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any("Waiting: the dispatcher is paused" in text for text in texts(page.details)))
    before = stage.pushed.count(("erp", "1"))
    drive()
    assert stage.pushed.count(("erp", "1")) == before + 1
    qtbot.waitUntil(lambda: any(text.startswith("Delivered at ") for text in texts(page.details)))


def test_a_step_that_a_trip_works_on_says_why_it_cannot_be_set(
    qtbot: QtBot, page: QueuePage, window: MainWindow, stage: Stage, loop
) -> None:
    choose(qtbot, page, "2")
    go, entered = threading.Event(), threading.Event()
    hang = hang_until(go)
    stage.on_push = lambda *_: (entered.set(), hang())[1]
    loop.create_task(window.session.dispatcher.drive("acme", "orders"))
    qtbot.waitUntil(entered.is_set)
    button = buttons(page.details, "Set incomplete")["erp"]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not button.isEnabled()
    qtbot.waitUntil(lambda: "is being handled by a trip" in page.error_bar.text, timeout=10_000)
    qtbot.waitUntil(lambda: "erp" in buttons(page.details, "Set incomplete"))
    assert buttons(page.details, "Set incomplete")["erp"].isEnabled()
    go.set()
    qtbot.waitUntil(lambda: not window.session.dispatcher.running)


def test_text_attachment_is_shown(qtbot: QtBot, page: QueuePage) -> None:
    choose(qtbot, page, "1")
    qtbot.mouseClick(buttons(page.details, "View")["order.txt"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(page.window().findChildren(TextView)))
    view = page.window().findChildren(TextView)[0]
    assert view.findChild(QPlainTextEdit).toPlainText() == "content of 1+first+second"
    qtbot.keyClick(view, Qt.Key.Key_Escape)


def test_a_long_text_is_shown_in_part_and_says_so(qtbot: QtBot, page: QueuePage, stage: Stage, drive: Callable) -> None:
    def make_long(role: str, passenger) -> None:
        passenger.attachments[0].set_text("ä" * TEXT_SHOWN)

    stage.waiting, stage.on_process = ["long"], make_long
    drive()
    qtbot.waitUntil(lambda: page.model.total == 5)
    choose(qtbot, page, "long")
    qtbot.mouseClick(buttons(page.details, "View")["order.txt"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(page.window().findChildren(TextView)))
    view = page.window().findChildren(TextView)[0]
    lines = view.findChild(QPlainTextEdit).toPlainText().splitlines()
    assert "".join(lines) == "ä" * (TEXT_SHOWN // 2)
    assert max(map(len, lines)) == LINE_SHOWN
    assert "The first 1 MB of 2.0 MB is shown" in "\n".join(texts(view))
    view.reject()


def test_attachment_is_saved_to_the_chosen_file(qtbot: QtBot, page: QueuePage, tmp_path: Path) -> None:
    choose(qtbot, page, "1")
    qtbot.mouseClick(buttons(page.details, "Save as")["…: order.txt"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(page.window().findChildren(QFileDialog)))
    dialog = page.window().findChildren(QFileDialog)[0]
    assert Path(dialog.selectedFiles()[0]).name == "order.txt"
    file = tmp_path / "saved.txt"
    dialog.fileSelected.emit(str(file))
    dialog.reject()
    qtbot.waitUntil(file.exists)
    assert file.read_text() == "content of 1+first+second"
    qtbot.waitUntil(lambda: "Saved" in said(page.window()))
    assert not list(tmp_path.glob("*.part"))


def test_attachment_that_cannot_be_saved_says_why(qtbot: QtBot, page: QueuePage, tmp_path: Path) -> None:
    choose(qtbot, page, "1")
    row = page.details.findChildren(AttachmentRow)[0]
    row._on_file_selected(str(tmp_path / "no such folder" / "saved.txt"))
    qtbot.waitUntil(lambda: "order.txt cannot be saved as" in page.error_bar.text)


def test_link_to_a_log_opens_the_page_at_that_log(qtbot: QtBot, page: QueuePage, window: MainWindow) -> None:
    choose(qtbot, page, "2")
    link = next(button for button in page.details.findChildren(QPushButton) if button.objectName() == "link")
    asked: list[tuple[str, dict[str, object]]] = []
    window.session.page_requested.connect(lambda name, what: asked.append((name, dict(what))))
    qtbot.mouseClick(link, Qt.MouseButton.LeftButton)
    assert window.page.name == "logs"
    assert asked == [("logs", {"client_id": "acme", "log_id": link.toolTip()})]


def question(qtbot: QtBot, page: QueuePage) -> QMessageBox:
    qtbot.mouseClick(next(b for b in page.findChildren(QPushButton) if "Purge" in b.text()), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(page.findChildren(QMessageBox)))
    return page.findChildren(QMessageBox)[0]


def test_purge_asks_with_the_number_and_enter_keeps_everything(qtbot: QtBot, page: QueuePage) -> None:
    box = question(qtbot, page)
    assert box.text() == "Delete 2 completed passengers of client acme?"
    qtbot.keyClick(box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not page.findChildren(QMessageBox))
    qtbot.wait(2 * REFRESH_MS)
    assert len(shown(page)) == 4


def test_purge_deletes_the_completed_ones(qtbot: QtBot, page: QueuePage, run: Callable) -> None:
    choose(qtbot, page, "1")
    box = question(qtbot, page)
    qtbot.mouseClick(next(b for b in box.buttons() if b.text() == "Delete 2"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.model.total == 2)
    assert shown(page) == {"2", "3"}
    qtbot.waitUntil(lambda: "This passenger is no longer in the queue." in texts(page.details))
    left = run(page.session.read(lambda storage: storage.database.completed_ids("acme", None, None)))
    assert left == []


def test_purge_of_nothing_says_so(qtbot: QtBot, window: MainWindow) -> None:
    page = window.show_page("queue")
    qtbot.waitUntil(lambda: page.model.total == 0)
    page.purge()
    qtbot.waitUntil(lambda: "no completed passengers" in said(window))


def test_a_passenger_can_be_opened_by_its_id(qtbot: QtBot, page: QueuePage, window: MainWindow, run: Callable) -> None:
    row = next(page.model.row(number) for number in range(4) if page.model.row(number).external_id == "3")
    qtbot.mouseClick(chip(page, "Complete"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.model.total == 2)
    window.show_page("about")
    window.session.open("queue", internal_id=row.internal_id)
    qtbot.waitUntil(lambda: page.table.current_row() is not None)
    assert page.table.current_row().internal_id == row.internal_id
    qtbot.waitUntil(lambda: "3" in texts(page.details))


def test_another_client_shows_its_own_queue(qtbot: QtBot, page: QueuePage, window: MainWindow) -> None:
    choose(qtbot, page, "1")
    window.session.choose_client("root")
    qtbot.waitUntil(lambda: page.model.total == 0)
    assert any(text.startswith("Choose a passenger") for text in texts(page.details))


def test_copied_rows_are_a_table_with_titles(qtbot: QtBot, page: QueuePage, qapp) -> None:
    choose(qtbot, page, "1")
    qtbot.keyClick(page.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    titles, cells = (line.split("\t") for line in qapp.clipboard().text().splitlines())
    assert dict(zip(titles, cells, strict=True))["Title"] == "1"


def test_a_passenger_that_comes_while_one_looks_leaves_the_choice(
    qtbot: QtBot, page: QueuePage, stage: Stage, drive: Callable
) -> None:
    choose(qtbot, page, "2")
    stage.waiting = [str(number) for number in range(10, 40)]
    drive()
    qtbot.waitUntil(lambda: page.model.total == 34)
    assert page.table.current_row().external_id == "2"
    qtbot.waitUntil(lambda: page.table.current_row().status is QueueStatus.COMPLETE)


def test_setting_a_step_leaves_the_details_where_they_are(qtbot: QtBot, page: QueuePage) -> None:
    page.window().resize(1240, 560)
    choose(qtbot, page, "1")
    bar = page.details.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 60)
    bar.setValue(60)
    qtbot.mouseClick(buttons(page.details, "Set incomplete")["crm"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "crm" in buttons(page.details, "Set complete"))
    assert buttons(page.details, "Set complete")["crm"].hasFocus()
    for _ in range(10):
        qtbot.wait(REFRESH_MS // 5)
        assert (bar.value(), page.details.widget().y()) == (60, -60)
    choose(qtbot, page, "4")
    assert bar.value() == 0  # another passenger is shown from its beginning


def test_details_go_with_the_row_that_the_filter_leaves_out(qtbot: QtBot, page: QueuePage) -> None:
    choose(qtbot, page, "2")
    qtbot.mouseClick(chip(page, "Failing"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown(page) == {"2", "3"})
    assert "2" in texts(page.details)  # it is still there, and chosen
    qtbot.waitUntil(lambda: [row.external_id for row in page.table.chosen_rows()] == ["2"])
    qtbot.mouseClick(buttons(page.details, "Set complete")["crm"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown(page) == {"3"})
    assert "2" in texts(page.details)  # a person is at work on it
    qtbot.mouseClick(chip(page, "All"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(shown(page)) == 4)
    qtbot.mouseClick(chip(page, "Waiting"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.model.total == 0)
    qtbot.waitUntil(lambda: not buttons(page.details, "Set"))
    assert "2" not in texts(page.details)
    assert any("Choose a passenger" in text for text in texts(page.details))


def test_a_mail_is_called_by_its_subject_and_its_facts_are_words(
    qtbot: QtBot, page: QueuePage, stage: Stage, drive: Callable
) -> None:
    facts = {
        "subject": "Order of Moreau",
        "recipients": ["a@b.example", "c@d.example"],
        "sent_at": "2026-03-01T12:00:00+00:00",
        "cc": None,
        "fingerprint": "sha256:8d5dfa40",
        "file": "moreau.eml|678|1795526344506803859",
    }
    stage.spoil = lambda passenger: passenger.properties.update(facts)
    stage.waiting = ["<order-7@moreau.example>"]
    drive()
    qtbot.waitUntil(lambda: page.model.total == 5)
    number = next(n for n in range(5) if page.model.row(n).external_id.startswith("<order-7"))
    assert rows(page)[number]["title"] == "Order of Moreau"
    assert {row["title"] for row in rows(page)} == {"1", "2", "3", "4", "Order of Moreau"}
    place = page.table.visualRect(page.model.index(number, 2)).center()
    qtbot.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: "Order of Moreau" in texts(page.details))
    said = "\n".join(texts(page.details))
    assert "External id <order-7@moreau.example>" in said
    assert "Recipients: a@b.example, c@d.example" in said
    assert f"Sent at: {local_time(datetime(2026, 3, 1, 12, tzinfo=UTC))}" in said
    assert "Cc" not in said
    assert "sha256" not in said
    more = next(button for button in page.details.findChildren(QPushButton) if button.text() == "More")
    qtbot.mouseClick(more, Qt.MouseButton.LeftButton)
    assert "Fingerprint: sha256:8d5dfa40" in texts(page.details)
    assert more.text() == "Less"


def test_the_columns_fit_a_small_screen(qtbot: QtBot, page: QueuePage) -> None:
    page.window().resize(1366, 768)
    qtbot.waitUntil(lambda: page.window().width() == 1366)
    bar = page.table.horizontalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() == 0)
    header = page.table.horizontalHeader()
    shown = [number for number in range(header.count()) if not header.isSectionHidden(number)]
    assert sum(map(header.sectionSize, shown)) == page.table.viewport().width()


def test_a_chosen_chip_shows_all_of_its_word(qtbot: QtBot, page: QueuePage) -> None:
    button = chip(page, "Complete")
    bold = button.font()
    bold.setWeight(bold.Weight.DemiBold)
    room = button.width() - button.iconSize().width() - 2 * (11 + 1)  # padding and edge of the style sheet
    assert room >= QFontMetrics(bold).horizontalAdvance("Complete")


# What the list does not have ----------------------------------------------------------------------------------------


class Unwilling:
    """An indexer that lets everything wait."""

    def __init__(self, *parts: object) -> None:
        pass

    def close(self) -> None:
        pass


def test_the_page_says_how_far_the_search_is_and_that_more_match(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "MUCH_WAITS", 2)
    monkeypatch.setattr(search_page, "WINDOW", PAGE)
    monkeypatch.setattr(sql, "Indexer", Unwilling)
    database = SQLITE.opened(tmp_path)
    database.create_client("demo")
    database.seat("demo", [entry(f"ORD-{number}") for number in range(PAGE * 4)])
    database.close()
    ticket = DispatcherTicket(database_module=SQL, database_arguments={"file": f"{tmp_path}/data/databus.sqlite"})
    desk.start_with(ticket)
    page = desk.show(QueuePage)
    desk.until(lambda: "0 of 1,024" in page.remark.text())
    page.open(text="ord")
    desk.until(lambda: "More than 514 passengers match" in page.remark.text())
    assert page.remark.isVisible()
    page.open(text="ord-1023")
    desk.until(lambda: page.model.total == 1 and "More than" not in page.remark.text())
    monkeypatch.setattr(query, "MUCH_WAITS", 2000)
    desk.session.signals.changed.emit(Change.SEARCH, "")
    desk.until(lambda: not page.remark.isVisible())
