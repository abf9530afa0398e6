"""Two ways of doing something, compared so that the noise of the machine does not decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Compared:
    """How many times as fast one way is as the other."""

    median: float
    low: float
    high: float
    """The true median lies between these with a probability of at least 95 %, whatever the noise is like."""
    pairs: int

    def __str__(self) -> str:
        return f"{self.median:.2f} (95 %: {self.low:.2f} to {self.high:.2f}, {self.pairs} pairs)"


def compare(rate_of: Callable[[bool], float], pairs: int) -> Compared:
    """Measure the rates of both ways in turn, the first one first in every second pair: whatever the machine does
    meanwhile meets both alike. `rate_of` is told whether the way is the one that is compared with the other."""
    ratios: list[float] = []
    for number in range(pairs):
        first = number % 2 == 0
        rates = {first: rate_of(first)}
        rates[not first] = rate_of(not first)
        ratios.append(rates[True] / rates[False])
    return of(ratios)


def of(ratios: Sequence[float]) -> Compared:
    """The median of ratios, at least six of them, and its interval: each is as likely to be below it as above."""
    ordered, count = sorted(ratios), len(ratios)
    outside = 0
    below = 1 / 2**count
    while below <= 0.025:
        outside += 1
        below += math.comb(count, outside) / 2**count
    if not outside:
        raise ValueError(f"{count} ratios are too few for an interval: at least six are needed")
    middle = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    return Compared(middle, ordered[outside - 1], ordered[count - outside], count)
