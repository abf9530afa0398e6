"""Many passengers changed by hand at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from databus_core import Change, Dispatcher
from databus_core.engine import bulk, queue
from databus_core.engine.bulk import BUNCH, Frozen, freeze
from databus_core.engine.by_hand import BulkResult, retrying, setting_step
from databus_core.engine.storage import Storage
from databus_core.errors import DatabaseError
from databus_core.model.query import Query
from databus_core.model.queue_entry import QueueEntry, QueueStatus
from databus_core.model.ticket import DispatcherTicket
from tests.support.engines import JSON_FILES, SQLITE, Engine
from tests.support.entries import completed, entries
from tests.support.stage import Stage, nothing, ticket_with
from tests.support.waiting import until

CLIENT = "demo"


@pytest.fixture(params=[JSON_FILES, SQLITE], ids=str)
async def dispatcher(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Dispatcher]:
    """It rests; client demo has no client passenger of its own."""
    engine: Engine = request.param
    made: DispatcherTicket = ticket_with(tmp_path, root=[], demo=[])
    if engine is not JSON_FILES:
        arguments = {"database_module": engine.module, "database_arguments": engine.arguments_in(tmp_path)}
        made = made.model_copy(update=arguments)
    dispatcher = Dispatcher(made)
    await dispatcher.start(paused=True)
    if engine is not JSON_FILES:
        await dispatcher.change(lambda storage: storage.database.create_client(CLIENT), Change.CLIENTS)
    yield dispatcher
    await dispatcher.shut_down(leave=True)


async def seated(dispatcher: Dispatcher, made: Sequence[QueueEntry]) -> None:
    await dispatcher.read(lambda storage: storage.database.seat(CLIENT, made))


async def frozen(dispatcher: Dispatcher, query: Query | None = None) -> Frozen:
    return await dispatcher.read(lambda storage: freeze(storage.database, query or Query(client_id=CLIENT)))


async def found(dispatcher: Dispatcher, internal_id: str) -> QueueEntry:
    return await dispatcher.read(lambda storage: storage.database.entry(CLIENT, internal_id))


def failing(made: QueueEntry) -> QueueEntry:
    made.notification.finish()
    made.processors[0].fail("no such customer")
    made.processors[0].attempts = 3
    return made


async def test_what_a_query_finds_is_frozen(dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "READ_AT_ONCE", 2)
    made = entries(7)
    completed(made[1])
    for one in made[2:]:
        failing(one)
    made[6].processors[0].give_up("never")
    await seated(dispatcher, made)
    everything = await frozen(dispatcher)
    errors = await frozen(dispatcher, Query(client_id=CLIENT, has_error=True, limit=1, offset=3))
    await seated(dispatcher, [failing(one) for one in entries(1, source_system="later")])
    assert set(everything.ids) == {one.internal_id for one in made}
    assert everything.statuses == {QueueStatus.COMPLETE: 1, QueueStatus.INCOMPLETE: 5, QueueStatus.FAILED: 1}
    assert everything.client_passengers == {"orders": 7}
    assert set(errors.ids) == {one.internal_id for one in made[2:]}


async def test_a_retry_makes_everything_that_failed_due_with_all_its_attempts(dispatcher: Dispatcher) -> None:
    fresh, complete, failed, unknown, interrupted = made = entries(5)
    completed(complete)
    failing(failed).pushers[0].give_up("refused")
    unknown.notification.finish()
    unknown.pushers[0].doubt("it died")
    interrupted.pushers[0].begin()
    await seated(dispatcher, made)
    result = await dispatcher.change_passengers(await frozen(dispatcher), retrying("ann"), deed="retried")
    assert result == BulkResult(changed=2, unchanged=3)
    now_failed, now_unknown = [await found(dispatcher, one.internal_id) for one in (failed, unknown)]
    for step in (now_failed.processors[0], now_failed.pushers[0], now_unknown.pushers[0]):
        assert (step.status, step.attempts, step.error, step.note) == (QueueStatus.INCOMPLETE, 0, "", "retried by ann")
    assert now_failed.due_at == failed.pulled_at
    assert now_unknown.notification.complete
    for one in (fresh, complete, interrupted):
        assert await found(dispatcher, one.internal_id) == one
    (record,) = await dispatcher.read(lambda storage: storage.database.audit_rows(CLIENT).rows)
    assert (record.what, record.on) == ("retried", "2 passengers")


async def test_who_cannot_be_changed_keeps_no_other_from_it(
    dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "HOLD_SECONDS", 0.05)
    made = [failing(one) for one in entries(BUNCH + 20)]
    await seated(dispatcher, made)
    chosen = await frozen(dispatcher)
    held, gone = made[3].internal_id, made[BUNCH + 3].internal_id

    def spoil(storage: Storage) -> None:
        storage.queue(CLIENT).take([held])
        storage.database.remove(CLIENT, [gone])

    await dispatcher.read(spoil)
    result = await dispatcher.change_passengers(chosen, retrying("ann"), deed="retried")
    assert (result.changed, result.unchanged, set(result.refused)) == (len(made) - 2, 0, {held, gone})
    assert "is being handled by a trip" in result.refused[held]
    assert "There is no passenger" in result.refused[gone]
    await dispatcher.read(lambda storage: storage.queue(CLIENT).give_back([held]))
    assert (await found(dispatcher, held)).failing is not None
    again = await dispatcher.change_passengers(
        replace(chosen, ids=(held,)), setting_step("check", QueueStatus.COMPLETE, "ann"), deed="set"
    )
    assert again == BulkResult(changed=1)


async def test_it_stops_between_bunches(dispatcher: Dispatcher) -> None:
    await seated(dispatcher, [failing(one) for one in entries(BUNCH + 1)])
    told: list[int] = []

    def go_on(result: BulkResult) -> bool:
        told.append(result.total)
        return False

    result = await dispatcher.change_passengers(await frozen(dispatcher), retrying("ann"), deed="retried", go_on=go_on)
    assert (result.changed, told) == (BUNCH, [BUNCH])
    assert len((await frozen(dispatcher, Query(client_id=CLIENT, has_error=True))).ids) == 1


async def test_a_step_is_set_where_it_is_not_so_yet(dispatcher: Dispatcher) -> None:
    made = entries(3)
    failing(made[0])
    completed(made[1])
    made[2].processors.clear()
    await seated(dispatcher, made)
    chosen = await frozen(dispatcher)
    complete = setting_step("check", QueueStatus.COMPLETE, "ann")
    result = await dispatcher.change_passengers(chosen, complete, deed="set")
    assert (result.changed, result.unchanged, set(result.refused)) == (1, 1, {made[2].internal_id})
    assert "has no step 'check'" in result.refused[made[2].internal_id]
    anew = setting_step("deliver", QueueStatus.INCOMPLETE, "ann")
    assert (await dispatcher.change_passengers(chosen, anew, deed="set")).changed == 1
    assert not (await found(dispatcher, made[1].internal_id)).pushers[0].complete
    with pytest.raises(DatabaseError, match="not to 'failed'"):
        setting_step("check", QueueStatus.FAILED, "ann")


async def test_what_is_retried_departs_at_once_beside_the_schedule(tmp_path: Path) -> None:
    stage = Stage(waiting=["1", "2"])
    stage.on_push = lambda _role, passenger: 1 / 0
    retry = {"attempts": 1}
    made = ticket_with(tmp_path, root=[], demo=[stage.client_passenger(sync_frequency=600, retry=retry)])
    dispatcher = Dispatcher(made)
    await dispatcher.start()
    await until(lambda: len(stage.processed) == 4 and not dispatcher.running)
    stage.on_push, stage.waiting = nothing, ["3"]
    chosen = await frozen(dispatcher, Query(client_id=CLIENT, needs_decision=True))
    assert chosen.statuses == {QueueStatus.FAILED: 2}
    await dispatcher.change_passengers(replace(chosen, ids=chosen.ids[:1]), retrying("ann"), deed="retried")
    await until(lambda: len(stage.pushed) == 2)
    await until(lambda: not dispatcher.running)
    left = chosen.ids[1]
    entry = await found(dispatcher, left)
    for step in entry.pushers:
        await dispatcher.set_step(CLIENT, left, step.name, QueueStatus.INCOMPLETE)
    await until(lambda: len(stage.pushed) == 4)
    assert (stage.pulls, stage.waiting) == (1, ["3"])
    await dispatcher.shut_down()


async def test_a_purge_leaves_whom_a_person_reopens_meanwhile_and_whom_somebody_works_on(
    dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [completed(one) for one in entries(7)]
    await seated(dispatcher, made)
    reopened, held = made[2].internal_id, made[5].internal_id

    def purge(storage: Storage) -> int:
        database, of_client = storage.database, storage.queue(CLIENT)
        completed_ids = database.completed_ids

        def found(*asked: object) -> list[str]:
            ids = completed_ids(*asked)  # type: ignore[arg-type]
            of_client.set_step(reopened, "deliver", QueueStatus.INCOMPLETE)
            return ids

        monkeypatch.setattr(database, "completed_ids", found)
        of_client.take([held])
        removed = of_client.purge()
        of_client.give_back([held])
        return removed

    assert await dispatcher.read(purge) == 5
    assert set((await frozen(dispatcher)).ids) == {reopened, held}
    monkeypatch.undo()
    assert await dispatcher.read(lambda storage: storage.queue(CLIENT).purge()) == 1
    assert (await frozen(dispatcher)).ids == (reopened,)
