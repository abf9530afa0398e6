"""A rate limit: in no span of its time are more passengers delivered than it says. Pure: the clock is passed in.

A sliding window log, https://en.wikipedia.org/wiki/Rate_limiting, in which those that were delivered at nearly the same
time are one record, so that it is short whatever the limit. What the log says of a moment is never earlier than it was,
so that it may only ever make somebody wait longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from databus_core.model.clock import format_time, parse_time
from databus_core.model.passenger import Json
from databus_core.model.policies import RateLimit

RECORDS = 100
"""About how many records a window has at most."""

RESERVED_FOR = timedelta(seconds=1)
"""How long what was reserved is good for."""


@dataclass(slots=True)
class _Record:
    """So many were delivered between these moments."""

    first_at: datetime
    last_at: datetime
    passengers: int


class Rate:
    """What one pusher has delivered lately, over all its trips.

    A turn begins with `book` and ends with `came_back`, when the passengers count from: whenever between the two they
    arrived, it was not later. Before the push, `document` must be durable if `book` says so: it then has a few more
    than were delivered, reserved ahead, so that a process that dies has delivered no more than is written.
    """

    def __init__(self, limit: RateLimit, document: Json = None) -> None:
        """`document`: what was stored last."""
        self._limit = limit
        self._records = _records_in(document)
        self._delivered = sum(record.passengers for record in self._records)
        self._booked = 0
        self._reserved = 0
        self._reserved_until: datetime | None = None

    def wait(self, moment: datetime) -> timedelta:
        """How long until another passenger may be delivered; never longer than the limit's time."""
        self._forget(moment)
        too_many = self._delivered + self._booked + 1 - self._limit.passengers
        for record in self._records if too_many > 0 else ():
            too_many -= record.passengers
            if too_many <= 0:
                return record.last_at + self._limit.per - moment
        return self._limit.per if too_many > 0 else timedelta()

    def book(self, moment: datetime) -> bool:
        """A passenger has its turn; answers whether the document must be stored before it is pushed."""
        until = self._reserved_until
        is_reserved = self._reserved > 0 and until is not None and moment <= until
        if not is_reserved:
            self._reserved = self._chunk()
            self._reserved_until = moment + RESERVED_FOR
        self._reserved -= 1
        self._booked += 1
        return not is_reserved

    def _chunk(self) -> int:
        """What is reserved at once: a part of what is allowed, or what that is in a second."""
        most = self._limit.passengers
        chunk = max(1, most // 10, int(most * (timedelta(seconds=1) / self._limit.per)))
        return max(1, min(chunk, most - self._delivered - self._booked))

    def turn_back(self) -> None:
        """One that had its turn was not pushed after all."""
        self._booked -= 1

    def came_back(self, moment: datetime, passengers: int) -> None:
        """So many that had their turn were pushed, whatever came of it."""
        self._booked -= passengers
        self._delivered += passengers
        last = self._records[-1] if self._records else None
        if last is not None and moment - last.first_at < self._limit.per / RECORDS:
            last.last_at = max(last.last_at, moment)
            last.passengers += passengers
        else:
            self._records.append(_Record(moment, moment, passengers))

    def release(self) -> None:
        """Nothing more is pushed on this trip: what was reserved ahead is not needed."""
        self._reserved = 0

    def document(self, moment: datetime) -> Json:
        """What must be known later, as plain JSON; None when nothing must."""
        self._forget(moment)
        shown = [(record.last_at, record.passengers) for record in self._records]
        ahead = self._reserved + self._booked
        if ahead and self._reserved_until is not None:
            shown.append((self._reserved_until, ahead))
        return [{"until": format_time(at), "passengers": passengers} for at, passengers in shown] or None

    def _forget(self, moment: datetime) -> None:
        """What lies behind by the limit's time counts no more. What seems to lie ahead, because something was reserved
        when the process died or because the clock was set back, was delivered until now."""
        for record in reversed(self._records):
            if record.last_at <= moment:
                break
            record.first_at, record.last_at = min(record.first_at, moment), moment
        kept = next((n for n, each in enumerate(self._records) if each.last_at + self._limit.per > moment), None)
        gone = self._records[:kept]
        self._records = self._records[len(gone) :]
        self._delivered -= sum(record.passengers for record in gone)


def _records_in(document: Json) -> list[_Record]:
    """What can be read of it."""
    records: list[_Record] = []
    for part in cast("list[Any]", document) if isinstance(document, list) else ():
        try:
            at = parse_time(part["until"])
            records.append(_Record(at, at, int(part["passengers"])))
        except (KeyError, TypeError, ValueError):
            continue
    return sorted(records, key=lambda record: record.last_at)
