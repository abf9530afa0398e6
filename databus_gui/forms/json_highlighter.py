"""Colours for JSON text."""

from __future__ import annotations

import re

from PySide6.QtGui import QFont, QSyntaxHighlighter, QTextCharFormat, QTextDocument

from databus_gui.theme import Meaning, colour

MOST_COLOURED = 20_000
"""Lines of a text; one with more stays plain, as colouring it would hold up the window."""
LONGEST_COLOURED = 20_000
"""Characters of a line, likewise."""

_TOKEN = re.compile(
    r"""(?P<key>"(?:[^"\\]|\\.)*"(?=\s*:))|(?P<text>"(?:[^"\\]|\\.)*"?)"""
    r"""|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<word>\b(?:true|false|null)\b)"""
)
_MEANINGS = {
    "key": Meaning.ACCENT,
    "text": Meaning.GOOD,
    "number": Meaning.CAUTION,
    "word": Meaning.WAITING,
}


class JsonHighlighter(QSyntaxHighlighter):
    """Keys, texts, numbers and words of JSON, each in its colour of the present theme."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._formats: dict[str, QTextCharFormat] = {}
        self._choose_colours()

    def _choose_colours(self) -> None:
        for token, meaning in _MEANINGS.items():
            chosen = self._formats[token] = QTextCharFormat()
            chosen.setForeground(colour(meaning))
        self._formats["word"].setFontWeight(QFont.Weight.Bold)

    def recolour(self) -> None:
        """The theme is another one now."""
        self._choose_colours()
        self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        if self.document().blockCount() > MOST_COLOURED or len(text) > LONGEST_COLOURED:
            return
        for match in _TOKEN.finditer(text):
            self.setFormat(match.start(), match.end() - match.start(), self._formats[str(match.lastgroup)])
