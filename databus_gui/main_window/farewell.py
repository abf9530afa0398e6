"""What becomes of running trips when the window closes."""

from __future__ import annotations

from enum import Enum, auto

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget

from databus_core.engine.dispatcher import RunningTrip
from databus_gui.i18n import count, tr

NAMED = 6
"""Running trips that are named in the question."""


class Farewell(Enum):
    """What the person chose."""

    FINISH = auto()
    """Wait for the running trips, however long they take."""
    LEAVE = auto()
    """Wait for the grace time at most."""
    STAY = auto()


class FarewellBox(QMessageBox):
    """Asks; after `finished`, `answer` is the choice. Enter finishes the trips, Escape stays."""

    def __init__(self, running: list[RunningTrip], grace_seconds: float, parent: QWidget) -> None:
        super().__init__(QMessageBox.Icon.Question, tr("Close Databus"), "", parent=parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(
            count(len(running), "{n} trip is still running. Finish it?", "{n} trips are still running. Finish them?")
        )
        names = [f"{trip.client_id} / {trip.client_passenger.name}" for trip in running[:NAMED]]
        more = [tr("and {n} more", n=len(running) - NAMED)] if len(running) > NAMED else []
        grace = tr(
            "Leaving waits for at most {n} seconds. What a trip had not stored by then is done again on its next one.",
            n=f"{grace_seconds:g}",
        )
        self.setInformativeText("\n".join([*names, *more, "", grace]))
        self._answers: dict[QPushButton, Farewell] = {
            self.addButton(tr("Finish and close"), QMessageBox.ButtonRole.AcceptRole): Farewell.FINISH,
            self.addButton(tr("Leave them"), QMessageBox.ButtonRole.DestructiveRole): Farewell.LEAVE,
            self.addButton(QMessageBox.StandardButton.Cancel): Farewell.STAY,
        }
        self.setDefaultButton(next(iter(self._answers)))

    @property
    def answer(self) -> Farewell:
        """The choice."""
        clicked = self.clickedButton()
        return next((answer for button, answer in self._answers.items() if button is clicked), Farewell.STAY)
