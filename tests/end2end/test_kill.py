"""A dispatcher is killed again and again at random moments of its trips: nobody may be lost, nothing be damaged."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from databus_core.model.query import Query
from databus_core.model.queue_entry import QueueEntry, QueueStatus
from databus_core.plugins.database import Database
from tests.end2end import driven
from tests.support.engines import JSON_FILES, POSTGRESQL, SQLITE, Engine

KILLS = [(JSON_FILES, 30, 7), (SQLITE, 100, 3), (POSTGRESQL, 100, 3)]
"""Engine, kills, new passengers for each kill."""
PHASES = ("pull", "seat", "notify", "process", "push")
LONGEST_DELAY = 0.006
"""Seconds between what a driver says and its kill: about as long as a step takes with what is stored behind it."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")


class Life:
    """One run of the driven process, from its start until it is killed or ends."""

    def __init__(self, folder: Path) -> None:
        # A server that has everything imported forks each life, which else would take most of its time to begin.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["pytest", driven.__name__, *(engine.module for engine, _, _ in KILLS)])
        reader, writer = context.Pipe(duplex=False)
        self._process = context.Process(target=driven.drive, args=(folder, writer))
        self._process.start()
        writer.close()
        self._said = os.fdopen(os.dup(reader.fileno()))
        reader.close()

    def kill_in(self, phase: str, lines: int, delay: float) -> None:
        """Kill it that long after it said so many things of that phase."""
        self._read_until(lambda line: line.split()[0] == phase, lines)
        time.sleep(delay)
        self._process.kill()
        assert self._ended() == -signal.SIGKILL, "it died by itself"

    def end_in_order(self) -> int | None:
        """Let it drive until there is nothing left to do, and stop it; answers its exit code."""
        self._read_until(lambda line: line == "idle", 2)
        self._process.terminate()
        self._said.read()
        return self._ended()

    def _ended(self) -> int | None:
        self._said.close()
        self._process.join(30)
        return self._process.exitcode

    def _read_until(self, wanted: Callable[[str], bool], times: int) -> None:
        for line in self._said:
            times -= wanted(line.strip())
            if not times:
                return
        pytest.fail(f"The driven process ended by itself with exit code {self._ended()}")


class Ledger:
    """What was true after earlier kills, to compare with."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder = folder
        self.engine = engine
        self.made: list[str] = []
        self.kills: Counter[str] = Counter()
        self._read = 0
        self._pushes: Counter[str] = Counter()
        self._complete: set[str] = set()
        self._in_doubt: set[str] = set()

    def add_passengers(self, until: int) -> None:
        """So many in all."""
        while len(self.made) < until:
            self.made.append(f"{len(self.made):04}")
            driven.wait_in_source(self.folder, self.made[-1])

    def said_since(self) -> list[list[str]]:
        """The lines of the record that were written since this was asked last, each as its words."""
        lines = (self.folder / driven.RECORD).read_text().splitlines()
        new, self._read = lines[self._read :], len(lines)
        return [line.split() for line in new]

    def check(self) -> None:
        """Whether everything that the last life did, and left, is right."""
        said = self.said_since()
        self.kills[_phase(said)] += 1
        self._check_pushes([words[1] for words in said if words[0] == "pushed"])
        self._in_doubt |= {words[1] for words in said[-1:] if words[0] == "pushed"}
        _check_files(self.folder)
        reports: list[str] = []
        with closing(self.engine.opened(self.folder, reports.append)) as database:
            assert reports == []
            stored = entries(database)
        _check_files(self.folder)
        left = set(self.made) - names_in(self.folder / driven.SOURCE)
        assert left <= stored.keys(), f"notified and lost: {sorted(left - stored.keys())}"
        for name in left:
            assert stored[name].attachments[1].read_bytes() == driven.BYTES
        self._complete = {name for name, one in stored.items() if one.status is QueueStatus.COMPLETE}
        for name in self._complete:
            assert (self.folder / driven.TARGET / name).read_text() == driven.delivered_content_of(name)

    def _check_pushes(self, names: list[str]) -> None:
        again = [name for name in names if self._pushes[name]]
        assert not self._complete & set(again), "what was stored complete was delivered again"
        assert set(again) <= self._in_doubt, "only a delivery that a kill cut off may be repeated, and only once"
        self._in_doubt -= set(again)
        assert len(set(names)) == len(names), "one life delivered a passenger twice"
        self._pushes.update(names)

    @property
    def repeated(self) -> int:
        """How many deliveries were made once more."""
        return self._pushes.total() - len(self._pushes)


def _phase(said: list[list[str]]) -> str:
    """Where the kill hit, by the last words."""
    last = said[-1][0] if said else "start"
    return "push" if last == "pushed" else last


def _check_files(folder: Path) -> None:
    """Every document on disk can be read, at each moment."""
    clients = folder / "data" / "json_db" / "clients"
    for file in [*clients.glob("*/config.json"), *clients.glob("*/pqueue/*/passenger.json")]:
        if not file.parent.name.startswith("."):
            json.loads(file.read_text("utf-8"))


def names_in(folder: Path) -> set[str]:
    """The names of the files in a folder."""
    return {path.name for path in folder.iterdir()}


def entries(database: Database) -> dict[str, QueueEntry]:
    """The whole queue by external id."""
    rows = database.queue_rows(Query(client_id=driven.CLIENT, limit=10_000)).rows
    assert len({row.external_id for row in rows}) == len(rows), "a passenger is seated twice"
    return {row.external_id: database.entry(driven.CLIENT, row.internal_id) for row in rows}


def kill_again_and_again(engine: Engine, kills: int, passengers: int, folder: Path) -> Ledger:
    """Drive, kill, look, so often; then let the rest be driven in order, and look at all of it."""
    seed = int(os.environ.get("DATABUS_KILL_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"Run it again with DATABUS_KILL_SEED={seed}")
    moments = random.Random(seed)
    driven.prepare(folder, engine)
    ledger = Ledger(folder, engine)
    for number in range(kills):
        ledger.add_passengers(passengers * (number + 1))
        phase = PHASES[number % len(PHASES)]
        lines = 1 if phase == "seat" else moments.randint(1, passengers - 1)
        Life(folder).kill_in(phase, lines, moments.uniform(0, LONGEST_DELAY))
        ledger.check()
    print(f"The kills hit {dict(ledger.kills)}; {ledger.repeated} deliveries were repeated")
    assert Life(folder).end_in_order() == 0
    ledger.check()
    with closing(engine.opened(folder)) as database:
        stored = entries(database)
    assert sorted(stored) == ledger.made
    assert {one.status for one in stored.values()} == {QueueStatus.COMPLETE}
    assert sorted(names_in(folder / driven.TARGET)) == ledger.made
    assert names_in(folder / driven.SOURCE) == set()
    assert ledger.repeated <= kills
    return ledger


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("engine", "kills", "passengers"), KILLS, ids=str)
def test_no_kill_loses_damages_or_doubles_a_passenger(
    engine: Engine, kills: int, passengers: int, tmp_path: Path
) -> None:
    engine.require()
    ledger = kill_again_and_again(engine, kills, passengers, tmp_path)
    assert set(PHASES) <= ledger.kills.keys(), "the kills were not spread over the whole trip"
