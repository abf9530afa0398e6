"""What one log says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from databus_core.errors import DatabusError, NotFoundError
from databus_core.model.log import LogEntry
from databus_core.model.query import Rows
from databus_gui.i18n import tr
from databus_gui.names import ShortNames
from databus_gui.pages.logs.entries import MATCHES_KEPT, Entries, EntryFilter, ShownEntry, line_of
from databus_gui.pages.logs.marks import MARKS, SEVERITY_CHIPS
from databus_gui.session import Session
from databus_gui.slots import async_slot, start
from databus_gui.tables.model import Column, PageRequest, TableModel
from databus_gui.tables.view import TableView
from databus_gui.theme import icon
from databus_gui.widgets.filters import Chips, SearchLine
from databus_gui.widgets.long_text import TextReader
from databus_gui.widgets.words import local_time_with_zone

TAIL_MS = 200
"""A running trip's lines are shown at least so far apart."""
STORED_MS = 600
"""After so long the database has what a running trip had said before its log was opened, and nobody heard."""


class LogContent(QWidget):
    """The entries of the chosen log, and the chosen entry in full below."""

    def __init__(self, session: Session, show_error: Callable[[DatabusError], None]) -> None:
        super().__init__()
        self.session = session
        self.show_error = show_error
        self._entries = Entries(session, "", "", EntryFilter())
        self._grown = QTimer(self, singleShot=True, interval=TAIL_MS)
        self._grown.timeout.connect(self._on_grown)
        self.model = TableModel(_columns(session.names), self._fetch, lambda row: str(row.number), parent=self)
        self.model.failed.connect(show_error)
        self.table = TableView(self.model, "log_entries", session.settings)
        self.table.setAccessibleName(tr("Entries of the log"))
        self.table.row_chosen.connect(self._on_row_chosen)
        self.table.row_actions = self._row_actions
        self.message = TextReader()
        self.message.setAccessibleName(tr("The chosen entry in full"))
        self.title = QLabel(textFormat=Qt.TextFormat.PlainText)
        self.chips = Chips(SEVERITY_CHIPS)
        self.search = SearchLine(tr("Search in this log …"))
        self.follow = QPushButton(icon("mdi6.arrow-collapse-down"), tr("Follow"))
        self.save_button = QPushButton(icon("mdi6.content-save-outline"), tr("Save as …"))
        self._lay_out()
        self.clear()

    def _lay_out(self) -> None:
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.follow.setCheckable(True)
        self.follow.setChecked(True)
        self.follow.setToolTip(tr("Keep the newest entry of a running trip in sight"))
        self.follow.toggled.connect(self._on_follow)
        self.save_button.clicked.connect(self.save_as)
        copy = QToolButton()
        copy.setIcon(icon("mdi6.content-copy"))
        copy.setToolTip(tr("Copy the chosen entries as lines"))
        copy.setAccessibleName(copy.toolTip())
        copy.clicked.connect(self.copy_lines)
        self.chips.changed.connect(self._on_filter_changed)
        self.search.changed.connect(self._on_filter_changed)
        heading, controls = QHBoxLayout(), QHBoxLayout()
        heading.addWidget(self.title, 1)
        for widget in (self.follow, copy, self.save_button):
            heading.addWidget(widget)
        controls.addWidget(self.chips)
        controls.addWidget(self.search, 1)
        divided = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        divided.addWidget(self.table)
        divided.addWidget(self.message)
        divided.setStretchFactor(0, 1)
        divided.setSizes([300, 64])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.addLayout(heading)
        column.addLayout(controls)
        column.addWidget(divided, 1)

    # What the page uses -----------------------------------------------------------------------------------------

    @property
    def log_id(self) -> str:
        """The log that is shown; empty for none."""
        return self._entries.log_id

    def clear(self) -> None:
        """Show no log."""
        self._take(Entries(self.session, "", "", EntryFilter()))
        self.title.setText(tr("Choose a log to read it."))
        self.setEnabled(False)
        self.follow.hide()
        start(self, self.model.restart())

    async def show_log(self, client_id: str, log_id: str, title: str) -> None:
        """Show a log from its beginning, or from its end while its trip runs. Raises DatabusError."""
        self.title.setText(title)
        if (client_id, log_id) == (self._entries.client_id, self._entries.log_id):
            return
        self.setEnabled(True)
        self.follow.setChecked(True)
        self._take(Entries(self.session, client_id, log_id, self._chosen_filter()))
        await self.model.restart()
        self._to_the_end()
        if log_id in self._running_ids():
            QTimer.singleShot(STORED_MS, self, self.refresh)

    def hear(self, log_id: str, entries: Sequence[LogEntry]) -> None:
        """A running trip said this."""
        if log_id == self.log_id:
            self._entries.hear(entries)
            if not self._grown.isActive():
                self._grown.start()

    @async_slot
    async def refresh(self) -> None:
        """Ask again how the log goes on."""
        if self.log_id:
            await self.model.refresh()
            self._to_the_end()

    # ------------------------------------------------------------------------------------------------------------

    def _take(self, entries: Entries) -> None:
        self._entries = entries
        self.message.clear()
        self.table.empty_text = (
            tr("No entry matches the filter.") if entries.filter.narrow else tr("This log is empty.")
        )
        if not entries.log_id:
            self.table.empty_text = ""

    async def _fetch(self, request: PageRequest) -> Rows[ShownEntry]:
        entries = self._entries
        if not entries.log_id:
            return Rows([], 0)
        try:
            return await entries.fetch(request)
        except NotFoundError:
            if entries.log_id not in self._running_ids():
                raise
            return Rows([], 0)  # a trip that has just begun: its first line is on its way

    def _running_ids(self) -> set[str]:
        return {trip.log.id for trip in self.session.dispatcher.running}

    def _chosen_filter(self) -> EntryFilter:
        return EntryFilter(self.chips.value, self.search.words)

    @async_slot
    async def _on_filter_changed(self) -> None:
        old = self._entries
        self._take(Entries(self.session, old.client_id, old.log_id, self._chosen_filter(), old.heard))
        await self.model.restart()
        if self._entries.cut:
            self.session.say(tr("The first {n} matches are shown.", n=f"{MATCHES_KEPT:,}"))

    def _on_grown(self) -> None:
        self.refresh()

    def _on_follow(self) -> None:
        self._to_the_end()

    def _to_the_end(self) -> None:
        running = self.log_id in self._running_ids()
        self.follow.setVisible(running)
        if running and self.follow.isChecked():
            self.table.scrollToBottom()

    def _on_row_chosen(self, row: ShownEntry | None) -> None:
        self.message.show_text(row.entry.message if row else "")

    # Taking out -------------------------------------------------------------------------------------------------

    def _row_actions(self) -> list[QAction]:
        copy = QAction(icon("mdi6.content-copy"), tr("Copy as lines of a log"), self.table)
        copy.triggered.connect(self.copy_lines)
        return [copy]

    def copy_lines(self) -> None:
        """Put the chosen entries on the clipboard as lines of a log."""
        rows = self.table.chosen_rows()
        QGuiApplication.clipboard().setText("".join(f"{line_of(row.entry)}\n" for row in rows))
        self.session.say(tr("{n} lines are on the clipboard.", n=len(rows)))

    def save_as(self) -> None:
        """Ask for a file and write the whole log there."""
        dialog = QFileDialog(self.window(), tr("Save log"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.selectFile(f"{self.log_id}.txt")
        dialog.fileSelected.connect(self._on_file_selected)
        dialog.open()

    def _on_file_selected(self, file: str) -> None:
        start(self, self._save(Path(file)))

    async def _save(self, file: Path) -> None:
        await self._entries.save(file)
        self.session.say(tr("Saved {file}", file=file))


def _columns(names: ShortNames) -> list[Column[ShownEntry]]:
    return [
        Column(
            key="at", title=tr("Time"), text=lambda row: row.entry.at.astimezone().strftime("%H:%M:%S.%f")[:-3],
            width=105, tooltip=lambda row: local_time_with_zone(row.entry.at),
        ),
        Column(
            key="type", title=tr("Type"), text=lambda row: tr(row.entry.type.value), width=95,
            mark=lambda row: MARKS[row.entry.type],
        ),
        Column(
            key="module", title=tr("Module"), text=lambda row: names.short(row.entry.module), width=180,
            tooltip=lambda row: row.entry.module, copied=lambda row: row.entry.module,
        ),
        Column(
            key="message", title=tr("Message"), text=_first_line, width=500, prose=True,
            tooltip=lambda row: row.entry.message,
        ),
    ]  # fmt: skip


def _first_line(row: ShownEntry) -> str:
    first, _, rest = row.entry.message.partition("\n")
    return f"{first} …" if rest else first
