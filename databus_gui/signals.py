"""Every event of the dispatcher as a Qt signal, in batches of at most 30 a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from databus_core.model.breaker_change import BreakerChange
from databus_core.model.client import Client, ClientPassenger
from databus_core.model.log import Log, LogEntry
from databus_core.plugins.observer import Change, DispatcherObserver, DispatcherState

BATCH_SECONDS = 1 / 30
"""Shortest time between two batches: a signal per passenger makes the window stand still."""


class DispatcherSignals(QObject):
    """What pages connect to. Emitted on the window's thread, in the order of the events."""

    state_changed = Signal(object)
    """DispatcherState"""
    trip_started = Signal(object, object, object)
    """Client, ClientPassenger, Log"""
    log_appended = Signal(object, object)
    """Log, list[LogEntry]: all that a running trip wrote since the last batch, in order"""
    trip_complete = Signal(object, object, object)
    """Client, ClientPassenger, Log"""
    breaker_changed = Signal(object, object, object)
    """Client, ClientPassenger, BreakerChange"""
    plugins_changed = Signal(object, object)
    """Names of files, and sentences about what of them cannot be used: see DispatcherObserver"""
    changed = Signal(object, str)
    """Change, client id (empty for what belongs to no client): once per batch, however often it happened"""
    failed = Signal(str)
    """A sentence about something that belongs to no trip"""


@dataclass(slots=True)
class _Event:
    emit: Callable[..., None]
    arguments: tuple[object, ...]


class SignalObserver(DispatcherObserver):
    """Hears the dispatcher and lets `signals` speak."""

    def __init__(self, signals: DispatcherSignals) -> None:
        self._signals = signals
        self._events: list[_Event] = []
        self._appended: dict[str, list[LogEntry]] = {}
        self._changes: set[tuple[Change, str]] = set()
        self._last_batch = 0.0
        self._timer = QTimer(signals, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.flush)

    def state_changed(self, state: DispatcherState) -> None:
        self._add(self._signals.state_changed.emit, state)

    def trip_started(self, client: Client, client_passenger: ClientPassenger, log: Log) -> None:
        self._add(self._signals.trip_started.emit, client, client_passenger, log)

    def log_appended(self, log: Log, entries: Sequence[LogEntry]) -> None:
        waiting = self._appended.get(log.id)
        if waiting is not None:
            waiting.extend(entries)
            return
        self._appended[log.id] = waiting = list(entries)
        self._add(self._signals.log_appended.emit, log, waiting)

    def trip_complete(self, client: Client, client_passenger: ClientPassenger, log: Log) -> None:
        self._add(self._signals.trip_complete.emit, client, client_passenger, log)

    def breaker_changed(self, client: Client, client_passenger: ClientPassenger, change: BreakerChange) -> None:
        self._add(self._signals.breaker_changed.emit, client, client_passenger, change)

    def plugins_changed(self, files: Sequence[str], problems: Sequence[str]) -> None:
        self._add(self._signals.plugins_changed.emit, files, problems)

    def changed(self, change: Change, client_id: str) -> None:
        if (change, client_id) not in self._changes:
            self._changes.add((change, client_id))
            self._add(self._signals.changed.emit, change, client_id)

    def failed(self, message: str) -> None:
        self._add(self._signals.failed.emit, message)

    def _add(self, emit: Callable[..., None], *arguments: object) -> None:
        self._events.append(_Event(emit, arguments))
        if not self._timer.isActive():
            wait = self._last_batch + BATCH_SECONDS - time.monotonic()
            self._timer.start(max(0, round(wait * 1000)))

    def flush(self) -> None:
        """Emit what waits, now."""
        events, self._events = self._events, []
        self._appended.clear()
        self._changes.clear()
        self._last_batch = time.monotonic()
        for event in events:
            event.emit(*event.arguments)
