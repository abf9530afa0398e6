"""The line at the bottom: the dispatcher's state, the trips under way, the last error."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QMessageBox, QPushButton, QSizePolicy, QStatusBar, QWidget

from databus_core.model.client import Client, ClientPassenger
from databus_core.model.log import Log
from databus_core.plugins.observer import DispatcherState
from databus_gui.i18n import count, tr
from databus_gui.session import Session
from databus_gui.theme import Meaning, icon
from databus_gui.widgets.long_text import clipped
from databus_gui.widgets.sign import Sign

SAID_MS = 6000
MARGIN = 16
"""Pixels of the link to the last error that its text cannot have."""

_STATES = {
    DispatcherState.STOPPED: ("Stopped", "mdi6.stop-circle-outline", Meaning.WAITING),
    DispatcherState.STARTING: ("Starting …", "mdi6.timer-sand", Meaning.CAUTION),
    DispatcherState.RUNNING: ("Running", "mdi6.play-circle", Meaning.GOOD),
    DispatcherState.PAUSING: ("Pausing: trips are being finished", "mdi6.timer-sand", Meaning.CAUTION),
    DispatcherState.PAUSED: ("Paused", "mdi6.pause-circle", Meaning.CAUTION),
    DispatcherState.STOPPING: ("Shutting down: trips are being finished", "mdi6.timer-sand", Meaning.CAUTION),
}


class ErrorLink(QPushButton):
    """The first line of a message, as much of it as there is room for; the tooltip has all of it."""

    def __init__(self) -> None:
        super().__init__(icon("mdi6.alert-circle", Meaning.BAD), "")
        self.message = ""
        self.setObjectName("link")
        self.setAccessibleName(tr("Last error"))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.hide()

    def show_message(self, message: str) -> None:
        """Say this."""
        self.message = message
        self.setToolTip(clipped(message))
        self.show()
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = self.width() - self.iconSize().width() - MARGIN
        first = clipped(self.message.partition("\n")[0])
        self.setText(self.fontMetrics().elidedText(first, Qt.TextElideMode.ElideRight, room))


class StatusBar(QStatusBar):
    """Speaks of the whole dispatcher, whichever client is looked at."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._sign, self._state, self._trips = Sign("mdi6.stop-circle-outline"), QLabel(), QLabel()
        self._state.setAccessibleName(tr("State of the dispatcher"))
        self._trips.setAccessibleName(tr("Running trips"))
        self._error = ErrorLink()
        self._error.clicked.connect(self._open_error)
        self._failed_log: Log | None = None
        self.addWidget(self._sign)
        self.addWidget(self._state)
        self.addWidget(self._trips)
        self.addPermanentWidget(self._error, 1)
        signals = session.signals
        signals.state_changed.connect(self._on_state_changed)
        signals.trip_started.connect(self._show_trips)
        signals.trip_complete.connect(self._on_trip_complete)
        signals.failed.connect(self._on_failed)
        session.said.connect(self._on_said)
        self._on_state_changed(session.dispatcher.state)

    def _on_state_changed(self, state: DispatcherState) -> None:
        word, sign, meaning = _STATES[state]
        self._sign.show_sign(sign, meaning, tr(word))
        self._state.setText(tr(word))
        self._show_trips()

    def _show_trips(self) -> None:
        running = self._session.dispatcher.running
        names = ", ".join(f"{trip.client_id} / {trip.client_passenger.name}" for trip in running)
        number = count(len(running), "· {n} trip is running", "· {n} trips are running")
        self._trips.setText(number if running else "")
        self._trips.setToolTip(names)

    def _on_trip_complete(self, _client: Client, client_passenger: ClientPassenger, log: Log) -> None:
        self._show_trips()
        if log.errors:
            self._failed_log = log
            self._error.show_message(f"{log.client_id} / {client_passenger.name}: {log.errors[0].message}")

    def _on_failed(self, message: str) -> None:
        self._failed_log = None
        self._error.show_message(message)

    def _open_error(self) -> None:
        log = self._failed_log
        if log is not None:
            self._session.open("logs", client_id=log.client_id, log_id=log.id)
            return
        box = QMessageBox(QMessageBox.Icon.Warning, tr("Last error"), self._error.message, parent=self.window())
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.open()

    def _on_said(self, sentence: str) -> None:
        self.showMessage(sentence, SAID_MS)
