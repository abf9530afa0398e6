"""The backups of one document: looked at, and taken over into the editor."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from databus_core.errors import DatabusError
from databus_core.model.customizing import CustomizingBackup
from databus_gui.forms.json_editor import JsonEditor
from databus_gui.i18n import tr
from databus_gui.session import Session
from databus_gui.slots import async_slot
from databus_gui.theme import Meaning, icon
from databus_gui.widgets.words import ago, local_time, local_time_with_zone
from databus_gui.widgets.words import size as in_words


class BackupList(QWidget):
    """Backups of the shown document, newest first."""

    taken_over = Signal(str)
    """The text of a backup that shall be edited."""

    def __init__(self, session: Session, show_error: Callable[[DatabusError], None]) -> None:
        super().__init__()
        self._session, self.show_error = session, show_error
        self._client_id = self._node = ""
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Backups"))
        self.list.itemActivated.connect(self.view)
        self.list.itemSelectionChanged.connect(self._enable)
        self.view_button = QPushButton(icon("mdi6.eye-outline"), tr("View …"))
        self.view_button.clicked.connect(self.view)
        title = QLabel(tr("Backups"))
        title.setProperty("meaning", Meaning.MUTED.value)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(title)
        column.addWidget(self.list, 1)
        column.addWidget(self.view_button)
        self._enable()

    async def show_node(self, client_id: str, node: str) -> None:
        """List the backups of that document. Raises DatabaseError."""
        self._client_id, self._node = client_id, node
        backups = await self._session.read(lambda storage: storage.customizing.backups(client_id, node)) if node else []
        if (client_id, node) != (self._client_id, self._node):
            return
        self.list.clear()
        for backup in backups:
            item = QListWidgetItem(icon("mdi6.history", Meaning.MUTED), f"{local_time(backup.made_at)}")
            item.setText(f"{local_time(backup.made_at)}   {in_words(backup.size)}")
            item.setToolTip(f"{ago(backup.made_at)}\n{local_time_with_zone(backup.made_at)}")
            item.setData(Qt.ItemDataRole.UserRole, backup)
            self.list.addItem(item)
        self._enable()

    def _enable(self) -> None:
        self.view_button.setEnabled(bool(self.list.selectedItems()))

    @async_slot
    async def view(self) -> None:
        """Show the chosen backup."""
        chosen = self.list.selectedItems()
        if not chosen:
            return
        client_id = self._client_id
        backup: CustomizingBackup = chosen[0].data(Qt.ItemDataRole.UserRole)
        text = await self._session.read(lambda storage: storage.customizing.backup_text(client_id, backup.id))
        view = BackupView(backup, text, self.window())
        view.taken_over.connect(self.taken_over)
        view.open()


class BackupView(QDialog):
    """The text of a backup to read, and a button to take it over."""

    taken_over = Signal(str)

    def __init__(self, backup: CustomizingBackup, text: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("{node} as it was at {at}", node=backup.node, at=local_time(backup.made_at)))
        self.resize(820, 560)
        self.editor = JsonEditor()
        self.editor.set_text(text)
        self.editor.set_read_only(read_only=True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.take_over = buttons.addButton(tr("Take over into the editor"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.take_over.setEnabled(not self.editor.folded)
        buttons.rejected.connect(self.reject)
        buttons.accepted.connect(self._on_taken_over)
        column = QVBoxLayout(self)
        column.addWidget(self.editor)
        column.addWidget(buttons)

    def _on_taken_over(self) -> None:
        self.taken_over.emit(self.editor.text())
        self.accept()
