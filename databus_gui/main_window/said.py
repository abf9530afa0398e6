"""What was done, told in the status bar for some seconds, beside the dispatcher's state and the last error."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from databus_gui.theme import Meaning
from databus_gui.widgets.long_text import clipped

SAID_MS = 6000
SHARE = 0.5
"""Part of the bar that a sentence may take."""


class Said(QLabel):
    """One sentence, as much of it as there is room for; the tooltip has all of it. `QStatusBar.showMessage` would hide
    the dispatcher's state meanwhile."""

    def __init__(self) -> None:
        super().__init__(textFormat=Qt.TextFormat.PlainText)
        self.setProperty("meaning", Meaning.MUTED.value)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self._sentence = ""
        self._over = QTimer(self, singleShot=True, interval=SAID_MS)
        self._over.timeout.connect(lambda: self._show(""))

    def say(self, sentence: str) -> None:
        """Tell this now, in place of what was told before."""
        self._show(sentence)
        self._over.start()

    def _show(self, sentence: str) -> None:
        self._sentence = clipped(" ".join(sentence.split()))
        self.setToolTip(self._sentence)
        self.setAccessibleName(self._sentence)
        self.updateGeometry()
        self._fit()

    def sizeHint(self) -> QSize:
        bar = self.parentWidget()
        most = int(bar.width() * SHARE) if bar is not None else 0
        wanted = self.fontMetrics().horizontalAdvance(self._line()) + self.fontMetrics().averageCharWidth()
        return QSize(min(wanted, most), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _line(self) -> str:
        return f"· {self._sentence}" if self._sentence else ""

    def _fit(self) -> None:
        self.setText(self.fontMetrics().elidedText(self._line(), Qt.TextElideMode.ElideRight, self.width()))
