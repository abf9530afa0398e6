"""Copying a client from any database engine to any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from databus_core.engine.export import export_client
from databus_core.errors import DatabaseError, ExportStopped
from databus_core.model.attachment import Attachment
from databus_core.model.audit import AuditRecord
from databus_core.model.log import Log, LogEntry, MessageType
from databus_core.model.missed import Absence, MissedTrips
from databus_core.model.query import PAGE, LogQuery, Query
from databus_core.model.queue_entry import QueueEntry
from databus_core.model.route_state import RoutePause, RouteState
from databus_core.model.trip import TripRecord
from databus_core.plugins.database import Database
from tests.support.engines import JSON_FILES, MARIADB, POSTGRESQL, SQLITE, Engine
from tests.support.entries import completed, entries, entry, minutes, state

CLIENT = "acme"
CONFIGURATION = '{\r\n "passengers": [], "käse": 1}\n'
PAIRS = [
    (JSON_FILES, SQLITE),
    (SQLITE, JSON_FILES),
    (JSON_FILES, JSON_FILES),
    (JSON_FILES, POSTGRESQL),
    (POSTGRESQL, MARIADB),
    (MARIADB, SQLITE),
]

Export = Callable[..., int]


def nothing(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Database, Database]]:
    """A database with a client that has something of everything, and an empty one."""
    engines: tuple[Engine, Engine] = request.param
    with ExitStack() as stack:
        opened: list[Database] = []
        for engine, name in zip(engines, ("source", "target"), strict=True):
            engine.require()
            (tmp_path / name).mkdir()
            opened.append(engine.opened(tmp_path / name))
            stack.callback(opened[-1].close)
        fill(opened[0])
        yield opened[0], opened[1]


def fill(database: Database) -> None:
    database.create_client(CLIENT)
    database.add_backup(CLIENT, "__databus__", "{}")
    database.append_audit(CLIENT, [AuditRecord(minutes(n), "ann", "saved", f"{n}") for n in range(3)])
    database.write_configuration(CLIENT, CONFIGURATION)
    many = entries(PAGE + 20, attachments=[Attachment.text("a.txt", "text")])
    database.seat(CLIENT, many)
    rich = entry(
        "rich/Ä",
        attachments=[Attachment.binary("large.bin", bytes(range(256)) * 8192), Attachment.binary("empty", b"")],
        properties={"lines": [1, None, {"a": "ü"}]},
        log_ids=["log-1"],
        unknown={"colour": "red"},
        pulled_at=minutes(-5),
    )
    database.seat(CLIENT, [rich])
    rich.processors[0].attempts = 2
    rich.processors[0].fail("no such article")
    database.update(CLIENT, [rich, completed(many[3])])
    log = Log(CLIENT, "orders", id="log-1", started_at=minutes(0))
    database.append_log(log, [line(number) for number in range(2500)])
    log.finished_at = minutes(9)
    database.finish_log(log)
    database.record_trip(CLIENT, TripRecord("orders", "log-1", minutes(0), minutes(9), MessageType.ERROR, 1, 2, 3, 4))
    database.write_route_state(CLIENT, RouteState("orders", RoutePause.INTAKE, minutes(3)))
    database.append_missed(CLIENT, [MissedTrips("orders", minutes(-90), minutes(-5), Absence.STOPPED, 12, 1)])


def line(number: int) -> LogEntry:
    return LogEntry(
        minutes(number), "shop", MessageType.ERROR if number == 7 else MessageType.INFO, f"line {number}\n…"
    )


def contents(database: Database) -> dict[str, object]:
    """Everything that a client has."""
    rows = database.queue_rows(Query(client_id=CLIENT, descending=False, limit=10_000)).rows
    logs = database.log_rows(LogQuery(client_id=CLIENT, limit=1000)).rows
    return {
        "configuration": database.configuration(CLIENT),
        "backups": [(b.node, database.backup_text(CLIENT, b.id)) for b in database.backups(CLIENT)],
        "queue": [state(database.entry(CLIENT, row.internal_id)) for row in rows],
        "counts": database.queue_counts(CLIENT),
        "logs": [(log.id, log.client_passenger, log.started_at, log.finished_at, log.worst) for log in logs],
        "lines": [database.log_entries(CLIENT, log.id).rows for log in logs],
        "audit": database.audit_rows(CLIENT).rows,
        "trips": database.last_trips(CLIENT),
        "paused": database.route_states(CLIENT),
        "missed": database.missed(CLIENT),
    }


def test_everything_arrives_and_twice_doubles_nothing(databases: tuple[Database, Database]) -> None:
    source, target = databases
    seen: list[tuple[int, int]] = []
    assert export_client(source, target, CLIENT, lambda done, total: seen.append((done, total))) == PAGE + 21
    assert contents(target) == contents(source)
    assert seen[0] == (PAGE, PAGE + 21)
    assert seen[-1] == (PAGE + 21, PAGE + 21)
    assert export_client(source, target, CLIENT, nothing) == 0
    assert contents(target) == contents(source)


def test_what_changed_since_is_brought_to_the_sources_state(databases: tuple[Database, Database]) -> None:
    source, target = databases
    export_client(source, target, CLIENT, nothing)
    changed = [source.entry(CLIENT, internal_id) for internal_id in source.open_ids(CLIENT, "orders")[:2]]
    changed[0].attachments.append(Attachment.text("new.txt", "new"))
    completed(changed[1])
    source.update(CLIENT, changed)
    source.seat(CLIENT, [entry("late")])
    source.write_route_state(CLIENT, RouteState("orders", RoutePause.NONE, minutes(5)))
    source.append_missed(CLIENT, [MissedTrips("orders", minutes(-90), minutes(9), Absence.STOPPED, 14, 1)])
    assert export_client(source, target, CLIENT, nothing) == 1
    assert contents(target) == contents(source)


def test_a_stopped_export_goes_on_where_it_ended(databases: tuple[Database, Database]) -> None:
    source, target = databases
    with pytest.raises(ExportStopped, match=rf"after {PAGE} of {PAGE + 21} passengers"):
        export_client(source, target, CLIENT, nothing, stopped=lambda: True)
    assert target.queue_rows(Query(client_id=CLIENT)).total == PAGE
    assert export_client(source, target, CLIENT, nothing) == 21
    assert contents(target) == contents(source)


def test_a_log_that_was_copied_in_part_is_completed(databases: tuple[Database, Database]) -> None:
    source, target = databases
    target.create_client(CLIENT)
    log = Log(CLIENT, "orders", id="log-1", started_at=minutes(0))
    target.append_log(log, [line(number) for number in range(100)])
    export_client(source, target, CLIENT, nothing)
    assert target.log_entries(CLIENT, "log-1").rows == source.log_entries(CLIENT, "log-1").rows


def test_another_passenger_of_the_same_id_is_refused_in_words(databases: tuple[Database, Database]) -> None:
    source, target = databases
    target.create_client(CLIENT)
    other: QueueEntry = entry("5")
    target.seat(CLIENT, [other])
    with pytest.raises(DatabaseError, match=f"shop - 5 already, as passenger {other.internal_id}"):
        export_client(source, target, CLIENT, nothing)
    assert state(target.entry(CLIENT, other.internal_id)) == state(other)
