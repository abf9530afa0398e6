"""Whether any trip had errors: a command's exit status."""

from __future__ import annotations

from databus_core.model.client import Client, ClientPassenger
from databus_core.model.log import Log
from databus_core.plugins.observer import DispatcherObserver


class ErrorWatch(DispatcherObserver):
    """Remembers whether any trip had errors."""

    seen = False

    def trip_complete(self, client: Client, client_passenger: ClientPassenger, log: Log) -> None:
        self.seen = self.seen or log.has_errors
