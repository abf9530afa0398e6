"""The dispatcher ticket as a form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QMessageBox, QProgressBar, QPushButton, QWidget

from databus_core.engine.driver import Driver
from databus_core.engine.factories import Factories
from databus_core.engine.restore import restore_database
from databus_core.errors import DatabaseDamagedError, DatabusError
from databus_core.model.database_backup import DatabaseBackup
from databus_core.model.problem import Problem
from databus_core.model.ticket import FACTORY_MODULE, DispatcherTicket
from databus_core.plugins.database import Database, ignored
from databus_core.plugins.factory import Factory
from databus_core.plugins.observer import Change, DispatcherObserver, DispatcherState
from databus_gui.forms.form import Form
from databus_gui.i18n import count, tr
from databus_gui.pages.page import Page
from databus_gui.slots import async_slot, start
from databus_gui.theme import Meaning, icon
from databus_gui.widgets.copying import CopyDialog, CopyProgress

CHECK_MS = 300
"""What is typed is checked when nobody has typed for so long."""


class TicketPage(Page):
    """Every option of the ticket in force; what is saved is in force at once."""

    name = "ticket"
    title = "Ticket"
    icon = "mdi6.ticket-confirmation-outline"
    refreshes_on = frozenset({Change.TICKET, Change.PLUGINS})
    needs_database = False

    def build(self) -> None:
        self._shown: DispatcherTicket | None = None
        self._saving = False
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
        self._set_saving(saving=False)

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
        self.revert_button.setEnabled(self.unsaved and not self._saving)

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
        if self._saving or not self._ready():
            return
        ticket = DispatcherTicket.parse(self.form.document(), file)
        self.error_bar.clear()
        self._set_saving(saving=True)
        try:
            said = await self._agree_and_apply(ticket)
        except DatabusError as error:
            self.error_bar.show_text(tr("{error}\nThe old ticket stays in force.", error=error))
            if isinstance(error, DatabaseDamagedError) and error.backup is not None:
                self._offer_backup(ticket, file, error.backup)
            return
        finally:
            self._set_saving(saving=False)
        if not said:
            return
        self.form.set_folder(ticket.folder)
        self.form.accept()
        self._shown = ticket
        self._show_place()
        self._mark()
        self.session.say(said)

    def _offer_backup(self, ticket: DispatcherTicket, file: Path, backup: DatabaseBackup) -> None:
        """The database that the ticket names is damaged."""
        self.error_bar.offer(
            tr("Restore the backup of {time}", time=backup),
            lambda: start(self, self._restore_and_apply(ticket, file, backup)),
        )

    async def _restore_and_apply(self, ticket: DispatcherTicket, file: Path, backup: DatabaseBackup) -> None:
        self._set_saving(saving=True)
        self.error_bar.show_text(tr("Restoring the backup of {time} …", time=backup))
        try:
            await asyncio.to_thread(restore_database, ticket, backup.file, ignored)
        finally:
            self._set_saving(saving=False)
        await self._apply(file)

    async def _agree_and_apply(self, ticket: DispatcherTicket) -> str:
        """Answers what was done; empty when the person wants nothing of it."""
        said = tr("The ticket is saved and in force.")
        move = await self._move_to(ticket)
        if move is not None:
            box = MoveBox(move, self.session.ready, self)
            answer = await box.ask()
            if answer is Answer.CANCEL:
                return ""
            if answer is Answer.COPY:
                return await self._copy_and_apply(ticket, move)
        await self._take_into_force(ticket)
        return said

    async def _take_into_force(self, ticket: DispatcherTicket) -> None:
        self._set_busy(busy=True)
        try:
            await self.session.dispatcher.apply(ticket)
        finally:
            self._set_busy(busy=False)

    def _set_saving(self, *, saving: bool) -> None:
        self._saving = saving
        self.form.setDisabled(saving)
        self.save_button.setDisabled(saving)
        self.save_as_button.setDisabled(saving)
        self._mark()

    def _set_busy(self, *, busy: bool) -> None:
        self.busy.setVisible(busy)
        self.save_button.setText(tr("Finishing trips …") if busy else tr("Save and apply"))

    # Another database -------------------------------------------------------------------------------------------

    async def _move_to(self, ticket: DispatcherTicket) -> Move | None:
        """What is left behind when this ticket is taken into force; None where it names the same database.

        Also None where one of the two cannot even be named: then there is nothing to choose, and applying says why.
        """
        old = self.session.dispatcher.ticket
        if _database_of(old) == _database_of(ticket):
            return None
        places = await asyncio.to_thread(_places, old, ticket)
        if places is None:
            return None
        client_ids = self.session.client_ids
        if self.session.ready:
            client_ids = await self.session.read(lambda storage: storage.database.client_ids())
        return Move(*places, client_ids) if client_ids else None

    async def _copy_and_apply(self, ticket: DispatcherTicket, move: Move) -> str:
        """Answers what was done; empty when the person has cancelled the copying."""
        dispatcher = self.session.dispatcher
        drove = dispatcher.state is DispatcherState.RUNNING
        dialog = CopyDialog(move.new, self.window())
        copying = asyncio.get_running_loop().create_task(self._copy(ticket, move.client_ids, dialog.progress))
        dialog.progress.cancelled.connect(copying.cancel)
        dialog.open()
        try:
            try:
                await asyncio.wait({copying})
            finally:
                copying.cancel()
                dialog.finish()
            if copying.cancelled():
                self.session.say(
                    tr("Copying was cancelled, the old ticket stays in force. The next copy goes on there.")
                )
                return ""
            new = copying.result()
            await self._take_into_force(ticket)
        finally:
            if drove and dispatcher.state in {DispatcherState.PAUSING, DispatcherState.PAUSED}:
                start(self, dispatcher.resume())
        copied = count(new, "1 passenger is copied", "{n} passengers are copied")
        return tr("{copied}; the ticket is saved and in force.", copied=copied)

    async def _copy(self, ticket: DispatcherTicket, client_ids: Sequence[str], shown: CopyProgress) -> int:
        """Answers how many passengers were new there.

        Paused from before the first copy until the copy is in force: what travelled in between would travel again.
        """
        dispatcher = self.session.dispatcher
        shown.begin(tr("Finishing trips …"))
        await dispatcher.pause()
        new = 0
        for number, client_id in enumerate(client_ids, start=1):
            client = tr("{client} ({n} of {total})", client=client_id, n=number, total=len(client_ids))
            shown.begin(client)
            module, arguments = ticket.database_module, ticket.database_arguments
            progress = shown.of(client)
            new += await dispatcher.export(client_id, module, arguments, progress, folder=ticket.folder)
        return new


@dataclass(frozen=True)
class Move:
    """From one database to another."""

    old: str
    """Where the data are now."""
    new: str
    client_ids: Sequence[str]
    """Who is in the old one."""


class Answer(Enum):
    """What shall become of the clients in the database that is left."""

    COPY = auto()
    LEAVE = auto()
    CANCEL = auto()


class MoveBox(QMessageBox):
    """Asks that. Enter copies, where that can be; Escape cancels."""

    def __init__(self, move: Move, can_copy: bool, parent: QWidget) -> None:
        """`can_copy`: whether the old database is open."""
        super().__init__(QMessageBox.Icon.Question, tr("Another database"), "", parent=parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setTextFormat(Qt.TextFormat.PlainText)
        named = tr("The ticket names another database: {new}.", new=move.new)
        asked = count(
            len(move.client_ids),
            "What shall become of the client in {old}?",
            "What shall become of the {n} clients in {old}?",
            old=move.old,
        )
        self.setText(f"{named}\n{asked}")
        self.setInformativeText(
            tr(
                "A copy has everything: configurations, queues and logs. The old database stays as it is; what the "
                "other one has already is not doubled."
            )
            if can_copy
            else tr("The dispatcher is stopped, and the old database closed: start the dispatcher to copy them.")
        )
        role = QMessageBox.ButtonRole.AcceptRole
        copy = self.addButton(tr("Copy them there first"), role)
        copy.setEnabled(can_copy)
        leave = self.addButton(tr("Use the other database as it is"), role)
        cancel = self.addButton(QMessageBox.StandardButton.Cancel)
        self._answers = {copy: Answer.COPY, leave: Answer.LEAVE}
        self.setDefaultButton(copy if can_copy else cancel)
        self.setEscapeButton(cancel)

    async def ask(self) -> Answer:
        """Open it and wait for the answer."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def answer() -> None:
            clicked = self.clickedButton()
            if not answered.done():
                found = (each for button, each in self._answers.items() if button is clicked)
                answered.set_result(next(found, Answer.CANCEL))

        self.finished.connect(answer)
        self.open()
        return await answered


def _database_of(ticket: DispatcherTicket) -> tuple[str, str, Path]:
    """What says which database it is: relative paths among the arguments start at the folder."""
    return ticket.database_module, json.dumps(ticket.database_arguments, sort_keys=True, default=repr), ticket.folder


def _places(old: DispatcherTicket, new: DispatcherTicket) -> tuple[str, str] | None:
    """Where the databases of both are; None where that is the same place, or cannot be said of both."""
    try:
        here, there = (Factories(ticket).database(ignored) for ticket in (old, new))
    except DatabusError:
        return None
    places = str(here), str(there)
    return None if type(here) is type(there) and places[0] == places[1] else places
