"""What waits in the source systems, seen without consuming it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.crew import Crew
from databus_core.errors import PeekNotOffered, PluginError
from databus_core.model.log import Log
from databus_core.model.passenger import Passenger
from databus_core.plugins.database import Database
from databus_core.plugins.factory import Factory
from databus_core.plugins.puller import Puller

PEEK_LIMIT = 1000
"""How many passengers of one puller are shown."""


@dataclass(frozen=True, slots=True)
class PeekedPassenger:
    """One passenger that waits in a source system."""

    passenger: Passenger
    known: str | None
    """Its internal id if it is seated already, "" if it was seated and is purged, None if it is new."""


@dataclass(slots=True)
class PullerPeek:
    """What one puller shows."""

    puller: str
    items: list[PeekedPassenger] = field(default_factory=list[PeekedPassenger])
    offered: bool = True
    """False: the puller cannot show anything without consuming it."""
    error: str = ""
    """Why nothing, or not everything, is shown."""
    more: bool = False
    """Whether more than PEEK_LIMIT wait."""


def peek(bus_ticket: BusTicket, database: Database, factory: Factory) -> list[PullerPeek]:
    """Ask each puller of one client passenger; an error of one harms no other."""
    route = bus_ticket.client_passenger
    log = Log(bus_ticket.client_id, route.name)
    with Crew(bus_ticket, factory, log) as crew:
        return [_peek_one(crew, reference.step_name, log, database) for reference in route.pullers]


def _peek_one(crew: Crew, name: str, log: Log, database: Database) -> PullerPeek:
    shown = PullerPeek(name)
    puller = crew.member(Puller, name)
    if puller is None:
        shown.error = crew.why_missing(Puller, name)
        return shown
    try:
        for passenger in islice(_passengers(crew, puller), PEEK_LIMIT + 1):
            if len(shown.items) == PEEK_LIMIT:
                shown.more = True
                break
            shown.items.append(PeekedPassenger(passenger, _known(database, log.client_id, passenger)))
    except PluginError as error:
        shown.offered, shown.error = not isinstance(error.__cause__, PeekNotOffered), str(error)
    said = [entry.message for entry in log.errors if entry.module == name]
    shown.error = shown.error or "\n".join(said)
    return shown


def _known(database: Database, client_id: str, passenger: Passenger) -> str | None:
    source_system, external_id = passenger.source_system, passenger.external_id
    if database.differs(client_id, source_system, external_id, passenger.fingerprint):
        external_id = passenger.distinct_id
    return database.known(client_id, source_system, external_id)


def _passengers(crew: Crew, puller: Puller) -> Iterator[Passenger]:
    return crew.iterate(puller.peek)
