"""Timing: at which moments something departs. Pure: it reads no clock."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from cronsim import CronSim

from databus_core.model.active_hours import ActiveHours
from databus_core.model.zone import LOCAL

MOST_COUNTED = 1000
"""Moments that have passed are counted up to here: a count must not take long."""

_FARTHEST = timedelta(days=10 * 366)
"""Whatever comes at all comes within ten years: the 29th of February does."""

_UNITS = (
    (timedelta(days=1), "every day", "every {} days"),
    (timedelta(hours=1), "every hour", "every {} hours"),
    (timedelta(minutes=1), "every minute", "every {} minutes"),
)


@dataclass(frozen=True, slots=True)
class Timing:
    """Departures at an interval, or by a cron expression; both only within active hours.

    An interval is reckoned from the last departure in real time, whatever clocks do. A cron expression goes by the
    clocks of its zone: a time that their change leaves out comes at the change, one that they show twice comes once;
    what comes every few minutes or every hour goes on through both.
    """

    interval: timedelta | None
    """None for a cron expression."""
    cron: str
    zone: tzinfo
    active: ActiveHours
    make_up: int
    """How many of the departures that were missed are made up for at most."""

    def first_at(self, moment: datetime) -> datetime | None:
        """When something departs that never did: as soon as it may at an interval, else at the next time."""
        return self.next_after(moment) if self.interval is None else self.active.opens_at(moment)

    def next_after(self, moment: datetime) -> datetime | None:
        """The departure that follows one at that moment; None if none ever does."""
        if self.interval is not None:
            return self.active.opens_at(moment + self.interval)
        latest = moment + _FARTHEST
        due_at = self._cron_after(moment)
        while due_at is not None and due_at < latest:
            opens_at = self.active.opens_at(due_at)
            if opens_at is None or opens_at == due_at:
                return opens_at
            due_at = self._cron_after(opens_at - timedelta(microseconds=1))
        return None

    def _cron_after(self, moment: datetime) -> datetime | None:
        # It goes by what clocks show, and may answer the first showing of a time when the second is meant.
        times = (time.astimezone(UTC) for time in CronSim(self.cron, moment.astimezone(self.zone)))
        return next((time for time in times if time > moment), None)

    def following(self, moment: datetime) -> Iterator[datetime]:
        """Every departure after that one."""
        due_at = self.next_after(moment)
        while due_at is not None:
            yield due_at
            due_at = self.next_after(due_at)

    def next_times(self, moment: datetime, number: int) -> list[datetime]:
        """The next departures after that one."""
        return list(itertools.islice(self.following(moment), number))

    def passed(self, first: datetime, until: datetime) -> tuple[int, datetime | None]:
        """How many departures came from `first` on until then, counted up to MOST_COUNTED, and the next one."""
        if self.interval is not None and not self.active.windows:
            number = (until - first) // self.interval + 1
            return min(number, MOST_COUNTED), first + number * self.interval
        count = 1
        for due_at in self.following(first):
            if due_at > until:
                return count, due_at
            if count == MOST_COUNTED:
                break
            count += 1
        return count, self.next_after(until)

    def in_words(self) -> str:
        """For people: "every 30 seconds", "at 07:00 on Monday through Friday, clocks of Europe/Istanbul"."""
        if self.interval is None:
            text = CronSim(self.cron, datetime(2000, 1, 1, tzinfo=UTC)).explain()
            text = text[:1].lower() + text[1:]
        else:
            text = _every(self.interval)
        if self.active.windows:
            text += f", {' and '.join(window.text for window in self.active.windows)}"
        by_clocks = self.interval is None or self.active.windows
        return f"{text}, clocks of {self.zone}" if by_clocks and self.zone is not LOCAL else text

    def missed_in_words(self) -> str:
        """What becomes of departures that are missed."""
        if self.make_up == 0:
            return "trips that are missed are left out"
        return (
            f"{'one trip makes' if self.make_up == 1 else f'up to {self.make_up:,} trips make'} up for what is missed"
        )


def _every(interval: timedelta) -> str:
    for unit, one, many in _UNITS:
        number, rest = divmod(interval, unit)
        if number and not rest:
            return one if number == 1 else many.format(number)
    seconds = interval.total_seconds()
    return "every second" if seconds == 1 else f"every {seconds:g} seconds"
