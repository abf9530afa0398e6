"""Kills of driving processes, and what must hold after each of them."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from databus_core.errors import DatabusError
from databus_core.model.query import LogQuery, Query
from databus_core.model.queue_entry import QueueEntry, QueueStatus
from databus_core.plugins.database import Database
from tests.end2end import driven
from tests.support.engines import JSON_FILES, POSTGRESQL, REPOSITORY, SQLITE, Engine

PHASES = ("pull", "seat", "notify", "process", "push", "pushed")
LONGEST_DELAY = 0.006
"""Seconds between what a driver says and its kill: about as long as a step takes with what is stored behind it."""
LONGEST_LIFE = 30.0
"""Seconds in which a life has said what it is killed at."""


class Invariant(StrEnum):
    """What no kill may break."""

    KEPT = "nothing notified is missing"
    ONCE = "nothing complete is pushed again"
    GOES_ON = "everything incomplete is tried again"
    ONE_BATCH = "at most one batch is repeated"
    READABLE = "no file or row is unreadable"


class Manner(NamedTuple):
    """How the passengers of the driving processes travel."""

    engine: Engine
    isolation: str
    commit: str

    def __str__(self) -> str:
        return f"{self.engine}, {self.isolation}, {self.commit}"

    @property
    def options(self) -> dict[str, Any]:
        """What driven.prepare is told."""
        pusher = "BatchTarget" if self.commit == "batch" else "Target"
        commit = "grouped" if self.commit == "grouped" else "each"
        return {"pusher": pusher, "isolation": self.isolation, "commit": commit}

    @property
    def batch(self) -> int:
        """How many deliveries a kill may cut off; a group has as many as fit into its time."""
        return {"single": 1, "batch": driven.BatchTarget.batch_size, "grouped": 500}[self.commit]


MANNERS = [
    Manner(engine, isolation, commit)
    for engine in (JSON_FILES, SQLITE, POSTGRESQL)
    for isolation in ("thread", "process")
    for commit in ("single", "grouped", "batch")
]


class Nursery:
    """Where driving processes come from."""

    def __init__(self) -> None:
        program = [sys.executable, "-m", "tests.end2end.driven"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(program, cwd=REPOSITORY, text=True, bufsize=1, **pipes)

    def bear(self, folder: Path) -> Life:
        """A process that drives there; there is one at a time."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{folder}\n")
        return Life(folder, int(self._said()), self._said)

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def close(self) -> None:
        """There are no more."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def nursery() -> Iterator[Nursery]:
    """One that is closed behind the block."""
    made = Nursery()
    try:
        yield made
    finally:
        made.close()


class Life:
    """One run of a driving process, from its start until it is killed or ends."""

    def __init__(self, folder: Path, pid: int, ended: Any) -> None:
        self._folder = folder
        self._pid = pid
        self._ended = ended
        self._read = _size(folder)

    def kill_at(self, phase: str, times: int, delay: float | None) -> None:
        """Kill it that long after it said so many things of that phase; None: it kills itself as it says that."""
        if delay is not None:
            self._wait_for(phase, times)
            time.sleep(delay)
            os.kill(self._pid, signal.SIGKILL)
        assert int(self._ended()) == -signal.SIGKILL, "it ended by itself"
        self._wait_for_trips()

    def end_in_order(self) -> int:
        """Let it drive until there is nothing left to do, and stop it; answers its exit code."""
        self._wait_for("idle", 2)
        os.kill(self._pid, signal.SIGTERM)
        return int(self._ended())

    def _wait_for(self, phase: str, times: int) -> None:
        until = time.monotonic() + LONGEST_LIFE
        record = self._folder / driven.RECORD
        while time.monotonic() < until:
            if _size(self._folder) > self._read:
                said = record.read_bytes()[self._read :].decode().splitlines()
                if sum(line.split()[0] == phase for line in said) >= times:
                    return
            time.sleep(0.0005)
        os.kill(self._pid, signal.SIGKILL)
        raise AssertionError(f"a driving process never said {phase!r} {times} times")

    def _wait_for_trips(self) -> None:
        """The kernel ends the processes of its trips; until they are gone, one might still say something."""
        mine = f"{driven.DRIVER}={self._folder}".encode()
        until = time.monotonic() + LONGEST_LIFE
        while any(mine in _environment(pid) for pid in Path("/proc").glob("[0-9]*")):
            assert time.monotonic() < until, "the process of a trip outlives its dispatcher"
            time.sleep(0.002)


def _size(folder: Path) -> int:
    record = folder / driven.RECORD
    return record.stat().st_size if record.exists() else 0


def _environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


@dataclass
class Ledger:
    """What was true after earlier kills, to compare with, and what was found wrong."""

    folder: Path
    manner: Manner
    made: list[str] = field(default_factory=list)
    hit: Counter[str] = field(default_factory=Counter)
    """Where the kills hit."""
    checks: Counter[Invariant] = field(default_factory=Counter)
    violations: list[tuple[Invariant, str]] = field(default_factory=list)
    repeated: int = 0
    """How many deliveries were made once more."""

    def __post_init__(self) -> None:
        self._read = 0
        self._pushed: set[str] = set()
        self._complete: set[str] = set()
        self._in_doubt: set[str] = set()

    def add_passengers(self, until: int) -> None:
        """So many in all."""
        while len(self.made) < until:
            self.made.append(f"{len(self.made):05}")
            driven.wait_in_source(self.folder, self.made[-1])

    def look(self) -> dict[str, QueueEntry]:
        """Whether everything that the last life did, and left, is right; answers what is stored."""
        said = self._said_since()
        self.hit[said[-1][0] if said else "start"] += 1
        pushed = [words[1] for words in said if words[0] == "pushed"]
        again = self._pushed.intersection(pushed)
        self._holds(Invariant.ONCE, not self._complete & again, f"pushed again: {self._complete & again}")
        wrong = again - self._in_doubt
        self._holds(Invariant.ONE_BATCH, not wrong and len(set(pushed)) == len(pushed), f"pushed again: {wrong}")
        self.repeated += len(again)
        self._pushed.update(pushed)
        stored = self._stored()
        left = set(self.made) - names_in(self.folder / driven.SOURCE)
        self._holds(Invariant.KEPT, left <= stored.keys(), f"lost: {sorted(left - stored.keys())}")
        complete = {name for name, entry in stored.items() if entry.status is QueueStatus.COMPLETE}
        self._holds(Invariant.GOES_ON, self._complete <= complete, f"open again: {self._complete - complete}")
        self._complete = complete
        cut_off = set(pushed) - complete
        self._in_doubt = (self._in_doubt | cut_off) - complete
        self._holds(Invariant.ONE_BATCH, len(cut_off) <= self.manner.batch, f"a kill cut off {len(cut_off)}")
        return stored

    def look_at_the_end(self) -> None:
        """Whether everything is delivered."""
        stored = self.look()
        everything = sorted(stored) == self.made and self._complete == set(self.made)
        delivered = sorted(names_in(self.folder / driven.TARGET)) == self.made
        waiting = names_in(self.folder / driven.SOURCE)
        open_ones = sorted(set(self.made) - self._complete)
        self._holds(Invariant.GOES_ON, everything and delivered and not waiting, f"never delivered: {open_ones}")

    def _holds(self, invariant: Invariant, holds: bool, why: str) -> None:
        self.checks[invariant] += 1
        if not holds:
            self.violations.append((invariant, f"{self.manner}, behind {self.hit.total()} kills: {why}"))

    def _said_since(self) -> list[list[str]]:
        """The lines of the record that were written since this was asked last, each as its words."""
        record = self.folder / driven.RECORD
        lines = record.read_text().splitlines() if record.exists() else []
        new, self._read = lines[self._read :], len(lines)
        return [line.split() for line in new]

    def _stored(self) -> dict[str, QueueEntry]:
        """The whole queue by external id; what cannot be read is a violation."""
        reports: list[str] = []
        stored: dict[str, QueueEntry] = {}
        try:
            _read_files(self.folder)
            with closing(self.manner.engine.opened(self.folder, reports.append)) as database:
                stored = entries(database)
                for log in database.log_rows(LogQuery(client_id=driven.CLIENT, limit=1)).rows:
                    database.log_entries(driven.CLIENT, log.id)
                self._read_contents(stored)
        except (DatabusError, OSError, ValueError) as error:
            reports.append(str(error))
        self._holds(Invariant.READABLE, not reports, "; ".join(reports))
        return stored

    def _read_contents(self, stored: dict[str, QueueEntry]) -> None:
        """Raises ValueError where a content is not what it should be."""
        for name in stored.keys() - self._complete:
            entry = stored[name]
            if entry.attachments[1].read_bytes() != driven.BYTES:
                raise ValueError(f"the attachment of {name} is damaged")
            if entry.status is QueueStatus.COMPLETE:
                delivered = (self.folder / driven.TARGET / name).read_text()
                if delivered != driven.delivered_content_of(name):
                    raise ValueError(f"{name} arrived as {delivered!r}")


def _read_files(folder: Path) -> None:
    """Every document on disk can be read, at each moment. Raises ValueError."""
    clients = folder / "data" / "json_db" / "clients"
    for file in [*clients.glob("*/config.json"), *clients.glob("*/pqueue/*/passenger.json")]:
        if not file.parent.name.startswith("."):
            json.loads(file.read_text("utf-8"))


def names_in(folder: Path) -> set[str]:
    """The names of the files in a folder, but for those that are not there wholly."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def entries(database: Database) -> dict[str, QueueEntry]:
    """The whole queue by external id. Raises ValueError when a passenger is seated twice."""
    rows = database.queue_rows(Query(client_id=driven.CLIENT, limit=10_000)).rows
    found = {row.external_id: database.entry(driven.CLIENT, row.internal_id) for row in rows}
    if len(found) != len(rows):
        raise ValueError("a passenger is seated twice")
    return found


def kill_again_and_again(
    manner: Manner, kills: int, passengers: int, folder: Path, moments: random.Random, lives: Nursery
) -> Ledger:
    """Drive, kill, look, so often; then let the rest be driven in order, and look at all of it.

    Every other kill is at a chosen moment: right as something was said, with nothing done or stored behind it.
    """
    driven.prepare(folder, manner.engine, **manner.options)
    ledger = Ledger(folder, manner)
    for number in range(kills):
        ledger.add_passengers(passengers * (number + 1))
        phase = PHASES[number // 2 % len(PHASES)]
        times = 1 if phase == "seat" else moments.randint(1, passengers - 1)
        delay = moments.uniform(0, LONGEST_DELAY) if number % 2 else None
        (folder / driven.DIE_AT).write_text(f"{phase} {times}" if delay is None else "")
        lives.bear(folder).kill_at(phase, times, delay)
        ledger.look()
    (folder / driven.DIE_AT).unlink(missing_ok=True)
    assert lives.bear(folder).end_in_order() == 0
    ledger.look_at_the_end()
    return ledger
