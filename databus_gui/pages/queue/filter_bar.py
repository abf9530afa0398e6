"""What the queue page shows: one line that says it all, and controls that write into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from databus_core.errors import QueryLineError
from databus_core.model.query import Query
from databus_core.model.query_line import QUALIFIERS, parse_query_line, terms_of, value_in, with_term
from databus_core.model.standing import Standing
from databus_gui.i18n import tr
from databus_gui.names import ShortNames
from databus_gui.theme import Meaning
from databus_gui.widgets.choice import ChoiceBox
from databus_gui.widgets.filters import Chip, Chips, NameBox, SearchLine

ALL = ""
"""What the line says of the status when it says nothing."""

_CHIPS = (
    Chip(ALL, "All", "mdi6.tray-full"),
    Chip(Standing.WAITING, "Waiting", "mdi6.clock-outline", Meaning.WAITING),
    Chip(Standing.FAILING, "Failing", "mdi6.alert-circle", Meaning.BAD),
    Chip(Standing.DECISION, "Needs decision", "mdi6.account-question", Meaning.BAD),
    Chip(Standing.COMPLETE, "Complete", "mdi6.check-circle", Meaning.GOOD),
)
_DATES = {
    "": "Any time",
    "age:<1h": "Last hour",
    "pulled:today": "Today",
    "age:<7d": "Last 7 days",
    "age:<30d": "Last 30 days",
}
_DATE_NAMES = ("age", "pulled")


class FilterBar(QWidget):
    """Chips, boxes and the line; `changed` when the question is another one.

    The line is the truth. What a person chooses elsewhere is written into it; what is typed shows there, too. A line
    that cannot be read says why below it, and the question stays as it was.
    """

    changed = Signal()

    def __init__(self, names: ShortNames, first_line: Callable[[str], str], parent: QWidget) -> None:
        """`first_line` says what a client passenger is shown with when it is chosen and nothing else is asked."""
        super().__init__(parent)
        self._names, self._first_line = names, first_line
        self._offered: list[str] = []
        self._asked: Callable[[str], Query] = lambda client_id: Query(client_id=client_id)
        self.chips = Chips(_CHIPS)
        self.passenger = NameBox(tr("All passengers"), names)
        self.date = ChoiceBox(tr("When it was pulled"), _DATES)
        self.search = SearchLine(tr("Search, or say what to show: source:erp pusher:sap error:timeout age:>2h …"))
        self.search.setToolTip(_help())
        self.problem = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.problem.setProperty("meaning", Meaning.BAD.value)
        self.problem.hide()
        self._lay_out()
        self.chips.changed.connect(lambda: self._write("status", self.chips.value))
        self.passenger.changed.connect(self._on_passenger_chosen)
        self.date.changed.connect(self._on_date_chosen)
        self.search.changed.connect(self._on_typed)
        QShortcut(QKeySequence.StandardKey.Find, parent, self._start_search)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        row = QHBoxLayout()
        for part in (self.chips, self.passenger, self.date):
            row.addWidget(part)
        row.addStretch(1)
        self.line_row = QHBoxLayout()
        """The line; the page may add buttons to it."""
        self.line_row.addWidget(self.search, 1)
        for part in (row, self.line_row):
            column.addLayout(part)
        column.addWidget(self.problem)

    # What the page uses -----------------------------------------------------------------------------------------

    @property
    def line(self) -> str:
        """What is asked, as text."""
        return self.search.words

    def query(self, client_id: str) -> Query:
        """The question to the database, without order and page; of the last line that could be read."""
        return self._asked(client_id)

    @property
    def narrow(self) -> bool:
        """Whether anything is left out."""
        return self.query("") != Query(client_id="")

    def offer_passengers(self, names: Sequence[str]) -> None:
        """These client passengers may be chosen and named. Asked of them is only what the caller asks next."""
        self.passenger.offer(names)
        if self._offered != list(names):
            self._offered = list(names)
            self._read()

    def show_only(self, standing: Standing | None = None, client_passenger: str | None = None, text: str = "") -> None:
        """Leave nothing out but what is not this; `changed` is emitted once."""
        if client_passenger is not None and client_passenger not in self._offered:
            self._offered.append(client_passenger)
        name = "" if client_passenger is None else self._names.short(client_passenger)
        line = with_term(text, "passenger", name)
        self.ask(line if standing is None else with_term(line, "status", standing))

    def ask(self, line: str) -> None:
        """Ask what that line says."""
        self.search.setText(line)
        self._read()
        self.changed.emit()

    # ------------------------------------------------------------------------------------------------------------

    def _write(self, name: str, value: str) -> None:
        self.ask(with_term(self.line, name, value))

    def _on_passenger_chosen(self) -> None:
        name, others = self.passenger.name, with_term(self.line, "passenger", "")
        if name is None:
            self.ask(others)
        else:
            self.show_only(client_passenger=name, text=others or self._first_line(name))

    def _on_typed(self) -> None:
        if self._read():
            self.changed.emit()

    def _on_date_chosen(self) -> None:
        line = self.line
        for name in _DATE_NAMES:
            line = with_term(line, name, "")
        self.ask(" ".join(part for part in (self.date.value, line) if part))

    def _read(self) -> bool:
        """Understand the line, and let everything else show what it says; False when it cannot be read."""
        line, names = self.line, tuple(self._offered)
        try:
            query = parse_query_line(line, "", names)
        except QueryLineError as error:
            self._tell(error)
            return False
        self._tell(None)
        # An age is reckoned anew each time that the database is asked.
        self._asked = lambda client_id: parse_query_line(line, client_id, names)
        self._show(line, query)
        return True

    def _show(self, line: str, query: Query) -> None:
        self.chips.choose(value_in(line, "status").lower())
        self.passenger.choose(query.client_passenger)
        dates = [line[term.start : term.end] for term in terms_of(line) if term.name in _DATE_NAMES]
        self.date.choose(" ".join(dates))

    def _tell(self, error: QueryLineError | None) -> None:
        self.problem.setText(str(error) if error else "")
        self.problem.setVisible(error is not None)
        self.search.set_faulty(error is not None)

    def _start_search(self) -> None:
        self.search.setFocus()
        self.search.selectAll()


def _help() -> str:
    """One qualifier a line."""
    lines = [tr("Words, and phrases in quotes, are found in ids, titles, errors and attachments. Qualifiers:")]
    lines += [f"{name}:  {tr(qualifier.hint)}" for name, qualifier in QUALIFIERS.items()]
    return "\n".join(lines)
