"""Whether everything that a trip needs can be made: its passengers, its queue, its plug-ins with their arguments."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.crew import Crew
from databus_core.engine.queue import Queue
from databus_core.errors import FactoryError
from databus_core.model.client import PLAIN_PASSENGER, ClientPassenger, ModuleReference
from databus_core.model.log import Log
from databus_core.model.passenger import Passenger
from databus_core.model.problem import Problem
from databus_core.plugins.factory import Factory
from databus_core.plugins.plugin import ArgumentsError, Plugin
from databus_core.plugins.processor import Processor
from databus_core.plugins.puller import Puller
from databus_core.plugins.pusher import Pusher

Further = Callable[[Crew, type[Plugin], ModuleReference], Iterator[Problem]]
"""What else can be said of a plug-in, which the crew may have or not; the paths start at its reference."""


def problems_of_making(bus_ticket: BusTicket, factory: Factory, further: Further | None = None) -> Iterator[Problem]:
    """What cannot be made for a trip, and why; makes it and calls nothing. The paths start at the client passenger."""
    passenger = bus_ticket.client_passenger
    try:
        factory.load(Passenger, passenger.passenger_module)
    except FactoryError as error:
        yield Problem(("module" if passenger.module else "name",), str(error))
        passenger = passenger.model_copy(update={"module": PLAIN_PASSENGER})
    try:
        factory.load(Queue, passenger.queue)
    except FactoryError as error:
        yield Problem(("queue",), str(error))
    log = Log(bus_ticket.client_id, passenger.name)
    with Crew(dataclasses.replace(bus_ticket, client_passenger=passenger), factory, log) as crew:
        for kind, key, references in _configured(passenger):
            for number, reference in enumerate(references):
                found = [*_why_missing(crew, kind, reference), *(further(crew, kind, reference) if further else ())]
                yield from (dataclasses.replace(each, path=(key, number, *each.path)) for each in found)


def _configured(passenger: ClientPassenger) -> tuple[tuple[type[Plugin], str, Sequence[ModuleReference]], ...]:
    return (
        (Puller, "pullers", passenger.pullers),
        (Processor, "processors", passenger.processors),
        (Pusher, "pushers", passenger.pushers),
    )


def _why_missing(crew: Crew, kind: type[Plugin], reference: ModuleReference) -> Iterator[Problem]:
    name = reference.step_name
    if crew.member(kind, name) is not None:
        return
    error = crew.missing[kind, name]
    if isinstance(error.__cause__, ArgumentsError):
        for problem in error.__cause__.problems:
            yield Problem(("arguments", *problem.path), f"{kind.__name__} {name!r}: argument {problem}")
    else:
        yield Problem(("module",), str(error))
