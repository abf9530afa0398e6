"""Text with very long lines, made fit to be shown: Qt lays a line out as a whole, which takes it many seconds."""

from __future__ import annotations

import re

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QPlainTextEdit, QWidget

LINE_SHOWN = 5000
"""Characters after which a line is folded."""
TEXT_SHOWN = 4 * 1024 * 1024
"""Characters of a text that are shown."""
TIP_SHOWN = 1000
"""Characters of a text that a tooltip, a label or a cell of a table shows."""


def longest_line(text: str) -> int:
    """Characters of the longest line."""
    return max(map(len, text.split("\n")), default=0)


def folded(text: str) -> str:
    """The text with lines of LINE_SHOWN characters at most."""
    if len(text) <= LINE_SHOWN:
        return text
    return re.sub(f"([^\\n]{{{LINE_SHOWN}}})(?=[^\\n])", "\\1\\n", text)


def clipped(text: str, length: int = TIP_SHOWN) -> str:
    """The beginning of the text, with an ellipsis where there is more."""
    return text if len(text) <= length else f"{text[:length]} …"


class TextReader(QPlainTextEdit):
    """Any text, to read and to copy, in letters of equal width."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, readOnly=True)
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))

    def show_text(self, text: str) -> None:
        """Show this; long lines folded, the end of a text longer than TEXT_SHOWN left out."""
        self.setPlainText(folded(clipped(text, TEXT_SHOWN)))
