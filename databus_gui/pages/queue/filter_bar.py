"""What the queue page shows: status chips, client passenger, date, search."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from PySide6.QtCore import QSignalBlocker, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QLineEdit, QPushButton, QWidget

from databus_core.model.clock import now
from databus_core.model.query import Query
from databus_core.model.queue_entry import QueueStatus
from databus_gui.i18n import tr
from databus_gui.theme import Meaning, icon

SEARCH_MS = 300
"""A search begins when nothing was typed for so long."""


class Show(StrEnum):
    """Which passengers, by how far they have come."""

    ALL = "all"
    WAITING = "waiting"
    """Incomplete, and nothing went wrong."""
    FAILING = "failing"
    COMPLETE = "complete"


_CHIPS = (
    (Show.ALL, "All", "mdi6.tray-full", Meaning.TEXT),
    (Show.WAITING, "Waiting", "mdi6.clock-outline", Meaning.WAITING),
    (Show.FAILING, "Failing", "mdi6.alert-circle", Meaning.BAD),
    (Show.COMPLETE, "Complete", "mdi6.check-circle", Meaning.GOOD),
)
_CONDITIONS: dict[Show, tuple[QueueStatus | None, bool | None]] = {
    Show.ALL: (None, None),
    Show.WAITING: (QueueStatus.INCOMPLETE, False),
    Show.FAILING: (QueueStatus.INCOMPLETE, True),
    Show.COMPLETE: (QueueStatus.COMPLETE, None),
}
_DATES = (
    ("Any time", None),
    ("Last hour", timedelta(hours=1)),
    ("Today", timedelta(0)),
    ("Last 7 days", timedelta(days=7)),
    ("Last 30 days", timedelta(days=30)),
)


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """What was chosen."""

    show: Show = Show.ALL
    client_passenger: str | None = None
    since: timedelta | None = None
    """Zero is: since midnight."""
    text: str = ""

    def query(self, client_id: str) -> Query:
        """The question to the database, without order and page."""
        status, has_error = _CONDITIONS[self.show]
        return Query(
            client_id=client_id,
            client_passenger=self.client_passenger,
            status=status,
            has_error=has_error,
            pulled_from=_start(self.since),
            text=self.text,
        )

    @property
    def narrow(self) -> bool:
        """Whether it leaves anything out."""
        return self != QueueFilter()


def _start(since: timedelta | None) -> datetime | None:
    if since is None:
        return None
    if since:
        return now() - since
    return now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)


class FilterBar(QWidget):
    """One line of controls; `changed` when any of them says something else."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self._chips = self._make_chips(row)
        self._passenger = QComboBox(sizeAdjustPolicy=QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._passenger.setMaximumWidth(260)
        self._passenger.setAccessibleName(tr("Client passenger"))
        self._passenger.addItem(tr("All passengers"), None)
        self._date = QComboBox()
        self._date.setAccessibleName(tr("When it was pulled"))
        self._date.setToolTip(self._date.accessibleName())
        for text, since in _DATES:
            self._date.addItem(tr(text), since)
        self._search = QLineEdit(placeholderText=tr("Search id, source, error …"), clearButtonEnabled=True)
        self._search.setAccessibleName(tr("Search"))
        self._search.setMinimumWidth(160)
        row.addWidget(self._passenger)
        row.addWidget(self._date)
        row.addWidget(self._search, 1)
        self._pause = QTimer(self, singleShot=True, interval=SEARCH_MS)
        self._pause.timeout.connect(self.changed)
        self._search.textChanged.connect(self._on_text_changed)
        self._search.returnPressed.connect(self._search_now)
        self._passenger.currentIndexChanged.connect(self.changed)
        self._date.currentIndexChanged.connect(self.changed)
        self._chips.idClicked.connect(self.changed)
        QShortcut(QKeySequence.StandardKey.Find, parent or self, self._start_search)

    def _make_chips(self, row: QHBoxLayout) -> QButtonGroup:
        chips = QButtonGroup(self)
        for number, (_, text, sign, meaning) in enumerate(_CHIPS):
            chip = QPushButton(icon(sign, meaning), tr(text))
            chip.setCheckable(True)
            chip.setObjectName("chip")
            chips.addButton(chip, number)
            row.addWidget(chip)
        chips.button(0).setChecked(True)
        row.addSpacing(6)
        return chips

    @property
    def value(self) -> QueueFilter:
        """What is chosen now."""
        return QueueFilter(
            _CHIPS[self._chips.checkedId()][0],
            self._passenger.currentData(),
            self._date.currentData(),
            self._search.text().strip(),
        )

    def set(self, show: Show, client_passenger: str | None, text: str = "") -> None:
        """Choose these, at any date; `changed` is emitted once."""
        with QSignalBlocker(self._passenger), QSignalBlocker(self._date), QSignalBlocker(self._search):
            self._chips.button([chip[0] for chip in _CHIPS].index(show)).setChecked(True)
            self._choose_passenger(client_passenger)
            self._date.setCurrentIndex(0)
            self._search.setText(text)
        self.changed.emit()

    def clear(self) -> None:
        """Show everything."""
        self.set(Show.ALL, None)

    def offer(self, names: list[str]) -> None:
        """Offer these client passengers; the chosen one stays chosen, also when it is gone."""
        chosen: str | None = self._passenger.currentData()
        offered = [self._passenger.itemData(number) for number in range(1, self._passenger.count())]
        if chosen is not None and chosen not in names:
            names = [*names, chosen]
        if offered == names:
            return
        with QSignalBlocker(self._passenger):
            self._passenger.clear()
            self._passenger.addItem(tr("All passengers"), None)
            for name in names:
                self._passenger.addItem(name, name)
            self._choose_passenger(chosen)

    def _choose_passenger(self, name: str | None) -> None:
        if name is not None and self._passenger.findData(name) < 0:
            self._passenger.addItem(name, name)
        self._passenger.setCurrentIndex(0 if name is None else self._passenger.findData(name))

    def _on_text_changed(self) -> None:
        self._pause.start()

    def _search_now(self) -> None:
        self._pause.stop()
        self.changed.emit()

    def _start_search(self) -> None:
        self._search.setFocus()
        self._search.selectAll()
