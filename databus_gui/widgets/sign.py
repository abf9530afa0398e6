"""A small icon that follows the theme."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from databus_gui.theme import Meaning, icon


class Sign(QWidget):
    """Shows one icon of qtawesome. A QLabel would keep the pixmap of the theme in which it was made."""

    def __init__(self, name: str, meaning: Meaning = Meaning.TEXT, tip: str = "", size: int = 18) -> None:
        super().__init__()
        self.setFixedSize(QSize(size, size))
        self.show_sign(name, meaning, tip)

    def show_sign(self, name: str, meaning: Meaning = Meaning.TEXT, tip: str = "") -> None:
        """Show this one from now on; `tip` says in a word what it means."""
        self._icon = icon(name, meaning)
        self.setToolTip(tip)
        self.setAccessibleName(tip)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        self._icon.paint(painter, self.rect())
        painter.end()
