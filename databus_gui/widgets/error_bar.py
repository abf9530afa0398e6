"""A bar over a page that says what went wrong."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from databus_gui.i18n import tr
from databus_gui.theme import Meaning, icon
from databus_gui.widgets.sign import Sign


class ErrorBar(QFrame):
    """Hidden until there is something to say; stays until it is closed or cleared."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("errorBar")
        self._text = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self._text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._text.setAccessibleName(tr("Error"))
        self.offered = QPushButton()
        """What may be done about it; hidden where nothing is offered."""
        self.offered.clicked.connect(self._on_offered)
        self._do: Callable[[], object] = self.clear
        close = QToolButton(autoRaise=True)
        close.setIcon(icon("mdi6.close"))
        close.setAccessibleName(tr("Close the message"))
        close.setToolTip(close.accessibleName())
        close.clicked.connect(self.clear)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 6, 6, 6)
        row.addWidget(Sign("mdi6.alert-circle", Meaning.BAD), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)
        row.addWidget(self.offered, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    @property
    def text(self) -> str:
        """What it says; empty when it is hidden."""
        return self._text.text()

    def show_text(self, text: str) -> None:
        """Say this."""
        self._text.setText(text)
        self.offered.hide()
        self.setVisible(bool(text))

    def offer(self, label: str, do: Callable[[], object]) -> None:
        """A button beside what it says, until it says something else."""
        self.offered.setText(label)
        self._do = do
        self.offered.show()

    def clear(self) -> None:
        """Say nothing and hide."""
        self.show_text("")

    def _on_offered(self) -> None:
        self._do()
