"""Says how many rows came above those in sight: the table does not jump there by itself."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractScrollArea, QPushButton

from databus_gui.i18n import count
from databus_gui.theme import icon

GAP = 8


class NewRows(QPushButton):
    """A button over the table's upper edge; a click leads to the top, and being there takes it away."""

    def __init__(self, table: QAbstractScrollArea) -> None:
        super().__init__(table.viewport())
        self._table = table
        self._number = 0
        self.setObjectName("newRows")
        self.setIcon(icon("mdi6.arrow-up"))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()
        self.clicked.connect(lambda: table.verticalScrollBar().setValue(0))
        table.verticalScrollBar().valueChanged.connect(self._on_scrolled)

    def add(self, number: int) -> None:
        """So many more came."""
        self._number += number
        self.setText(count(self._number, "{n} new", "{n} new"))
        self.place()
        self.show()

    def forget(self) -> None:
        """None of them is news any more."""
        self._number = 0
        self.hide()

    def place(self) -> None:
        """Stand in the middle, also when the table has another width."""
        self.adjustSize()
        self.move((self._table.viewport().width() - self.width()) // 2, GAP)

    def _on_scrolled(self, value: int) -> None:
        if value == 0:
            self.forget()
