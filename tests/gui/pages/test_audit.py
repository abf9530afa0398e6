"""The page Audit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot

from databus_core.plugins.observer import Change
from databus_gui.main_window import MainWindow
from databus_gui.pages.audit import AuditPage
from tests.support.window import action


@pytest.fixture
def page(qtbot: QtBot, window: MainWindow) -> AuditPage:
    page = window.show_page("audit")
    assert isinstance(page, AuditPage)
    return page


def shown(page: AuditPage) -> list[tuple[str, str]]:
    rows = [page.model.row(number) for number in range(page.model.rowCount())]
    return [(row.what, row.on) for row in rows if row is not None]


def test_what_is_done_by_hand_is_listed_at_once(
    qtbot: QtBot, page: AuditPage, window: MainWindow, run: Callable
) -> None:
    assert shown(page) == []
    dispatcher = window.session.dispatcher
    run(dispatcher.change(lambda storage: storage.queue("acme").purge(), Change.QUEUE, "acme", deed="purged", on="all"))
    qtbot.waitUntil(lambda: shown(page) == [("purged", "all")])
    run(dispatcher.drive("acme", "orders"))
    qtbot.waitUntil(lambda: shown(page) == [("drove", "orders"), ("purged", "all")])
    row = page.model.row(0)
    assert [bool(column.text(row)) for column in page.model.columns] == [True] * 4


def test_what_concerns_no_client_is_listed_with_root(qtbot: QtBot, page: AuditPage, window: MainWindow) -> None:
    window.session.choose_client("root")
    action(window, "resume").trigger()
    qtbot.waitUntil(lambda: shown(page) == [("resumed", "")])
