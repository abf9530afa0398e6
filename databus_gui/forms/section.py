"""A heading that folds what is below it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from databus_gui.theme import icon


class Section(QWidget):
    """Widgets under a heading; a click on the heading hides and shows them."""

    def __init__(self, title: str, *, unfolded: bool = True) -> None:
        super().__init__()
        self.heading = QToolButton(autoRaise=True)
        self.heading.setText(title)
        self.heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        font = self.heading.font()
        font.setBold(True)
        self.heading.setFont(font)
        self._inside = QWidget()
        self._layout = QVBoxLayout(self._inside)
        self._layout.setContentsMargins(0, 0, 0, 6)
        self._layout.setSpacing(2)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 6, 0, 0)
        outer.setSpacing(2)
        outer.addWidget(self.heading)
        outer.addWidget(self._inside)
        self.heading.clicked.connect(lambda: self.fold(not self.unfolded))
        self.fold(unfolded)

    @property
    def unfolded(self) -> bool:
        """Whether what is below the heading is shown."""
        return not self._inside.isHidden()

    def add(self, widget: QWidget) -> None:
        """Put a widget below the others."""
        self._layout.addWidget(widget)

    def fold(self, unfolded: bool) -> None:
        """Show or hide what is below the heading."""
        self.heading.setIcon(icon("mdi6.chevron-down" if unfolded else "mdi6.chevron-right"))
        self._inside.setVisible(unfolded)
