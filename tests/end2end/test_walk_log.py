"""A log line, plug-in to table: what a plug-in says is in sight while its trip runs, and it is stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytestqt.qtbot import QtBot

from databus_gui.main_window import MainWindow
from databus_gui.pages.logs import LogsPage
from tests.support.stage import ticket_with
from tests.support.window import LONG_MS, click

TALKING = """
import time

from databus_core import Puller


class TalkingSource(Puller):
    def pull(self):
        self.log.info("Got 3 mails")
        end = time.monotonic() + 30
        while not (self.context.folder / "go").exists() and time.monotonic() < end:
            time.sleep(0.01)
        self.log.warning("They were\\non two lines")
        return []
"""


def lines(page: LogsPage) -> list[tuple[str, str, str]]:
    """What the table shows of the chosen log: type, module, message."""
    rows = [page.content.model.row(number) for number in range(page.content.model.rowCount())]
    return [(row.entry.type.value, row.entry.module, row.entry.message) for row in rows if row is not None]


def stored(folder: Path) -> str:
    """Every log of the client as it lies on disk."""
    return "".join(file.read_text("utf-8") for file in (folder / "data" / "clients" / "acme" / "log").glob("*.txt"))


def test_what_a_plug_in_says_is_seen_while_its_trip_runs_and_is_stored(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    def until(condition: Callable[[], object]) -> None:
        qtbot.waitUntil(lambda: bool(condition()), timeout=LONG_MS)

    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "talking_source.py").write_text(TALKING)
    window = open_window(ticket_with(tmp_path, acme=[{"name": "mails", "pullers": ["talking_source"]}], root=[]))
    page = window.show_page("logs")
    assert isinstance(page, LogsPage)
    said = ("info", "talking_source", "Got 3 mails")

    click(qtbot, window, "resume")
    until(lambda: page.model.total == 1)
    page.table.selectRow(0)
    until(lambda: said in lines(page))
    assert window.session.dispatcher.running, "the trip still runs"
    assert page.content.follow.isVisible()
    until(lambda: "[talking_source][info] Got 3 mails\n" in stored(tmp_path))
    assert "on two lines" not in stored(tmp_path)

    (tmp_path / "go").touch()
    until(lambda: ("warning", "talking_source", "They were\non two lines") in lines(page))
    until(lambda: not window.session.dispatcher.running)
    until(lambda: lines(page)[-1][2].startswith("Trip ends"))
    until(lambda: page.model.index(0, 1).data() == "warning")
    assert lines(page).count(said) == 1
    assert stored(tmp_path).count("Got 3 mails") == 1
    assert "[talking_source][warning] They were" in stored(tmp_path)
    assert page.error_bar.text == ""
