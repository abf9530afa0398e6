"""Passengers in the queue when the configuration of their steps changes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from databus_core import Dispatcher, Log, Passenger, QueueStatus
from databus_core.model.query import Query
from databus_core.model.queue_entry import QueueEntry
from tests.support.stage import PUSHER, Stage, ticket_with

GONE = "no.such.module"


class Line:
    """A client whose configuration changes between the trips of one passenger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stage = Stage(waiting=["1"])
        self.dispatcher = Dispatcher(ticket_with(folder, root=[], demo=[self.stage.client_passenger()]))

    async def drive(self, **options: Any) -> Log:
        """A trip with these steps; "erp" stands for the stage's plug-in of that name."""
        passengers = [self.stage.client_passenger(**options)]
        configuration = self.folder / "data" / "clients" / "demo" / "config.json"
        configuration.write_text(json.dumps({"passengers": passengers}))
        return await self.dispatcher.drive("demo", "orders")

    async def entry(self) -> QueueEntry:
        def read(storage: Any) -> QueueEntry:
            row = storage.database.queue_rows(Query(client_id="demo")).rows[0]
            return storage.database.entry("demo", row.internal_id)

        return await self.dispatcher.read(read)

    async def steps(self) -> list[tuple[str, bool]]:
        entry = await self.entry()
        return [(step.name, step.complete) for step in (*entry.processors, *entry.pushers)]

    def fail(self, *roles: str) -> None:
        """From now on the plug-ins of these roles fail, and no others."""

        def hook(role: str, _passenger: Passenger) -> None:
            if role in roles:
                raise OSError(f"{role} is away")

        self.stage.on_process = self.stage.on_push = hook

    def reference(self, role: str, name: str, module: str = PUSHER) -> dict[str, Any]:
        return {"module": module, "name": name, "arguments": {"stage": self.stage.key, "role": role}}


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path)
    await line.dispatcher.start(paused=True)
    yield line
    await line.dispatcher.shut_down()


def said(log: Log) -> str:
    return "\n".join(entry.message for entry in log.entries)


async def test_a_corrected_module_is_used_and_the_wrong_one_forgotten(line: Line):
    await line.drive(processors=[{"module": GONE}], pushers=["erp"])
    assert line.stage.pushed == []
    log = await line.drive(processors=["first"], pushers=["erp"])
    assert not log.has_errors
    assert f"step {GONE} is no longer configured" in said(log)
    assert "step first is newly configured" in said(log)
    assert line.stage.pushed == [("erp", "1")]
    assert await line.steps() == [("first", True), ("erp", True)]
    assert log.id in (await line.entry()).log_ids


async def test_another_module_under_the_same_name_is_used(line: Line):
    await line.drive(processors=[], pushers=[line.reference("erp", "target", GONE)])
    assert (await line.entry()).pushers[0].module == GONE
    log = await line.drive(processors=[], pushers=[line.reference("erp", "target")])
    assert f"step target is done by {PUSHER} now" in said(log)
    assert line.stage.pushed == [("erp", "1")]
    assert (await line.entry()).pushers[0].module == PUSHER


async def test_a_new_step_is_done_in_the_order_of_the_configuration(line: Line):
    line.fail("second")
    await line.drive(processors=["second"], pushers=["crm"])
    line.fail()
    await line.drive(processors=["first", "second"], pushers=["erp", "crm"])
    assert line.stage.texts["1"] == "content of 1+first+second"
    assert line.stage.pushed == [("erp", "1"), ("crm", "1")]


@pytest.mark.parametrize(
    ("before", "after", "pushed"),
    [
        (["erp", "crm"], ["crm"], ["erp", "crm"]),
        (["erp", "crm"], ["crm", "erp"], ["erp", "crm"]),
        (["erp", "crm"], ["new erp", "new crm"], ["erp", "new crm"]),
        (["erp", "crm"], ["new erp", "crm"], ["erp", "crm"]),
        (["erp", "crm"], ["erp", "other", "crm"], ["erp", "other", "crm"]),
        (["erp", "crm"], ["other", "new erp", "crm"], ["erp", "crm"]),
    ],
)
async def test_what_was_delivered_is_not_delivered_again(
    line: Line, before: list[str], after: list[str], pushed: list[str]
):
    line.fail("crm")
    await line.drive(pushers=before)
    line.fail()
    for _ in range(2):
        await line.drive(pushers=after)
    assert [name for name, _ in line.stage.pushed] == pushed


async def test_where_nobody_can_tell_which_step_was_done_the_steps_stay(line: Line):
    line.fail("crm")
    await line.drive(processors=[], pushers=["erp", "crm"])
    await line.drive(processors=[], pushers=["a", "b", "c"])
    assert await line.steps() == [("erp", True), ("crm", False)]
    assert (await line.entry()).failing is not None


async def test_a_processor_that_comes_too_late_is_not_added(line: Line):
    line.fail("crm")
    await line.drive(processors=["second"], pushers=["erp", "crm"])
    line.fail()
    await line.drive(processors=["first", "second", "third"], pushers=["erp", "crm"])
    assert line.stage.texts["1"] == "content of 1+second"


async def test_a_passenger_with_nothing_left_to_do_is_complete_from_now_on_and_says_why(line: Line):
    line.fail("crm")
    await line.drive(pushers=["erp", "crm"])
    log = await line.drive(pushers=["erp"])
    entry = await line.entry()
    assert entry.status is QueueStatus.COMPLETE
    assert entry.pushers[1].note == "no longer configured"
    assert entry.completed_at is not None
    assert entry.completed_at >= log.started_at


async def test_a_complete_passenger_is_left_as_it_is(line: Line):
    await line.drive(pushers=["erp"])
    before = await line.entry()
    await line.drive(pushers=["erp", "crm"])
    assert [step.name for step in (await line.entry()).pushers] == ["erp"]
    assert (await line.entry()).log_ids == before.log_ids
    assert line.stage.pushed == [("erp", "1")]
