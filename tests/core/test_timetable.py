"""Who departs when: single cases, then any sequence of events against the rules."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from databus_core.engine.timetable import Route, Timetable

START = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
A, B, C = Route("demo", "a"), Route("demo", "b"), Route("demo", "c")


def timetable(drivers: int = 4, **last: datetime) -> Timetable:
    made = Timetable(drivers)
    made.set_client("demo", {"a": MINUTE, "b": MINUTE, "c": 5 * MINUTE}, last)
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
    table.set_client("demo", {"a": 2 * MINUTE, "d": MINUTE}, {})
    assert table.next_due_at(START, A) == START + 2 * MINUTE
    assert B not in table
    assert table.due(START) == [Route("demo", "d")]


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
