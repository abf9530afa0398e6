"""The last error in the status bar: when it was, how long it stays, how it is put away."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QMessageBox, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from databus_core import Passenger
from databus_core.engine.timetable import Route
from databus_core.model.breaker_change import BreakerChange
from databus_core.model.log import Log
from databus_core.model.ticket import DispatcherTicket
from databus_gui.main_window import MainWindow
from databus_gui.main_window.said import Said
from databus_gui.widgets.words import clock_time, local_time_with_zone
from tests.support.stage import Stage, ticket_with
from tests.support.window import click, said


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


def state(window: MainWindow) -> QLabel:
    labels = window.statusBar().findChildren(QLabel)
    return next(each for each in labels if each.accessibleName() == "State of the dispatcher")


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


def test_plug_ins_that_are_not_taken_are_shown_until_they_are_mended(qtbot: QtBot, window: MainWindow) -> None:
    signals = window.session.signals
    signals.plugins_changed.emit(["erp.py"], ["acme / orders: erp is broken. The last good version goes on."])
    says(qtbot, window, "erp is broken. The last good version goes on.")
    signals.plugins_changed.emit(["erp.py"], [])
    qtbot.waitUntil(lambda: not link(window).isVisible())
    qtbot.waitUntil(lambda: said(window) == "Plug-ins renewed: erp.py")
    signals.plugins_changed.emit([], [])
    qtbot.waitUntil(lambda: said(window) == "The plug-ins work again.")


def test_what_was_done_is_told_beside_the_state_and_the_error(
    qtbot: QtBot, window: MainWindow, gate: list[str], drive: Callable
) -> None:
    gate[:] = ["the gate is shut " * 20]
    at = drive().errors[0].at
    says(qtbot, window, "acme / orders: ")
    click(qtbot, window, "resume")
    qtbot.waitUntil(lambda: state(window).text() == "Running")
    window.session.say("3 client passengers depart, said at some length")
    qtbot.waitUntil(lambda: said(window) != "")
    sentence = window.findChild(Said)
    assert sentence is not None
    assert sentence.text() == "· 3 client passengers depart, said at some length"  # nothing of it is cut off
    assert state(window).isVisible()
    assert link(window).isVisible()
    assert link(window).text().startswith(clock_time(at)[:5])  # there is room for the time at least
    window.session.say("x" * 500)
    qtbot.waitUntil(lambda: sentence.text().endswith("…"))
    assert sentence.width() <= window.statusBar().width() // 2
    assert window.width() == 1240


def test_a_known_error_does_not_hide_a_new_one(
    qtbot: QtBot, window: MainWindow, stage: Stage, drive: Callable[..., Log]
) -> None:
    refused = ["1"]

    def refuse(step: str, passenger: Passenger) -> None:
        if passenger.external_id in refused:
            raise RuntimeError(f"nobody wants number {passenger.external_id}")

    stage.on_push = refuse
    stage.waiting = ["1"]
    drive()
    says(qtbot, window, "number 1")
    stage.waiting = ["2"]
    refused.append("2")
    assert "number 1" in drive().errors[0].message
    says(qtbot, window, "number 2")
    complete: list[str] = []
    window.session.signals.trip_complete.connect(lambda _client, passenger, _log: complete.append(passenger.name))
    drive()  # nothing new: what is told stays what it was
    qtbot.waitUntil(lambda: len(complete) == 1)
    assert "number 2" in link(window).text()
    refused.remove("2")
    drive()
    says(qtbot, window, "number 1")


def test_a_spared_pusher_is_told_once_until_it_takes_passengers_again(
    qtbot: QtBot, open_window: Callable[..., MainWindow], tmp_path, stage: Stage, run: Callable
) -> None:
    crm = stage.pusher("crm", breaker={"failures": 1, "wait": "1 h"})
    route = stage.client_passenger(pushers=[crm], sync_frequency=60)
    window = open_window(ticket_with(tmp_path / "breaker", acme=[route], root=[]))
    told: list[BreakerChange] = []
    window.session.signals.breaker_changed.connect(lambda _client, _passenger, change: told.append(change))

    def shut(*_: object) -> None:
        raise ConnectionError("crm & sons are down")

    def drive_again() -> None:
        begun = len(complete)
        window.session.dispatcher._traffic.depart(Route("acme", "orders"))  # as by the timetable: waits are kept
        qtbot.waitUntil(lambda: len(complete) > begun)

    complete: list[Log] = []
    window.session.signals.trip_complete.connect(lambda _client, _passenger, log: complete.append(log))
    stage.waiting, stage.on_push = ["1", "2"], shut
    run(window.session.dispatcher.drive("acme", "orders"))
    qtbot.waitUntil(lambda: len(complete) == 1)
    assert complete[-1].has_errors
    says(qtbot, window, "crm is spared")  # which says more than the errors of the trip
    drive_again()  # without an error, as nothing is pushed
    says(
        qtbot,
        window,
        "acme / orders: crm is spared after 1 like failure in a row: ConnectionError: crm && sons are down",
    )
    assert not complete[-1].has_errors
    stage.on_push = lambda *_: None
    run(window.session.dispatcher.drive("acme", "orders"))
    qtbot.waitUntil(lambda: not link(window).isVisible())
    assert [change.opened for change in told] == [True, False]
