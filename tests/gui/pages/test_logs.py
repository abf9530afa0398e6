from __future__ import annotations

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog

from databus_core.engine.storage import Storage
from databus_core.model.clock import now
from databus_core.model.log import Log, LogEntry, MessageType
from databus_gui.loop import FairLoop
from databus_gui.pages.logs import LogsPage
from databus_gui.pages.logs.content import LogContent
from databus_gui.pages.logs.purge import PurgeDialog
from tests.support.desk import Desk
from tests.support.stage import Stage, hang_until


def choose_chip(desk: Desk, part: LogsPage | LogContent, text: str) -> None:
    chips = part.filter_bar.chips if isinstance(part, LogsPage) else part.chips
    button = next(button for button in chips.group.buttons() if button.text() == text)
    desk.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def store_log(desk: Desk, name: str, days_old: float, *types: MessageType) -> str:
    """A finished log of the past; answers its id."""
    log = Log("demo", name, started_at=now() - timedelta(days=days_old))

    def write(storage: Storage) -> None:
        for number, type_ in enumerate(types):
            entry = LogEntry(log.started_at + timedelta(seconds=number), f"plugins.{name}", type_, f"message {number}")
            log.length += 1
            log.worst = max(log.worst, type_, key=lambda each: each.severity)
            storage.database.append_log(log, [entry])
        log.finished_at = now() - timedelta(days=days_old)
        storage.database.finish_log(log)

    desk.run(desk.session.read(write))
    return log.id


def messages(content: LogContent) -> list[str]:
    rows = [content.model.row(number) for number in range(content.model.rowCount())]
    return [row.entry.message for row in rows if row is not None]


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def page(desk: Desk, stage: Stage) -> LogsPage:
    desk.start({"passengers": [stage.client_passenger("orders"), stage.client_passenger("mails")]})
    return desk.show(LogsPage)


def test_a_trip_that_failed_is_marked_and_its_lines_are_read(desk: Desk, stage: Stage, page: LogsPage) -> None:
    def fail(*_: object) -> None:
        raise ValueError("the shop is closed")

    stage.waiting = ["1"]
    stage.on_push = fail
    log = desk.drive()
    desk.until(lambda: page.model.index(0, 1).data() == "error")
    assert page.model.index(0, 2).data() == "orders"
    page.table.selectRow(0)
    desk.until(lambda: len(messages(page.content)) == log.length)
    choose_chip(desk, page.content, "Errors")
    desk.until(lambda: 0 < len(messages(page.content)) < log.length)
    assert all("the shop is closed" in message for message in messages(page.content))
    page.content.table.selectRow(0)
    desk.until(lambda: "the shop is closed" in page.content.message.toPlainText())


def test_filters_leave_logs_out(desk: Desk, page: LogsPage) -> None:
    store_log(desk, "orders", 3, MessageType.INFO)
    store_log(desk, "orders", 2, MessageType.INFO, MessageType.ERROR)
    warned = store_log(desk, "mails", 0.01, MessageType.WARNING)
    page.request_refresh()
    desk.until(lambda: page.model.total == 3)
    choose_chip(desk, page, "Warnings and errors")
    desk.until(lambda: page.model.total == 2)
    page.filter_bar.passenger.setCurrentText("mails")
    desk.until(lambda: page.model.total == 1)
    page.filter_bar.passenger.setCurrentIndex(0)
    desk.until(lambda: page.model.total == 2)
    page.filter_bar.date.setCurrentText("Last hour")
    desk.until(lambda: page.model.total == 1)
    page.filter_bar.date.setCurrentIndex(0)
    choose_chip(desk, page, "All")
    desk.qtbot.keyClicks(page.filter_bar.search, warned)
    desk.until(lambda: page.model.total == 1)
    desk.qtbot.keyClicks(page.filter_bar.search, "zzz")
    desk.until(lambda: page.model.total == 0)
    assert page.table.empty_text == "No log matches the filter."


def test_text_is_found_in_a_long_log_and_the_rest_is_left_out(desk: Desk, page: LogsPage) -> None:
    store_log(desk, "orders", 1, *[MessageType.INFO] * 700)
    page.request_refresh()
    desk.until(lambda: page.model.total == 1)
    page.table.selectRow(0)
    desk.until(lambda: page.content.model.total == 700)
    desk.qtbot.keyClicks(page.content.search, "MESSAGE 69")
    desk.until(lambda: page.content.model.total == 11)
    assert messages(page.content) == ["message 69", *(f"message {number}" for number in range(690, 700))]


def test_a_running_trip_is_followed_to_its_last_line(desk: Desk, loop: FairLoop, stage: Stage, page: LogsPage) -> None:
    go = threading.Event()
    stage.waiting = ["1"]
    stage.on_pull = hang_until(go)
    trip = loop.create_task(desk.dispatcher.drive("demo", "orders"))
    desk.until(lambda: page.model.total == 1)
    assert page.model.index(0, 3).data() == "running"
    page.table.selectRow(0)
    log = desk.dispatcher.running[0].log
    desk.until(lambda: "Trip of orders begins" in messages(page.content))
    assert page.content.follow.isVisible()
    for number in range(500):
        log.of("plugins.shop").info(f"line {number}")
    desk.until(lambda: page.content.model.total == log.length)
    bar = page.content.table.verticalScrollBar()
    desk.until(lambda: bar.value() == bar.maximum() > 0)
    desk.qtbot.mouseClick(page.content.follow, Qt.MouseButton.LeftButton)
    page.content.table.scrollToTop()
    log.of("plugins.shop").info("the last but not stored line")
    desk.until(lambda: page.content.model.total == log.length)
    assert bar.value() == 0
    go.set()
    desk.until(trip.done)
    desk.until(lambda: page.model.index(0, 3).data() != "running")
    desk.until(lambda: page.content.model.total == log.length)
    desk.until(page.content.follow.isHidden)


def test_lines_from_before_the_log_was_opened_are_shown(
    desk: Desk, loop: FairLoop, stage: Stage, page: LogsPage
) -> None:
    go = threading.Event()
    stage.waiting = ["1"]
    stage.on_pull = hang_until(go)
    trip = loop.create_task(desk.dispatcher.drive("demo", "orders"))
    desk.until(lambda: page.model.total == 1)
    heard: list[str] = []
    desk.session.signals.log_appended.connect(lambda _log, entries: heard.extend(entry.message for entry in entries))
    desk.dispatcher.running[0].log.of("plugins.shop").info("said too early")
    desk.until(lambda: "said too early" in heard)
    page.table.selectRow(0)
    desk.until(lambda: "said too early" in messages(page.content))
    go.set()
    desk.until(trip.done)


def test_a_long_line_is_shown_at_once(desk: Desk, page: LogsPage) -> None:
    log = Log("demo", "orders")
    entry = LogEntry(now(), "plugins.orders", MessageType.INFO, "x" * 500_000)
    desk.run(desk.session.read(lambda storage: storage.database.append_log(log, [entry])))
    page.request_refresh()
    desk.until(lambda: page.model.total == 1)
    page.table.selectRow(0)
    desk.until(lambda: page.content.model.total == 1)
    began = time.perf_counter()
    page.content.table.selectRow(0)
    desk.until(lambda: page.content.message.toPlainText().count("x") == 500_000)
    page.grab()
    assert time.perf_counter() - began < 3
    assert len(page.content.model.index(0, 3).data()) < 2_000


def test_another_page_jumps_to_a_log_whatever_the_filter(desk: Desk, page: LogsPage) -> None:
    wanted = store_log(desk, "orders", 3, MessageType.INFO)
    store_log(desk, "mails", 1, MessageType.ERROR)
    choose_chip(desk, page, "Errors")
    desk.until(lambda: page.model.total == 1)
    page.open(log_id=wanted)
    desk.until(lambda: page.content.log_id == wanted and messages(page.content) == ["message 0"])
    page.open(log_id="gone")
    desk.until(lambda: "There is no log gone" in page.error_bar.text)
    assert page.model.total == 2


def test_old_logs_are_purged_after_a_question_with_their_number(desk: Desk, page: LogsPage) -> None:
    store_log(desk, "orders", 30, MessageType.INFO)
    store_log(desk, "orders", 20, MessageType.INFO)
    store_log(desk, "orders", 2, MessageType.INFO)
    page.request_refresh()
    desk.until(lambda: page.model.total == 3)
    page.purge()
    dialog = page.findChild(PurgeDialog)
    assert dialog is not None
    desk.until(lambda: dialog.delete.text() == "Delete 2")
    dialog.days.setValue(25)
    desk.until(lambda: dialog.delete.text() == "Delete 1")
    desk.qtbot.mouseClick(dialog.delete, Qt.MouseButton.LeftButton)
    desk.until(lambda: page.model.total == 2)
    desk.until(lambda: desk.said[-1:] == ["1 log deleted"])


def test_lines_are_copied_and_a_whole_log_is_saved(desk: Desk, page: LogsPage, tmp_path: Path) -> None:
    store_log(desk, "orders", 1, MessageType.INFO, MessageType.ERROR)
    page.request_refresh()
    desk.until(lambda: page.model.total == 1)
    page.table.selectRow(0)
    desk.until(lambda: page.content.model.total == 2)
    page.content.table.selectRow(1)
    page.content.copy_lines()
    copied = QGuiApplication.clipboard().text()
    assert copied.endswith("][plugins.orders][error] message 1\n")
    choose_chip(desk, page.content, "Errors")
    desk.until(lambda: page.content.model.total == 1)
    desk.qtbot.mouseClick(page.content.save_button, Qt.MouseButton.LeftButton)
    dialog = page.findChild(QFileDialog)
    assert dialog is not None
    dialog.fileSelected.emit(str(tmp_path / "saved.txt"))
    desk.until((tmp_path / "saved.txt").exists)
    assert (tmp_path / "saved.txt").read_text("utf-8").splitlines()[1] == copied.strip()
    assert len((tmp_path / "saved.txt").read_text("utf-8").splitlines()) == 2
    dialog.reject()


def test_a_file_that_cannot_be_written_is_said(desk: Desk, page: LogsPage, tmp_path: Path) -> None:
    store_log(desk, "orders", 1, MessageType.INFO)
    page.request_refresh()
    desk.until(lambda: page.model.total == 1)
    page.table.selectRow(0)
    desk.until(lambda: page.content.model.total == 1)
    page.content.save_as()
    dialog = page.findChild(QFileDialog)
    assert dialog is not None
    dialog.fileSelected.emit(str(tmp_path / "no folder" / "saved.txt"))
    desk.until(lambda: "cannot be saved as" in page.error_bar.text)
    dialog.reject()
