"""Time zones: those with a name, and the machine's own."""

from __future__ import annotations

import difflib
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

_MINUTE = timedelta(minutes=1)


class LocalZone(tzinfo):
    """The zone that the machine is set to, which has no name that Python could tell everywhere."""

    def utcoffset(self, dt: datetime | None, /) -> timedelta | None:
        return None if dt is None else dt.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, dt: datetime | None, /) -> timedelta | None:
        return None

    def tzname(self, dt: datetime | None, /) -> str | None:
        return None if dt is None else dt.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, dt: datetime, /) -> datetime:
        at = dt.replace(tzinfo=UTC)
        local = at.astimezone().replace(tzinfo=None)
        first = local.astimezone(UTC) == at  # else it is the second time that clocks show this
        return local.replace(tzinfo=self, fold=0 if first else 1)


LOCAL = LocalZone()


def zone_named(name: str) -> tzinfo:
    """The zone of that name; the machine's own without one. Raises ValueError, in words."""
    if not name:
        return LOCAL
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: the name of a folder of zones
        close = difflib.get_close_matches(name, available_timezones(), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ", such as 'Europe/Istanbul'"
        raise ValueError(f"it is no time zone{hint}") from error


def instant(day: date, minutes: int, zone: tzinfo) -> datetime:
    """When clocks in the zone show, for the first time, so many minutes after that day's midnight; in UTC.

    A time that the change of clocks leaves out is the moment of the change.
    """
    wall = datetime.combine(day, time()) + minutes * _MINUTE
    while True:
        at = wall.replace(tzinfo=zone).astimezone(UTC)
        if at.astimezone(zone).replace(tzinfo=None) == wall:
            return at
        wall += _MINUTE
