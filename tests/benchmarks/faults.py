"""A dispatcher is killed a thousand times at random moments of its trips; after each kill everything is looked at.

Nothing notified may be missing, nothing that was complete be pushed again, no more than one push per kill be repeated,
no file or row be unreadable, and in the end everything be delivered. It stops at the first kill after which that is not
so.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.end2end.test_kill import kill_again_and_again
from tests.support.engines import JSON_FILES, SQLITE

ROUND = 50
"""Kills of one folder: afterwards there is a new one, so that the last kill has no more to look at than the first."""
PASSENGERS = 4
"""New ones for each kill."""


def main() -> None:
    """Kill, and print a line for each round."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("kills", nargs="?", type=int, default=1000, help="how many in all (1000)")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder unless given")
    arguments = parser.parse_args()
    left, done, repeated, begun = arguments.kills, 0, 0, time.monotonic()
    hit: Counter[str] = Counter()
    while left > 0:
        engine, kills = (JSON_FILES, SQLITE)[done // ROUND % 2], min(ROUND, left)
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            ledger = kill_again_and_again(engine, kills, PASSENGERS, Path(folder))
        left, done, repeated = left - kills, done + kills, repeated + ledger.repeated
        hit.update(ledger.kills)
        print(f"{done} kills, {engine}: nothing lost, nothing damaged ({time.monotonic() - begun:.0f} s)", flush=True)
    print(f"{done} kills hit {dict(hit)}; {repeated} deliveries were repeated, each once.")


if __name__ == "__main__":
    main()
