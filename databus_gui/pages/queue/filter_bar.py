"""What the queue page shows: status chips, client passenger, date, search."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QWidget

from databus_core.model.query import Query
from databus_core.model.queue_entry import QueueStatus
from databus_gui.i18n import tr
from databus_gui.names import ShortNames
from databus_gui.theme import Meaning
from databus_gui.widgets.filters import Chip, Chips, DateBox, NameBox, SearchLine


class Show(StrEnum):
    """Which passengers, by how far they have come."""

    ALL = "all"
    WAITING = "waiting"
    """Incomplete, and nothing went wrong."""
    FAILING = "failing"
    """Incomplete with an error, whether it is tried again or not."""
    DECISION = "decision"
    """Failing, and nothing more is done before a person decides."""
    COMPLETE = "complete"


_CHIPS = (
    Chip(Show.ALL, "All", "mdi6.tray-full"),
    Chip(Show.WAITING, "Waiting", "mdi6.clock-outline", Meaning.WAITING),
    Chip(Show.FAILING, "Failing", "mdi6.alert-circle", Meaning.BAD),
    Chip(Show.DECISION, "Needs decision", "mdi6.account-question", Meaning.BAD),
    Chip(Show.COMPLETE, "Complete", "mdi6.check-circle", Meaning.GOOD),
)
_CONDITIONS: dict[Show, tuple[QueueStatus | None, bool | None]] = {
    Show.ALL: (None, None),
    Show.WAITING: (QueueStatus.INCOMPLETE, False),
    Show.FAILING: (QueueStatus.INCOMPLETE, True),
    Show.DECISION: (QueueStatus.INCOMPLETE, True),
    Show.COMPLETE: (QueueStatus.COMPLETE, None),
}


class FilterBar(QWidget):
    """One line of controls; `changed` when any of them says something else."""

    changed = Signal()

    def __init__(self, names: ShortNames, parent: QWidget) -> None:
        super().__init__(parent)
        self.chips = Chips(_CHIPS)
        self.passenger = NameBox(tr("All passengers"), names)
        self.date = DateBox(tr("When it was pulled"))
        self.search = SearchLine(tr("Search id, source, error …"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for part in (self.chips, self.passenger, self.date, self.search):
            row.addWidget(part, 1 if part is self.search else 0)
            part.changed.connect(self.changed)
        QShortcut(QKeySequence.StandardKey.Find, parent, self._start_search)

    def query(self, client_id: str) -> Query:
        """The question to the database, without order and page."""
        status, has_error = _CONDITIONS[self.chips.value]
        return Query(
            client_id=client_id,
            client_passenger=self.passenger.name,
            status=status,
            has_error=has_error,
            needs_decision=self.chips.value is Show.DECISION,
            pulled_from=self.date.since,
            text=self.search.words,
        )

    @property
    def narrow(self) -> bool:
        """Whether anything is left out."""
        return self.query("") != Query(client_id="")

    def show_only(self, show: Show = Show.ALL, client_passenger: str | None = None, text: str = "") -> None:
        """Leave nothing out but what is not this; `changed` is emitted once."""
        self.chips.choose(show)
        self.passenger.choose(client_passenger)
        self.date.clear_choice()
        self.search.setText(text)
        self.changed.emit()

    def _start_search(self) -> None:
        self.search.setFocus()
        self.search.selectAll()
