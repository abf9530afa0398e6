"""The table of passengers beside the details of the chosen one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLabel, QMessageBox, QPushButton, QSplitter

from databus_core.model.query import Query, QueueOrder, QueueRow, Rows, SearchProgress
from databus_core.model.standing import Standing
from databus_core.plugins.observer import Change
from databus_gui.i18n import count, tr
from databus_gui.pages.page import Page
from databus_gui.pages.queue.bulk_menu import BulkMenu
from databus_gui.pages.queue.columns import columns
from databus_gui.pages.queue.csv_file import save_csv
from databus_gui.pages.queue.details import Details
from databus_gui.pages.queue.filter_bar import FilterBar
from databus_gui.pages.queue.searches import SearchMenu
from databus_gui.slots import async_slot, start
from databus_gui.tables.column import Column
from databus_gui.tables.model import PageRequest, TableModel
from databus_gui.tables.view import TableView
from databus_gui.theme import Meaning, icon
from databus_gui.widgets.empty_state import EmptyState


class QueuePage(Page):
    """The passengers of the looked-at client.

    `open(client_passenger=..., show="failing", text=...)` filters: `show` is a Standing, `text` a line as
    model/query_line.py has it. `open(internal_id=...)` shows one passenger.
    """

    name = "queue"
    title = "Queue"
    icon = "mdi6.tray-full"
    refreshes_on = frozenset({Change.QUEUE, Change.SEARCH, Change.CUSTOMIZING, Change.CLIENTS, Change.TICKET})

    def build(self) -> None:
        self._restart = True
        self._wanted_id = ""
        self._asked_client = ""
        purge = QPushButton(icon("mdi6.delete-sweep-outline"), tr("Purge completed …"))
        purge.setToolTip(tr("Delete the completed passengers that the filter's client passenger has"))
        purge.clicked.connect(self.purge)
        self.searches = SearchMenu(self.session)
        self.filter_bar = FilterBar(self.session.names, self.searches.first_line, self)
        self.filter_bar.line_row.addWidget(self.searches)
        self.searches.chosen.connect(self.filter_bar.ask)
        self.filter_bar.changed.connect(self._on_filter_changed)
        self.model = TableModel(
            columns(self.session.names),
            self._fetch,
            lambda row: row.internal_id,
            self,
            order=QueueOrder.PULLED_AT,
            descending=True,
        )
        self.model.failed.connect(self.show_error)
        self.table = TableView(self.model, self.name, self.session.settings)
        self.table.setAccessibleName(tr("Passengers in the queue"))
        self.bulk = BulkMenu(self.session, self.table, self._query, self)
        self.table.row_actions = self.bulk.row_actions
        save = QPushButton(icon("mdi6.file-delimited-outline"), tr("Save as CSV …"))
        save.setToolTip(tr("Save all passengers that match the filter, with the columns that are shown"))
        save.clicked.connect(self.save_csv)
        for button in (self.bulk, save, purge):
            self.header.addWidget(button)
        self.elsewhere = EmptyState(self.table, self.session)
        self.table.row_chosen.connect(self._on_row_chosen)
        self.table.selectionModel().selectionChanged.connect(self.chosen)
        self.details = Details(self.session, self.show_error)
        self.table.row_activated.connect(self._on_row_activated)
        self._splitter = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        self._splitter.addWidget(self.table)
        self._splitter.addWidget(self.details)
        self._splitter.setStretchFactor(0, 3)
        self._splitter.setStretchFactor(1, 2)
        self._splitter.setSizes(self.session.settings.splitters.get(self.name, [790, 380]))
        self._splitter.splitterMoved.connect(self._remember_sizes)
        self.remark = QLabel(wordWrap=True)
        self.remark.setProperty("meaning", Meaning.MUTED.value)
        self.remark.hide()
        self.body.addWidget(self.filter_bar)
        self.body.addWidget(self.remark)
        self.body.addWidget(self._splitter, 1)

    # Data -------------------------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        client_id = self.session.client_id
        if client_id != self._asked_client:
            self._asked_client, self._restart = client_id, True
            self.details.clear()
        self._offer_passengers()
        self.searches.tell(self.filter_bar.line, self.filter_bar.query(client_id).client_passenger)
        if self._restart:
            self._restart = False
            await self.model.restart()
            if not self.table.choose(self.details.internal_id):
                self.details.clear()
        else:
            await self.model.refresh()
        self._tell_empty()
        self._remark(await self.session.read(lambda storage: storage.database.search_progress()))
        await self._show_wanted()
        await self.details.refresh()

    async def _fetch(self, request: PageRequest) -> Rows[QueueRow]:
        query = dataclasses.replace(self._query(), offset=request.offset, limit=request.limit)
        return await self.session.read(lambda storage: storage.database.queue_rows(query))

    def _query(self) -> Query:
        """What the table shows, from its first row on."""
        return dataclasses.replace(
            self.filter_bar.query(self.session.client_id),
            order=QueueOrder(self.model.order),
            descending=self.model.descending,
        )

    def _offer_passengers(self) -> None:
        client = self.session.dispatcher.clients.get(self.session.client_id)
        self.filter_bar.offer_passengers([passenger.name for passenger in client.passengers] if client else [])

    def _tell_empty(self) -> None:
        if self.filter_bar.narrow:
            text = tr("No passenger matches the filter.")
        else:
            text = tr("The queue is empty.\nPassengers appear here as soon as a puller finds them.")
        if self.model.total:
            self.elsewhere.say("")
        elif self.elsewhere.say_one_client(tr("This page shows the queue of one client, now of root. It is empty.")):
            text = ""
        self.table.empty_text = text

    def _remark(self, progress: SearchProgress) -> None:
        """Say where the list is not the whole truth."""
        said: list[str] = []
        if self.model.more:
            said.append(tr("More than {n} passengers match; scroll for more.", n=f"{self.model.total:,}"))
        if progress.is_behind:
            indexed, total = f"{progress.indexed:,}", f"{progress.total:,}"
            said.append(
                tr(
                    "The search still indexes passengers: {indexed} of {total}. Of the others it finds the newest, "
                    "by their ids and errors.", indexed=indexed, total=total,
                )
            )  # fmt: skip
        self.remark.setText("\n".join(said))
        self.remark.setVisible(bool(said))

    async def _show_wanted(self) -> None:
        wanted, self._wanted_id = self._wanted_id, ""
        if wanted and not self.table.choose(wanted):
            await self.details.show_entry(wanted)

    # Acting -----------------------------------------------------------------------------------------------------

    def open(self, **what: object) -> None:
        passenger, text = what.get("client_passenger"), what.get("text", "")
        self._wanted_id = str(what.get("internal_id", ""))
        show = what.get("show")
        if passenger is not None and not show and not text:
            text = self.searches.first_line(str(passenger))
        if passenger is not None or show or text:
            self.filter_bar.show_only(
                Standing(str(show)) if show else None, str(passenger) if passenger else None, str(text)
            )
        elif self._wanted_id:
            self.filter_bar.show_only()

    def forget(self) -> None:
        self.filter_bar.show_only()

    def routes(self) -> list[tuple[str, str]]:
        names = dict.fromkeys(row.client_passenger for row in self.table.chosen_rows())
        return [(self.session.client_id, name) for name in names]

    def _on_filter_changed(self) -> None:
        self._restart = True
        self.request_refresh()

    def _on_row_chosen(self, row: QueueRow | None) -> None:
        self.chosen.emit()
        if row is not None:
            start(self, self.details.show_entry(row.internal_id))

    def _on_row_activated(self) -> None:
        self.details.setFocus()

    def _remember_sizes(self) -> None:
        self.session.settings.splitters[self.name] = self._splitter.sizes()
        self.session.settings.save()

    def save_csv(self) -> None:
        """Ask for a file, and write every passenger that the filter finds."""
        dialog = QFileDialog(self, tr("Save as CSV"), "", tr("Spreadsheets (*.csv)"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("csv")
        dialog.selectFile(f"{self.session.client_id}.csv")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        query, columns_shown = self._query(), self.table.shown_columns()
        dialog.accepted.connect(
            lambda: start(self, self._save_csv(Path(dialog.selectedFiles()[0]), query, columns_shown))
        )
        dialog.open()

    async def _save_csv(self, file: Path, query: Query, columns_shown: list[Column[QueueRow]]) -> None:
        self.session.say(tr("Saving {file} …", file=file.name))
        saved = await save_csv(self.session, query, columns_shown, file)
        self.session.say(count(saved, "1 passenger saved in {file}", "{n} passengers saved in {file}", file=file.name))

    @async_slot
    async def purge(self) -> None:
        """Ask, with the number, whether the completed passengers are to go."""
        client_id = self.session.client_id
        passenger = self.filter_bar.query(client_id).client_passenger
        ids = await self.session.read(lambda storage: storage.database.completed_ids(client_id, passenger, None))
        of = tr("of {passenger}", passenger=passenger) if passenger else tr("of client {client}", client=client_id)
        if not ids:
            self.session.say(tr("There are no completed passengers {of}.", of=of))
            return
        box = QMessageBox(QMessageBox.Icon.Warning, tr("Purge completed passengers"), "", parent=self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setText(
            count(len(ids), "Delete {n} completed passenger {of}?", "Delete {n} completed passengers {of}?", of=of)
        )
        box.setInformativeText(tr("Their attachments go with them. They are not pulled again. This cannot be undone."))
        delete = box.addButton(tr("Delete {n}", n=f"{len(ids):,}"), QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        delete.clicked.connect(lambda: start(self, self._purge(client_id, passenger)))
        box.open()

    async def _purge(self, client_id: str, passenger: str | None) -> None:
        removed = await self.session.dispatcher.change(
            lambda storage: storage.queue(client_id).purge(passenger),
            Change.QUEUE,
            client_id,
            deed="purged completed passengers",
            on=passenger or "",
        )
        self.session.say(count(removed, "{n} completed passenger deleted", "{n} completed passengers deleted"))
