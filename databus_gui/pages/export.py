"""Copies a client with its configuration, queue and logs to another database."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pydantic.errors import PydanticUserError
from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from databus_core.errors import DatabaseError, FactoryError
from databus_core.model.client import ROOT
from databus_core.model.problem import Problem
from databus_core.plugins.database import Database, DatabaseContext, ignored
from databus_core.plugins.factory import Factory
from databus_core.plugins.observer import Change, DispatcherState
from databus_core.plugins.plugin import ArgumentsError
from databus_gui.forms.form import Form
from databus_gui.forms.schema import RawSchema
from databus_gui.i18n import count, tr
from databus_gui.pages.page import Page
from databus_gui.slots import async_slot, start
from databus_gui.theme import Meaning, icon
from databus_gui.widgets.copying import CopyProgress

ANY_ARGUMENTS: RawSchema = {"type": "object"}
"""A form of this is an editor of JSON."""
CAN_EXPORT = {DispatcherState.RUNNING, DispatcherState.PAUSING, DispatcherState.PAUSED}


class ExportPage(Page):
    """The looked-at client, or any where root is looked at. An export goes on while the page is left."""

    name = "export"
    title = "Export"
    icon = "mdi6.database-export-outline"
    refreshes_on = frozenset({Change.CLIENTS, Change.TICKET})
    needs_database = False

    def build(self) -> None:
        self._copying: asyncio.Task[None] | None = None
        self._module: str = ""
        """Engine whose arguments the form shows."""
        self.client = QComboBox(sizeAdjustPolicy=QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.client.setAccessibleName(tr("Client"))
        self.engine = QComboBox(sizeAdjustPolicy=QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.engine.setAccessibleName(tr("Database engine"))
        self.button = QPushButton(icon("mdi6.database-export-outline"), tr("Export"))
        self.why_not = QLabel(wordWrap=True)
        self.why_not.setProperty("meaning", Meaning.MUTED.value)
        line = QHBoxLayout()
        for widget in (QLabel(tr("Client")), self.client, QLabel(tr("to a database of")), self.engine, self.button):
            line.addWidget(widget)
        line.addWidget(self.why_not, 1)
        self.said = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.progress = CopyProgress()
        self.form = Form(ANY_ARGUMENTS)
        self._place_of_form = QVBoxLayout()
        self._place_of_form.addWidget(self.form)
        self.body.addLayout(line)
        self.body.addWidget(self.progress)
        self.body.addWidget(self.said)
        self.body.addLayout(self._place_of_form, 1)
        self.client.currentIndexChanged.connect(self._forget_outcome)
        self.engine.currentIndexChanged.connect(self._on_engine_chosen)
        self.button.clicked.connect(self.export)
        self.progress.cancelled.connect(self._cancel)
        self.session.clients_changed.connect(self.request_refresh)
        self.session.signals.state_changed.connect(self._on_state)
        self._say("")
        self._enable()

    # Choosing ---------------------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        dispatcher = self.session.dispatcher
        self._offer_clients()
        modules = await asyncio.to_thread(dispatcher.factory.available, Database)
        chosen = self.engine.currentData()
        if chosen not in modules:  # whoever exports rarely wants the engine that there is already
            others = (module for module in modules if module != dispatcher.ticket.database_module)
            chosen = next(others, next(iter(modules), ""))
        with QSignalBlocker(self.engine):
            self.engine.clear()
            for number, module in enumerate(modules):
                self.engine.addItem(self.session.names.short(module), module)
                self.engine.setItemData(number, module, Qt.ItemDataRole.ToolTipRole)
            self.engine.setCurrentIndex(self.engine.findData(chosen))
        await self._show_arguments()
        self.form.set_folder(dispatcher.ticket.folder)

    def _offer_clients(self) -> None:
        looked_at = self.session.client_id
        chosen = self.client.currentText()
        with QSignalBlocker(self.client):
            self.client.clear()
            self.client.addItems(self.session.client_ids if looked_at == ROOT else [looked_at])
            self.client.setCurrentIndex(max(self.client.findText(chosen), 0))
        if self.client.currentText() != chosen:
            self._forget_outcome()
        self.client.setToolTip("" if looked_at == ROOT else tr("Look at root in the toolbar to choose among all."))
        self._enable()

    @async_slot
    async def _on_engine_chosen(self) -> None:
        self._forget_outcome()
        await self._show_arguments()

    async def _show_arguments(self) -> None:
        """The form of the chosen engine's arguments; what was typed stays while it is the same engine."""
        module = str(self.engine.currentData() or "")
        self.engine.setToolTip(module)
        if not module or module == self._module:
            self._enable()
            return
        self._module = ""  # meanwhile there is nothing to export to
        self._enable()
        schema = await asyncio.to_thread(_schema_of, self.session.dispatcher.factory, module)
        if module != self.engine.currentData():
            return
        old, self.form = self.form, Form(schema, folder=self.session.dispatcher.ticket.folder)
        self._place_of_form.replaceWidget(old, self.form)
        old.hide()
        old.deleteLater()
        self.form.edited.connect(self._forget_outcome)
        self._module = module
        self._enable()

    def _forget_outcome(self) -> None:
        if self._copying is None:
            self._say("")

    # Exporting --------------------------------------------------------------------------------------------------

    def export(self) -> None:
        """Begin to copy what is chosen."""
        self.error_bar.clear()
        arguments = cast("object", self.form.document())
        flaws = self.form.flaws()
        if not flaws and not isinstance(arguments, dict):  # where the form is an editor of JSON
            flaws = [Problem((), tr("Arguments have names: write an object, such as {}."))]
            self.error_bar.show_text(str(flaws[0]))
        self.form.show_problems(flaws, reveal=True)
        if flaws or self._copying is not None:
            return
        self._say("")
        self.progress.begin(tr("Finishing trips …"))
        self._copying = start(self, self._export(self.client.currentText(), self._module, arguments))
        self._enable()

    async def _export(self, client_id: str, module: str, arguments: Any) -> None:
        dispatcher = self.session.dispatcher
        folder = dispatcher.ticket.folder
        try:
            place = await asyncio.to_thread(_place_of, dispatcher.factory, module, arguments, folder)
            here = await self.session.read(lambda storage: str(storage.database))
            if place == here:
                raise DatabaseError(tr("{place} is the database in force. Choose another place.", place=place))
            new = await dispatcher.export(client_id, module, arguments, self.progress.of(client_id), folder)
        except asyncio.CancelledError:
            self._say(tr("Cancelled. What is copied stays there, and the next export goes on from there."))
            raise
        except (FactoryError, DatabaseError) as error:
            if isinstance(error.__cause__, ArgumentsError):
                self.form.show_problems(error.__cause__.problems, reveal=True)
            raise
        else:
            self._say(
                count(
                    new,
                    "{client} is copied to {place}; 1 passenger was new there.",
                    "{client} is copied to {place}; {n} passengers were new there.",
                    client=client_id,
                    place=place,
                )
            )
        finally:
            self._copying = None
            self._enable()

    def _cancel(self) -> None:
        if self._copying is not None:
            self._copying.cancel()

    def _on_state(self, state: DispatcherState) -> None:
        if state is DispatcherState.STOPPING:
            self._cancel()  # the database is about to be closed
        self._enable()

    def _say(self, outcome: str) -> None:
        self.said.setText(outcome)
        self.said.setVisible(bool(outcome))

    def _enable(self) -> None:
        able, busy = self.session.dispatcher.state in CAN_EXPORT, self._copying is not None
        self.progress.setVisible(busy)
        self.form.setDisabled(busy)
        self.engine.setDisabled(busy)
        self.client.setDisabled(busy or self.client.count() < 2)
        self.button.setEnabled(able and not busy and bool(self._module) and self.client.count() > 0)
        self.why_not.setText(
            tr("Nothing travels meanwhile. A second export copies only what has changed.")
            if able
            else tr("The dispatcher is stopped, and with it its database is closed: start it to export.")
        )


def _schema_of(factory: Factory, module: str) -> RawSchema:
    """What the arguments of an engine are; any JSON where the engine does not say."""
    declared: Any = factory.load(Database, module).Arguments
    try:
        schema: Mapping[str, Any] = declared.model_json_schema()
    except (PydanticUserError, AttributeError):
        return ANY_ARGUMENTS
    return schema if schema.get("properties") else ANY_ARGUMENTS


def _place_of(factory: Factory, module: str, arguments: Any, folder: Path) -> str:
    """Where that database is. Raises FactoryError when the arguments are wrong."""
    context = DatabaseContext(folder=folder, arguments=arguments, report=ignored)
    return str(factory.create(Database, module, context))
