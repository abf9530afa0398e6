"""The line at the bottom: the dispatcher's state, the trips under way, the last error."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QMessageBox, QStatusBar, QWidget

from databus_core.model.breaker_change import BreakerChange
from databus_core.model.client import Client, ClientPassenger
from databus_core.model.clock import now
from databus_core.model.log import Log
from databus_core.plugins.observer import DispatcherState
from databus_gui.i18n import count, tr
from databus_gui.main_window.last_error import Failure, LastError
from databus_gui.main_window.said import Said
from databus_gui.main_window.telling import Telling
from databus_gui.session import Session
from databus_gui.theme import Meaning
from databus_gui.widgets.sign import Sign
from databus_gui.widgets.words import local_time_with_zone

_STATES = {
    DispatcherState.STOPPED: ("Stopped", "mdi6.stop-circle-outline", Meaning.WAITING),
    DispatcherState.STARTING: ("Starting …", "mdi6.timer-sand", Meaning.CAUTION),
    DispatcherState.RUNNING: ("Running", "mdi6.play-circle", Meaning.GOOD),
    DispatcherState.PAUSING: ("Pausing: trips are being finished", "mdi6.timer-sand", Meaning.CAUTION),
    DispatcherState.PAUSED: ("Paused", "mdi6.pause-circle", Meaning.CAUTION),
    DispatcherState.STOPPING: ("Shutting down: trips are being finished", "mdi6.timer-sand", Meaning.CAUTION),
}


class StatusBar(QStatusBar):
    """Speaks of the whole dispatcher, whichever client is looked at."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._sign, self._state, self._trips = Sign("mdi6.stop-circle-outline"), QLabel(), QLabel()
        self._state.setAccessibleName(tr("State of the dispatcher"))
        self._trips.setAccessibleName(tr("Running trips"))
        self._error = LastError()
        self._error.clicked.connect(self._open_error)
        self._error.dismissed.connect(self._on_dismissed)
        self._failures: dict[tuple[str, ...], Failure] = {}
        """The last failure of each client passenger that has not travelled well since, of each of its pushers that is
        spared, and of the plug-in folder; the newest one at the end."""
        self._telling = Telling()
        self._said = Said()
        for widget in (self._sign, self._state, self._trips, self._said):
            self.addWidget(widget)
        self.addPermanentWidget(self._error, 1)
        signals = session.signals
        signals.state_changed.connect(self._on_state_changed)
        signals.trip_started.connect(self._show_trips)
        signals.trip_complete.connect(self._on_trip_complete)
        signals.breaker_changed.connect(self._on_breaker_changed)
        signals.plugins_changed.connect(self._on_plugins_changed)
        signals.failed.connect(self._on_failed)
        session.said.connect(self._said.say)
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
        client_id, name = log.client_id, client_passenger.name
        failure, error = None, self._telling.of(log)
        if error is not None:
            short = f"{client_id} / {self._session.names.short(name)}: {error.message}"
            failure = Failure(error.at, short, f"{client_id} / {name}: {error.message}", log)
        self._take((client_id, name), failure)
        self._tell_breakers_last(log)

    def _on_breaker_changed(self, _client: Client, client_passenger: ClientPassenger, change: BreakerChange) -> None:
        client_id, name = change.client_id, client_passenger.name
        failure = None
        if change.opened:
            short = f"{client_id} / {self._session.names.short(name)}: {change.reason}"
            failure = Failure(now(), short, f"{client_id} / {name}: {change.reason}")
        self._take((client_id, name, change.pusher), failure)

    def _tell_breakers_last(self, log: Log) -> None:
        """A breaker that opened on the trip says more than the errors that opened it."""
        route = log.client_id, log.client_passenger
        for where, failure in list(self._failures.items()):
            if where[:2] == route and len(where) > len(route) and failure.at >= log.started_at:
                self._take(where, failure)

    def _on_plugins_changed(self, files: Sequence[str], problems: Sequence[str]) -> None:
        message = "\n".join(problems)
        self._take(("", "plug-ins"), Failure(now(), message, message) if problems else None)
        if not problems:
            names = ", ".join(files)
            self._said.say(tr("Plug-ins renewed: {names}", names=names) if files else tr("The plug-ins work again."))

    def _on_failed(self, message: str) -> None:
        self._take(("", ""), Failure(now(), message, message))

    def _take(self, where: tuple[str, ...], failure: Failure | None) -> None:
        """What failed there before is over: it failed again, or went well."""
        self._failures.pop(where, None)
        if failure is not None:
            self._failures[where] = failure
        self._error.show_failure(self._failure)

    @property
    def _failure(self) -> Failure | None:
        return next(reversed(self._failures.values()), None)

    def _on_dismissed(self) -> None:
        self._failures.clear()  # not one after the other: what goes on failing will be shown again
        self._error.show_failure(None)

    def _open_error(self) -> None:
        failure = self._failure
        if failure is None:
            return
        if failure.log is not None:
            self._session.open("logs", client_id=failure.log.client_id, log_id=failure.log.id)
            return
        box = QMessageBox(QMessageBox.Icon.Warning, tr("Last error"), failure.message, parent=self.window())
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setInformativeText(local_time_with_zone(failure.at))
        box.open()
