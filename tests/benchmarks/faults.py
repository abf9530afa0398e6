"""Whether anything goes wrong can lose, double or damage a passenger: much more of it than a test run has time for.

    dev.py bench faults [kills [N]]     driving processes are killed, 1000 of them unless N says otherwise
    dev.py bench faults calls           each call of a trip goes wrong, in each way, in each mode, on each engine
    dev.py bench faults machine [N]     N random lives (5000) of a queue, against a model

Kills are spread over all manners of travelling; a table says how often each invariant was looked at and was broken.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.end2end.killing import MANNERS, Invariant, Ledger, kill_again_and_again, nursery

ROUND = 42
"""Kills of one folder: afterwards there is a new one, so that the last kill has no more to look at than the first."""
PASSENGERS = 4
"""New ones for each kill."""


def main() -> int:
    """Do what the command line says; answers 1 when anything was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["kills", "calls", "machine"], default="kills")
    parser.add_argument("number", nargs="?", type=int, default=0, help="how many kills, or examples")
    options = parser.parse_args()
    if options.what == "kills":
        return kill(options.number or 1000)
    if options.what == "calls":
        os.environ["DATABUS_EVERY_FAULT"] = "1"
        return pytest.main(["tests/core/test_faults.py", "-q", "-s"])
    os.environ["DATABUS_MACHINE_EXAMPLES"] = str(options.number or 5000)
    return pytest.main(["tests/core/test_machine.py", "-q", "--timeout=0"])


def kill(kills: int) -> int:
    """Kill so many, a round in each manner after the other, and print the table."""
    seed = int(os.environ.get("DATABUS_KILL_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"Run it again with DATABUS_KILL_SEED={seed}")
    moments = random.Random(seed)
    manners = [each for each in MANNERS if not each.engine.server]
    ledgers: list[Ledger] = []
    begun = time.monotonic()
    rounds = max(len(manners), -(-kills // ROUND))
    with nursery() as lives:
        for number in range(rounds):
            share = kills * (number + 1) // rounds - kills * number // rounds
            with tempfile.TemporaryDirectory() as folder:
                manner = manners[number % len(manners)]
                ledgers.append(kill_again_and_again(manner, share, PASSENGERS, Path(folder), moments, lives))
            done = sum(ledger.hit.total() - 1 for ledger in ledgers)
            print(f"{done:6} kills, {time.monotonic() - begun:6.0f} s, {manner}", flush=True)
    _print_table(ledgers)
    return int(any(ledger.violations for ledger in ledgers))


def _print_table(ledgers: list[Ledger]) -> None:
    checks, broken, hit = Counter[Invariant](), Counter[Invariant](), Counter[str]()
    kills, repeated = Counter[str](), Counter[str]()
    for ledger in ledgers:
        checks.update(ledger.checks)
        hit.update(ledger.hit)
        broken.update(invariant for invariant, _ in ledger.violations)
        kills[str(ledger.manner)] += ledger.hit.total() - 1
        repeated[str(ledger.manner)] += ledger.repeated
    print(f"\n{'invariant':40} {'looked at':>10} {'broken':>8}")
    for invariant in Invariant:
        print(f"{invariant:40} {checks[invariant]:10} {broken[invariant]:8}")
    print(f"\n{'manner':40} {'kills':>10} {'repeated':>8}")
    for manner, number in kills.items():
        print(f"{manner:40} {number:10} {repeated[manner]:8}")
    print(f"\nThe last word before a kill: {dict(hit)}")
    for invariant, why in [each for ledger in ledgers for each in ledger.violations]:
        print(f"BROKEN: {invariant}: {why}")


if __name__ == "__main__":
    sys.exit(main())
