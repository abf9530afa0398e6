"""The factories a ticket names, as one: each kind is made by the factory that the ticket gives for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from databus_core.engine.queue import Queue
from databus_core.model.passenger import Passenger
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.database import Database
from databus_core.plugins.factory import Factory, add_plugin_folder
from databus_core.plugins.processor import Processor
from databus_core.plugins.puller import Puller
from databus_core.plugins.pusher import Pusher

T = TypeVar("T")


class Factories(Factory):
    """A factory that asks the ticket's factory of each kind."""

    def __init__(self, ticket: DispatcherTicket) -> None:
        """Raises FactoryError when the ticket names a factory that cannot be used."""
        self.plugin_folder: Path = add_plugin_folder(ticket.folder)
        super().__init__(self.plugin_folder)
        self._by_kind: dict[type[object], Factory] = {}
        self._by_kind |= {
            kind: super(Factories, self).create(Factory, module, self.plugin_folder)
            for kind, module in (
                (Database, ticket.database_factory),
                (Passenger, ticket.passenger_factory),
                (Queue, ticket.queue_factory),
                (Puller, ticket.puller_factory),
                (Processor, ticket.processor_factory),
                (Pusher, ticket.pusher_factory),
            )
        }
        self._driver_factory = ticket.driver_factory

    def load(self, kind: type[T], module: str) -> type[T]:
        factory = self._by_kind.get(kind)
        return factory.load(kind, module) if factory else super().load(kind, module)

    def create(self, kind: type[T], module: str, *args: Any, **kwargs: Any) -> T:
        factory = self._by_kind.get(kind)
        return (
            factory.create(kind, module, *args, **kwargs) if factory else super().create(kind, module, *args, **kwargs)
        )
