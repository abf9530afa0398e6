"""A process that works on a database is killed at random moments: nothing that is durable may be gone."""

from __future__ import annotations

import json
import random
import threading
from collections import defaultdict
from pathlib import Path

import pytest

from databus_core.model.queue_entry import QueueStatus
from databus_core.plugins.database import Database
from tests.support.engines import Engine

KILLS = 8


def killed_work(engine: Engine, folder: Path, seconds: float) -> list[list[object]]:
    """Let a child process work, kill it that long after its first word; answers what it said."""
    with engine.start("work", folder) as process:
        assert process.stdout is not None
        said = [process.stdout.readline()]
        killer = threading.Timer(seconds, process.kill)
        killer.start()
        said += process.stdout.readlines()
        killer.join()
        assert process.wait() == -9
    return [json.loads(line) for line in said if line.endswith("\n")]


def check(database: Database, facts: dict[str, set[str]]) -> None:
    """Whether the database has everything that it ever called durable."""
    for name, said in facts.items():
        internal_id = database.known("root", "shop", name)
        assert internal_id is not None, f"{name} was seated and is not known"
        if "removed" in said:
            assert internal_id == ""
        if internal_id == "":
            assert "removing" in said
            continue
        one = database.entry("root", internal_id)
        text = one.attachments[0].read_text()
        assert text in {"first", "second"}
        assert one.puller_notified == (text == "second"), "an update is stored wholly or not at all"
        if "changed" in said:
            assert text == "second"
        if "completed" in said:
            assert one.status is QueueStatus.COMPLETE


@pytest.mark.timeout(120)
def test_nothing_durable_is_lost_when_the_process_is_killed(engine: Engine, tmp_path: Path) -> None:
    facts: dict[str, set[str]] = defaultdict(set)
    moments = random.Random(20_260_310)
    for _ in range(KILLS):
        for fact, names in killed_work(engine, tmp_path, moments.uniform(0.02, 0.5)):
            assert isinstance(names, list)
            for name in names:
                facts[name].add(str(fact))
        reports: list[str] = []
        database = engine.opened(tmp_path, reports.append)
        assert reports == []
        check(database, facts)
        database.close()
    assert len(facts) > 3 * KILLS
    left = [path for path in tmp_path.rglob("*") if path.name.startswith(".tmp-") or path.name == "damaged"]
    assert left == []


@pytest.mark.timeout(60)
def test_of_processes_that_want_the_data_at_once_one_gets_them(engine: Engine, tmp_path: Path) -> None:
    engine.opened(tmp_path).close()
    processes = [engine.start("hold_or_tell", tmp_path) for _ in range(4)]
    said = []
    for process in processes:
        assert process.stdout is not None
        said.append(process.stdout.readline().strip())
    for process in processes:
        process.kill()
        process.communicate()
    assert sorted(said) == ['"holding"', '"refused"', '"refused"', '"refused"']
    engine.opened(tmp_path).close()
