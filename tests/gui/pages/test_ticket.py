from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFileDialog, QLineEdit

from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.observer import Change, DispatcherState
from databus_gui.loop import FairLoop
from databus_gui.pages.ticket import TicketPage
from tests.support.desk import Desk
from tests.support.stage import Stage, hang_until


@pytest.fixture
def page(desk: Desk) -> TicketPage:
    desk.start({"passengers": []}, system_alias="TEST")
    return shown(desk)


def shown(desk: Desk) -> TicketPage:
    page = desk.show(TicketPage)
    desk.until(page.place.text)
    return page


def type_into(desk: Desk, page: TicketPage, option: str, text: str) -> None:
    line = page.form.row(option).fitting.field.findChild(QLineEdit)
    assert line is not None
    line.selectAll()
    desk.qtbot.keyClick(line, Qt.Key.Key_Delete)
    desk.qtbot.keyClicks(line, text)


def offered(page: TicketPage, option: str, module: str) -> bool:
    box = page.form.row(option).fitting.field.findChild(QComboBox)
    return box is not None and box.findText(module) >= 0


def save(desk: Desk, page: TicketPage) -> None:
    desk.qtbot.mouseClick(page.save_button, Qt.MouseButton.LeftButton)
    desk.until(lambda: page.busy.isHidden() and (page.error_bar.text or not page.unsaved))


def test_what_is_changed_is_in_force_and_in_the_file(desk: Desk, page: TicketPage) -> None:
    heard: list[Change] = []
    desk.session.signals.changed.connect(lambda change, _client: heard.append(change))
    assert str(desk.folder / "ticket.json") in page.place.text()
    assert page.unsaved_sign.isHidden()
    type_into(desk, page, "system_alias", "LIVE")
    type_into(desk, page, "drivers_at_once", "7")
    assert page.unsaved_sign.isVisible()
    save(desk, page)
    assert desk.dispatcher.ticket.system_alias == "LIVE"
    assert desk.dispatcher.ticket.drivers_at_once == 7
    assert json.loads((desk.folder / "ticket.json").read_text("utf-8")) == {
        "system_alias": "LIVE",
        "drivers_at_once": 7,
        "database_arguments": {"database_dir": "data"},
    }
    assert page.unsaved_sign.isHidden()
    desk.until(lambda: Change.TICKET in heard)
    assert desk.dispatcher.state is DispatcherState.PAUSED


def test_wrong_values_are_said_at_their_fields_while_typing_and_never_saved(desk: Desk, page: TicketPage) -> None:
    before = (desk.folder / "ticket.json").read_text("utf-8")
    type_into(desk, page, "web_server_port", "70000")
    desk.until(lambda: "70000 is not allowed" in page.form.row("web_server_port").problem)
    type_into(desk, page, "driver_module", "")
    save(desk, page)
    assert page.form.row("driver_module").problem
    assert page.form.row("driver_module").isVisible()
    assert page.error_bar.text.startswith("The ticket cannot be saved like this.")
    assert (desk.folder / "ticket.json").read_text("utf-8") == before
    assert desk.dispatcher.ticket.web_server_port == 5000


def test_a_ticket_that_does_not_work_leaves_the_old_one_in_force(desk: Desk, page: TicketPage) -> None:
    before = (desk.folder / "ticket.json").read_text("utf-8")
    type_into(desk, page, "database_module", "no.such.engine")
    save(desk, page)
    assert "no.such.engine" in page.error_bar.text
    assert "The old ticket stays in force." in page.error_bar.text
    assert page.unsaved
    assert desk.dispatcher.ticket.database_module == "databus_core.database.json_files"
    assert (desk.folder / "ticket.json").read_text("utf-8") == before
    assert "demo" in desk.run(desk.session.read(lambda storage: storage.database.client_ids()))
    desk.qtbot.mouseClick(page.revert_button, Qt.MouseButton.LeftButton)
    assert not page.unsaved
    assert page.form.document()["system_alias"] == "TEST"
    assert not page.error_bar.text


def test_running_trips_are_finished_first_and_the_window_stays_alive(desk: Desk, loop: FairLoop) -> None:
    go, stage = threading.Event(), Stage(waiting=["1"])
    stage.on_pull = hang_until(go)
    desk.start({"passengers": [stage.client_passenger("orders")]}, system_alias="TEST")
    page = shown(desk)
    trip = loop.create_task(desk.dispatcher.drive("demo", "orders"))
    desk.until(lambda: desk.dispatcher.running)
    type_into(desk, page, "system_alias", "LIVE")
    desk.qtbot.mouseClick(page.save_button, Qt.MouseButton.LeftButton)
    desk.until(page.busy.isVisible)
    assert desk.dispatcher.ticket.system_alias == "TEST"
    go.set()
    desk.until(lambda: desk.dispatcher.ticket.system_alias == "LIVE")
    desk.until(trip.done)
    assert trip.result().worst.value == "info"
    desk.until(page.busy.isHidden)


def test_a_ticket_without_a_file_asks_for_one(desk: Desk, tmp_path: Path) -> None:
    ticket = DispatcherTicket(database_arguments={"database_dir": str(tmp_path / "data")}, system_alias="PY")
    desk.start_with(ticket)
    page = shown(desk)
    assert "has no file" in page.place.text()
    desk.qtbot.mouseClick(page.save_button, Qt.MouseButton.LeftButton)
    desk.until(lambda: page.findChild(QFileDialog))
    dialog = page.findChild(QFileDialog)
    assert dialog is not None
    dialog.fileSelected.emit(str(tmp_path / "mine.json"))
    desk.until((tmp_path / "mine.json").exists)
    desk.until(lambda: desk.dispatcher.ticket.file == tmp_path / "mine.json")
    assert json.loads((tmp_path / "mine.json").read_text("utf-8"))["system_alias"] == "PY"
    desk.until(lambda: "mine.json" in page.place.text())
    dialog.reject()


def test_leaving_the_page_keeps_what_is_not_saved_and_says_so(desk: Desk, page: TicketPage) -> None:
    type_into(desk, page, "system_alias", "LATER")
    page.hide()
    assert desk.said == ["The ticket has unsaved changes; they are kept on its page."]
    page.show()
    assert page.form.document()["system_alias"] == "LATER"
    assert page.unsaved


def test_modules_are_offered_that_are_there(desk: Desk, page: TicketPage) -> None:
    desk.until(lambda: offered(page, "database_module", "databus_core.database.json_files"))
    assert offered(page, "puller_factory", "databus_core.plugins.factory")
    assert not offered(page, "database_module", "databus_core.plugins.factory")


def test_a_ticket_changed_elsewhere_is_shown(desk: Desk, page: TicketPage) -> None:
    ticket = DispatcherTicket.parse(
        {"system_alias": "OTHER", "database_arguments": {"database_dir": "data"}}, desk.folder / "ticket.json"
    )
    desk.run(desk.dispatcher.apply(ticket))
    desk.until(lambda: page.form.document().get("system_alias") == "OTHER")
