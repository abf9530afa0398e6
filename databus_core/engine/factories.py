"""The factories a ticket names, as one: each kind is made by the factory that the ticket gives for it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from databus_core.engine.driver import Driver
from databus_core.engine.queue import Queue
from databus_core.errors import FactoryError, TicketError
from databus_core.model.passenger import Passenger
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.database import Database
from databus_core.plugins.factory import Factory, add_plugin_folder
from databus_core.plugins.processor import Processor
from databus_core.plugins.puller import Puller
from databus_core.plugins.pusher import Pusher

T = TypeVar("T")

KINDS: dict[type[object], str] = {
    Database: "database_factory",
    Driver: "driver_factory",
    Passenger: "passenger_factory",
    Queue: "queue_factory",
    Puller: "puller_factory",
    Processor: "processor_factory",
    Pusher: "pusher_factory",
}
"""The ticket's option for the factory of each kind."""


@contextmanager
def option_named(ticket: DispatcherTicket, option: str) -> Generator[None]:
    """What cannot be used becomes a TicketError that names the ticket's file, the option and its value."""
    try:
        yield
    except FactoryError as error:
        where = ticket.file or "Ticket"
        raise TicketError(f"{where}: {option}: {getattr(ticket, option)!r:.80} is not allowed: {error}") from error


class Factories(Factory):
    """A factory that asks the ticket's factory of each kind."""

    def __init__(self, ticket: DispatcherTicket) -> None:
        """Raises TicketError when the ticket names a factory or a driver that cannot be used."""
        self.plugin_folder: Path = add_plugin_folder(ticket.folder)
        super().__init__(self.plugin_folder)
        self._by_kind: dict[type[object], Factory] = {}
        made: dict[type[object], Factory] = {}
        for kind, option in KINDS.items():
            with option_named(ticket, option):
                made[kind] = super().create(Factory, getattr(ticket, option), self.plugin_folder)
        self._by_kind = made
        with option_named(ticket, "driver_module"):
            self.load(Driver, ticket.driver_module)

    def load(self, kind: type[T], module: str) -> type[T]:
        factory = self._by_kind.get(kind)
        return factory.load(kind, module) if factory else super().load(kind, module)

    def create(self, kind: type[T], module: str, *args: Any, **kwargs: Any) -> T:
        factory = self._by_kind.get(kind)
        return (
            factory.create(kind, module, *args, **kwargs) if factory else super().create(kind, module, *args, **kwargs)
        )
