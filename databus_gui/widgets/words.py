"""Times, durations and sizes as a person reads them."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta

from databus_core.model.clock import now
from databus_gui.i18n import count, tr

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_KILO = 1024
_UNITS = ("KB", "MB", "GB", "TB")


def local_time(moment: datetime | None) -> str:
    """Date and time to the second on the person's own clock; empty for None."""
    return "" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def local_time_with_zone(moment: datetime | None) -> str:
    """The same with the name of the time zone, for tooltips."""
    return "" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def clock_time(moment: datetime, present: datetime | None = None) -> str:
    """The time on the person's own clock, with the date where that is not today's."""
    local, today = moment.astimezone(), (present or now()).astimezone().date()
    return local.strftime("%H:%M:%S") if local.date() == today else local_time(moment)


def ago(moment: datetime | None, present: datetime | None = None) -> str:
    """How long ago it was, in the largest unit that fits: "5 min ago"; empty for None."""
    if moment is None:
        return ""
    seconds = int(((present or now()) - moment).total_seconds())
    if seconds < 1:
        return tr("just now")
    return tr("{time} ago", time=duration(timedelta(seconds=seconds)))


def duration(span: timedelta) -> str:
    """A span in its largest unit: "under 1 s", "45 s", "5 min", "3 h", "2 days"."""
    seconds = int(span.total_seconds())
    if seconds < 1:
        return tr("under 1 s")
    if seconds < _MINUTE:
        return tr("{n} s", n=seconds)
    if seconds < _HOUR:
        return tr("{n} min", n=seconds // _MINUTE)
    if seconds < 2 * _DAY:
        return tr("{n} h", n=seconds // _HOUR)
    return count(seconds // _DAY, "{n} day", "{n} days")


def countdown(moment: datetime, present: datetime | None = None) -> str:
    """What is left until then, to the second: "in 4:05", "in 1:02:03"; "now" when it has come."""
    seconds = int((moment - (present or now())).total_seconds())
    if seconds <= 0:
        return tr("now")
    hours, rest = divmod(seconds, _HOUR)
    minutes, rest = divmod(rest, _MINUTE)
    clock = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return tr("in {time}", time=clock)


def size(number: int) -> str:
    """Bytes in the largest unit that fits: "812 bytes", "1.4 KB", "3.0 MB"."""
    if number < _KILO:
        return count(number, "{n} byte", "{n} bytes")
    unit = min(int(math.log(number, _KILO)), len(_UNITS))
    return f"{number / _KILO**unit:,.1f} {_UNITS[unit - 1]}"


def breakable(text: str) -> str:
    """The text with places where a line may break in long names: after each . / _ - @ (for labels, not for copying)."""
    return re.sub(r"([./\\_@-])(?=\w{3})", "\\1\u200b", text)
