"""What can be done with the chosen passengers, or with all that match: for the button above the table and its rows."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from databus_core.engine.bulk import Frozen, freeze, freeze_rows
from databus_core.engine.storage import Storage
from databus_core.model.query import Query, QueueRow
from databus_core.model.queue_entry import QueueStatus
from databus_gui.i18n import count, tr
from databus_gui.pages.queue.bulk import Deed, Retry, SetStep
from databus_gui.pages.queue.bulk_dialog import BulkDialog
from databus_gui.session import Session
from databus_gui.tables.view import TableView
from databus_gui.theme import icon

Find = Callable[[Storage], Frozen]
"""Which passengers it is about; called in a worker thread."""


class BulkMenu(QToolButton):
    """A button whose menu has each deed twice: for the chosen rows, and for everything that the filter matches."""

    def __init__(
        self, session: Session, table: TableView[QueueRow], query: Callable[[], Query], parent: QWidget
    ) -> None:
        """`query` is what the table shows, in its order."""
        super().__init__(parent)
        self._session, self._table, self._query = session, table, query
        self.setText(tr("Actions"))
        self.setIcon(icon("mdi6.playlist-check"))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setToolTip(tr("Change many passengers at once"))
        self.setMenu(QMenu(self))
        self.menu().aboutToShow.connect(self._fill)

    def row_actions(self) -> Sequence[QAction]:
        """The same for the chosen rows only, for their own menu."""
        return self._deeds(tr("Retry …"), tr("Set a step"), self._find_chosen(), self._table)

    def _fill(self) -> None:
        menu, chosen, total = self.menu(), self._number_chosen(), self._table.table_model.total or 0
        menu.clear()
        for number, of, find in (
            (chosen, count(chosen, "{n} chosen", "{n} chosen"), self._find_chosen()),
            (total, count(total, "the {n} that matches", "all {n} that match"), self._find_all()),
        ):
            menu.addSection(of)
            deeds = self._deeds(
                tr("Retry {passengers} …", passengers=of), tr("Set a step of {passengers}", passengers=of), find, menu
            )
            for action in deeds:
                action.setEnabled(action.isEnabled() and number > 0)
                menu.addAction(action)

    def _deeds(self, retry: str, set_step: str, find: Find, owner: QWidget) -> list[QAction]:
        retrying = QAction(icon("mdi6.replay"), retry, owner)
        retrying.triggered.connect(lambda: self.begin(Retry(), find))
        steps = QMenu(set_step, owner)
        steps.setIcon(icon("mdi6.debug-step-over"))
        for step in self._steps():
            short = self._session.names.short(step)
            of_step = steps.addMenu(short.replace("&", "&&"))
            for status in (QueueStatus.COMPLETE, QueueStatus.INCOMPLETE):
                action = of_step.addAction(tr(f"{status} …"))
                deed = functools.partial(SetStep, step, status, short)
                action.triggered.connect(lambda _=False, deed=deed: self.begin(deed(), find))
        actions = [retrying, steps.menuAction()]
        for action in actions:
            action.setEnabled(self._session.ready)
        return actions

    def begin(self, deed: Deed, find: Find) -> None:
        """Open the dialog for that deed."""
        BulkDialog(self._session, deed, find, self.window()).open()

    def _steps(self) -> list[str]:
        """Names of the steps that passengers of the shown client passengers have."""
        query = self._query()
        client = self._session.dispatcher.clients.get(query.client_id)
        passengers = client.passengers if client else []
        steps = (
            step.step_name
            for passenger in passengers
            if query.client_passenger in {None, passenger.name}
            for step in (*passenger.processors, *passenger.pushers)
        )
        return list(dict.fromkeys(steps))

    # Which ones -------------------------------------------------------------------------------------------------

    def _number_chosen(self) -> int:
        return sum(number for _, number in self._table.chosen_places())

    def _find_all(self) -> Find:
        query = self._query()
        return lambda storage: freeze(storage.database, query)

    def _find_chosen(self) -> Find:
        """Of more rows than are here, those at the chosen places."""
        rows, query = self._table.chosen_rows(), self._query()
        number = self._number_chosen()
        if number == (self._table.table_model.total or 0):
            return self._find_all()
        if len(rows) == number:
            return lambda _storage: freeze_rows(query.client_id, rows)
        places = self._table.chosen_places()

        def find(storage: Storage) -> Frozen:
            pages = (replace(query, offset=first, limit=number) for first, number in places)
            return freeze_rows(
                query.client_id, (row for page in pages for row in storage.database.queue_rows(page).rows)
            )

        return find
