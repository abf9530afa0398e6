"""The schedule of a client passenger, as its configuration has it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from databus_core.model.active_hours import ActiveHours, Window
from databus_core.model.timing import MOST_COUNTED, Timing
from databus_core.model.zone import zone_named

LONGEST_DAYS = 36_500
"""A hundred years: longer spans are slips of the pen, and calendars end."""

_EVERY = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(s|sec|seconds?|min|minutes?|h|hours?|d|days?)")
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_FIELDS = "minute, hour, day of month, month, day of week"
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def _span(text: str) -> timedelta:
    """Raises ValueError, in words."""
    found = _EVERY.fullmatch(text.strip().lower())
    span = timedelta() if found is None else float(found[1]) * _UNITS[found[2][0]]
    if not timedelta(seconds=1) <= span <= timedelta(days=LONGEST_DAYS):
        raise ValueError("write a number and a unit, such as '30 s', '5 min', '2 h' or '1 day'; 1 s is the least")
    return span


def _interval(text: str) -> str:
    if text:
        _span(text)
    return text


def _cron(text: str) -> str:
    if not text:
        return text
    if len(text.split()) != 5:
        raise ValueError(f"write five fields, {_FIELDS}, such as '0 7 * * mon-fri'")
    try:
        CronSim(text, _SOME_DAY)
    except CronSimError as error:
        field = str(error).removeprefix("Bad ").replace("-", " ")
        raise ValueError(f"its {field} cannot be; the fields are {_FIELDS}") from error
    return text


def _zone(text: str) -> str:
    zone_named(text)
    return text


def _hours(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        Window.parse(text)
    return texts


class AllUpTo(BaseModel):
    """How many missed trips are made up for, one after another."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    all_up_to: int = Field(ge=1, le=MOST_COUNTED, description="Missed trips that are made up for at most.")


def _policy(value: Any) -> Any:
    """In one sentence, where a union would tell what each of its branches lacks."""
    if value in ("once", "skip"):
        return value
    try:
        return AllUpTo.model_validate(value)
    except ValidationError as error:
        allowed = f'"once", "skip" and {{"all_up_to": 5}}, with a number up to {MOST_COUNTED:,}'
        raise ValueError(f"allowed are {allowed}") from error


class Schedule(BaseModel):
    """When a client passenger departs by itself. Without `every` and `cron`, every `sync_frequency` minutes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: Annotated[str, AfterValidator(_interval)] = Field(
        default="", description="Time between the starts of two trips: '30 s', '5 min', '2 h', '1 day'."
    )
    cron: Annotated[str, AfterValidator(_cron)] = Field(
        default="", description="Minute, hour, day of month, month, day of week: '0 7 * * mon-fri'."
    )
    zone: Annotated[str, AfterValidator(_zone)] = Field(
        default="", description="Time zone of cron and active hours: 'Europe/Istanbul'; the machine's own if empty."
    )
    active_hours: Annotated[tuple[str, ...], AfterValidator(_hours)] = Field(
        default=(), description="When it may depart: 'mon-fri 06:00-22:00'; always if empty."
    )
    missed: Annotated[Literal["once", "skip"] | AllUpTo, BeforeValidator(_policy)] = Field(
        default="once",
        description="What becomes of trips that were missed asleep, paused or stopped: one trip makes up for all "
        "(once), none (skip), or each does up to a number (all_up_to).",
    )

    @model_validator(mode="after")
    def _comes(self) -> Schedule:
        if self.every and self.cron:
            raise ValueError("give either 'every' or 'cron', not both")
        if self.timing(timedelta(minutes=1)).first_at(_SOME_DAY) is None:
            raise ValueError(f"the times of 'cron' {self.cron!r} never fall into 'active_hours'")
        return self

    def timing(self, otherwise: timedelta) -> Timing:
        """The moments that it means; at the interval `otherwise` where it says none itself."""
        zone = zone_named(self.zone)
        interval = _span(self.every) if self.every else None if self.cron else otherwise
        active = ActiveHours.parse(self.active_hours, zone)
        make_up = {"skip": 0, "once": 1}[self.missed] if isinstance(self.missed, str) else self.missed.all_up_to
        return Timing(interval, self.cron, zone, active, make_up)
