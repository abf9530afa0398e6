from __future__ import annotations

import platform

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton

import databus_core
from databus_gui.pages.about import AboutPage
from tests.support.desk import Desk

PULLER = """
from databus_core import Puller

class Mine(Puller):
    def pull(self):
        return []
"""


def test_the_page_says_what_runs_and_copies_it(desk: Desk) -> None:
    (desk.folder / "plugins").mkdir()
    (desk.folder / "plugins" / "mine_for_about.py").write_text(PULLER, "utf-8")
    desk.start({"passengers": []}, system_alias="TEST")
    page = desk.show(AboutPage)
    desk.until(lambda: "mine_for_about" in page.text())
    copy = next(button for button in page.findChildren(QPushButton) if button.text() == "Copy as text")
    desk.qtbot.mouseClick(copy, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    for said in (
        f"Version: {databus_core.__version__}",
        "System: TEST",
        f"Ticket: {desk.folder / 'ticket.json'}",
        str(desk.folder / "data"),
        f"Plug-in folder: {desk.folder / 'plugins'}",
        platform.python_version(),
        "databus_core.connectors.demo.puller_1",
        "databus_core.database.json_files",
    ):
        assert said in copied

    def shown() -> str:
        return "\n".join(label.text() for label in page.findChildren(QLabel) if label.isVisible())

    desk.until(lambda: str(desk.folder / "ticket.json") in shown())
    assert "MIT" in shown()


def test_a_stopped_dispatcher_has_no_open_database(desk: Desk) -> None:
    desk.start({"passengers": []})
    desk.run(desk.dispatcher.shut_down())
    page = desk.show(AboutPage)
    desk.until(lambda: "Database: not open" in page.text())
    assert not page.error_bar.text
