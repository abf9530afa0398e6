"""The last error in the status bar: when it happened, what it says, and a button that puts it away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QToolButton, QWidget

from databus_core.model.log import Log
from databus_gui.i18n import tr
from databus_gui.theme import Meaning, icon
from databus_gui.widgets.long_text import clipped
from databus_gui.widgets.words import clock_time, local_time_with_zone

MINUTE_MS = 60_000
CROSS = QSize(14, 14)
MARGIN = 16
"""Pixels of the link that its text cannot have."""
ROUNDED = 1
"""Pixels by which Qt takes a text for narrower than it is; without them it is cut at its end where it would fit."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, when, and the log of the trip it happened on; `short` is what there is room for."""

    at: datetime
    short: str
    message: str
    log: Log | None = None


class LastError(QWidget):
    """Shows one failure, or nothing and then it is hidden."""

    clicked = Signal()
    """The person wants to know more about it."""
    dismissed = Signal()
    """The person has seen it."""

    def __init__(self) -> None:
        super().__init__()
        self._link = _Link()
        self._link.clicked.connect(self.clicked)
        close = QToolButton(autoRaise=True)
        close.setIcon(icon("mdi6.close"))
        close.setIconSize(CROSS)
        close.setToolTip(tr("Dismiss the last error"))
        close.setAccessibleName(close.toolTip())
        close.clicked.connect(self.dismissed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addStretch(1)
        row.addWidget(self._link)
        row.addWidget(close)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.show_failure(None)

    def show_failure(self, failure: Failure | None) -> None:
        """Show this from now on."""
        self._link.show_failure(failure)
        self.setVisible(failure is not None)


class _Link(QPushButton):
    """Time and first line, as much of them as there is room for; the tooltip has everything."""

    def __init__(self) -> None:
        super().__init__(icon("mdi6.alert-circle", Meaning.BAD), "")
        self._failure: Failure | None = None
        self.setObjectName("link")
        self.setAccessibleName(tr("Last error"))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self._clock = QTimer(self, interval=MINUTE_MS)
        self._clock.timeout.connect(self._fit)  # what happened today happened yesterday from midnight on

    def show_failure(self, failure: Failure | None) -> None:
        self._failure = failure
        self.setToolTip(f"{local_time_with_zone(failure.at)}\n{clipped(failure.message)}" if failure else "")
        self._fit()

    def sizeHint(self) -> QSize:
        width = self.fontMetrics().horizontalAdvance(self._line()) + self.iconSize().width() + MARGIN + ROUNDED
        return QSize(width, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(self.iconSize().width() + MARGIN, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._clock.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._clock.stop()

    def _line(self) -> str:
        if self._failure is None:
            return ""
        first, _, _ = self._failure.short.partition("\n")
        return f"{clock_time(self._failure.at)}  {clipped(first)}"

    def _fit(self) -> None:
        room = self.width() - self.iconSize().width() - MARGIN
        shown = self.fontMetrics().elidedText(self._line(), Qt.TextElideMode.ElideRight, room)
        self.setText(shown.replace("&", "&&"))  # one alone would underline the next letter
        self.updateGeometry()
