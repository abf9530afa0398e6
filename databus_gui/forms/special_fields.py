"""Fields of text that needs more than a line: secrets and paths."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QLineEdit, QMenu, QToolButton

from databus_core.model.passenger import Json
from databus_gui.forms.field import FormContext
from databus_gui.forms.fields import TextField
from databus_gui.forms.schema import Schema
from databus_gui.i18n import tr
from databus_gui.theme import Meaning, icon

FOLDER_FORMAT = "directory-path"
FILE_FORMAT = "file-path"
PATH_FORMATS = ("path", FILE_FORMAT, FOLDER_FORMAT)


class SecretField(TextField):
    """Text that is hidden until a person asks to see it."""

    def __init__(self, schema: Schema, context: FormContext) -> None:
        super().__init__(schema, context)
        self.edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.show_button = QAction(icon("mdi6.eye-outline", Meaning.MUTED), tr("Show"), self, checkable=True)
        self.edit.addAction(self.show_button, QLineEdit.ActionPosition.TrailingPosition)
        self.show_button.toggled.connect(self._on_show)

    @classmethod
    def serves(cls, schema: Schema, value: Json) -> bool:
        return schema.format == "password" and super().serves(schema, value)

    def _on_show(self, shown: bool) -> None:
        self.edit.setEchoMode(QLineEdit.EchoMode.Normal if shown else QLineEdit.EchoMode.Password)
        self.show_button.setText(tr("Hide") if shown else tr("Show"))
        self.show_button.setIcon(icon("mdi6.eye-off-outline" if shown else "mdi6.eye-outline", Meaning.MUTED))


class PathField(TextField):
    """A file or folder, typed or picked. What lies below the form's folder is written relative to it."""

    def __init__(self, schema: Schema, context: FormContext) -> None:
        super().__init__(schema, context)
        self.button = QToolButton()
        self.button.setIcon(icon("mdi6.folder-open-outline"))
        self.button.setToolTip(tr("Pick"))
        self.button.setAccessibleName(tr("Pick a file or folder"))
        self._line.addWidget(self.button)
        if schema.format in (FILE_FORMAT, FOLDER_FORMAT):
            self.button.clicked.connect(lambda: self.pick(folder=schema.format == FOLDER_FORMAT))
        else:
            menu = QMenu(self.button)
            menu.addAction(tr("File …")).triggered.connect(lambda: self.pick(folder=False))
            menu.addAction(tr("Folder …")).triggered.connect(lambda: self.pick(folder=True))
            self.button.setMenu(menu)
            self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)

    @classmethod
    def serves(cls, schema: Schema, value: Json) -> bool:
        return schema.format in PATH_FORMATS and super().serves(schema, value)

    def pick(self, *, folder: bool) -> None:
        """Open a dialog beside the running event loop; what is picked there becomes the value."""
        dialog = QFileDialog(self, tr("Pick a folder") if folder else tr("Pick a file"))
        dialog.setFileMode(QFileDialog.FileMode.Directory if folder else QFileDialog.FileMode.AnyFile)
        dialog.setDirectory(str((self.context.folder / self.edit.text()).parent))
        dialog.fileSelected.connect(self._on_picked)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _on_picked(self, picked: str) -> None:
        path = Path(picked)
        inside = path.is_relative_to(self.context.folder)
        self.edit.setText(os.fspath(path.relative_to(self.context.folder) if inside else path))
        self.edited.emit()
