"""Sizes that are kept up to date are those that would be computed anew."""

from __future__ import annotations

import random
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine, text

from databus_core.database.sql.schema import MIGRATIONS
from databus_core.model.attachment import Attachment
from databus_core.model.client import ROOT
from databus_core.model.query import Query
from databus_core.model.queue_entry import QueueEntry
from databus_core.plugins.database import Database
from tests.core.test_sql_schema import FILE
from tests.support.engines import SQLITE
from tests.support.entries import completed, entry, minutes

CLIENTS = (ROOT, "demo")


class Work:
    """Seats, changes and removes passengers at random; many attachments are equal."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self._random = random.Random(seed)
        self._seated = 0

    def do(self) -> None:
        chance = self._random
        client_id = chance.choice(CLIENTS)
        rows = self.database.queue_rows(Query(client_id=client_id, limit=1000)).rows
        some = [row.internal_id for row in chance.sample(rows, min(len(rows), chance.randrange(1, 4)))]
        if not some or chance.random() < 0.4:
            self.database.seat(client_id, [self._new() for _ in range(3)])
        elif chance.random() < 0.7:
            changed = [self.database.entry(client_id, internal_id) for internal_id in some]
            for each in changed:
                self._change(each)
            self.database.update(client_id, changed)
        else:
            self.database.remove(client_id, some)

    def _attachment(self) -> Attachment:
        size = self._random.choice([10, 5000, 6000, 700_000])
        return Attachment.binary("a", bytes([self._random.randrange(3)]) * size)

    def _new(self) -> QueueEntry:
        self._seated += 1
        return entry(
            str(self._seated),
            client_passenger=self._random.choice(["orders", "invoices"]),
            pulled_at=minutes(self._random.randrange(5000)),
            attachments=[self._attachment() for _ in range(self._random.randrange(3))],
        )

    def _change(self, made: QueueEntry) -> None:
        changes: list[Callable[[], object]] = [
            lambda: completed(made),
            lambda: setattr(made, "client_passenger", "mails"),
            made.pushers.clear,
            lambda: made.properties.update(note="n" * self._random.randrange(90)),
            lambda: made.attachments.append(self._attachment()),
            made.attachments.clear,
        ]
        self._random.choice(changes)()


def compute_anew(file: Path) -> None:
    """What the migration does that brought the sizes."""
    migration = runpy.run_path(str(MIGRATIONS / "versions" / "v0003_space.py"))
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        connection.execute(text("DELETE FROM log_tally"))
        connection.execute(text("UPDATE queue_entry SET size = -1"))
        migration["_compute"]("", "sqlite")
    engine.dispose()


@pytest.mark.parametrize("seed", range(3))
def test_sizes_do_not_drift(tmp_path: Path, seed: int) -> None:
    database = SQLITE.opened(tmp_path)
    database.create_client("demo")
    work = Work(database, seed)
    for _ in range(60):
        work.do()
    kept = [database.space(client_id) for client_id in CLIENTS]
    database.close()
    compute_anew(tmp_path / FILE)
    database = SQLITE.opened(tmp_path)
    assert [database.space(client_id) for client_id in CLIENTS] == kept
    for client_id in CLIENTS:
        database.remove(client_id, [row.internal_id for row in database.queue_rows(Query(client_id=client_id)).rows])
        assert database.space(client_id) == {}
    database.close()
