"""Everything that can be said against a ticket, its configurations and its plug-ins before anything runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.crew import Crew
from databus_core.engine.factories import Factories, option_named
from databus_core.engine.making import problems_of_making
from databus_core.engine.storage import Storage
from databus_core.errors import DatabusError, NotFoundError, PluginError, TicketError
from databus_core.model.client import Client, ClientPassenger, ModuleReference, PusherReference
from databus_core.model.customizing import DATABUS_NODE, located, problems_in
from databus_core.model.problem import Problem
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.database import Database
from databus_core.plugins.observer import DispatcherObserver
from databus_core.plugins.plugin import Plugin
from databus_core.plugins.pusher import Pusher


def problems_with(file: Path, remark: Callable[[str], None]) -> Iterator[str]:
    """One sentence per problem of the ticket in a file; changes nothing and needs no running dispatcher.

    What cannot be used is taken as if the ticket did not have it, so that the rest is looked at as far as possible.
    `remark` is told what harms nothing and may still be a mistake.
    """
    try:
        ticket, problems = DispatcherTicket.usable_part(file)
    except TicketError as error:
        yield from error.sentences
        return
    yield from (f"{ticket.file}: {problem}" for problem in problems)
    factories, unusable = _factories(ticket)
    yield from unusable
    yield from _observer_problems(ticket, factories)
    if not {"database_module", "database_arguments"} & _options(problems):
        yield from _database_problems(ticket, factories, remark)


def _options(problems: list[Problem]) -> set[object]:
    return {problem.path[0] for problem in problems if problem.path}


def _factories(ticket: DispatcherTicket) -> tuple[Factories, list[str]]:
    """The ticket's factories, the built-in one for each that cannot be used; and why not."""
    try:
        return Factories(ticket), []
    except TicketError as error:
        fields = DispatcherTicket.model_fields
        defaults = {str(option): fields[str(option)].default for option in _options(error.problems)}
        return Factories(ticket.model_copy(update=defaults)), error.sentences


def _observer_problems(ticket: DispatcherTicket, factories: Factories) -> Iterator[str]:
    if ticket.dispatcher_observer is None:
        return
    try:
        with option_named(ticket, "dispatcher_observer"):
            factories.load(DispatcherObserver, ticket.dispatcher_observer)
    except TicketError as error:
        yield from error.sentences


def _database_problems(ticket: DispatcherTicket, factories: Factories, remark: Callable[[str], None]) -> Iterator[str]:
    reported: list[str] = []
    try:
        database = factories.opened(None, reported.append, remark)
    except TicketError as error:
        yield from error.sentences
        return
    except NotFoundError as error:
        remark(f"{error} It is made when the ticket runs first.")
        return
    except DatabusError as error:
        yield f"Database: {error}"
        return
    with closing(database):
        storage = Storage(database, ticket, factories)
        yield from _external_file_problems(ticket, database)
        for client_id in database.client_ids():
            yield from _client_problems(client_id, storage)
            yield from _queue_problems(client_id, database)
        yield from (f"Database: {message}" for message in reported)


def _queue_problems(client_id: str, database: Database) -> Iterator[str]:
    """What cannot be read of a queue, the database reports by itself."""
    try:
        database.queue_counts(client_id)
    except DatabusError as error:
        yield f"Client {client_id}: {error}"


def _external_file_problems(ticket: DispatcherTicket, database: Database) -> Iterator[str]:
    known = database.client_ids()
    for number, external in enumerate(ticket.external_config_files):
        if external.client_id not in known:
            what = f"external_config_files[{number}].client_id: {external.client_id!r}"
            yield f"{ticket.file}: {what} is not allowed: it is no client; there are: {', '.join(known)}"


def _client_problems(client_id: str, storage: Storage) -> Iterator[str]:
    for node in storage.customizing.nodes(client_id):
        try:
            text = storage.customizing.text(client_id, node.name)
            problems = storage.customizing.problems(client_id, node.name, text)
        except DatabusError as error:
            yield f"Client {client_id}: {error}"
        else:
            yield from (f"Client {client_id}: {node.name}: {problem}" for problem in problems)
    try:
        client, _ = storage.customizing.client(client_id)
    except DatabusError:
        return  # said above
    for passenger in client.passengers:
        for problem in _passenger_problems(client_id, client, passenger, storage):
            yield f"Client {client_id}, {passenger.name}: {problem.message}"


def plugin_problems(storage: Storage, client_id: str, text: str) -> list[Problem]:
    """What speaks against the passengers of a `__databus__` text that may be saved, each problem with its line.

    Modules that are not there, arguments that are wrong, and what the plug-ins themselves say; it takes as long as they
    take. Empty for a text that is wrong in itself: `Customizing.problems` tells of that.
    """
    if problems_in(DATABUS_NODE, text):
        return []
    client = Client.model_validate_json(text.removeprefix("\ufeff"))
    problems = [
        dataclasses.replace(problem, path=("passengers", number, *problem.path))
        for number, passenger in enumerate(client.passengers)
        for problem in _passenger_problems(client_id, client, passenger, storage)
    ]
    return located(problems, text)


def _passenger_problems(
    client_id: str, client: Client, passenger: ClientPassenger, storage: Storage
) -> Iterator[Problem]:
    """Their paths start at the passenger."""
    if not passenger.pullers:
        yield Problem(("pullers",), "it has no puller, so nothing ever comes")
    trip = BusTicket(client_id=client_id, client=client, client_passenger=passenger, folder=storage.folder)
    yield from problems_of_making(trip, storage.factory, _further)


def _further(crew: Crew, kind: type[Plugin], reference: ModuleReference) -> Iterator[Problem]:
    yield from _misplaced(kind, reference)
    yield from _said_by_plugin(crew, kind, reference)


def _misplaced(kind: type[Plugin], reference: ModuleReference) -> Iterator[Problem]:
    """Settings of a pusher at what is none: unknown keys are kept, so nobody else would notice."""
    if kind is not Pusher:
        for key in sorted({*PusherReference.model_fields} & {*(reference.model_extra or {})}):
            message = f"{kind.__name__} {reference.step_name!r}: {key!r} is for pushers only and does nothing here"
            yield Problem((key,), message)


def _said_by_plugin(crew: Crew, kind: type[Plugin], reference: ModuleReference) -> Iterator[Problem]:
    name = reference.step_name
    plugin = crew.member(kind, name)
    if plugin is None:
        return
    try:
        for problem in crew.iterate(plugin.problems):
            yield Problem((), f"{kind.__name__} {name!r}: {problem}")
    except PluginError as error:
        yield Problem((), f"{kind.__name__} {name!r} cannot say what problems it has: {error}")
