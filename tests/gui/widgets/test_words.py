"""Times, durations and sizes in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from databus_gui.widgets.words import ago, breakable, clock_time, countdown, local_time, size

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "just now"), (45, "45 s ago"), (59.9, "59 s ago"), (60, "1 min ago"), (3599, "59 min ago"), (7200, "2 h ago"),
     (172800, "2 days ago")],
)  # fmt: skip
def test_how_long_ago(seconds: float, words: str) -> None:
    assert ago(NOON - timedelta(seconds=seconds), NOON) == words


def test_the_date_stands_before_a_time_that_is_not_todays() -> None:
    noon = datetime(2026, 11, 23, 12).astimezone()
    assert clock_time(noon - timedelta(hours=12), noon) == "00:00:00"
    yesterday = noon - timedelta(hours=12, seconds=1)
    assert clock_time(yesterday, noon) == local_time(yesterday) == "2026-11-22 23:59:59"


@pytest.mark.parametrize(("seconds", "words"), [(-5, "now"), (0, "now"), (65, "in 1:05"), (3723, "in 1:02:03")])
def test_countdown(seconds: int, words: str) -> None:
    assert countdown(NOON + timedelta(seconds=seconds), NOON) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 bytes"), (1, "1 byte"), (1023, "1,023 bytes"), (1024, "1.0 KB"), (1536, "1.5 KB"), (1024**2, "1.0 MB"),
     (5 * 1024**3, "5.0 GB")],
)  # fmt: skip
def test_sizes(number: int, words: str) -> None:
    assert size(number) == words


def test_long_names_may_break_without_a_letter_lost() -> None:
    name = "databus_core.connectors.email.folder_puller"
    assert breakable(name).count("\u200b") == 5
    assert breakable(name).replace("\u200b", "") == name
    assert breakable("3.5") == "3.5"
