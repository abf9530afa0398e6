"""What a configuration says about failures: when a step is tried again, and when a pusher is spared.

Each class is a part of the document `__databus__`; what follows from it is computed in `engine/retry.py`,
`engine/breaker.py` and `engine/rate.py`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from databus_core.model.duration import Duration, format_duration, parse_duration


class _Policy(BaseModel):
    """What is written here is either known or a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _exception_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name):
        raise ValueError(f"{name!r:.80} is no name of an exception, such as 'ValueError' or 'requests.HTTPError'")
    return name


class RetryPolicy(_Policy):
    """When a step that failed is tried again: each wait is `factor` times the one before.

    Exponential back-off with jitter: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """

    attempts: int = Field(
        default=20, ge=1, le=1_000_000, description="After so many attempts the step has failed, and a person decides."
    )
    first_wait: Duration = Field(
        default=timedelta(minutes=1), description="Wait after the first failure; 0: until the next trip."
    )
    factor: float = Field(default=2, ge=1, le=100, description="How much longer each further wait is.")
    longest_wait: Duration = Field(default=timedelta(hours=1), description="No wait is longer than this.")
    jitter: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="The part of each wait that is left to chance, so that not all come back at once.",
    )
    permanent: list[Annotated[str, AfterValidator(_exception_name)]] = Field(
        default_factory=list[str],
        description="Names of exceptions that no further attempt would cure; the step has failed at once.",
    )


class BreakerPolicy(_Policy):
    """When a pusher whose target is down is spared: it is then tried with one passenger at a time, until that arrives.

    Circuit breaker: https://martinfowler.com/bliki/CircuitBreaker.html
    """

    failures: int = Field(
        default=5, ge=0, le=1_000_000, description="So many like failures in a row open it; 0: never."
    )
    wait: Duration = Field(default=timedelta(minutes=1), description="Time until one passenger is tried.")
    longest_wait: Duration = Field(
        default=timedelta(minutes=15), description="The wait doubles with each try that fails, up to this."
    )


class RateLimit(_Policy):
    """In no span of that time are more passengers delivered; as many at once when the pusher has rested."""

    passengers: int = Field(ge=1, le=1_000_000_000, description="How many passengers.")
    per: Duration = Field(default=timedelta(seconds=1), gt=timedelta(), description="In which time.")

    def __str__(self) -> str:
        return f"{self.passengers} / {format_duration(self.per)}"

    @classmethod
    def read(cls, value: object) -> object:
        """The form that people write: "100 / min" or "5 per 10 s". Raises ValueError."""
        if value is None or isinstance(value, (dict, RateLimit)):
            return cast("object", value)
        allowed = f"{value!r:.80} is no rate; write it like '100 / min' or '5 / 10 s'"
        written = re.fullmatch(r"\s*(\d+)\s*(?:/|per)\s*(.+?)\s*", value) if isinstance(value, str) else None
        if written is None:
            raise ValueError(allowed)
        try:
            per = parse_duration(written[2] if written[2][0].isdigit() else f"1 {written[2]}")
        except ValueError as error:
            raise ValueError(allowed) from error
        if not per or not int(written[1]):
            raise ValueError(f"{value!r:.80} lets nothing through")
        return {"passengers": int(written[1]), "per": per}


class AfterCrash(StrEnum):
    """What becomes of a push that the process died in, when nobody can tell whether it arrived."""

    REPEAT = "repeat"
    HOLD = "hold"


class CommitMode(StrEnum):
    """When the outcome of a push is made durable."""

    EACH = "each"
    GROUPED = "grouped"
