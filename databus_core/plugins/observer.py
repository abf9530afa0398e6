"""Observers: who is told of what happens in a dispatcher."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from databus_core.model.breaker_change import BreakerChange
from databus_core.model.client import Client, ClientPassenger
from databus_core.model.log import Log, LogEntry


class DispatcherState(StrEnum):
    """What a dispatcher is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    PAUSING = "pausing"
    """No new trip starts; some still run."""
    PAUSED = "paused"
    """No trip runs and none starts."""
    STOPPING = "stopping"
    """Shutting down; some trips still run."""


class Change(StrEnum):
    """What kind of stored data changed."""

    QUEUE = "queue"
    LOGS = "logs"
    TRIPS = "trips"
    CUSTOMIZING = "customizing"
    CLIENTS = "clients"
    TICKET = "ticket"
    SEARCH = "search"
    """What was stored before is found by more, as a database has gone on with indexing it."""
    AUDIT = "audit"
    PLUGINS = "plugins"
    """The plug-in folder has others."""


class DispatcherObserver:
    """Override what you want to hear; every method does nothing by default.

    Called on the dispatcher's event loop, one at a time, in the order of the events: be quick, or make the method
    `async def` and it runs as a task of its own. An observer that raises is logged and harms nobody.
    """

    def state_changed(self, state: DispatcherState) -> object:
        """The dispatcher's state is another one now."""

    def trip_started(self, client: Client, client_passenger: ClientPassenger, log: Log) -> object:
        """A trip of the client passenger begins; `log` is the log that it will write."""

    def log_appended(self, log: Log, entries: Sequence[LogEntry]) -> object:
        """A running trip wrote these entries, in order; many at once when it writes fast."""

    def trip_complete(self, client: Client, client_passenger: ClientPassenger, log: Log) -> object:
        """A trip is over and its log is stored: the place to send a mail when `log.has_errors`."""

    def breaker_changed(self, client: Client, client_passenger: ClientPassenger, change: BreakerChange) -> object:
        """A pusher is spared because its target is down, or takes passengers again; once for each."""

    def plugins_changed(self, files: Sequence[str], problems: Sequence[str]) -> object:
        """These files of the plug-in folder changed; trips that depart from now on get what is in them.

        `problems` says, a sentence each, what cannot be used: there, what was used last goes on. It is empty when all
        is well (again). An observer that does not override this is told of them as of what `failed`.
        """
        return self.failed("\n".join(problems)) if problems else None

    def changed(self, change: Change, client_id: str) -> object:
        """Stored data of that kind changed; `client_id` is empty for what belongs to no client."""

    def failed(self, message: str) -> object:
        """Something went wrong that belongs to no trip: a damaged file, a configuration, an observer."""
