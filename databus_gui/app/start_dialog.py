"""Which ticket to work with; and what went wrong with the last one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QDialog, QFileDialog, QLabel, QPushButton, QVBoxLayout

from databus_core.engine.restore import restore_database
from databus_core.errors import DatabaseDamagedError, DatabusError
from databus_core.model.database_backup import DatabaseBackup, Restored
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.database import ignored
from databus_gui.app.ticket_folder import demo_folder, ticket_of
from databus_gui.i18n import tr
from databus_gui.resources import app_icon
from databus_gui.settings import Settings
from databus_gui.slots import async_slot, start
from databus_gui.theme import icon
from databus_gui.widgets.error_bar import ErrorBar

WIDTH = 520
RECENT_SHOWN = 4


class StartDialog(QDialog):
    """Open a ticket, make one, open the demo, try again, restore a backup, or quit."""

    def __init__(self, settings: Settings, error: DatabusError | None = None, failed: Path | None = None) -> None:
        """`error` is what the ticket `failed` with, which may be tried again."""
        super().__init__()
        self.setWindowTitle("Databus")
        self.setMinimumWidth(WIDTH)
        self.ticket: Path | None = None
        """The choice; None: quit."""
        self.restored: Restored | None = None
        """What became of that ticket's database."""
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(20, 18, 20, 18)
        self._column.setSpacing(8)
        self._add_head()
        self.error_bar = ErrorBar()
        self._column.addWidget(self.error_bar)
        if error is not None:
            self.show_error(error)
        if failed is not None and isinstance(error, DatabaseDamagedError) and error.backup is not None:
            restore = partial(self._restore, failed, error.backup)
            hint = tr("The damaged file is kept beside it")
            self._add("mdi6.backup-restore", tr("Restore the backup of {time}", time=error.backup), hint, restore)
        if failed is not None:
            self._add("mdi6.refresh", tr("Try again"), str(failed), partial(self._choose, failed))
        self._add("mdi6.folder-open-outline", tr("Open a ticket …"), tr("A file, usually ticket.json"), self._open)
        self._add("mdi6.file-plus-outline", tr("New ticket in a folder …"), tr("With an empty database"), self._make)
        self._add("mdi6.bus-clock", tr("Open the demo"), tr("In {folder}", folder=demo_folder()), self._open_demo)
        self._add_recent(settings, failed)
        quit_button = QPushButton(tr("Quit"))
        quit_button.setAutoDefault(False)
        quit_button.clicked.connect(self.reject)
        self._column.addSpacing(6)
        self._column.addWidget(quit_button, 0, Qt.AlignmentFlag.AlignRight)

    async def ask(self) -> Path | None:
        """Show the dialog and answer the ticket that was chosen; None: quit."""
        finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_finished() -> None:
            if not finished.done():
                finished.set_result(None)

        self.finished.connect(on_finished)
        self.open()
        await finished
        self.deleteLater()
        return self.ticket

    def show_error(self, error: DatabusError) -> None:
        """Say what went wrong."""
        self.error_bar.show_text(str(error))

    def _add_head(self) -> None:
        sign = QLabel()
        sign.setPixmap(app_icon().pixmap(QSize(48, 48)))
        head = QLabel(tr("Which ticket shall Databus work with?"))
        head.setObjectName("pageTitle")
        self._column.addWidget(sign)
        self._column.addWidget(head)
        hint = QLabel(tr("A ticket says where the data lies and how the dispatcher runs."))
        hint.setObjectName("hint")
        self._column.addWidget(hint)

    def _add(self, sign: str, text: str, hint: str, slot: Callable[[], object]) -> None:
        button = QPushButton(icon(sign), text)
        button.setIconSize(QSize(20, 20))
        button.setObjectName("choice")
        button.setToolTip(hint)
        button.clicked.connect(slot)
        self._column.addWidget(button)

    def _add_recent(self, settings: Settings, failed: Path | None) -> None:
        recent = [Path(file) for file in settings.recent_tickets if Path(file) != failed][:RECENT_SHOWN]
        if not recent:
            return
        self._column.addSpacing(6)
        self._column.addWidget(QLabel(tr("Opened before")))
        for file in recent:
            button = QPushButton(str(file))
            button.setObjectName("link")
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            button.clicked.connect(partial(self._choose, file))
            self._column.addWidget(button)

    def _restore(self, file: Path, backup: DatabaseBackup, _checked: bool = False) -> None:
        start(self, self._restore_and_choose(file, backup))

    async def _restore_and_choose(self, file: Path, backup: DatabaseBackup) -> None:
        def restore() -> Restored:
            return restore_database(DispatcherTicket.load(file), backup.file, ignored)

        self.setEnabled(False)
        self.error_bar.show_text(tr("Restoring the backup of {time} …", time=backup))
        try:
            self.restored = await asyncio.to_thread(restore)
        finally:
            self.setEnabled(True)
        self._choose(file)

    def _choose(self, file: Path, _checked: bool = False) -> None:
        self.ticket = file
        self.accept()

    def _open(self) -> None:
        dialog = self._file_dialog(tr("Open ticket"), QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter(tr("Tickets (*.json)"))
        dialog.fileSelected.connect(self._on_file_selected)
        dialog.open()

    def _make(self) -> None:
        dialog = self._file_dialog(tr("Folder for the ticket"), QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self._on_folder_selected)
        dialog.open()

    def _file_dialog(self, title: str, mode: QFileDialog.FileMode) -> QFileDialog:
        dialog = QFileDialog(self, title)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(mode)
        return dialog

    def _on_file_selected(self, file: str) -> None:
        self._choose(Path(file))

    @async_slot
    async def _on_folder_selected(self, folder: str) -> None:
        self._choose(await asyncio.to_thread(ticket_of, Path(folder)))

    @async_slot
    async def _open_demo(self) -> None:
        self._choose(await asyncio.to_thread(ticket_of, demo_folder(), demo=True))
