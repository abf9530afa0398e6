"""An order number that stands in a workbook in a mail, and nowhere else, is found by the search box."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytestqt.qtbot import QtBot

from databus_core.model.ticket import DispatcherTicket
from databus_gui.main_window import MainWindow
from databus_gui.pages.queue import QueuePage
from tests.support.program import invoke
from tests.support.window import LONG_MS


def test_an_order_number_inside_a_workbook_of_a_mail_is_found(
    qtbot: QtBot, open_window: Callable[..., MainWindow], run: Callable, tmp_path: Path
) -> None:
    folder = tmp_path / "demo"
    assert invoke("new", str(folder), "--demo", "--database", "sqlite").exit_code == 0
    window = open_window(DispatcherTicket.load(folder / "ticket.json"), client_id="demo")
    run(window.session.dispatcher.drive("demo", "orders by mail"))
    page = window.show_page("queue")
    assert isinstance(page, QueuePage)

    def found() -> list[str]:
        page.open(text="JP-8")
        qtbot.wait(500)
        rows = [page.model.row(number) for number in range(page.model.rowCount())]
        return [row.external_id for row in rows if row is not None]

    qtbot.waitUntil(lambda: found() == ["<demo-12@databus.example>"], timeout=3 * LONG_MS)
