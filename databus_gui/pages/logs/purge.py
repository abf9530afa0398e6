"""Asks which old logs are to go."""

from __future__ import annotations

from datetime import datetime, timedelta

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

from databus_core.errors import DatabusError
from databus_core.model.clock import format_local, now
from databus_core.model.query import LogQuery
from databus_core.plugins.observer import Change
from databus_gui.i18n import count, tr
from databus_gui.session import Session
from databus_gui.slots import async_slot, start

DAYS = 7


class PurgeDialog(QDialog):
    """Days of age, the number of logs that are older, and the button that deletes them."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Purge logs"))
        self._session, self._client_id, self._page = session, session.client_id, parent
        self.days = QSpinBox(minimum=0, maximum=36_500, value=DAYS, suffix=tr(" days"))
        self.found = QLabel(tr("Counting …"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.delete = buttons.addButton(tr("Delete"), QDialogButtonBox.ButtonRole.DestructiveRole)
        self.delete.setEnabled(False)
        note = QLabel(tr("Logs of running trips stay. This cannot be undone."))
        note.setProperty("meaning", "muted")
        form = QFormLayout()
        form.addRow(tr("Logs of client {client} older than", client=self._client_id), self.days)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.found)
        column.addWidget(note)
        column.addWidget(buttons)
        self.days.valueChanged.connect(self._count)
        buttons.rejected.connect(self.reject)
        self.delete.clicked.connect(self._on_delete)
        self._count()

    def _before(self) -> datetime:
        return now() - timedelta(days=self.days.value())

    @async_slot
    async def _count(self) -> None:
        days = self.days.value()
        query = LogQuery(client_id=self._client_id, started_until=self._before(), limit=1)
        found = (await self._session.read(lambda storage: storage.database.log_rows(query))).total
        if days == self.days.value():
            self.found.setText(count(found, "{n} log is that old.", "{n} logs are that old."))
            self.delete.setEnabled(found > 0)
            self.delete.setText(tr("Delete {n}", n=f"{found:,}"))

    def show_error(self, error: DatabusError) -> None:
        """The logs cannot be counted."""
        self.found.setText(str(error))

    def _on_delete(self) -> None:
        start(self._page, self._purge(self._before()))
        self.accept()

    async def _purge(self, before: datetime) -> None:
        session, client_id = self._session, self._client_id
        removed = await session.dispatcher.change(
            lambda storage: storage.database.remove_logs(client_id, before),
            Change.LOGS,
            client_id,
            deed="purged logs",
            on=f"before {format_local(before)[:16]}",
        )
        session.say(count(removed, "{n} log deleted", "{n} logs deleted"))
