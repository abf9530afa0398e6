"""Who departs when: single cases, then any sequence of events against the rules."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from databus_core.engine.timetable import ATTENTION, Route, Timetable
from databus_core.model.missed import Absence, MissedTrips, Owed
from databus_core.model.route_state import RoutePause
from databus_core.model.schedule import Schedule
from databus_core.model.timing import MOST_COUNTED, Timing

START = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
A, B, C = Route("demo", "a"), Route("demo", "b"), Route("demo", "c")


def timing(otherwise: timedelta = MINUTE, **options: Any) -> Timing:
    return Schedule.model_validate(options).timing(otherwise)


def timetable(drivers: int = 4, **last: datetime) -> Timetable:
    made = Timetable(drivers)
    made.set_client("demo", {"a": timing(), "b": timing(), "c": timing(5 * MINUTE)}, last)
    return made


def test_what_never_ran_is_due_at_once_and_then_after_its_interval():
    table = timetable()
    assert table.due(START) == [A, B, C]
    for route in (A, B, C):
        table.departed(route, START)
        table.arrived(route)
    assert table.due(START + MINUTE - timedelta(seconds=1)) == []
    assert table.due(START + MINUTE) == [A, B]
    assert table.next_due_at(START, C) == START + 5 * MINUTE


def test_the_schedule_goes_on_after_a_restart():
    table = timetable(a=START - timedelta(seconds=30), b=START - timedelta(hours=8), c=START)
    assert table.due(START) == [B]
    assert table.next_due_at(START, A) == START + timedelta(seconds=30)


def test_what_was_put_off_departs_at_its_time_and_leaves_the_schedule_as_it_is():
    table = timetable(a=START, b=START)
    table.set_client("demo", {"a": timing(HOUR)}, {})
    at = START + 2 * MINUTE
    table.put_off(A, at)
    assert table.next_departure_at(START) == table.next_due_at(START, A) == at
    assert not table.is_put_off(A, START)
    assert table.due(at) == [A]
    assert table.is_put_off(A, at)
    table.departed(A, at, put_off=True)
    assert table.due(at) == []
    table.arrived(A)
    assert table.due(at) == []
    assert table.next_due_at(at, A) == START + HOUR
    table.put_off(A, START + 2 * HOUR)
    assert not table.is_put_off(A, START + HOUR), "its schedule lets it depart"
    table.departed(A, START + HOUR)
    table.arrived(A)
    assert table.next_due_at(START + HOUR, A) == START + 2 * HOUR, "a trip finds out anew what waits"


def test_what_was_put_off_waits_for_active_hours_a_driver_and_the_end_of_a_pause():
    table = Timetable(1)
    hours = timing(active_hours=["12:30-13:00"], every="1 d", zone="UTC")
    table.set_client("demo", {"a": hours, "b": timing(HOUR)}, {"a": START, "b": START})
    table.put_off(A, START + MINUTE)
    assert table.next_due_at(START, A) == START + 30 * MINUTE
    late = START + 31 * MINUTE
    table.departed(B, START)
    assert table.due(late) == []
    table.arrived(B)
    table.set_pause(A, RoutePause.EVERYTHING)
    assert table.due(late) == []
    table.set_pause(A, RoutePause.INTAKE)
    assert table.due(late) == [A]


def test_a_person_wants_more_than_what_was_put_off():
    table = timetable(a=START, b=START, c=START)
    table.put_off(C, START + MINUTE)
    table.expedite(C)
    assert not table.is_put_off(C, START + MINUTE)
    table.departed(C, START, put_off=True)
    table.expedite(C)
    table.arrived(C)
    assert table.due(START) == [C]


def test_a_route_never_travels_twice_at_once_and_an_expedite_during_its_trip_is_kept():
    table = timetable()
    table.departed(A, START)
    table.expedite(A)
    assert A not in table.due(START + 10 * MINUTE)
    table.arrived(A)
    assert table.due(START)[0] == A
    table.departed(A, START)
    table.arrived(A)
    assert A not in table.due(START)


def test_no_more_trips_than_drivers_but_an_expedited_one_never_waits():
    table = timetable(drivers=1)
    assert table.due(START) == [A]
    table.departed(A, START)
    assert table.due(START) == []
    table.expedite(C)
    assert table.due(START) == [C]


def test_the_longest_overdue_departs_first():
    table = timetable(drivers=2, a=START - 2 * MINUTE, b=START - 3 * MINUTE, c=START - 20 * MINUTE)
    assert table.due(START) == [C, B]


def test_a_clock_that_is_set_back_costs_one_interval_at_most():
    table = timetable(a=START, b=START, c=START)
    earlier = START - timedelta(hours=1)
    assert table.due(earlier) == []
    assert table.due(earlier + MINUTE) == [A, B]


def test_a_changed_configuration_keeps_what_is_known():
    table = timetable(a=START, b=START, c=START)
    table.set_client("demo", {"a": timing(2 * MINUTE), "d": timing()}, {})
    assert table.next_due_at(START, A) == START + 2 * MINUTE
    assert B not in table
    assert table.due(START) == [Route("demo", "d")]


# What was missed -----------------------------------------------------------------------------------------------------


class Driving:
    """One route in a process that looks at its timetable as the dispatcher does, through any time that passes."""

    def __init__(self, when: Timing, start: datetime = START, last: datetime | None = None) -> None:
        self.table, self.now = Timetable(4), start
        self.table.set_client("demo", {"a": when}, {} if last is None else {"a": last})
        self.departures: list[datetime] = []
        self.ledger: list[MissedTrips] = []

    def look(self) -> None:
        self.ledger += self.table.attend(self.now).values()
        while A in self.table.due(self.now):
            self.table.departed(A, self.now)
            self.table.arrived(A)
            self.departures.append(self.now)

    def drive(self, span: timedelta) -> "Driving":
        """Look as often as the dispatcher does, trips taking no time."""
        end = self.now + span
        self.look()
        while self.now < end:
            next_at = self.table.next_departure_at(self.now) or end
            self.now = min(end, self.now + timedelta(seconds=30), max(self.now + timedelta(milliseconds=1), next_at))
            self.look()
        return self

    def sleep(self, span: timedelta) -> "Driving":
        """The clock jumps."""
        self.now += span
        return self

    def since(self, moment: datetime) -> int:
        return sum(at > moment for at in self.departures)


@pytest.mark.parametrize(
    ("missed", "made_up"), [("skip", 0), ("once", 1), ({"all_up_to": 3}, 3), ({"all_up_to": 99}, 6)]
)
@pytest.mark.parametrize("when", [{"every": "1 h"}, {"cron": "0 * * * *", "zone": "UTC"}])
@pytest.mark.parametrize("why", Absence)
def test_what_was_missed_is_in_the_ledger_and_made_up_for_by_the_policy(
    when: dict[str, str], missed: Any, made_up: int, why: Absence
) -> None:
    table = timing(**when, missed=missed)
    driving = Driving(table).drive(90 * MINUTE)
    before = driving.departures[-1]
    if why is Absence.STOPPED:
        driving = Driving(table, driving.now, before)
    elif why is Absence.PAUSED:
        driving.table.set_pause(A, RoutePause.EVERYTHING)
    driving.sleep(6 * HOUR)
    driving.table.set_pause(A, RoutePause.NONE)
    driving.look()
    (row,) = driving.ledger
    assert row == MissedTrips("a", before + HOUR, driving.now, why, 6, made_up)
    assert driving.since(before) == made_up
    woken = driving.now
    driving.drive(59 * MINUTE)
    assert driving.since(woken) == (0 if made_up and "every" in when else 1), "then it goes on as ever"
    assert driving.ledger == [row]


def test_a_pause_of_the_whole_dispatcher_is_a_pause_too() -> None:
    driving = Driving(timing(HOUR)).drive(MINUTE)
    driving.table.rest()
    driving.sleep(3 * HOUR).look()
    assert [(row.why, row.count) for row in driving.ledger] == [(Absence.PAUSED, 3)]


def test_what_is_owed_is_owed_until_its_trip_was_made_and_more_is_added_up_to_the_policy() -> None:
    table = Timetable(1)
    table.set_client("demo", {"a": timing(HOUR, missed={"all_up_to": 3})}, {"a": START})
    moment = START + 5.5 * HOUR
    table.attend(moment)
    assert table.owed(A) == Owed(START + HOUR, 3)
    table.departed(A, moment)
    assert table.owed(A) == Owed(START + HOUR, 3), "a process that dies now has not made it"
    assert table.made_up(A)
    table.arrived(A)
    assert table.owed(A) == Owed(START + HOUR, 2)

    later = Timetable(1)
    later.set_client("demo", {"a": timing(HOUR, missed={"all_up_to": 3})}, {"a": moment})
    later.owe(A, Owed(START + HOUR, 2))
    missed = later.attend(moment + 4.5 * HOUR)
    assert missed[A].made_up == 1
    assert later.owed(A) == Owed(START + HOUR, 3)
    for left in (2, 1, 0):
        assert later.due(moment + 4.5 * HOUR) == [A]
        later.departed(A, moment + 4.5 * HOUR)
        assert later.made_up(A)
        later.arrived(A)
        assert later.owed(A) == (Owed(START + HOUR, left) if left else None)
    assert later.due(moment + 4.5 * HOUR) == []
    assert not later.made_up(A)


def test_what_departs_a_little_late_was_not_missed() -> None:
    driving = Driving(timing(HOUR)).drive(59 * MINUTE).sleep(MINUTE + ATTENTION - timedelta(seconds=1))
    driving.look()
    assert driving.ledger == []
    assert len(driving.departures) == 2


def test_a_long_trip_misses_nothing_and_is_followed_by_one() -> None:
    driving = Driving(timing(MINUTE))
    driving.table.departed(A, driving.now)
    driving.drive(20 * MINUTE)
    assert (driving.ledger, driving.departures) == ([], [])
    driving.table.arrived(A)
    driving.look()
    assert len(driving.departures) == 1


def test_what_is_missed_again_after_a_restart_is_the_same_row_of_the_ledger() -> None:
    skipping = timing(HOUR, missed="skip")
    first = Driving(skipping, START + 150 * MINUTE, START)
    first.look()
    second = Driving(skipping, START + 270 * MINUTE, START)
    second.look()
    (row,), (later,) = first.ledger, second.ledger
    assert (row.client_passenger, row.first_due_at) == (later.client_passenger, later.first_due_at)
    assert (row.count, later.count) == (2, 4)


def test_a_year_of_absence_is_counted_no_further_than_one_needs_to_know() -> None:
    driving = Driving(timing(cron="* * * * *"), START + 365 * DAY, START)
    driving.look()
    assert driving.ledger[0].count == MOST_COUNTED


def test_a_new_cron_expression_means_times_to_come() -> None:
    driving = Driving(timing(cron="0 7 * * *", zone="UTC"), START, START - 5 * HOUR).drive(MINUTE)
    driving.table.set_client("demo", {"a": timing(cron="0 9 * * *", zone="UTC")}, {})
    driving.drive(MINUTE)
    assert driving.departures == []
    assert driving.table.next_due_at(driving.now, A) == START + 21 * HOUR


# Clocks --------------------------------------------------------------------------------------------------------------

NIGHTS = {
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Australia/Lord_Howe": (date(2026, 10, 4), date(2026, 4, 5)),
}
"""Where clocks change in spring and in autumn; on Lord Howe Island by half an hour."""


@pytest.mark.parametrize(("zone", "day"), [(zone, day) for zone, days in NIGHTS.items() for day in days])
@pytest.mark.parametrize("asleep", [False, True])
def test_a_nightly_trip_departs_once_in_the_night_of_a_change_awake_or_asleep(
    zone: str, day: date, asleep: bool
) -> None:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    shown_twice_or_never = {"Australia/Lord_Howe": "45 1 * * *" if day.month == 4 else "15 2 * * *"}
    driving = Driving(timing(cron=shown_twice_or_never.get(zone, "30 2 * * *"), zone=zone), noon - DAY, noon - DAY)
    if asleep:
        driving.drive(HOUR).sleep(23 * HOUR).drive(MINUTE)
        assert [(row.count, row.made_up, row.why) for row in driving.ledger] == [(1, 1, Absence.ASLEEP)]
    else:
        driving.drive(DAY)
    assert len(driving.departures) == 1


@pytest.mark.parametrize(("zone", "day"), [(zone, day) for zone, days in NIGHTS.items() for day in days])
def test_an_interval_knows_nothing_of_changes(zone: str, day: date) -> None:
    begin = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    driving = Driving(timing(20 * MINUTE, zone=zone), begin).drive(6 * HOUR)
    assert driving.departures == pytest.approx([begin + n * 20 * MINUTE for n in range(19)], abs=timedelta(seconds=1))


def test_a_clock_that_is_corrected_by_a_little_drives_nothing_twice() -> None:
    nightly = timing(cron="0 7 * * *", zone="UTC")
    driving = Driving(nightly, START, START).drive(19 * HOUR)
    assert len(driving.departures) == 1
    driving.sleep(-timedelta(seconds=20)).drive(HOUR)
    assert len(driving.departures) == 1


def test_a_clock_that_was_far_ahead_does_not_stop_what_never_ran() -> None:
    driving = Driving(timing(cron="0 7 * * *", zone="UTC"), START + 3650 * DAY)
    driving.look()
    driving.sleep(-3650 * DAY).drive(DAY)
    assert len(driving.departures) == 1


# Limits and pauses ---------------------------------------------------------------------------------------------------


def test_a_client_may_have_fewer_drivers_than_there_are() -> None:
    table = Timetable(3)
    table.set_client("demo", {"a": timing(), "b": timing(), "c": timing()}, {}, drivers_at_once=1)
    table.set_client("acme", {"a": timing(), "b": timing()}, {})
    departing = table.due(START)
    assert [route.client_id for route in departing] == ["acme", "acme", "demo"]
    for route in departing:
        table.departed(route, START)
    table.arrived(Route("acme", "a"))
    later = START + timedelta(seconds=10)
    assert table.due(later) == []
    assert table.next_departure_at(later) == START + MINUTE, "what waits for a driver of its client wakes nobody"
    table.arrived(A)
    assert table.due(later) == [B]
    table.expedite(C)
    table.departed(B, later)
    assert table.due(later) == [C]


def test_a_paused_route_departs_neither_by_itself_nor_expedited() -> None:
    table = timetable()
    table.expedite(A)
    table.set_pause(A, RoutePause.EVERYTHING)
    assert table.due(START) == [B, C]
    assert (table.next_due_at(START, A), table.pause_of(A)) == (None, RoutePause.EVERYTHING)
    table.set_pause(A, RoutePause.INTAKE)
    assert A in table.due(START)


events = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(-90, 400)),
        st.tuples(st.just("arrive"), st.integers(0, 2)),
        st.tuples(st.just("expedite"), st.integers(0, 2)),
    ),
    max_size=60,
)


@given(events=events, drivers=st.integers(1, 3))
def test_any_sequence_keeps_the_rules(events: list[tuple[str, int]], drivers: int):
    table, moment = timetable(drivers), START
    running: set[Route] = set()
    wanted: set[Route] = set()
    for event, number in events:
        route = (A, B, C)[number % 3]
        if event == "wait":
            moment += timedelta(seconds=number)
        elif event == "arrive" and route in running:
            table.arrived(route)
            running.discard(route)
        elif event == "expedite":
            table.expedite(route)
            wanted.add(route)
        due = table.due(moment)
        assert len(due) == len(set(due))
        assert not running & set(due), "a route departs while it travels"
        assert wanted - running <= set(due), "an expedited route waits"
        assert len(set(due) - wanted) + len(running) <= max(drivers, len(running)), "more trips than drivers"
        for route in due:
            table.departed(route, moment)
            running.add(route)
            wanted.discard(route)
            assert table.is_running(route)
            next_due_at = table.next_due_at(moment, route)
            assert next_due_at is not None
            assert next_due_at > moment


spans = st.tuples(st.sampled_from(["drive", "sleep", "pause", "restart"]), st.integers(-7200, 30_000))
whens = st.sampled_from([{"every": "7 min"}, {"every": "2 h"}, {"cron": "30 2 * * *"}, {"cron": "*/20 * * * *"}])
zones = st.sampled_from(list(NIGHTS))
policies = st.sampled_from(["skip", "once", {"all_up_to": 4}])


@settings(deadline=None, max_examples=60)
@given(
    when=whens,
    missed=policies,
    zone=st.sampled_from(list(NIGHTS)),
    autumn=st.booleans(),
    events=st.lists(spans, max_size=5),
)
def test_through_sleep_pauses_crashes_and_changed_clocks_every_due_time_is_driven_or_in_the_ledger(
    when: dict[str, str], missed: Any, zone: str, autumn: bool, events: list[tuple[str, int]]
) -> None:
    day = NIGHTS[zone][autumn]
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - 6 * HOUR
    table = timing(**when, zone=zone, missed=missed)
    driving = Driving(table, start, start)
    highest = start
    for event, seconds in [("drive", 60), *events, ("drive", 60)]:
        if event == "drive":
            driving.drive(timedelta(seconds=abs(seconds)))
        elif event == "sleep":
            driving.sleep(timedelta(seconds=seconds))
        elif event == "pause":
            driving.table.set_pause(A, RoutePause.EVERYTHING)
            driving.drive(timedelta(seconds=abs(seconds)))
            driving.table.set_pause(A, RoutePause.NONE)
        else:
            kept = driving.departures, driving.ledger
            last = max([start, *driving.departures])
            driving = Driving(table, driving.now + timedelta(seconds=abs(seconds)), last)
            driving.departures, driving.ledger = kept
        highest = max(highest, driving.now)
    for row in driving.ledger:
        assert row.first_due_at <= row.noticed_at - ATTENTION
        assert row.made_up == min(row.count, table.make_up)
    if any(event == "sleep" and seconds < 0 for event, seconds in events):
        return  # a clock that is set back shows times again, and what is due then is a matter of taste
    if table.interval is not None:
        return
    ledger = [(row.first_due_at, row.noticed_at - ATTENTION) for row in driving.ledger]
    for due_at in table.following(start):
        if due_at > highest - ATTENTION:
            break
        driven = any(due_at <= at <= due_at + ATTENTION for at in driving.departures)
        assert driven or any(first <= due_at <= last for first, last in ledger), f"{due_at} is nowhere"
