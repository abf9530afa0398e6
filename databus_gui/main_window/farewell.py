"""What becomes of running trips, and of what is not saved, when the window closes."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget

from databus_core.engine.traffic import RunningTrip
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
    """Asks; after `finished`, `answer` is the choice. Escape stays; Enter finishes the trips where nothing is lost."""

    def __init__(
        self, running: Sequence[RunningTrip], unsaved: Sequence[str], grace_seconds: float, parent: QWidget
    ) -> None:
        """`unsaved` are titles of pages with changes that are not saved."""
        super().__init__(QMessageBox.Icon.Question, tr("Close Databus"), "", parent=parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setTextFormat(Qt.TextFormat.PlainText)
        if unsaved:
            self.setIcon(QMessageBox.Icon.Warning)
        said = [_of_unsaved(unsaved), _of_trips(running)]
        self.setText("\n".join(sentence for sentence in said if sentence))
        if running:
            self.setInformativeText(_about_trips(running, grace_seconds))
        self._answers = self._offer(len(running), bool(unsaved))
        self.setDefaultButton(list(self._answers)[-1 if unsaved else 0])

    def _offer(self, trips: int, unsaved: bool) -> dict[QPushButton, Farewell]:
        accept, destroy = QMessageBox.ButtonRole.AcceptRole, QMessageBox.ButtonRole.DestructiveRole
        answers: dict[QPushButton, Farewell] = {}
        if trips:
            answers[self.addButton(tr("Finish and close"), destroy if unsaved else accept)] = Farewell.FINISH
            answers[self.addButton(tr("Leave it") if trips == 1 else tr("Leave them"), destroy)] = Farewell.LEAVE
        else:
            answers[self.addButton(tr("Close without saving"), destroy)] = Farewell.FINISH
        answers[self.addButton(QMessageBox.StandardButton.Cancel)] = Farewell.STAY
        return answers

    @property
    def answer(self) -> Farewell:
        """The choice."""
        clicked = self.clickedButton()
        return next((answer for button, answer in self._answers.items() if button is clicked), Farewell.STAY)


def _of_unsaved(titles: Sequence[str]) -> str:
    pages = ", ".join(tr(title) for title in titles)
    return tr("Changes that are not saved will be lost: {pages}.", pages=pages) if titles else ""


def _of_trips(running: Sequence[RunningTrip]) -> str:
    if not running:
        return ""
    return count(len(running), "{n} trip is still running. Finish it?", "{n} trips are still running. Finish them?")


def _about_trips(running: Sequence[RunningTrip], grace_seconds: float) -> str:
    names = [f"{trip.client_id} / {trip.client_passenger.name}" for trip in running[:NAMED]]
    more = [tr("and {n} more", n=len(running) - NAMED)] if len(running) > NAMED else []
    grace = tr(
        "Leaving gives them {n} more seconds. What a trip had not stored by then is done again on its next one.",
        n=f"{grace_seconds:g}",
    )
    return "\n".join([*names, *more, "", grace])
