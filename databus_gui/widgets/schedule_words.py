"""A schedule as a tooltip tells it: in words, its next times, and what was missed lately."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from databus_core.model.missed import Absence, MissedTrips
from databus_core.model.timing import MOST_COUNTED, Timing
from databus_gui.i18n import count, tr

NEXT_TIMES = 5
MISSED_SHOWN = 3

_WHY = {
    Absence.ASLEEP: "the machine slept",
    Absence.PAUSED: "it was paused",
    Absence.STOPPED: "the dispatcher was stopped",
}


def schedule_details(timing: Timing, moment: datetime, due_at: datetime | None, missed: Sequence[MissedTrips]) -> str:
    """`due_at` is when it departs next, None if it rests; `missed` is its ledger, the newest first."""
    words, policy = timing.in_words(), timing.missed_in_words()
    lines = [f"{words[:1].upper()}{words[1:]}; {policy}."]
    if due_at is None:
        lines += ["", tr("The next times, if it travelled:")]
        times = timing.next_times(moment, NEXT_TIMES)
    else:
        lines += ["", tr("The next times:")]
        times = [max(moment, due_at), *timing.next_times(max(moment, due_at), NEXT_TIMES - 1)]
    lines += [f"    {_at(time)}" for time in times]
    if missed:
        lines += ["", tr("Missed:"), *(f"    {_missed(row)}" for row in missed[:MISSED_SHOWN])]
    return "\n".join(lines)


def _at(moment: datetime) -> str:
    return f"{moment.astimezone():%a %Y-%m-%d %H:%M:%S}"


def _missed(row: MissedTrips) -> str:
    trips = count(row.count, "{n} trip", "{n} trips")
    if row.count == MOST_COUNTED:
        trips = tr("{trips} and more", trips=trips)
    made_up = tr("{n} made up for", n=f"{row.made_up:,}") if row.made_up else tr("left out")
    return tr(
        "{trips} since {at}: {why}; {rest}", trips=trips, at=_at(row.first_due_at), why=tr(_WHY[row.why]), rest=made_up
    )
