"""Schedules: what may be written, what is said of them, and when they come, through both changes of clocks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from databus_core.model.active_hours import ActiveHours
from databus_core.model.customizing import problems_in
from databus_core.model.schedule import Schedule
from databus_core.model.timing import MOST_COUNTED, Timing
from databus_core.model.zone import LOCAL, instant

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NIGHTS = {
    (BERLIN, "spring"): date(2026, 3, 29),
    (BERLIN, "autumn"): date(2026, 10, 25),
    (NEW_YORK, "spring"): date(2026, 3, 8),
    (NEW_YORK, "autumn"): date(2026, 11, 1),
}


def timing(**options: Any) -> Timing:
    return Schedule.model_validate(options).timing(5 * MINUTE)


def said(**schedule: Any) -> list[str]:
    """What is wrong with a configuration that has this schedule."""
    text = orjson.dumps({"passengers": [{"name": "orders", "schedule": schedule}]}, option=orjson.OPT_INDENT_2).decode()
    return [str(problem) for problem in problems_in("__databus__", text)]


def on(zone: str, day: date, clock: str, fold: int = 0) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def clocks(times: list[datetime], zone: str) -> list[str]:
    return [f"{at.astimezone(ZoneInfo(zone)):%a %H:%M%z}" for at in times]


# What may be written ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ({"every": "often"}, "line 6, passengers[0].schedule.every: 'often' is not allowed: write a number and a unit"),
        ({"every": "0.5 s"}, "schedule.every: '0.5 s' is not allowed: write a number and a unit"),
        ({"cron": "0 7 * *"}, "schedule.cron: '0 7 * *' is not allowed: write five fields, minute, hour"),
        ({"cron": "0 25 * * *"}, "schedule.cron: '0 25 * * *' is not allowed: its hour cannot be"),
        ({"cron": "0 0 31 2 *"}, "schedule.cron: '0 0 31 2 *' is not allowed: its day of month cannot be"),
        ({"cron": "* * * * *", "zone": "Europe/Instanbul"}, "it is no time zone; did you mean 'Europe/Istanbul'?"),
        ({"cron": "* * * * *", "zone": "Europe"}, "schedule.zone: 'Europe' is not allowed: it is no time zone"),
        ({"active_hours": ["6-22"]}, "'6-22' is not allowed: write 06:00-22:00, or with days"),
        ({"active_hours": ["06:00-25:00"]}, "25:00 is no time of a day"),
        ({"active_hours": ["06:00-06:00"]}, "it has no length"),
        ({"active_hours": ["mo-fri 06:00-07:00"]}, "'mo-fri' is no day; days are mon, tue"),
        ({"missed": "twice"}, '\'twice\' is not allowed: allowed are "once", "skip" and {"all_up_to": 5}'),
        ({"missed": {"all_up_to": 0}}, "schedule.missed: {'all_up_to': 0} is not allowed: allowed are"),
        ({"every": "1 h", "cron": "0 7 * * *"}, "give either 'every' or 'cron', not both"),
        (
            {"cron": "0 7 * * *", "active_hours": ["08:00-09:00"]},
            "the times of 'cron' '0 7 * * *' never fall into 'active_hours'",
        ),
        ({"evry": "1 h"}, "schedule.evry: is not known; did you mean 'every'?"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place_and_what_is_allowed(schedule: dict[str, Any], told: str) -> None:
    (problem,) = said(**schedule)
    assert told in problem


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ({}, "every 5 minutes"),
        ({"every": "30 s"}, "every 30 seconds"),
        ({"every": "1 min"}, "every minute"),
        ({"every": "1.5min"}, "every 90 seconds"),
        ({"every": "2 hours"}, "every 2 hours"),
        ({"every": "1 day"}, "every day"),
        ({"cron": "0 7 * * mon-fri"}, "at 07:00 on Monday through Friday"),
        (
            {
                "cron": "*/10 * * * *",
                "zone": "Europe/Istanbul",
                "active_hours": ["mon-fri 06:00-22:00", "sat 8:00-12:00"],
            },
            "every 10th minute of every hour, mon-fri 06:00-22:00 and sat 8:00-12:00, clocks of Europe/Istanbul",
        ),
    ],
)
def test_a_schedule_is_said_in_words(schedule: dict[str, Any], words: str) -> None:
    assert said(**schedule) == []
    assert timing(**schedule).in_words() == words


@pytest.mark.parametrize(
    ("missed", "make_up", "words"),
    [
        ("skip", 0, "trips that are missed are left out"),
        ("once", 1, "one trip makes up for what is missed"),
        ({"all_up_to": 12}, 12, "up to 12 trips make up for what is missed"),
    ],
)
def test_what_becomes_of_missed_trips(missed: Any, make_up: int, words: str) -> None:
    assert (timing(missed=missed).make_up, timing(missed=missed).missed_in_words()) == (make_up, words)


# When it comes ------------------------------------------------------------------------------------------------------


def test_the_next_five_times() -> None:
    times = timing(cron="0 7 * * mon-fri", zone="Europe/Istanbul").next_times(datetime(2026, 11, 26, 4, tzinfo=UTC), 5)
    assert clocks(times, "Europe/Istanbul") == [f"{day} 07:00+0300" for day in ("Fri", "Mon", "Tue", "Wed", "Thu")]


def test_active_hours_push_an_interval_to_their_beginning() -> None:
    hours = timing(every="4 h", zone="UTC", active_hours=["mon-fri 22:00-06:00", "sun 10:00-11:00"])
    friday = datetime(2026, 11, 27, 20, tzinfo=UTC)
    times = [friday, *hours.next_times(friday, 4)]
    assert clocks(times[1:], "UTC") == ["Sat 00:00+0000", "Sat 04:00+0000", "Sun 10:00+0000", "Mon 22:00+0000"]
    assert hours.first_at(friday) == friday + 2 * HOUR


@pytest.mark.parametrize(("zone", "night"), NIGHTS)
def test_a_nightly_time_comes_once_in_the_night_of_a_change(zone: str, night: str) -> None:
    day = NIGHTS[zone, night]
    half_past_two = timing(cron="30 2 * * *", zone=zone)
    times = half_past_two.next_times(on(zone, day - DAY, "12:00"), 2)
    assert [at.astimezone(ZoneInfo(zone)).date() for at in times] == [day, day + DAY]
    expected = "03:00" if night == "spring" else "02:30"
    assert f"{times[0].astimezone(ZoneInfo(zone)):%H:%M}" == expected


def test_the_second_showing_of_an_hour_is_not_mistaken_for_the_first() -> None:
    day = NIGHTS[BERLIN, "autumn"]
    nightly = timing(cron="30 2 * * *", zone=BERLIN)
    for clock in ("02:10", "02:30", "02:59"):
        assert nightly.next_after(on(BERLIN, day, clock, fold=1)) == on(BERLIN, day + DAY, "02:30")
    assert nightly.next_after(on(BERLIN, day, "02:10", fold=0)) == on(BERLIN, day, "02:30")


@pytest.mark.parametrize(("zone", "night"), NIGHTS)
def test_what_comes_every_few_minutes_goes_on_through_a_change(zone: str, night: str) -> None:
    begin = on(zone, NIGHTS[zone, night], "00:00")
    for schedule in ({"cron": "*/20 * * * *", "zone": zone}, {"every": "20 min"}):
        times = timing(**schedule).next_times(begin, 15)
        assert times == [begin + number * 20 * MINUTE for number in range(1, 16)]


@pytest.mark.parametrize(("zone", "night"), NIGHTS)
def test_active_hours_are_those_that_clocks_show(zone: str, night: str) -> None:
    day = NIGHTS[zone, night]
    hours = ActiveHours.parse(["01:30-04:00"], ZoneInfo(zone))
    opens_at = hours.opens_at(on(zone, day, "00:00"))
    assert opens_at == on(zone, day, "01:30")
    length = 4 * HOUR - 90 * MINUTE + (-HOUR if night == "spring" else HOUR)
    assert hours.opens_at(opens_at + length - MINUTE) == opens_at + length - MINUTE
    assert hours.opens_at(opens_at + length) == on(zone, day + DAY, "01:30")


def test_hours_that_a_change_leaves_out_open_a_week_later() -> None:
    day = NIGHTS[BERLIN, "spring"]
    hours = ActiveHours.parse(["sun 02:15-02:45"], ZoneInfo(BERLIN))
    assert hours.opens_at(on(BERLIN, day, "00:00")) == on(BERLIN, day + 7 * DAY, "02:15")
    assert instant(day, 2 * 60 + 15, ZoneInfo(BERLIN)) == on(BERLIN, day, "03:00")


moments = st.one_of(
    *(
        st.integers(-36 * 3600, 36 * 3600).map(
            lambda seconds, day=day: datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=seconds)
        )
        for day in NIGHTS.values()
    )
)
crons = ("30 2 * * *", "*/5 * * * *", "15,45 1-3 * * *", "0 */2 * * *")
whens = [{"every": every} for every in ("7 s", "30 min", "5 h")] + [{"cron": cron} for cron in crons]
windows = st.sampled_from(["02:15-02:45", "sat,sun 22:00-03:00", "mon-fri 06:00-22:00"])
hours = st.one_of(st.just([]), windows.map(lambda window: [window, "00:30-04:30"]))
zones = st.sampled_from([BERLIN, NEW_YORK, "UTC"])


@settings(deadline=None, max_examples=50)
@given(when=st.sampled_from(whens), zone=zones, hours=hours, moment=moments, seconds=st.integers(0, 20_000))
def test_times_grow_lie_in_active_hours_and_are_the_same_whenever_one_asks(
    when: dict[str, str], zone: str, hours: list[str], moment: datetime, seconds: int
) -> None:
    table = timing(**when, zone=zone, active_hours=hours)
    times = table.next_times(moment, 6)
    assert len(times) == 6
    assert all(earlier < later for earlier, later in zip([moment, *times], times, strict=False))
    assert all(table.active.opens_at(at) == at for at in times)
    if table.interval is not None:
        return
    later = moment + timedelta(seconds=seconds)
    assert table.next_after(later) == next(at for at in table.following(moment) if at > later)
    if when["cron"] in {"30 2 * * *", "15,45 1-3 * * *"}:
        shown = [at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for at in times]
        assert len(set(shown)) == len(shown), "one time of a night comes twice"


@settings(deadline=None, max_examples=50)
@given(when=st.sampled_from(whens), zone=zones, hours=hours, moment=moments, seconds=st.integers(0, 100_000))
def test_what_has_passed_is_counted_one_by_one(
    when: dict[str, str], zone: str, hours: list[str], moment: datetime, seconds: int
) -> None:
    table = timing(**when, zone=zone, active_hours=hours)
    first = table.first_at(moment)
    assert first is not None
    until = first + timedelta(seconds=seconds)
    count, following = table.passed(first, until)
    assert following is not None
    assert following > until
    assert 1 <= count <= MOST_COUNTED
    if count < MOST_COUNTED:
        times = [first, *table.next_times(first, count)]
        assert times[count - 1] <= until
        assert times[count] == following


# The machine's own zone ---------------------------------------------------------------------------------------------


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(time, "tzset"):
        pytest.skip("the zone of this system cannot be changed for a test")
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", BERLIN)
    time.tzset()
    yield
    monkeypatch.undo()
    assert os.environ.get("TZ") == before
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
def test_the_machines_own_zone_changes_its_clocks_too() -> None:
    for night in ("spring", "autumn"):
        day = NIGHTS[BERLIN, night]
        begin = on(BERLIN, day, "00:00")
        for hours in range(6):
            at, named = (begin + hours * HOUR + 30 * MINUTE).astimezone(LOCAL), ZoneInfo(BERLIN)
            assert at.replace(tzinfo=None) == (begin + hours * HOUR + 30 * MINUTE).astimezone(named).replace(
                tzinfo=None
            )
            assert at.astimezone(UTC) == begin + hours * HOUR + 30 * MINUTE
        for cron in ("30 2 * * *", "*/20 * * * *"):
            assert timing(cron=cron).next_times(begin, 12) == timing(cron=cron, zone=BERLIN).next_times(begin, 12)
