"""The last error in the status bar: when it was, how long it stays, how it is put away."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from databus_core.model.ticket import DispatcherTicket
from databus_gui.main_window import MainWindow
from databus_gui.widgets.words import clock_time, local_time_with_zone
from tests.support.stage import Stage, ticket_with


@pytest.fixture
def ticket(tmp_path, stage: Stage) -> DispatcherTicket:
    """Two client passengers that pull from the same stage."""
    passengers = [stage.client_passenger(name, sync_frequency=60) for name in ("orders", "mails")]
    return ticket_with(tmp_path, acme=passengers, root=[])


@pytest.fixture
def gate(stage: Stage) -> list[str]:
    """The source refuses everything with what this says; empty lets it through."""
    said = ["the gate is shut"]

    def pass_through(_: object) -> None:
        if said:
            raise RuntimeError(said[0])

    stage.waiting, stage.on_pull = ["1"], pass_through
    return said


def link(window: MainWindow) -> QPushButton:
    buttons = window.statusBar().findChildren(QPushButton)
    return next(each for each in buttons if each.accessibleName() == "Last error")


def cross(window: MainWindow) -> QToolButton:
    buttons = window.statusBar().findChildren(QToolButton)
    return next(each for each in buttons if each.accessibleName() == "Dismiss the last error")


def says(qtbot: QtBot, window: MainWindow, words: str) -> None:
    """Wait until the status bar shows an error with these words."""
    qtbot.waitUntil(lambda: link(window).isVisible() and words in link(window).text())


def test_it_says_when_it_happened(qtbot: QtBot, window: MainWindow, gate: list[str], drive: Callable) -> None:
    at = drive().errors[0].at
    says(qtbot, window, f"{clock_time(at)}  acme / orders: ")
    assert local_time_with_zone(at) in link(window).toolTip()
    assert "the gate is shut" in link(window).toolTip()


def test_it_stays_until_it_is_dismissed(qtbot: QtBot, window: MainWindow, gate: list[str], drive: Callable) -> None:
    drive()
    says(qtbot, window, "acme / orders: ")
    qtbot.mouseClick(cross(window), Qt.MouseButton.LeftButton)
    assert not link(window).isVisible()
    assert not cross(window).isVisible()
    drive()  # and comes again when it goes wrong again
    says(qtbot, window, "acme / orders: ")
    assert cross(window).isVisible()


def test_it_is_over_when_the_same_client_passenger_travels_well(
    qtbot: QtBot, window: MainWindow, gate: list[str], drive: Callable
) -> None:
    drive()
    says(qtbot, window, "acme / orders: ")
    gate.clear()
    complete: list[str] = []
    window.session.signals.trip_complete.connect(lambda _client, passenger, _log: complete.append(passenger.name))
    drive("mails")
    qtbot.waitUntil(lambda: "mails" in complete)
    assert link(window).isVisible()  # another one's luck says nothing
    drive()
    qtbot.waitUntil(lambda: not link(window).isVisible())


def test_what_goes_on_failing_is_shown_when_the_later_one_is_over(
    qtbot: QtBot, window: MainWindow, gate: list[str], drive: Callable
) -> None:
    drive("orders")
    drive("mails")
    says(qtbot, window, "acme / mails: ")
    gate.clear()
    drive("mails")
    says(qtbot, window, "acme / orders: ")
    qtbot.mouseClick(cross(window), Qt.MouseButton.LeftButton)
    assert not link(window).isVisible()


def test_one_that_belongs_to_no_trip_is_shown_in_a_box(qtbot: QtBot, window: MainWindow) -> None:
    window.session.signals.failed.emit("The disk is nearly full.")
    says(qtbot, window, "The disk is nearly full.")
    qtbot.mouseClick(link(window), Qt.MouseButton.LeftButton)
    box = window.findChild(QMessageBox)
    assert box is not None
    assert box.text() == "The disk is nearly full."
    assert box.informativeText() in link(window).toolTip()
    qtbot.keyClick(box, Qt.Key.Key_Escape)
