"""The processes of trips are killed again and again at random moments: nobody is lost, and nothing is damaged."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from databus_core import Dispatcher, DispatcherTicket
from databus_core.model.query import Query
from databus_core.model.queue_entry import QueueStatus
from tests.core.test_dispatcher import until
from tests.core.test_isolation import children
from tests.support.engines import JSON_FILES, POSTGRESQL, SQLITE, Engine
from tests.support.risky import CLIENT, ROUTE, calls, offer, ticket_in

KILLS, PASSENGERS = 25, 6
"""Kills, and new passengers for each of them."""
CALLS = 3 * PASSENGERS
"""What is called in a trip: each passenger is pulled, processed and pushed."""
LONGEST_DELAY = 0.003
"""Seconds between the call that a kill waits for and the kill: about as long as a step takes."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.mark.parametrize("engine", [JSON_FILES, SQLITE, POSTGRESQL], ids=str)
async def test_no_kill_of_a_child_loses_damages_or_doubles_a_passenger(engine: Engine, tmp_path: Path) -> None:
    engine.require()
    seed = int(os.environ.get("DATABUS_KILL_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"Run it again with DATABUS_KILL_SEED={seed}")
    moments = random.Random(seed)
    loaded = ticket_in(tmp_path, engine=engine)
    document = loaded.document() | {"crashes_until_quarantine": 1000}
    dispatcher = Dispatcher(DispatcherTicket.parse(document, tmp_path / "ticket.json"))
    await dispatcher.start(paused=True)
    cut_off = 0
    for number in range(KILLS):
        offer(tmp_path, *(f"{number:02}-{each}" for each in range(PASSENGERS)))
        if not children():
            await dispatcher.drive(CLIENT, ROUTE)  # the next one is driven by a child that is ready
            offer(tmp_path, *(f"{number:02}-more-{each}" for each in range(PASSENGERS)))
        (child,) = children()
        trip = asyncio.create_task(dispatcher.drive(CLIENT, ROUTE))
        until_call = _recorded(tmp_path) + moments.randint(1, CALLS)
        await until(lambda trip=trip, call=until_call: trip.done() or _recorded(tmp_path) >= call)
        await asyncio.sleep(moments.uniform(0, LONGEST_DELAY))
        os.kill(child, signal.SIGKILL)
        log = await asyncio.wait_for(trip, 30)
        await until(lambda child=child: child not in children())
        cut_off += any("ended by SIGKILL" in entry.message for entry in log.errors)
    assert cut_off > KILLS // 2, "the kills hardly ever hit a trip"
    assert not (await dispatcher.drive(CLIENT, ROUTE)).has_errors
    rows = (await dispatcher.read(lambda storage: storage.database.queue_rows(Query(client_id=CLIENT, limit=999)))).rows
    await dispatcher.shut_down()
    names = [row.external_id for row in rows]
    assert len(set(names)) == len(names), "a passenger is seated twice"
    assert {row.status for row in rows} == {QueueStatus.COMPLETE}
    assert not list((tmp_path / "source").iterdir())
    assert sorted(path.name for path in (tmp_path / "target").iterdir()) == sorted(names)
    for name in names:
        assert (tmp_path / "target" / name).read_text() == f"content of {name}+stamp"
    pushes = Counter(calls(tmp_path, "erp"))
    assert sum(pushes.values()) - len(pushes) <= cut_off, "only what a kill cut off may be delivered again"
    assert not children()


def _recorded(folder: Path) -> int:
    """How many calls there were in all."""
    record = folder / "record.txt"
    return len(record.read_text().splitlines()) if record.exists() else 0
