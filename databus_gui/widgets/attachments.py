"""An attachment of a passenger: looked at, or saved to a file."""

from __future__ import annotations

import shutil
from codecs import BOM_UTF8
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from databus_core.errors import AttachmentError, DatabusError
from databus_core.model.attachment import Attachment, AttachmentFormat
from databus_gui.i18n import tr
from databus_gui.session import Session
from databus_gui.slots import async_slot, start
from databus_gui.theme import Meaning, icon
from databus_gui.widgets.long_text import TextReader
from databus_gui.widgets.sign import Sign
from databus_gui.widgets.words import breakable
from databus_gui.widgets.words import size as in_words

TEXT_SHOWN = 1024 * 1024
"""Bytes of a text that are shown."""


class AttachmentRow(QWidget):
    """Name, format and size, and what can be done with it."""

    def __init__(
        self, session: Session, show_error: Callable[[DatabusError], None], attachment: Attachment, size: int | None
    ) -> None:
        super().__init__()
        self._session, self._attachment, self._size = session, attachment, size
        self.show_error = show_error
        text = attachment.format is AttachmentFormat.TEXT
        sign = Sign("mdi6.file-document-outline" if text else "mdi6.file-outline")
        name = QLabel(breakable(attachment.name), wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        about = QLabel(
            f"{tr(attachment.format.value)}, {in_words(size)}" if size is not None else tr("content is lost")
        )
        about.setObjectName("hint")
        if size is None:
            about.setProperty("meaning", Meaning.BAD.value)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(sign)
        row.addWidget(name, 1)
        row.addWidget(about)
        if text:
            row.addWidget(self._button("mdi6.eye-outline", tr("View"), self.view, size is not None))
        row.addWidget(self._button("mdi6.content-save-outline", tr("Save as …"), self.save_as, size is not None))

    def _button(self, sign: str, what: str, slot: Callable[[], object], enabled: bool) -> QPushButton:
        button = QPushButton(icon(sign), "")
        button.setToolTip(what)
        button.setAccessibleName(f"{what}: {self._attachment.name}")
        button.setEnabled(enabled)
        button.clicked.connect(slot)
        return button

    @async_slot
    async def view(self) -> None:
        """Show the text, or its beginning."""
        attachment, size = self._attachment, self._size or 0
        text = await self._session.read(lambda _: _beginning(attachment))
        TextView(attachment.name, text, size, self.window()).open()

    def save_as(self) -> None:
        """Ask for a file and copy the content there."""
        dialog = QFileDialog(self.window(), tr("Save attachment"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.selectFile(self._attachment.name)
        dialog.fileSelected.connect(self._on_file_selected)
        dialog.open()

    def _on_file_selected(self, file: str) -> None:
        start(self, self.save(Path(file)))

    async def save(self, file: Path) -> None:
        """Copy the content to the file, in a thread. Raises AttachmentError."""
        attachment = self._attachment
        await self._session.read(lambda _: _copy(attachment, file))
        self._session.say(tr("Saved {file}", file=file))


def _beginning(attachment: Attachment) -> str:
    """The first TEXT_SHOWN bytes as text."""
    return attachment.read_bytes(TEXT_SHOWN).removeprefix(BOM_UTF8).decode("utf-8", "replace")


def _copy(attachment: Attachment, file: Path) -> None:
    """What is there of a copy that failed does not take the file's place."""
    part = file.with_name(file.name + ".part")
    try:
        with attachment.open() as source, part.open("wb") as target:
            shutil.copyfileobj(source, target)
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise AttachmentError(f"{attachment.name} cannot be saved as {file}: {error}") from error


class TextView(QDialog):
    """A text to read, find and copy."""

    def __init__(self, name: str, text: str, size: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(name)
        self.resize(820, 560)
        reader = TextReader()
        reader.show_text(text)
        reader.setAccessibleName(name)
        column = QVBoxLayout(self)
        if size > TEXT_SHOWN:
            column.addWidget(
                QLabel(
                    tr("The first 1 MB of {size} is shown. Save the attachment to see all of it.", size=in_words(size))
                )
            )
        column.addWidget(reader)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
