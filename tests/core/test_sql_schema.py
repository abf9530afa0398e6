"""The tables of SQL databases: how they come to be, get newer, and are written for servers that no test has."""

from __future__ import annotations

import gzip
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.dialects import mssql
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.elements import ClauseElement

from databus_core.database.sql import search_source
from databus_core.database.sql.content import Contents
from databus_core.database.sql.log_table import LogTable
from databus_core.database.sql.queue_pages import QueuePages
from databus_core.database.sql.queue_table import QueueTable
from databus_core.database.sql.queue_view import QueueView
from databus_core.database.sql.schema import VERSION, VERSION_TABLE
from databus_core.database.sql.search_index import WordIndex
from databus_core.database.sql.search_text import SearchText
from databus_core.database.sql.search_words import Wanted
from databus_core.database.sql.store import Store
from databus_core.database.sql.tables import Tables
from databus_core.database.sql.trigrams import TrigramIndex
from databus_core.errors import DatabaseError
from databus_core.model.attachment import Attachment
from databus_core.model.audit import AuditRecord
from databus_core.model.client import ROOT
from databus_core.model.log import Log, LogEntry, MessageType
from databus_core.model.missed import Absence, MissedTrips
from databus_core.model.query import LogQuery, Query, QueueOrder
from databus_core.model.queue_entry import QueueEntry, QueueStatus
from databus_core.model.route_state import RoutePause, RouteState
from databus_core.model.space import Space
from databus_core.plugins.database import ignored
from tests.core.test_sql_search import found, settle, until_found
from tests.support.engines import SQLITE
from tests.support.entries import completed, entries, minutes

FILE = Path("data") / "databus.sqlite"
OLDER = Path(__file__).parent / "databases"
"""Files that earlier versions wrote: three passengers with screws (0 is complete, 1 failed twice, 2 is not notified yet
and has a workbook)."""


@contextmanager
def raw(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file)) as connection:
        yield connection
        connection.commit()


def version_of(file: Path) -> str:
    with raw(file) as connection:
        return connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()[0]


def filled(folder: Path) -> list[str]:
    """A database with passengers that were not indexed; answers its files."""
    database = SQLITE.opened(folder)
    database.seat(ROOT, entries(3, attachments=[Attachment.text("a.txt", "screws")]))
    database.close()
    return sorted(path.name for path in (folder / "data").iterdir())


def older(folder: Path, version: str) -> None:
    """A database that an earlier version wrote."""
    (folder / "data").mkdir(parents=True)
    (folder / FILE).write_bytes(gzip.decompress((OLDER / f"{version}.sqlite.gz").read_bytes()))


@pytest.mark.parametrize("version", sorted(file.name.partition(".")[0] for file in OLDER.iterdir()))
def test_a_database_of_an_earlier_version_is_copied_brought_up_to_date_and_indexed(
    tmp_path: Path, version: str
) -> None:
    older(tmp_path, version)
    with pytest.raises(DatabaseError, match=r"was made by an older Databus\. Start a dispatcher on it once"):
        SQLITE.opened(tmp_path, reading=True)
    database = SQLITE.opened(tmp_path)
    settle(database)
    assert found(database, "screws") == ["2", "1", "0"]
    assert found(database, "po-77812") == ["2"], "the workbook's text is not indexed anew"
    stored = {row.external_id: row for row in database.queue_rows(Query(client_id=ROOT)).rows}
    assert [stored[number].status for number in "012"] == [QueueStatus.COMPLETE, *[QueueStatus.INCOMPLETE] * 2]
    assert [stored[number].due_at for number in "012"] == [None, minutes(1), minutes(2)]
    due = [entry.external_id for entry in database.due(ROOT, "orders", minutes(2)) if isinstance(entry, QueueEntry)]
    assert due == ["1", "2"]
    entry = database.entry(ROOT, stored["1"].internal_id)
    assert (entry.processors[0].attempts, entry.processors[0].error) == (2, "no screws")
    assert entry.attachments[0].read_text() == "screws"
    assert database.states(ROOT) == {}
    database.close()
    assert version_of(tmp_path / FILE) == VERSION
    [backup] = database.database_backups()
    assert version_of(backup.file) == version
    other = tmp_path / "other"
    (other / "data").mkdir(parents=True)
    shutil.copy(backup.file, other / FILE)
    database = SQLITE.opened(other)
    assert database.queue_rows(Query(client_id=ROOT)).total == 3
    database.close()


def test_titles_are_found_in_a_database_of_before_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr(search_source, "title_in", lambda properties: "")
        database = SQLITE.opened(tmp_path)
        database.seat(ROOT, entries(3, properties={"subject": "Bestellung"}))
        settle(database)
        assert found(database, "bestellung") == []
        database.close()
    with raw(tmp_path / FILE) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '0007'")
        connection.commit()
    database = SQLITE.opened(tmp_path)
    settle(database)
    assert found(database, "bestellung") == ["2", "1", "0"]
    database.close()


def test_sizes_are_computed_for_a_database_of_before_they_were_kept(tmp_path: Path) -> None:
    older(tmp_path, "0002")
    database = SQLITE.opened(tmp_path)
    space = database.space(ROOT)["orders"]
    assert space.incomplete > 5000 or space.complete > 5000, "the content that all three have is counted for nobody"
    assert space.logs > 0
    database.remove(ROOT, [row.internal_id for row in database.queue_rows(Query(client_id=ROOT)).rows])
    assert database.space(ROOT)["orders"] == Space(logs=space.logs), "what goes is not what was counted"
    database.close()


@pytest.mark.parametrize("reading", [True, False])
def test_a_newer_version_is_refused_and_left_alone(tmp_path: Path, reading: bool) -> None:
    files = filled(tmp_path)
    with raw(tmp_path / FILE) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(DatabaseError, match=rf"written by a newer Databus \(version 9999 .* knows {VERSION}\)"):
        SQLITE.opened(tmp_path, reading=reading)
    assert version_of(tmp_path / FILE) == "9999"
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == files


def test_migrations_make_the_tables_that_the_engine_knows(tmp_path: Path) -> None:
    SQLITE.opened(tmp_path).close()

    def belongs(_: object, name: str | None, kind: str, *__: object) -> bool:
        return not (kind == "table" and name is not None and name.startswith(("search_index", "search_trigram")))

    engine = create_engine(f"sqlite:///{tmp_path / FILE}")
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "include_object": belongs, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Tables().metadata) == []
    engine.dispose()


def test_tables_can_be_written_for_sql_server() -> None:
    dialect = mssql.dialect()  # type: ignore[no-untyped-call]
    for table in Tables("databus").metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=dialect))


def test_statements_can_be_written_for_sql_server(tmp_path: Path) -> None:
    dialect = mssql.dialect()  # type: ignore[no-untyped-call]
    reader: Any = SimpleNamespace(dialect=dialect)
    store = Store(Tables("databus"), reader, None)  # its parts write their statements when they are made
    contents, texts = Contents(store), SearchText(store, ignored)
    assert [QueueTable(store, contents, texts), QueueView(store, contents), QueuePages(store, texts), LogTable(store)]
    said: list[ClauseElement] = []

    def note(_: object, statement: object, *__: object) -> None:
        if isinstance(statement, ClauseElement) and not re.search("search_index|search_trigram", str(statement)):
            said.append(statement)

    event.listen(Engine, "before_execute", note)
    try:
        work_on_everything(tmp_path)
    finally:
        event.remove(Engine, "before_execute", note)
    assert len(said) > 50
    unconnected: Any = None
    phrases = Wanted.by('one "two three"').phrases
    said.append(WordIndex(Tables().search_text).matching(unconnected, phrases))
    said.append(TrigramIndex(Tables().part, ignored).matching(phrases))
    for statement in said:
        assert str(statement.compile(dialect=dialect))


def work_on_everything(folder: Path) -> None:
    """Let a database say most of what it ever says."""
    database = SQLITE.opened(folder)
    made = entries(4, attachments=[Attachment.text("a.txt", "text"), Attachment.binary("b", bytes(1 << 20))])
    database.seat(ROOT, made)
    made[0].attachments[0].set_text("other")
    made[1].processors[0].fail("an error")
    database.update(ROOT, [completed(made[0]), made[1]])
    settle(database)
    database.search_substrings(ROOT, ["orders"])
    until_found(database, "rro", ["1"])
    database.search_substrings(ROOT, [])
    settle(database)
    database.search_progress()
    database.known(ROOT, "shop", "1")
    database.entry(ROOT, made[0].internal_id)
    database.open_ids(ROOT, "orders")
    database.completed_ids(ROOT, "orders", minutes(1))
    database.queue_counts(ROOT)
    for order in QueueOrder:
        first = database.queue_rows(Query(client_id=ROOT, order=order, limit=1)).rows[0]
        database.queue_rows(Query(client_id=ROOT, order=order, after=first, source_system="shop", id="1", attempts=0))
    database.queue_rows(Query(client_id=ROOT, text="%", has_error=False, pulled_from=minutes(0)))
    database.surplus_ids(ROOT, "orders", count=0, size=0)
    database.remove(ROOT, [made[3].internal_id])
    database.space(ROOT)
    database.create_client("demo")
    database.remove_client("demo")
    database.append_audit(ROOT, [AuditRecord(minutes(0), "ann", "paused")])
    database.audit_rows(ROOT, 1, 1)
    database.remove_audit(ROOT, minutes(1))
    database.add_backup(ROOT, "node", "{}")
    database.remove_backups(ROOT, minutes(0))
    log = Log(ROOT, "orders", started_at=minutes(0))
    database.append_log(log, [LogEntry(minutes(0), "a", MessageType.INFO, "text")])
    log.finished_at = minutes(1)
    database.finish_log(log)
    database.log_rows(LogQuery(client_id=ROOT, text="o", started_from=minutes(0)))
    database.log_entries(ROOT, log.id, 0, 5)
    database.remove_surplus_logs(ROOT, "orders", count=1, size=0)
    database.remove_logs(ROOT, minutes(5), "orders")
    database.remove_logs(ROOT, minutes(5))
    database.write_route_state(ROOT, RouteState("orders", RoutePause.INTAKE, minutes(0)))
    database.route_states(ROOT)
    database.append_missed(ROOT, [MissedTrips("orders", minutes(0), minutes(9), Absence.ASLEEP, 3, 1)])
    database.missed(ROOT)
    database.remove_missed(ROOT, minutes(5))
    database.close()
