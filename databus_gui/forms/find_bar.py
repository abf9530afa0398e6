"""A bar under a text for finding in it and going to a line."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QTextCursor, QTextDocument
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPlainTextEdit, QToolButton, QWidget

from databus_gui.i18n import count, tr
from databus_gui.theme import Meaning, icon


class FindBar(QWidget):
    """Finds a text in any case. Enter: next, Shift+Enter: the one before, Escape: away. `:12` goes to line 12."""

    def __init__(self, editor: QPlainTextEdit) -> None:
        super().__init__()
        self._editor = editor
        self.edit = QLineEdit(placeholderText=tr("Find, or :12 for line 12"), clearButtonEnabled=True)
        self.edit.setMaximumWidth(360)
        self.said = QLabel()
        self.said.setProperty("meaning", "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 2, 0, 2)
        row.addWidget(self.edit, 1)
        for name, text, slot in (
            ("mdi6.chevron-up", tr("The one before (Shift+Enter)"), lambda: self.go(backward=True)),
            ("mdi6.chevron-down", tr("Next (Enter)"), self.go),
        ):
            button = QToolButton(autoRaise=True)
            button.setIcon(icon(name, Meaning.TEXT))
            button.setToolTip(text)
            button.setAccessibleName(text)
            button.clicked.connect(lambda _checked=False, go=slot: go())
            row.addWidget(button)
        row.addWidget(self.said)
        row.addStretch(1)
        self.edit.textEdited.connect(self._on_edited)
        self.setFocusProxy(self.edit)
        self.hide()

    def start(self, text: str = "") -> None:
        """Show the bar, ready to type."""
        chosen = self._editor.textCursor().selectedText()
        self.show()
        self.edit.setText(text or (chosen if "\u2029" not in chosen else "") or self.edit.text())
        if not text:
            self.edit.selectAll()
        self.edit.setFocus()

    def go(self, *, backward: bool = False) -> None:
        """Go to the next place of the text, from the end on to the beginning."""
        text = self.edit.text()
        if text.startswith(":") and text[1:].strip().isdecimal():
            self._go_to(int(text[1:]))
            return
        if text:
            flag = QTextDocument.FindFlag.FindBackward if backward else QTextDocument.FindFlag(0)
            if not self._editor.find(text, flag):
                cursor = self._editor.textCursor()
                end = QTextCursor.MoveOperation.End if backward else QTextCursor.MoveOperation.Start
                cursor.movePosition(end)
                self._editor.setTextCursor(cursor)
                self._editor.find(text, flag)
        self._say()

    def _go_to(self, line: int) -> None:
        block = self._editor.document().findBlockByNumber(min(max(line, 1), self._editor.blockCount()) - 1)
        self._editor.setTextCursor(QTextCursor(block))
        self._editor.centerCursor()
        self.said.clear()

    def _on_edited(self, text: str) -> None:
        cursor = self._editor.textCursor()
        cursor.setPosition(cursor.selectionStart())
        self._editor.setTextCursor(cursor)
        if not text.startswith(":"):
            self.go()

    def _say(self) -> None:
        text = self.edit.text().casefold()
        found = self._editor.toPlainText().casefold().count(text) if text else 0
        self.said.setText(count(found, "{n} place", "{n} places") if text else "")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.go(backward=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        elif event.key() == Qt.Key.Key_Escape:
            self.hide()
            self._editor.setFocus()
        else:
            super().keyPressEvent(event)
