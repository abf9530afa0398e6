"""A dispatcher is killed again and again at any moment of its trips: nobody may be lost, nothing be damaged."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end2end.killing import MANNERS, PHASES, Manner, Nursery, kill_again_and_again, nursery

KILLS = {"thread": 12, "process": 3}
"""In each manner; a dispatcher of its own process of a trip takes long to begin."""
PASSENGERS = 3
"""New ones for each kill."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and looks into /proc")


@pytest.fixture(scope="module")
def lives() -> Iterator[Nursery]:
    with nursery() as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("manner", MANNERS, ids=str)
def test_no_kill_loses_damages_or_doubles_a_passenger(manner: Manner, lives: Nursery, tmp_path: Path) -> None:
    manner.engine.require()
    seed = int(os.environ.get("DATABUS_KILL_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"Run it again with DATABUS_KILL_SEED={seed}")
    kills = KILLS[manner.isolation]
    ledger = kill_again_and_again(manner, kills, PASSENGERS, tmp_path, random.Random(seed), lives)
    print(f"The kills hit {dict(ledger.hit)}; {ledger.repeated} deliveries were repeated")
    assert ledger.violations == []
    assert len(ledger.hit) >= min(kills, len(PHASES)), "the kills were not spread over the whole trip"
