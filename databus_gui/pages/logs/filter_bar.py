"""Which logs the table shows: worst message, client passenger, date, text."""

from __future__ import annotations

from datetime import datetime, timedelta

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from databus_core.model.clock import now
from databus_core.model.query import LogQuery
from databus_gui.i18n import tr
from databus_gui.pages.logs.marks import SEVERITY_CHIPS
from databus_gui.widgets.filters import Chips, NameBox, SearchLine

_DATES = (
    ("Started at any time", None),
    ("Started in the last hour", timedelta(hours=1)),
    ("Started today", timedelta(0)),
    ("Started in the last 7 days", timedelta(days=7)),
    ("Started in the last 30 days", timedelta(days=30)),
)


class FilterBar(QWidget):
    """One line of controls; `changed` when any of them says something else."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.chips = Chips(SEVERITY_CHIPS)
        self.passenger = NameBox(tr("Every client passenger"))
        self.passenger.setAccessibleName(tr("Client passenger"))
        self.date = QComboBox()
        self.date.setAccessibleName(tr("When the trip started"))
        for text, since in _DATES:
            self.date.addItem(tr(text), since)
        self.search = SearchLine(tr("Search id or client passenger …"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for widget in (self.chips, self.passenger, self.date):
            row.addWidget(widget)
        row.addWidget(self.search, 1)
        for part in (self.chips, self.passenger, self.search):
            part.changed.connect(self.changed)
        self.date.currentIndexChanged.connect(self.changed)

    def query(self, client_id: str, offset: int, limit: int) -> LogQuery:
        """The question to the database."""
        return LogQuery(
            client_id=client_id,
            client_passenger=self.passenger.name,
            worst=self.chips.value,
            started_from=_start(self.date.currentData()),
            text=self.search.words,
            offset=offset,
            limit=limit,
        )

    @property
    def narrow(self) -> bool:
        """Whether anything is left out."""
        return self.query("", 0, 1) != LogQuery(client_id="", limit=1)

    def show_only(self, text: str = "", client_passenger: str | None = None) -> None:
        """Leave nothing out but what is not this; does not say so."""
        with QSignalBlocker(self.date):
            self.date.setCurrentIndex(0)
        self.chips.choose(None)
        self.passenger.choose(client_passenger)
        self.search.setText(text)


def _start(since: timedelta | None) -> datetime | None:
    if since is None:
        return None
    if since:
        return now() - since
    return now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
