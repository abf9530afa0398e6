"""Active hours: the times of a week in which something departs by itself."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Self

from databus_core.model.zone import instant

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALLOWED = "write 06:00-22:00, or with days mon-fri 06:00-22:00 or sat,sun 10:00-14:00"

_HOURS = re.compile(r"(?:(?P<days>[a-z][a-z, -]*?)\s+)?(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_DAY = timedelta(days=1)
_MINUTES = 24 * 60
_LOOKED_AT = 16
"""Days: a change of clocks may leave out the hours of one week."""


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of some days; those over midnight belong to the day on which they begin."""

    days: frozenset[int]
    """Monday is 0."""
    begins: int
    """Minutes after midnight."""
    ends: int
    """The same, exclusive; more than a day's minutes where it ends on the next day."""
    text: str
    """As a person wrote it."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """A window from its text. Raises ValueError, in words."""
        found = _HOURS.fullmatch(text.strip().lower())
        if found is None:
            raise ValueError(f"{text!r} is not allowed: {ALLOWED}")
        begins, ends = (_minutes(text, *found.groups()[place : place + 2]) for place in (1, 3))
        if begins == ends:
            raise ValueError(f"{text!r} is not allowed: it has no length; a whole day is 00:00-24:00")
        days = frozenset(_days(text, found["days"])) if found["days"] else frozenset(range(7))
        return cls(days, begins, ends if ends > begins else ends + _MINUTES, text.strip())


def _minutes(text: str, hours: str, minutes: str) -> int:
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > _MINUTES:
        raise ValueError(f"{text!r} is not allowed: {hours}:{minutes} is no time of a day")
    return total


def _days(text: str, days: str) -> Iterator[int]:
    for part in days.replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError(f"{text!r} is not allowed: {part!r} is no day; days are {', '.join(DAYS)}")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        yield from (number % 7 for number in range(begin, end + 1 if end >= begin else end + 8))


@dataclass(frozen=True, slots=True)
class ActiveHours:
    """Windows in a time zone; without any, it is always open."""

    windows: tuple[Window, ...]
    zone: tzinfo

    @classmethod
    def parse(cls, texts: Sequence[str], zone: tzinfo) -> Self:
        """Raises ValueError, in words."""
        return cls(tuple(map(Window.parse, texts)), zone)

    def opens_at(self, moment: datetime) -> datetime | None:
        """The moment itself while it is open, else when it opens next; None if it never does."""
        if not self.windows:
            return moment
        found: datetime | None = None
        day = moment.astimezone(self.zone).date() - _DAY
        for number in range(_LOOKED_AT):
            for begins, ends in _spans(self.windows, self.zone, day + number * _DAY):
                if begins <= moment < ends:
                    return moment
                if moment < begins < ends and (found is None or begins < found):
                    found = begins
            if found is not None and number > 1:
                break
        return found


@functools.lru_cache(maxsize=1000)
def _spans(windows: tuple[Window, ...], zone: tzinfo, day: date) -> list[tuple[datetime, datetime]]:
    """From when to when it is open because of that day."""
    on_that_day = [window for window in windows if day.weekday() in window.days]
    return [(instant(day, window.begins, zone), instant(day, window.ends, zone)) for window in on_that_day]


ALWAYS = ActiveHours((), UTC)
"""It is never closed."""
