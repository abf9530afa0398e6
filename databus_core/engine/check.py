"""Everything that can be said against a ticket, its configurations and its plug-ins before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from databus_core.engine.driver import Driver
from databus_core.engine.factories import Factories
from databus_core.engine.queue import Queue
from databus_core.engine.storage import Storage
from databus_core.errors import CustomizingError, DatabusError, FactoryError
from databus_core.model.client import ClientPassenger, ModuleReference
from databus_core.model.passenger import Passenger
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.database import Database, DatabaseContext
from databus_core.plugins.observer import DispatcherObserver
from databus_core.plugins.plugin import Plugin, validated
from databus_core.plugins.processor import Processor
from databus_core.plugins.puller import Puller
from databus_core.plugins.pusher import Pusher


def problems_with(ticket: DispatcherTicket) -> Iterator[str]:
    """One sentence per problem; changes nothing and needs no running dispatcher."""
    try:
        factories = Factories(ticket)
    except FactoryError as error:
        yield f"Ticket: {error}"
        return
    reported: list[str] = []
    context = DatabaseContext(folder=ticket.folder, arguments=ticket.database_arguments, report=reported.append)
    try:
        factories.load(Driver, ticket.driver_module)
        if isinstance(ticket.dispatcher_observer, str):
            factories.load(DispatcherObserver, ticket.dispatcher_observer)
        database = factories.create(Database, ticket.database_module, context)
        database.open(None)
    except DatabusError as error:
        yield f"Ticket: {error}"
        return
    with closing(database):
        storage = Storage(database, ticket, factories)
        yield from (f"Database: {message}" for message in reported)
        for client_id in database.client_ids():
            yield from _client_problems(client_id, storage, factories, ticket)


def _client_problems(client_id: str, storage: Storage, factories: Factories, ticket: DispatcherTicket) -> Iterator[str]:
    for node in storage.customizing.nodes(client_id):
        try:
            text = storage.customizing.text(client_id, node.name)
            problems = storage.customizing.problems(client_id, node.name, text)
        except DatabusError as error:
            yield f"Client {client_id}: {error}"
            continue
        if problems:
            yield f"Client {client_id}: {CustomizingError(node.name, problems)}"
    try:
        client, _ = storage.customizing.client(client_id)
    except DatabusError:
        return  # said above
    for passenger in client.passengers:
        for problem in _passenger_problems(passenger, factories, ticket):
            yield f"Client {client_id}, {passenger.name}: {problem}"


def _passenger_problems(passenger: ClientPassenger, factories: Factories, ticket: DispatcherTicket) -> Iterator[str]:
    for kind, module in ((Passenger, passenger.passenger_module), (Queue, passenger.queue)):
        try:
            factories.load(kind, module)
        except FactoryError as error:
            yield str(error)
    if not passenger.pullers:
        yield "it has no puller, so nothing ever comes"
    listed = ((Puller, passenger.pullers), (Processor, passenger.processors), (Pusher, passenger.pushers))
    for kind, references in listed:
        for reference in references:
            yield from _plugin_problems(kind, reference, factories, ticket)


def _plugin_problems(
    kind: type[Plugin], reference: ModuleReference, factories: Factories, ticket: DispatcherTicket
) -> Iterator[str]:
    try:
        validated(factories.load(kind, reference.module).Arguments, reference.arguments, ticket.folder)
    except FactoryError as error:
        yield str(error)
    except ValueError as error:
        yield f"{kind.__name__} {reference.step_name!r}: {error}"
