"""Time as Databus keeps it: aware, in UTC."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime

source: Callable[[], datetime] = functools.partial(datetime.now, UTC)
"""Where `now` has the time from. The seam for tests of what happens in an hour: everybody asks `now`."""


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return source()


def parse_time(text: str) -> datetime:
    """An aware UTC time from ISO 8601; a text without zone is local time, as old files have it.

    Raises ValueError when the text is no time.
    """
    return datetime.fromisoformat(text).astimezone(UTC)


def format_time(moment: datetime) -> str:
    """ISO 8601 in local time with its offset, so that a person reads their own clock and nothing is ambiguous."""
    return moment.astimezone().isoformat()


def format_local(moment: datetime) -> str:
    """Local time without zone and always with microseconds, the form that log files have."""
    return moment.astimezone().replace(tzinfo=None).isoformat(timespec="microseconds")


def file_time() -> str:
    """The present local time as a part of a file name, also on Windows."""
    return f"{now().astimezone():%Y-%m-%dT%H-%M-%S.%f}"
