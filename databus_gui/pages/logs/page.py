"""The table of logs above the content of the chosen one."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QSplitter

from databus_core.model.client import Client, ClientPassenger
from databus_core.model.log import Log, LogEntry
from databus_core.model.query import LogRow, Rows
from databus_core.plugins.observer import Change
from databus_gui.i18n import tr
from databus_gui.pages.logs.content import LogContent
from databus_gui.pages.logs.filter_bar import FilterBar
from databus_gui.pages.logs.marks import BROKEN_OFF, MARKS, RUNNING
from databus_gui.pages.logs.purge import PurgeDialog
from databus_gui.pages.page import Page
from databus_gui.slots import start
from databus_gui.tables.model import Column, Mark, PageRequest, TableModel
from databus_gui.tables.view import TableView
from databus_gui.theme import icon
from databus_gui.widgets.empty_state import EmptyState
from databus_gui.widgets.words import ago, duration, local_time, local_time_with_zone
from databus_gui.widgets.words import size as in_words


class LogsPage(Page):
    """The logs of the looked-at client. `open(log_id=...)` shows that one, `open(client_passenger=...)` filters."""

    name = "logs"
    title = "Logs"
    icon = "mdi6.text-box-outline"
    refreshes_on = frozenset({Change.LOGS, Change.CUSTOMIZING, Change.CLIENTS, Change.TICKET})

    def build(self) -> None:
        self._restart = True
        self._wanted_id = ""
        self._asked_client = ""
        purge = QPushButton(icon("mdi6.delete-sweep-outline"), tr("Purge …"))
        purge.setToolTip(tr("Delete old logs"))
        purge.clicked.connect(self.purge)
        self.header.addWidget(purge)
        self.filter_bar = FilterBar(self.session.names)
        self.filter_bar.changed.connect(self._on_filter_changed)
        self.model = TableModel(self._columns(), self._fetch, lambda row: row.id, parent=self)
        self.model.failed.connect(self.show_error)
        self.table = TableView(self.model, self.name, self.session.settings)
        self.table.setAccessibleName(tr("Logs"))
        self.elsewhere = EmptyState(self.table, self.session)
        self.table.row_chosen.connect(self._on_row_chosen)
        self.content = LogContent(self.session, self.show_error)
        self._splitter = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        self._splitter.addWidget(self.table)
        self._splitter.addWidget(self.content)
        self._splitter.setSizes(self.session.settings.splitters.get(self.name, [230, 370]))
        self._splitter.splitterMoved.connect(self._remember_sizes)
        self.body.addWidget(self.filter_bar)
        self.body.addWidget(self._splitter, 1)
        signals = self.session.signals
        signals.trip_started.connect(self._on_trip_started)
        signals.log_appended.connect(self._on_log_appended)
        signals.trip_complete.connect(self._on_trip_complete)

    # Data -------------------------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        client_id = self.session.client_id
        if client_id != self._asked_client:
            self._asked_client, self._restart = client_id, True
            self.content.clear()
        client = self.session.dispatcher.clients.get(client_id, Client())
        self.filter_bar.passenger.offer([passenger.name for passenger in client.passengers])
        if self._restart:
            self._restart = False
            await self.model.restart()
        else:
            await self.model.refresh()
        self._tell_empty()
        await self._show_wanted()
        self.content.refresh()

    def _tell_empty(self) -> None:
        if self.filter_bar.narrow:
            text = tr("No log matches the filter.")
        else:
            text = tr("No trip has written a log yet.\nEach trip writes one as soon as it departs.")
        if self.model.total:
            self.elsewhere.say("")
        elif self.elsewhere.say_one_client(tr("This page shows the logs of one client, now of root. There are none.")):
            text = ""
        self.table.empty_text = text

    async def _fetch(self, request: PageRequest) -> Rows[LogRow]:
        query = self.filter_bar.query(self.session.client_id, request.offset, request.limit)
        return await self.session.read(lambda storage: storage.database.log_rows(query))

    async def _show_wanted(self) -> None:
        wanted, self._wanted_id = self._wanted_id, ""
        if wanted and not self.table.choose(wanted):
            self.filter_bar.show_only(text=wanted)
            await self.model.restart()
            if not self.table.choose(wanted):
                self.filter_bar.show_only()
                await self.model.restart()
                self.error_bar.show_text(tr("There is no log {id} any more; it has been purged.", id=wanted))

    # Acting -----------------------------------------------------------------------------------------------------

    def open(self, **what: object) -> None:
        self._wanted_id = str(what.get("log_id", ""))
        passenger = what.get("client_passenger")
        if self._wanted_id or passenger is not None:
            self.filter_bar.show_only(client_passenger=str(passenger) if passenger is not None else None)
            self._on_filter_changed()

    def purge(self) -> None:
        """Ask which old logs are to go."""
        PurgeDialog(self.session, self).open()

    def forget(self) -> None:
        self.filter_bar.show_only()
        self.content.search.clear()

    def routes(self) -> list[tuple[str, str]]:
        names = dict.fromkeys(row.client_passenger for row in self.table.chosen_rows() if row.client_passenger)
        return [(self.session.client_id, name) for name in names]

    def _on_filter_changed(self) -> None:
        self._restart = True
        self.request_refresh()

    def _on_row_chosen(self, row: LogRow | None) -> None:
        self.chosen.emit()
        if row is not None:
            title = f"{self.session.names.short(row.client_passenger) or tr('Log')}, {local_time(row.started_at)}"
            start(self, self.content.show_log(self.session.client_id, row.id, title))

    def _remember_sizes(self) -> None:
        self.session.settings.splitters[self.name] = self._splitter.sizes()
        self.session.settings.save()

    # Running trips ----------------------------------------------------------------------------------------------

    def _on_trip_started(self, _client: Client, _passenger: ClientPassenger, log: Log) -> None:
        if log.client_id == self.session.client_id:
            self.request_refresh()

    def _on_log_appended(self, log: Log, entries: list[LogEntry]) -> None:
        if log.client_id == self.session.client_id:
            self.content.hear(log.id, entries)

    def _on_trip_complete(self, _client: Client, _passenger: ClientPassenger, log: Log) -> None:
        if log.client_id == self.session.client_id:
            self.request_refresh()

    def _columns(self) -> list[Column[LogRow]]:
        return [
            Column(
                key="started", title=tr("Started"), text=lambda row: local_time(row.started_at), width=150,
                tooltip=lambda row: f"{ago(row.started_at)}\n{local_time_with_zone(row.started_at)}",
            ),
            Column(
                key="worst", title=tr("Worst"), text=lambda row: tr(row.worst.value), width=100,
                mark=lambda row: MARKS[row.worst],
            ),
            Column(
                key="passenger", title=tr("Passenger"), width=220, stretch=True,
                text=lambda row: self.session.names.short(row.client_passenger) or "–",
                tooltip=lambda row: row.client_passenger, copied=lambda row: row.client_passenger or "–",
            ),
            Column(key="took", title=tr("Took"), text=self._took, width=100, mark=self._took_mark),
            Column(key="length", title=tr("Entries"), text=lambda row: f"{row.length:,}", width=80, right=True),
            Column(key="size", title=tr("Size"), text=lambda row: in_words(row.size), width=90, right=True),
            Column(key="id", title=tr("Id"), text=lambda row: row.id, width=270, hidden=True),
        ]  # fmt: skip

    def _runs(self, row: LogRow) -> bool:
        return any(trip.log.id == row.id for trip in self.session.dispatcher.running)

    def _took(self, row: LogRow) -> str:
        if row.finished_at is not None:
            return duration(row.finished_at - row.started_at)
        return tr("running") if self._runs(row) else tr("broken off")

    def _took_mark(self, row: LogRow) -> Mark | None:
        if row.finished_at is not None:
            return None
        return RUNNING if self._runs(row) else BROKEN_OFF
