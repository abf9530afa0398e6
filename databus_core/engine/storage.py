"""What the two doors, `Dispatcher.read` and `Dispatcher.change`, lead to."""

from __future__ import annotations

from datetime import datetime, timedelta

from databus_core.engine.customizing import Customizing
from databus_core.engine.queue import Queue, Seats
from databus_core.engine.retention import remove_logs
from databus_core.model.audit import AUDIT_KEPT
from databus_core.model.client import QUEUE_MODULE, Client
from databus_core.model.clock import now
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.database import Database
from databus_core.plugins.factory import Factory

CLEAN_EVERY = timedelta(hours=1)
"""How often old logs and backups of a client are looked for."""


class Storage:
    """A database with its queues and customizing. Everything in it may block and may be used from any thread."""

    def __init__(self, database: Database, ticket: DispatcherTicket, factory: Factory) -> None:
        self.database = database
        self.customizing = Customizing(database, ticket)
        self.factory = factory
        self.folder = ticket.folder
        """The ticket's folder."""
        self.seats = Seats()
        self._cleaned_at: dict[str, datetime] = {}

    def queue(self, client_id: str, module: str = QUEUE_MODULE) -> Queue:
        """A client's queue, made by the queue module that a client passenger names. Raises FactoryError."""
        return self.factory.create(Queue, module, self.database, client_id, self.seats)

    def clean(self, client_id: str, client: Client) -> list[str]:
        """Remove logs, backups, missed trips and audit that are kept no longer, once in a while; answers, in sentences,
        what was removed."""
        moment = now()
        last = self._cleaned_at.get(client_id)
        if last is not None and moment - last < CLEAN_EVERY:
            return []
        self._cleaned_at[client_id] = moment
        before = moment - timedelta(days=client.log_life_span)
        self.database.remove_backups(client_id, before)
        self.database.remove_missed(client_id, before)
        self.database.remove_audit(client_id, moment - AUDIT_KEPT)
        return remove_logs(self.database, client_id, client)
