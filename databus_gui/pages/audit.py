"""What people did by hand."""

from __future__ import annotations

from databus_core.model.audit import AUDIT_KEPT, AuditRecord
from databus_core.model.query import Rows
from databus_core.plugins.observer import Change
from databus_gui.i18n import tr
from databus_gui.pages.page import Page
from databus_gui.tables.model import Column, PageRequest, TableModel
from databus_gui.tables.view import TableView
from databus_gui.widgets.words import ago, local_time, local_time_with_zone


class AuditPage(Page):
    """The table of what people did with the looked-at client; with root, what was done to the dispatcher, too."""

    name = "audit"
    title = "Audit"
    icon = "mdi6.account-clock-outline"
    refreshes_on = frozenset({Change.AUDIT, Change.CLIENTS, Change.TICKET})

    def build(self) -> None:
        self._asked_client = ""
        self.model = TableModel(self._columns(), self._fetch, _key, parent=self)
        self.model.failed.connect(self.show_error)
        self.table = TableView(self.model, self.name, self.session.settings)
        self.table.setAccessibleName(tr("What people did by hand"))
        self.table.empty_text = tr(
            "Nothing was done by hand in the last {days} days.\nSetting a step, purging, saving a document: "
            "such things are listed here. What concerns no client is listed with root.",
            days=AUDIT_KEPT.days,
        )
        self.body.addWidget(self.table)

    def _columns(self) -> list[Column[AuditRecord]]:
        return [
            Column(
                key="time", title=tr("Time"), text=lambda record: local_time(record.at), width=154,
                tooltip=lambda record: f"{ago(record.at)}\n{local_time_with_zone(record.at)}",
            ),
            Column(key="who", title=tr("Who"), text=lambda record: record.who, width=180),
            Column(key="what", title=tr("What"), text=lambda record: record.what, width=220),
            Column(
                key="on", title=tr("On"), text=lambda record: record.on, width=300, stretch=True,
                tooltip=lambda record: record.on,
            ),
        ]  # fmt: skip

    async def refresh(self) -> None:
        if self.session.client_id != self._asked_client:
            self._asked_client = self.session.client_id
            await self.model.restart()
        else:
            await self.model.refresh()

    async def _fetch(self, request: PageRequest) -> Rows[AuditRecord]:
        client_id = self.session.client_id
        return await self.session.read(
            lambda storage: storage.database.audit_rows(client_id, request.offset, request.limit)
        )


def _key(record: AuditRecord) -> str:
    return f"{record.at.timestamp()} {record.who} {record.what} {record.on}"
