"""The dispatcher ticket as a form."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton

from databus_core.engine.driver import Driver
from databus_core.errors import DatabusError
from databus_core.model.problem import Problem
from databus_core.model.ticket import FACTORY_MODULE, DispatcherTicket
from databus_core.plugins.database import Database
from databus_core.plugins.factory import Factory
from databus_core.plugins.observer import Change, DispatcherObserver
from databus_gui.forms.form import Form
from databus_gui.i18n import tr
from databus_gui.pages.page import Page
from databus_gui.slots import async_slot, start
from databus_gui.theme import Meaning, icon

CHECK_MS = 300
"""What is typed is checked when nobody has typed for so long."""


class TicketPage(Page):
    """Every option of the ticket in force; what is saved is in force at once."""

    name = "ticket"
    title = "Ticket"
    icon = "mdi6.ticket-confirmation-outline"
    refreshes_on = frozenset({Change.TICKET})
    needs_database = False

    def build(self) -> None:
        self._shown: DispatcherTicket | None = None
        self.unsaved_sign = QLabel(tr("Unsaved changes"))
        self.unsaved_sign.setProperty("meaning", Meaning.CAUTION.value)
        self.revert_button = QPushButton(icon("mdi6.undo"), tr("Revert"))
        self.revert_button.setToolTip(tr("Back to the ticket in force"))
        self.save_button = QPushButton(icon("mdi6.content-save-outline"), tr("Save and apply"))
        self.save_as_button = QPushButton(tr("Save as …"))
        for widget in (self.unsaved_sign, self.revert_button, self.save_as_button, self.save_button):
            self.header.addWidget(widget)
        self.revert_button.clicked.connect(self.revert)
        self.save_button.clicked.connect(self.save)
        self.save_as_button.clicked.connect(self.save_as)
        QShortcut(QKeySequence.StandardKey.Save, self, self.save)
        self.place = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self.place.setProperty("meaning", Meaning.MUTED.value)
        self.place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.busy = QProgressBar(textVisible=False, maximum=0)
        self.busy.setFixedHeight(4)
        self.form = Form(DispatcherTicket.model_json_schema(), folder=self.session.dispatcher.ticket.folder)
        self.form.edited.connect(self._on_edited)
        self._check_later = QTimer(self, singleShot=True, interval=CHECK_MS)
        self._check_later.timeout.connect(self._check)
        line = QHBoxLayout()
        line.addWidget(self.place, 1)
        self.body.addLayout(line)
        self.body.addWidget(self.busy)
        self.body.addWidget(self.form, 1)
        self._set_busy(busy=False)

    # Showing ----------------------------------------------------------------------------------------------------

    @property
    def unsaved(self) -> bool:
        """Whether the form says something else than the ticket in force."""
        return self.form.changed

    async def refresh(self) -> None:
        if not self.unsaved and self._shown is not self.session.dispatcher.ticket:
            self.revert()
        self._show_place()
        await self._offer_modules()

    def revert(self) -> None:
        """Show the ticket in force; what was not saved is dropped."""
        ticket = self._shown = self.session.dispatcher.ticket
        self.form.set_folder(ticket.folder)
        self.form.set_document(ticket.document())
        self.form.show_problems([])
        self.error_bar.clear()
        self._show_place()
        self._mark()

    def _show_place(self) -> None:
        file = self.session.dispatcher.ticket.file
        self.place.setText(
            tr("Ticket file: {file}", file=file)
            if file
            else tr("This ticket was written in Python and has no file. Save it as a file to keep what you change.")
        )

    async def _offer_modules(self) -> None:
        factory = self.session.dispatcher.factory

        def available() -> dict[str, list[str]]:
            factories = list(dict.fromkeys([FACTORY_MODULE, *factory.available(Factory)]))
            offered = {name: factories for name in DispatcherTicket.model_fields if name.endswith("_factory")}
            drivers = [str(DispatcherTicket.model_fields["driver_module"].default), *factory.available(Driver)]
            return offered | {
                "database_module": factory.available(Database),
                "dispatcher_observer": factory.available(DispatcherObserver),
                "driver_module": list(dict.fromkeys(drivers)),
            }

        for picker, modules in (await asyncio.to_thread(available)).items():
            self.form.offer(picker, modules)

    def _on_edited(self) -> None:
        self._mark()
        self._check_later.start()

    def _mark(self) -> None:
        self.unsaved_sign.setVisible(self.unsaved)
        self.revert_button.setEnabled(self.unsaved)

    def _check(self) -> None:
        self.form.show_problems(self._problems())

    def _problems(self) -> list[Problem]:
        return self.form.flaws() or DispatcherTicket.problems(self.form.document())

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self.unsaved:
            self.session.say(tr("The ticket has unsaved changes; they are kept on its page."))

    # Saving -----------------------------------------------------------------------------------------------------

    @async_slot
    async def save(self) -> None:
        """Take the form's ticket into force, and save it to its file; one without a file asks for one first."""
        file = self.session.dispatcher.ticket.file
        if file is None:
            self.save_as()
        else:
            await self._apply(file)

    def save_as(self) -> None:
        """Ask for a file, then save and apply."""
        if not self._ready():
            return
        ticket = self.session.dispatcher.ticket
        dialog = QFileDialog(self.window(), tr("Save ticket"), str(ticket.folder), tr("Tickets (*.json)"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("json")
        dialog.selectFile(ticket.file.name if ticket.file else "ticket.json")
        dialog.fileSelected.connect(self._on_file_selected)
        dialog.open()

    def _on_file_selected(self, file: str) -> None:
        start(self, self._apply(Path(file)))

    def _ready(self) -> bool:
        """Whether the form makes a ticket; where it does not, that is said."""
        problems = self._problems()
        placeless = self.form.show_problems(problems, reveal=True)
        if problems:
            self.error_bar.show_text("\n".join([tr("The ticket cannot be saved like this."), *map(str, placeless)]))
        return not problems

    async def _apply(self, file: Path) -> None:
        if not self.busy.isHidden() or not self._ready():
            return
        ticket = DispatcherTicket.parse(self.form.document(), file)
        self.error_bar.clear()
        self._set_busy(busy=True)
        try:
            await self.session.dispatcher.apply(ticket)
        except DatabusError as error:
            self.error_bar.show_text(tr("{error}\nThe old ticket stays in force.", error=error))
            return
        finally:
            self._set_busy(busy=False)
        self.form.set_folder(ticket.folder)
        self.form.accept()
        self._shown = ticket
        self._show_place()
        self._mark()
        self.session.say(tr("The ticket is saved and in force."))

    def _set_busy(self, *, busy: bool) -> None:
        self.busy.setVisible(busy)
        self.form.setDisabled(busy)
        self.save_button.setDisabled(busy)
        self.save_as_button.setDisabled(busy)
        self.save_button.setText(tr("Finishing trips …") if busy else tr("Save and apply"))
        self._mark()
