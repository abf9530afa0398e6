"""Which plug-ins each client passenger gets: the newest, or where these do not work, those that it has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.timetable import Route
from databus_core.engine.trial import Found, Trials
from databus_core.plugins.generation import Generation


class Allotment:
    """Used on the dispatcher's loop only."""

    def __init__(self, plugins: Generation) -> None:
        self.seen = plugins
        """The newest of which is known with whom they work."""
        self._sound = plugins
        """The newest that work with all."""
        self._given: dict[Route, Generation] = {}
        """What those client passengers get that get others."""
        self._broken: dict[Route, Found] = {}
        """What cannot be made of the newest, for those who do not get them."""

    def of(self, bus_ticket: BusTicket) -> Generation:
        """What that trip gets."""
        return self._given.get(route_of(bus_ticket), self._sound)

    def generations(self) -> set[Generation]:
        """All that trips get."""
        return {self._sound, *self._given.values()}

    def take_over(self, newest: Generation, worse: Mapping[Route, Found]) -> None:
        """Each of these routes gets the newest plug-ins where nothing is worse with them."""
        for route, found in worse.items():
            if found:
                self._broken[route] = found
            else:
                self._given[route] = newest
                self._broken.pop(route, None)
        if not self._broken and newest is self.seen:
            self._sound = newest
            self._given.clear()
            newest.put_in_force()

    async def worse(
        self, newest: Generation, bus_tickets: Iterable[BusTicket], of_all: Iterable[str], trials: Trials
    ) -> dict[Route, Found]:
        """What cannot be made of the newest for these trips, and can be made of what they get now.

        `of_all`: modules that every trip needs. Raises DispatcherError when they cannot be tried.
        """
        worse: dict[Route, Found] = {route_of(each): () for each in bus_tickets}
        affected = [each for each in bus_tickets if self._is_affected(newest, each, of_all)]
        doubtful: dict[Generation, list[BusTicket]] = defaultdict(list)
        for each, found in zip(affected, await trials.of(newest, affected), strict=True):
            if found:
                worse[route_of(each)] = found
                doubtful[self.of(each)].append(each)
        for before, some in doubtful.items():
            for each, found in zip(some, await trials.of(before, some), strict=True):
                known = {problem.path[:2] for problem in found}
                worse[route_of(each)] = [p for p in worse[route_of(each)] if p.path[:2] not in known]
        return worse

    def _is_affected(self, newest: Generation, bus_ticket: BusTicket, of_all: Iterable[str]) -> bool:
        given, passenger = self.of(bus_ticket), bus_ticket.client_passenger
        steps = (*passenger.pullers, *passenger.processors, *passenger.pushers)
        modules = (passenger.passenger_module, passenger.queue, *(step.module for step in steps), *of_all)
        names = {module.partition(":")[0] for module in modules}
        return given is not newest and any(name in newest or name in given for name in names)

    def problems(self, routes: Iterable[Route]) -> Iterator[str]:
        """Why these do not get the newest, a sentence for each thing that cannot be made."""
        concerned: dict[str, list[Route]] = defaultdict(list)
        for route in routes:
            for problem in self._broken.get(route, ()):
                concerned[problem.message].append(route)
        for message, some in concerned.items():
            yield f"{', '.join(map(str, some))}: {message.rstrip('.')}. The last good version goes on."


def route_of(bus_ticket: BusTicket) -> Route:
    """Whose trip it is."""
    return Route(bus_ticket.client_id, bus_ticket.client_passenger.name)
