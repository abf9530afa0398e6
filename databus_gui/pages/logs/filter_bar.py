"""Which logs the table shows: worst message, client passenger, date, text."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from databus_core.model.query import LogQuery
from databus_gui.i18n import tr
from databus_gui.names import ShortNames
from databus_gui.pages.logs.marks import SEVERITY_CHIPS
from databus_gui.widgets.filters import Chips, DateBox, NameBox, SearchLine


class FilterBar(QWidget):
    """One line of controls; `changed` when any of them says something else."""

    changed = Signal()

    def __init__(self, names: ShortNames) -> None:
        super().__init__()
        self.chips = Chips(SEVERITY_CHIPS)
        self.passenger = NameBox(tr("All passengers"), names)
        self.date = DateBox(tr("When the trip started"))
        self.search = SearchLine(tr("Search id or passenger …"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for part in (self.chips, self.passenger, self.date, self.search):
            row.addWidget(part, 1 if part is self.search else 0)
            part.changed.connect(self.changed)

    def query(self, client_id: str, offset: int, limit: int) -> LogQuery:
        """The question to the database."""
        return LogQuery(
            client_id=client_id,
            client_passenger=self.passenger.name,
            worst=self.chips.value,
            started_from=self.date.since,
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
        self.date.clear_choice()
        self.chips.choose(None)
        self.passenger.choose(client_passenger)
        self.search.setText(text)
