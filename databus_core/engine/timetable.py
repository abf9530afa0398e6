"""Who is due, and when next. Pure: it reads no clock and starts nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from databus_core.model.missed import Absence, MissedTrips, Owed
from databus_core.model.route_state import RoutePause
from databus_core.model.timing import Timing

ATTENTION = timedelta(minutes=1)
"""Whoever drives looks at the timetable more often than this. What departs by so much too late is only late, what was
not looked at for longer is missed; and clocks that are set by less are still right."""


class Route(NamedTuple):
    """What travels: one client passenger of one client."""

    client_id: str
    client_passenger: str

    def __str__(self) -> str:
        return f"{self.client_id} / {self.client_passenger}"


class _Line:
    """The departures of one route."""

    def __init__(self, timing: Timing, last_departure_at: datetime | None) -> None:
        self.timing = timing
        self.pause = RoutePause.NONE
        self.running = False
        self.expedited = False
        self._after = last_departure_at
        """Departures after this moment are still to come; None before there was any."""
        self._due_at: datetime | None = None
        self._is_reckoned = False
        self._owed = 0
        """Trips that are still to make up for missed ones, the first of which was due at `_owed_since`."""
        self._owed_since: datetime | None = None
        self._makes_up = False
        """Whether the trip under way is one of them."""
        self._attended_at = last_departure_at
        """Until then it was looked at and could depart."""
        self._absence = Absence.STOPPED
        self.put_off_until: datetime | None = None
        """When something can be tried again, whatever the schedule says; None when nothing waits for a time."""

    @property
    def is_waiting(self) -> bool:
        """Whether it departs by itself when it is due."""
        return not self.running and self.pause is not RoutePause.EVERYTHING

    def change(self, timing: Timing) -> None:
        """Depart by another timing from now on. What a new cron expression would have meant before does not count."""
        if timing == self.timing:
            return
        self.timing, self._is_reckoned = timing, False
        if timing.interval is None and self._after is not None and self._attended_at is not None:
            self._after = max(self._after, self._attended_at)

    def depart(self, now: datetime, *, put_off: bool) -> None:
        """Its trip begins; the schedule knows nothing of one for what was put off."""
        self.running, self.put_off_until = True, None
        if put_off:
            return
        self.expedited = False
        self._after, self._is_reckoned = now, False
        self._makes_up = self._owed > 0
        self._owed -= self._makes_up

    def made_up(self) -> bool:
        """Its trip was made; answers whether it was one of those that are owed."""
        made_up, self._makes_up = self._makes_up, False
        return made_up

    @property
    def owed(self) -> Owed | None:
        """The trips to make up for missed ones that have not arrived yet."""
        trips = self._owed + self._makes_up
        return Owed(self._owed_since, trips) if trips and self._owed_since is not None else None

    def owe(self, owed: Owed) -> None:
        """An earlier process has not made these."""
        self._owed, self._owed_since = min(owed.trips, self.timing.make_up), owed.since

    def next_at(self, now: datetime) -> datetime | None:
        """When it departs next, by its schedule or for what was put off; may have passed; None when it never does."""
        return min(filter(None, (self.due_at(now), self._tried_at())), default=None)

    def is_put_off(self, now: datetime) -> bool:
        """Whether it departs now for what was put off only."""
        tried_at, due_at = self._tried_at(), self.due_at(now)
        return not self.expedited and tried_at is not None and tried_at <= now and (due_at is None or due_at > now)

    def _tried_at(self) -> datetime | None:
        return self.put_off_until and self.timing.active.opens_at(self.put_off_until)

    def due_at(self, now: datetime) -> datetime | None:
        """When its schedule lets it depart next, which may have passed; None when it never does."""
        scheduled_at = self._scheduled_at(now)
        return self._owed_since if self._owed else scheduled_at

    def _scheduled_at(self, now: datetime) -> datetime | None:
        """The same without what is owed."""
        self._believe(now)
        if not self._is_reckoned:
            after, timing = self._after, self.timing
            self._due_at = timing.first_at(now) if after is None else timing.next_after(after)
            self._is_reckoned = True
        return self._due_at

    def _believe(self, now: datetime) -> None:
        """A clock that was set back is right now: what seems to lie in the future is taken for the present."""
        if max(filter(None, (self._after, self._attended_at)), default=now) > now + ATTENTION:
            self._after = self._after and min(self._after, now)
            self._attended_at = self._attended_at and min(self._attended_at, now)
            self._is_reckoned = False

    def rest(self) -> None:
        """Nobody looks at it from now on."""
        if self._absence is Absence.ASLEEP:
            self._absence = Absence.PAUSED

    def set_pause(self, pause: RoutePause) -> None:
        """Let it rest, or travel again."""
        self.pause = pause
        if pause is RoutePause.EVERYTHING:
            self._absence, self.expedited = Absence.PAUSED, False

    def attend(self, name: str, now: datetime) -> MissedTrips | None:
        """It is looked at, and may depart: answers what it missed meanwhile, and owes the trips to make up for that."""
        due_at, since, why = self._scheduled_at(now), self._attended_at or now, self._absence
        self._attended_at, self._absence = now, Absence.ASLEEP
        until = now - ATTENTION
        if due_at is None or not since < due_at <= until:
            return None
        count, self._due_at = self.timing.passed(due_at, until)
        before, self._owed = self._owed, min(self._owed + count, self.timing.make_up)
        self._owed_since = self._owed_since if before else due_at
        return MissedTrips(name, due_at, now, why, count, self._owed - before)


class Timetable:
    """The departures of every route. A route never departs while it travels; expediting it then means: once more."""

    def __init__(self, drivers_at_once: int) -> None:
        self.drivers_at_once = drivers_at_once
        self._lines: dict[Route, _Line] = {}
        self._drivers_of: dict[str, int] = {}
        """By client, where one has a limit of its own."""

    # Routes -----------------------------------------------------------------------------------------------------

    def set_client(
        self,
        client_id: str,
        timings: Mapping[str, Timing],
        last: Mapping[str, datetime],
        drivers_at_once: int | None = None,
    ) -> None:
        """Make these client passengers the client's routes; those already known keep their state.

        `last` says when a route departed last, or since when it is known, where an earlier process has kept that;
        `drivers_at_once` how many of them may travel at the same time.
        """
        for route in [route for route in self._lines if route.client_id == client_id]:
            if route.client_passenger not in timings and not self._lines[route].running:
                del self._lines[route]
        for name, timing in timings.items():
            self._lines.setdefault(Route(client_id, name), _Line(timing, last.get(name))).change(timing)
        self._drivers_of.pop(client_id, None)
        if drivers_at_once is not None:
            self._drivers_of[client_id] = drivers_at_once

    def remove_client(self, client_id: str) -> None:
        """The client has no routes any more; a trip that runs goes on."""
        self._lines = {route: line for route, line in self._lines.items() if route.client_id != client_id}

    def __contains__(self, route: Route) -> bool:
        return route in self._lines

    @property
    def routes(self) -> frozenset[Route]:
        """All that it knows."""
        return frozenset(self._lines)

    # What happens -----------------------------------------------------------------------------------------------

    def expedite(self, route: Route) -> None:
        """The route departs as soon as it does not travel. Raises KeyError for an unknown route."""
        self._lines[route].expedited = True

    def set_pause(self, route: Route, pause: RoutePause) -> None:
        """Let a route rest, or travel again; a trip that runs goes on. Raises KeyError for an unknown route."""
        self._lines[route].set_pause(pause)

    def rest(self) -> None:
        """Nothing departs until somebody attends again."""
        for line in self._lines.values():
            line.rest()

    def attend(self, now: datetime) -> dict[Route, MissedTrips]:
        """Whoever drives looks at the timetable, at least once in ATTENTION; answers what was missed since."""
        attended = {
            route: line.attend(route.client_passenger, now)
            for route, line in self._lines.items()
            if line.pause is not RoutePause.EVERYTHING
        }
        return {route: missed for route, missed in attended.items() if missed is not None}

    def owed(self, route: Route) -> Owed | None:
        """The trips of a route that make up for missed ones and have not arrived yet."""
        line = self._lines.get(route)
        return None if line is None else line.owed

    def owe(self, route: Route, owed: Owed) -> None:
        """An earlier process has not made these trips. Raises KeyError for an unknown route."""
        self._lines[route].owe(owed)

    def made_up(self, route: Route) -> bool:
        """The route's trip was made: answers whether it was one of those that it owed, and owes no more."""
        line = self._lines.get(route)
        return line is not None and line.made_up()

    def put_off(self, route: Route, until: datetime | None) -> None:
        """The route departs then, within its active hours, whatever its schedule says; None: for nothing but that.

        Raises KeyError for an unknown route.
        """
        self._lines[route].put_off_until = until

    def put_off_until(self, route: Route) -> datetime | None:
        """What `put_off` was told since the route departed last."""
        line = self._lines.get(route)
        return None if line is None else line.put_off_until

    def is_put_off(self, route: Route, now: datetime) -> bool:
        """Whether it is due for nothing but what was put off."""
        line = self._lines.get(route)
        return line is not None and line.is_put_off(now)

    def is_expedited(self, route: Route) -> bool:
        """Whether a person wants its next departure."""
        line = self._lines.get(route)
        return line is not None and line.expedited

    def departed(self, route: Route, now: datetime, *, put_off: bool = False) -> None:
        """The route's trip begins; with `put_off`, one that is none of its schedule."""
        self._lines[route].depart(now, put_off=put_off)

    def arrived(self, route: Route) -> None:
        """The route's trip is over."""
        if route in self._lines:
            self._lines[route].running = False

    # Questions --------------------------------------------------------------------------------------------------

    def due(self, now: datetime) -> list[Route]:
        """What departs now: everything expedited, then the longest overdue as far as drivers are free."""
        waiting = {route: line for route, line in self._lines.items() if line.is_waiting}
        departing = [route for route, line in waiting.items() if line.expedited]
        dues = ((line.next_at(now), route) for route, line in waiting.items() if not line.expedited)
        overdue = sorted((due_at, route) for due_at, route in dues if due_at is not None and due_at <= now)
        driven = self._driven()
        driven.update(route.client_id for route in departing)
        for _, route in overdue:
            if self._has_driver(route.client_id, driven):
                departing.append(route)
                driven[route.client_id] += 1
        return departing

    def _driven(self) -> Counter[str]:
        """How many trips of each client run."""
        return Counter(route.client_id for route, line in self._lines.items() if line.running)

    def _has_driver(self, client_id: str, driven: Counter[str]) -> bool:
        limit = self._drivers_of.get(client_id, self.drivers_at_once)
        return driven.total() < self.drivers_at_once and driven[client_id] < limit

    def is_running(self, route: Route) -> bool:
        """Whether a trip of the route is under way."""
        line = self._lines.get(route)
        return line is not None and line.running

    def pause_of(self, route: Route) -> RoutePause:
        """What of the route rests."""
        line = self._lines.get(route)
        return RoutePause.NONE if line is None else line.pause

    def next_due_at(self, now: datetime, route: Route) -> datetime | None:
        """When a route is due; None when it does not depart by itself."""
        line = self._lines.get(route)
        if line is None or line.pause is RoutePause.EVERYTHING:
            return None
        return now if line.expedited else line.next_at(now)

    def next_departure_at(self, now: datetime) -> datetime | None:
        """When the next route is due that then has a driver as things are; None when there is none."""
        driven = self._driven()
        dues = (
            line.next_at(now)
            for route, line in self._lines.items()
            if line.is_waiting and self._has_driver(route.client_id, driven)
        )
        return min((due_at for due_at in dues if due_at is not None), default=None)
