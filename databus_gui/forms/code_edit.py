"""A plain text editor with line numbers and marked lines."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFontDatabase,
    QHelpEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QToolTip, QWidget

from databus_core.model.problem import Problem
from databus_gui.forms.json_highlighter import JsonHighlighter
from databus_gui.forms.json_layout import INDENT
from databus_gui.theme import Meaning, colour, icon

MARK_WIDTH = 18
PARAGRAPH = "\u2029"
UNKEEPABLE = (PARAGRAPH, "\ufdd0", "\ufdd1")
"""Characters that Qt's documents use for themselves; written as escapes, which in JSON mean the same."""


class Gutter(QWidget):
    """The strip beside the text: line numbers, and a sign at lines with a problem."""

    def __init__(self, editor: CodeEdit) -> None:
        super().__init__(editor)
        self._editor = editor

    def sizeHint(self) -> QSize:
        return QSize(self._editor.gutter_width, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._editor.paint_gutter(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            line = self._editor.cursorForPosition(QPoint(0, event.pos().y())).blockNumber() + 1
            QToolTip.showText(event.globalPos(), self._editor.said_at(line), self)
            return True
        return super().event(event)


class CodeEdit(QPlainTextEdit):
    """Text in which lines can be marked. Ends of lines and untouched text come back exactly as they were given."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._given = ""
        self._line_end = "\n"
        self._problems: list[Problem] = []
        self._by_line: dict[int, list[str]] = {}
        self.gutter = Gutter(self)
        self.highlighter = JsonHighlighter(self.document())
        self.blockCountChanged.connect(self._make_room)
        self.updateRequest.connect(self._on_update)
        self.cursorPositionChanged.connect(self._show_marks)
        self._make_room()

    # Text -------------------------------------------------------------------------------------------------------

    def text(self) -> str:
        """The text; exactly what was set as long as nobody changed it."""
        if not self.document().isModified():
            return self._given
        return self.document().toRawText().replace(PARAGRAPH, self._line_end)

    def set_text(self, text: str) -> None:
        """Show another text; its undo history begins anew."""
        self._given = text
        self._line_end = "\r\n" if "\r\n" in text else "\n"
        self.setPlainText(_keepable(text))
        self.document().setModified(False)
        self._problems, self._by_line = [], {}
        self._show_marks()

    def accept(self) -> None:
        """The text counts as the one that was set."""
        self._given = self.text()
        self.document().setModified(False)

    def replace_text(self, text: str) -> None:
        """Show another text as one step that can be undone."""
        line = self.textCursor().blockNumber() + 1
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(_keepable(text))
        cursor.endEditBlock()
        self.go_to(min(line, self.blockCount()))

    def go_to(self, line: int, column: int = 1) -> None:
        """Put the cursor there (both count from 1) and make the place visible."""
        block = self.document().findBlockByNumber(min(max(line, 1), self.blockCount()) - 1)
        cursor = QTextCursor(block)
        cursor.setPosition(block.position() + _units(block.text(), column))
        self.setTextCursor(cursor)
        self.centerCursor()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and plain and not self.isReadOnly():
            before = self.textCursor().block().text()[: self.textCursor().positionInBlock()]
            depth = len(before) - len(before.lstrip(" ")) + (INDENT if before.rstrip().endswith(("{", "[")) else 0)
            self.textCursor().insertText("\n" + " " * depth)
            self.ensureCursorVisible()
        elif event.key() == Qt.Key.Key_Tab and plain and not self.isReadOnly():
            self.textCursor().insertText(" " * (INDENT - self.textCursor().positionInBlock() % INDENT))
        else:
            super().keyPressEvent(event)

    # Marks ------------------------------------------------------------------------------------------------------

    def mark(self, problems: Iterable[Problem]) -> None:
        """Mark the lines of these problems, and no others."""
        self._problems = [problem for problem in problems if problem.line]
        self._by_line = {}
        for problem in self._problems:
            self._by_line.setdefault(problem.line or 1, []).append(str(problem))
        self._show_marks()
        self.gutter.update()

    def said_at(self, line: int) -> str:
        """What is wrong in that line; empty when nothing is."""
        return "\n".join(self._by_line.get(line, []))

    @property
    def marked_lines(self) -> list[int]:
        """Lines with a problem."""
        return sorted(self._by_line)

    def _show_marks(self) -> None:
        here = _selection(QTextCursor(self.textCursor()))
        here.format.setBackground(colour(Meaning.PANEL))
        here.format.setProperty(QTextCharFormat.Property.FullWidthSelection, True)
        here.cursor.clearSelection()
        self.setExtraSelections([here, *(self._underlined(problem) for problem in self._problems)])

    def _underlined(self, problem: Problem) -> QTextEdit.ExtraSelection:
        block = self.document().findBlockByNumber((problem.line or 1) - 1)
        cursor = QTextCursor(block)
        text = block.text()
        column = problem.column or len(text) - len(text.lstrip()) + 1
        cursor.setPosition(block.position() + _units(text, min(column, max(len(text), 1))))
        cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
        selection = _selection(cursor)
        selection.format.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
        selection.format.setUnderlineColor(colour(Meaning.BAD))
        return selection

    # Gutter -----------------------------------------------------------------------------------------------------

    @property
    def gutter_width(self) -> int:
        """Room for the longest line number and the sign."""
        digits = max(len(str(self.blockCount())), 2)
        return MARK_WIDTH + 10 + self.fontMetrics().horizontalAdvance("9") * digits

    def _make_room(self) -> None:
        self.setViewportMargins(self.gutter_width, 0, 0, 0)

    def _on_update(self, area: QRect, moved: int) -> None:
        if moved:
            self.gutter.scroll(0, moved)
        else:
            self.gutter.update(0, area.y(), self.gutter.width(), area.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        inside = self.contentsRect()
        self.gutter.setGeometry(inside.left(), inside.top(), self.gutter_width, inside.height())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self.highlighter.recolour()
            self._show_marks()

    def paint_gutter(self, event: QPaintEvent) -> None:
        """Paint the strip beside the text."""
        painter = QPainter(self.gutter)
        painter.fillRect(event.rect(), colour(Meaning.PANEL))
        block = self.firstVisibleBlock()
        top = self.blockBoundingGeometry(block).translated(self.contentOffset()).top()
        while block.isValid() and top <= event.rect().bottom():
            height = self.blockBoundingRect(block).height()
            self._paint_number(painter, block, QRect(0, round(top), self.gutter.width(), round(height)))
            block, top = block.next(), top + height

    def _paint_number(self, painter: QPainter, block: QTextBlock, area: QRect) -> None:
        number = block.blockNumber() + 1
        here = number == self.textCursor().blockNumber() + 1
        painter.setPen(QColor(colour(Meaning.TEXT if here else Meaning.MUTED)))
        painter.drawText(
            area.adjusted(0, 0, -6, 0), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(number)
        )
        if number in self._by_line:
            side = MARK_WIDTH - 4
            icon("mdi6.alert-circle", Meaning.BAD).paint(painter, 3, area.center().y() - side // 2, side, side)


def _selection(cursor: QTextCursor) -> QTextEdit.ExtraSelection:
    selection = QTextEdit.ExtraSelection()
    selection.cursor = cursor  # pyright: ignore[reportAttributeAccessIssue]
    return selection


def _units(text: str, column: int) -> int:
    """Qt counts in UTF-16, problems in characters; what lies behind the text's end is its end."""
    return len(text[: max(column, 1) - 1].encode("utf-16-le", "surrogatepass")) // 2


def _keepable(text: str) -> str:
    for char in UNKEEPABLE:
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text
