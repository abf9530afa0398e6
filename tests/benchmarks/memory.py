"""The most memory that a headless process has in use during one trip, and its child where the trip runs in one.

Passengers of 1 KB: ten times as many may not take more. One attachment of 1 GB, made while it is read, not touched by
the processor, and pushed to a file: it is never in memory. Each process is to stay below 150 MB.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from tests.support.engines import JSON_FILES, SQLITE
from tests.support.peak import peaks

ENGINES = {str(engine): engine for engine in (SQLITE, JSON_FILES)}
PASSENGERS = (10_000, 100_000)
SIZE = 1024
LARGE = 1 << 30
MOST = 150_000_000


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("passengers", nargs="*", type=int, default=PASSENGERS, help="of a trip (10000 100000)")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="all unless given")
    parser.add_argument("--isolation", choices=("thread", "process"), action="append", help="both unless given")
    parser.add_argument("--commit", choices=("each", "grouped"), default="each", help="of the pusher (each)")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder unless given")
    given = parser.parse_args()
    print(f"{'database':>10} {'isolation':>9} {'passengers':>10} {'bytes each':>13} {'MB':>6} {'child MB':>8} {'s':>7}")
    for name in given.engine or ENGINES:
        for isolation in given.isolation or ("thread", "process"):
            for passengers, size in [*((number, SIZE) for number in given.passengers), (1, LARGE)]:
                folder = Path(tempfile.mkdtemp(dir=given.folder))
                begun = time.perf_counter()
                try:
                    made = peaks(
                        ENGINES[name],
                        folder,
                        isolation=isolation,
                        passengers=passengers,
                        size=size,
                        commit=given.commit,
                    )
                finally:
                    shutil.rmtree(folder)
                took = time.perf_counter() - begun
                said = " too much" if max(made.process, made.child) > MOST else ""
                print(
                    f"{name:>10} {isolation:>9} {passengers:10} {size:13,} {made.process / 1e6:6.0f} "
                    f"{made.child / 1e6:8.0f} {took:7.1f}{said}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
