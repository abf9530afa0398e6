"""Random work on a database, compared after each step with the simplest thing that could be one: a dictionary."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from databus_core.model.attachment import Attachment
from databus_core.model.client import ROOT
from databus_core.model.query import Query, QueueCounts, QueueRow
from databus_core.model.queue_entry import QueueEntry, QueueStatus
from databus_core.plugins.database import Database
from tests.support.engines import Engine
from tests.support.entries import START, completed, entry, state

EXTERNAL_IDS = st.sampled_from(["a", "b", "c", "d", "e", "Ä", "a/b", ""])
SYSTEMS = st.sampled_from(["shop", "mail"])
NAMES = st.sampled_from(["orders", "letters"])
CONTENTS = st.binary(max_size=5)


class DatabaseWork(RuleBasedStateMachine):
    """Seats, changes, removes and reopens; `model` is what should be there."""

    engine: Engine

    @initialize()
    def start(self) -> None:
        self.place = tempfile.TemporaryDirectory()
        self.database: Database = self.engine.opened(Path(self.place.name))
        self.model: dict[str, QueueEntry] = {}
        self.known: dict[tuple[str, str], str] = {}

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            self.place.cleanup()

    def in_order(self) -> list[QueueEntry]:
        return sorted(self.model.values(), key=lambda one: (one.pulled_at, one.internal_id))

    def pick(self, data: st.DataObject) -> QueueEntry:
        """One entry as the database has it."""
        chosen = self.in_order()[data.draw(st.integers(0, len(self.model) - 1))]
        return self.database.entry(ROOT, chosen.internal_id)

    def store(self, one: QueueEntry) -> None:
        self.database.update(ROOT, [one])
        self.model[one.internal_id] = one

    @rule(keys=st.lists(st.tuples(SYSTEMS, EXTERNAL_IDS, NAMES, CONTENTS, st.integers(-3, 3)), min_size=1, max_size=4))
    def seat(self, keys: list[tuple[str, str, str, bytes, int]]) -> None:
        made = [
            entry(
                external_id,
                source_system=source_system,
                client_passenger=name,
                pulled_at=START + timedelta(hours=hours),
                attachments=[Attachment.binary("a.bin", content)] if content else [],
            )
            for source_system, external_id, name, content, hours in keys
        ]
        expected: list[bool] = []
        for one in made:
            key = (one.source_system, one.external_id)
            expected.append(key not in self.known)
            if expected[-1]:
                self.known[key] = one.internal_id
                self.model[one.internal_id] = one
        assert self.database.seat(ROOT, made) == expected

    @precondition(lambda self: self.model)
    @rule(data=st.data(), content=CONTENTS)
    def change(self, data: st.DataObject, content: bytes) -> None:
        one = self.pick(data)
        one.attachments.append(Attachment.binary(f"a{len(one.attachments)}.bin", b"more"))
        one.attachments[0].set_bytes(content)
        one.notification.finish()
        self.store(one)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        one = self.pick(data)
        one.processors[0].attempts += 1
        one.processors[0].fail("an error")
        self.store(one)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), hours=st.integers(-3, 3))
    def complete(self, data: st.DataObject, hours: int) -> None:
        self.store(completed(self.pick(data), START + timedelta(hours=hours)))

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        one = self.pick(data)
        assert self.database.remove(ROOT, [one.internal_id, "no-such-id"]) == 1
        del self.model[one.internal_id]
        self.known[one.source_system, one.external_id] = ""

    @rule()
    def reopen(self) -> None:
        self.database.close()
        self.database = self.engine.opened(Path(self.place.name))

    @invariant()
    def same_rows(self) -> None:
        if not hasattr(self, "database"):
            return
        rows = self.database.queue_rows(Query(client_id=ROOT, descending=False))
        assert rows.rows == [QueueRow.of(one) for one in self.in_order()]
        assert rows.total == len(self.model)
        for name in ("orders", "letters"):
            query = Query(client_id=ROOT, client_passenger=name, status=QueueStatus.COMPLETE, has_error=False)
            wanted = [one for one in self.in_order() if one.client_passenger == name]
            complete = [one.internal_id for one in wanted if one.status is QueueStatus.COMPLETE]
            assert [row.internal_id for row in self.database.queue_rows(query).rows] == complete[::-1]
            assert self.database.completed_ids(ROOT, name, None) == complete
            assert self.database.open_ids(ROOT, name) == [
                one.internal_id for one in wanted if one.internal_id not in complete
            ]

    @invariant()
    def same_counts_and_memory(self) -> None:
        if not hasattr(self, "database"):
            return
        for (source_system, external_id), internal_id in self.known.items():
            assert self.database.known(ROOT, source_system, external_id) == internal_id
        expected: dict[str, QueueCounts] = {}
        for name in {one.client_passenger for one in self.model.values()}:
            wanted = [one for one in self.in_order() if one.client_passenger == name]
            still_open = [one for one in wanted if one.status is QueueStatus.INCOMPLETE]
            expected[name] = QueueCounts(
                complete=len(wanted) - len(still_open),
                incomplete=len(still_open),
                failing=sum(one.failing is not None for one in still_open),
                oldest_incomplete_at=still_open[0].pulled_at if still_open else None,
            )
        assert self.database.queue_counts(ROOT) == expected

    @invariant()
    def same_entries(self) -> None:
        if hasattr(self, "database"):
            for one in self.model.values():
                assert state(self.database.entry(ROOT, one.internal_id)) == state(one)


@pytest.mark.timeout(400)
def test_a_database_agrees_with_a_dictionary(engine: Engine) -> None:
    work = type("Work", (DatabaseWork,), {"engine": engine})
    run_state_machine_as_test(
        work,
        settings=settings(
            max_examples=10 if engine.server else 40,  # each makes all tables anew, for which servers take their time
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
