"""One step of a passenger, with the button that sets it by hand."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from databus_core.model.queue_entry import QueueStatus, Step, StepKind
from databus_gui.i18n import count, tr
from databus_gui.names import ShortNames
from databus_gui.theme import Meaning
from databus_gui.widgets.sign import Sign
from databus_gui.widgets.words import breakable, local_time

NO_BREAK = "\u00a0"

_KINDS = {
    StepKind.NOTIFICATION: "tell the source system",
    StepKind.PROCESSOR: "process",
    StepKind.PUSHER: "deliver",
}


class StepRow(QWidget):
    """State, name, attempts, error; complete, incomplete or tried again by a click."""

    status_wanted = Signal(object, object)
    """Step, QueueStatus"""

    def __init__(self, step: Step, names: ShortNames) -> None:
        super().__init__()
        self.step = step
        word, sign, meaning = _state(step)
        state = Sign(sign, meaning, word)
        name = QLabel(breakable(names.short(step.name)), wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        name.setToolTip(step.name)
        about = QLabel(_about(step, word), wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        about.setObjectName("hint")
        self.button = self._setter(
            tr("Set incomplete") if step.complete else tr("Set complete"),
            QueueStatus.INCOMPLETE if step.complete else QueueStatus.COMPLETE,
        )
        buttons = QVBoxLayout()
        buttons.setSpacing(2)
        if step.waits_for_a_person:
            again = self._setter(tr("Try again"), QueueStatus.INCOMPLETE)
            again.setToolTip(tr("On the next trip, with all its attempts"))
            buttons.addWidget(again)
        buttons.addWidget(self.button)
        buttons.addStretch(1)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 2)
        grid.setVerticalSpacing(1)
        grid.setColumnStretch(1, 1)
        grid.addWidget(state, 0, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(name, 0, 1)
        grid.addLayout(buttons, 0, 2, 2, 1)
        grid.addWidget(about, 1, 1)
        if step.error:
            error = QLabel(breakable(step.error), wordWrap=True, textFormat=Qt.TextFormat.PlainText)
            error.setProperty("meaning", Meaning.BAD.value)
            error.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(error, 2, 1, 1, 2)

    def _setter(self, text: str, status: QueueStatus) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(f"{text}: {self.step.name}")
        button.clicked.connect(lambda: self._want(status))
        return button

    def _want(self, status: QueueStatus) -> None:
        self.status_wanted.emit(self.step, status)
        for button in self.findChildren(QPushButton):
            button.setEnabled(False)  # until the panel shows the step anew


def _state(step: Step) -> tuple[str, str, Meaning]:
    if step.complete:
        return tr("complete"), "mdi6.check-circle", Meaning.GOOD
    if step.status is QueueStatus.FAILED:
        return tr("failed, needs a decision"), "mdi6.close-octagon", Meaning.BAD
    if step.status is QueueStatus.UNKNOWN:
        return tr("outcome unknown, needs a decision"), "mdi6.help-circle", Meaning.BAD
    if step.status is QueueStatus.RUNNING:
        return tr("under way"), "mdi6.timer-sand", Meaning.CAUTION
    if step.error:
        return tr("failing"), "mdi6.alert-circle", Meaning.BAD
    return tr("waiting"), "mdi6.clock-outline", Meaning.WAITING


def _about(step: Step, word: str) -> str:
    parts = [tr(_KINDS[step.kind]), word]
    if step.attempts:
        parts.append(count(step.attempts, "{n} attempt", "{n} attempts"))
    at = step.completed_at or step.error_at
    if at is not None:
        parts.append(local_time(at).replace(" ", NO_BREAK))
    if step.next_attempt_at is not None:
        parts.append(tr("next attempt {at}", at=local_time(step.next_attempt_at).replace(" ", NO_BREAK)))
    if step.note:
        parts.append(step.note)
    return " · ".join(parts)
