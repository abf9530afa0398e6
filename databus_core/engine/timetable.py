"""Who is due, and when next. Pure: it reads no clock and starts nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple


class Route(NamedTuple):
    """What travels: one client passenger of one client."""

    client_id: str
    client_passenger: str

    def __str__(self) -> str:
        return f"{self.client_id} / {self.client_passenger}"


@dataclass(slots=True)
class _Line:
    interval: timedelta
    last_departure_at: datetime | None
    running: bool = False
    expedited: bool = False

    def due_at(self, now: datetime) -> datetime:
        """A line that never ran is due now. A clock that was set back costs one interval at most."""
        if self.last_departure_at is None:
            return now
        self.last_departure_at = min(self.last_departure_at, now)
        return self.last_departure_at + self.interval


class Timetable:
    """The departures of every route. A route never departs while it travels; expediting it then means: once more."""

    def __init__(self, drivers_at_once: int) -> None:
        self.drivers_at_once = drivers_at_once
        self._lines: dict[Route, _Line] = {}

    def set_client(self, client_id: str, intervals: Mapping[str, timedelta], last: Mapping[str, datetime]) -> None:
        """Make these client passengers the client's routes; those already known keep their state.

        `last` says when a route departed last, where that is known from an earlier process.
        """
        for route in [route for route in self._lines if route.client_id == client_id]:
            line = self._lines[route]
            if route.client_passenger not in intervals and not line.running:
                del self._lines[route]
        for name, interval in intervals.items():
            line = self._lines.setdefault(Route(client_id, name), _Line(interval, last.get(name)))
            line.interval = interval

    def remove_client(self, client_id: str) -> None:
        """The client has no routes any more; a trip that runs goes on."""
        self._lines = {route: line for route, line in self._lines.items() if route.client_id != client_id}

    def __contains__(self, route: Route) -> bool:
        return route in self._lines

    def expedite(self, route: Route) -> None:
        """The route departs as soon as it does not travel. Raises KeyError for an unknown route."""
        self._lines[route].expedited = True

    def due(self, now: datetime) -> list[Route]:
        """What departs now: everything expedited, then the longest overdue as far as drivers are free."""
        waiting = {route: line for route, line in self._lines.items() if not line.running}
        expedited = [route for route, line in waiting.items() if line.expedited]
        overdue = [(line.due_at(now), route) for route, line in waiting.items() if not line.expedited]
        ordered = [route for due_at, route in sorted(overdue) if due_at <= now]
        running = sum(line.running for line in self._lines.values())
        free = max(0, self.drivers_at_once - running - len(expedited))
        return expedited + ordered[:free]

    def is_expedited(self, route: Route) -> bool:
        """Whether a person wants its next departure."""
        line = self._lines.get(route)
        return line is not None and line.expedited

    def departed(self, route: Route, now: datetime) -> None:
        """The route's trip begins."""
        line = self._lines[route]
        line.running, line.expedited, line.last_departure_at = True, False, now

    def arrived(self, route: Route) -> None:
        """The route's trip is over."""
        if route in self._lines:
            self._lines[route].running = False

    def is_running(self, route: Route) -> bool:
        """Whether a trip of the route is under way."""
        line = self._lines.get(route)
        return line is not None and line.running

    def next_due_at(self, now: datetime, route: Route | None = None) -> datetime | None:
        """When a route, or the next of all that do not travel, is due; None when none is."""
        if route is not None:
            line = self._lines.get(route)
            return None if line is None else now if line.expedited else line.due_at(now)
        return min((line.due_at(now) for line in self._lines.values() if not line.running), default=None)
