"""What plug-ins may do wrong, and whom it harms: their own step of that passenger, and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from databus_core import Attachment, LeaveOut, NotYet, Passenger, Pusher, QueueStatus
from databus_core.errors import OutcomeUnknown, PeekNotOffered
from tests.support.engines import JSON_FILES, SQLITE, Engine
from tests.support.stage import PUSHER, TELLING_PUSHER, Stage, StageBatchPusher, StageTellingPusher
from tests.support.trips import messages, trips_on

pytestmark = pytest.mark.parametrize("engine", [JSON_FILES, SQLITE], ids=str)


class Unprintable(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Reticent:
    """What cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


def raising(error: BaseException) -> Callable[..., Any]:
    def hook(*_: object) -> None:
        raise error

    return hook


WRONG: dict[str, Callable[..., Any]] = {
    "no text": raising(Unprintable()),
    "no utf-8": raising(FileNotFoundError("bad\udcff.pdf")),
    "nul": raising(ValueError("a\0b")),
    "peek": raising(PeekNotOffered("not here")),
    "generator exit": raising(GeneratorExit()),
    "stop iteration": raising(StopIteration()),
    "system exit": raising(SystemExit(3)),
    "long": raising(ValueError("x" * 5_000_000)),
    "unshowable answer": lambda *_: Reticent(),
    "not yet without reason": lambda *_: NotYet(None),  # type: ignore[arg-type]
    "not yet with an object": lambda *_: NotYet(object()),  # type: ignore[arg-type]
    "not yet, no utf-8": lambda *_: NotYet("bad\udcff.pdf"),
    "not yet, class": lambda *_: NotYet,
}


def only(external_id: str, role: str, wrong: Callable[..., Any]) -> Callable[..., Any]:
    return lambda r, passenger: wrong() if (r, passenger.external_id) == (role, external_id) else None


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("role", ["first", "erp"])
async def test_a_call_that_goes_wrong_in_any_way_harms_its_own_step_alone(
    engine: Engine, tmp_path: Path, role: str, wrong: Callable[..., Any]
):
    stage = Stage(waiting=["1", "2", "3"])
    stage.on_process = stage.on_push = only("2", role, wrong)
    async with trips_on(engine, tmp_path, stage.client_passenger()) as trips:
        log = await trips.drive()
        assert log.last is not None
        assert "Trip ends" in log.last.message
        assert "crashed" not in messages(log)
        assert "ended early" not in messages(log)
        assert {number for pusher, number in stage.pushed if pusher == "crm"} == (
            {"1", "2", "3"} if role == "erp" else {"1", "3"}
        )
        assert {number for pusher, number in stage.pushed if pusher == "erp"} == {"1", "3"}
        assert (await trips.step("2", role)).status is QueueStatus.INCOMPLETE
        stage.on_process = stage.on_push = lambda *_: None
        await trips.drive()
        assert stage.pushed.count(("erp", "2")) == 1


@pytest.mark.parametrize(
    ("reason", "status"), [(None, "incomplete"), (5, "incomplete"), ("bad\udcff.pdf", "complete")], ids=str
)
async def test_who_is_left_out_needs_a_reason_in_words(engine: Engine, tmp_path: Path, reason: Any, status: str):
    stage = Stage(waiting=["1", "2"])
    stage.on_process = only("1", "first", lambda: LeaveOut(reason))
    async with trips_on(engine, tmp_path, stage.client_passenger()) as trips:
        log = await trips.drive()
        assert "crashed" not in messages(log)
        assert "ended early" not in messages(log)
        assert {number for _, number in stage.pushed} == {"2"}
        assert await trips.statuses("first") == {"1": status, "2": "complete"}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
async def test_a_notification_that_goes_wrong_in_any_way_harms_its_own_passenger_alone(
    engine: Engine, tmp_path: Path, wrong: Callable[..., Any]
):
    stage = Stage(waiting=["1", "2", "3"])
    stage.on_notify = lambda external_id: wrong() if external_id == "2" else None
    async with trips_on(engine, tmp_path, stage.client_passenger()) as trips:
        log = await trips.drive()
        assert "crashed" not in messages(log)
        assert "ended early" not in messages(log)
        assert {number for _, number in stage.pushed} >= {"1", "3"}


async def test_one_passenger_yielded_twice_is_seated_once(engine: Engine, tmp_path: Path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "twice.py").write_text(
        "from databus_core import Passenger, Puller\n"
        "class Twice(Puller):\n"
        "    def pull(self):\n"
        "        one = Passenger(external_id='1', source_system='shop')\n"
        "        yield one\n"
        "        yield one\n"
    )
    stage = Stage()
    configured = stage.client_passenger(pullers=[{"module": "twice"}], processors=[])
    async with trips_on(engine, tmp_path, configured) as trips:
        log = await trips.drive()
        assert not log.has_errors, messages(log)
        assert stage.pushed == [("erp", "1"), ("crm", "1")]


class NoNumber(StageBatchPusher):
    batch_size = "ten"  # type: ignore[assignment]


class NoSize(StageBatchPusher):
    @property
    def batch_size(self) -> int:  # type: ignore[override]
        raise KeyError("size")


class NoKey(StageTellingPusher):
    def delivery_key(self, passenger: Passenger) -> str:
        raise KeyError("key")


class NoBatch(Pusher):
    Arguments = StageBatchPusher.Arguments
    batch_size = 5

    def push(self, passenger: Passenger) -> None:
        """Never called."""


@pytest.mark.parametrize("kind", [NoNumber, NoSize, NoBatch], ids=lambda kind: kind.__name__)
async def test_a_pusher_with_a_wrong_batch_size_harms_no_other(engine: Engine, tmp_path: Path, kind: type[Pusher]):
    stage = Stage(waiting=["1", "2"])
    pushers = [stage.pusher("erp", f"{__name__}:{kind.__name__}"), "crm"]
    async with trips_on(engine, tmp_path, stage.client_passenger(pushers=pushers)) as trips:
        log = await trips.drive()
        assert "crashed" not in messages(log)
        assert stage.pushed == [("crm", "1"), ("crm", "2")]
        assert (await trips.step("1", "erp")).error


async def test_a_delivery_key_that_raises_is_an_error_of_its_step(engine: Engine, tmp_path: Path):
    stage = Stage(waiting=["1", "2"])
    stage.on_push = only("1", "erp", raising(OutcomeUnknown("no answer")))
    pushers = [stage.pusher("erp", f"{__name__}:NoKey")]
    async with trips_on(engine, tmp_path, stage.client_passenger(pushers=pushers)) as trips:
        log = await trips.drive()
        assert "crashed" not in messages(log)
        assert stage.pushed == [("erp", "2")]
        assert "KeyError" in (await trips.step("1", "erp")).error


async def test_a_plug_in_that_raises_at_close_takes_nothing_back(engine: Engine, tmp_path: Path):
    stage = Stage(waiting=["1"])
    stage.on_close = raising(SystemExit(5))
    async with trips_on(engine, tmp_path, stage.client_passenger()) as trips:
        log = await trips.drive()
        assert "Closing failed: SystemExit: 5" in messages(log)
        assert {entry.status for entry in (await trips.entries()).values()} == {QueueStatus.COMPLETE}


async def test_a_bad_attachment_takes_no_other_passengers_delivery_back(engine: Engine, tmp_path: Path):
    stage = Stage(waiting=["1", "2", "3"])

    def spoil(role: str, passenger: Passenger) -> None:
        if (role, passenger.external_id) == ("second", "3"):
            passenger.attach(Attachment.from_file(tmp_path / "gone.pdf"))

    stage.on_process = spoil
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "mark.py").write_text(
        "from databus_core import Processor\n"
        "class Mark(Processor):\n"
        "    def process(self, passenger):\n"
        "        passenger.properties['marked'] = True\n"
    )
    configured = stage.client_passenger(
        processors=[{"module": "mark"}, "second"], pushers=[stage.pusher("erp", commit="grouped")]
    )
    stage.text = "content"
    async with trips_on(engine, tmp_path, configured) as trips:
        await trips.drive()
        assert await trips.statuses() == {"1": "complete", "2": "complete", "3": "incomplete"}


async def test_a_name_that_was_a_pullers_can_become_a_pushers(engine: Engine, tmp_path: Path):
    stage = Stage(waiting=["1"])
    stage.on_notify = raising(PermissionError("locked"))
    async with trips_on(engine, tmp_path, stage.client_passenger(pullers=["shop"], pushers=["erp"])) as trips:
        await trips.drive()
        stage.on_notify = lambda *_: None
        stage.waiting = ["2"]
        await trips.configure(stage.client_passenger(pullers=["mail"], pushers=[stage.pusher("shop", PUSHER)]))
        await trips.drive()
        assert ("shop", "2") in stage.pushed


async def test_not_yet_said_twice_by_a_careful_pusher_is_no_interrupted_push(engine: Engine, tmp_path: Path):
    stage = Stage(waiting=["1"])
    stage.on_push = lambda *_: NotYet("opens at nine")
    pushers = [stage.pusher("erp", after_crash="hold"), stage.pusher("crm", TELLING_PUSHER)]
    async with trips_on(engine, tmp_path, stage.client_passenger(pushers=pushers)) as trips:
        for _ in range(3):
            await trips.drive()
            assert (await trips.statuses("erp"), await trips.statuses("crm")) == ({"1": "incomplete"},) * 2
        assert stage.asked == []
