"""What every database engine must do: each sentence of `plugins/database.py`, through its public methods only."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from databus_core.errors import (
    AttachmentError,
    ClosedError,
    DatabaseError,
    DatabaseHeldError,
    FactoryError,
    NotFoundError,
)
from databus_core.model.attachment import Attachment, AttachmentFormat
from databus_core.model.audit import AuditRecord
from databus_core.model.client import ROOT
from databus_core.model.clock import now
from databus_core.model.holder import Holder
from databus_core.model.log import Log, LogEntry, MessageType
from databus_core.model.missed import Absence, MissedTrips
from databus_core.model.passenger import Json, property_key
from databus_core.model.query import LogQuery, Query, QueueCounts, QueueOrder, QueueRow, Rows
from databus_core.model.queue_entry import QueueEntry, QueueStatus, Step, StepKind
from databus_core.model.route_state import RoutePause, RouteState
from databus_core.model.space import Space
from databus_core.model.trip import TripRecord
from databus_core.plugins.database import Database
from tests.support.engines import Engine
from tests.support.entries import completed, entries, entry, minutes, state

LARGE = 64 << 20

CLIENT_IDS = [
    *("Müller GmbH", "Mu\u0308ller & Söhne", "İstanbul A.Ş. 2", "漢字", "\u067e\u0627\u0631\u0633\u200c\u062e"),
    *("R&D (EU), 50 % + 'x'", "_-", "con-tact", "x" * 100, "ü" * 100, "漢" * 66),
]


def ids(database: Database, **filters: object) -> list[str]:
    """External ids of the rows that a query finds, in its order."""
    query = Query(**({"client_id": ROOT} | filters))  # type: ignore[arg-type]
    return [row.external_id for row in database.queue_rows(query).rows]


def again(engine: Engine, database: Database, folder: Path) -> Database:
    """The same data, closed and opened anew."""
    database.close()
    return engine.opened(folder)


@contextmanager
def child(engine: Engine, task: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], object]]:
    """A second process at its task, with the first thing that it says; killed at the end."""
    with engine.start(task, folder) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def message(number: int, text: str = "", type_: MessageType = MessageType.INFO) -> LogEntry:
    return LogEntry(minutes(number), "plugins.shop", type_, text or f"message {number}")


def written_log(database: Database, *messages: LogEntry, name: str = "orders", at: float = 0, done: bool = True) -> Log:
    log = Log(ROOT, name, started_at=minutes(at))
    database.append_log(log, messages)
    if done:
        log.finished_at = minutes(at + 1)
        database.finish_log(log)
    return log


def trip(name: str = "orders", at: float = 0) -> TripRecord:
    return TripRecord(name, "some-log", minutes(at), minutes(at + 1), MessageType.WARNING, 4, 3, 2, 1)


def paused(name: str = "orders", pause: RoutePause = RoutePause.EVERYTHING, at: float = 0) -> RouteState:
    return RouteState(name, pause, minutes(at))


def missed(name: str = "orders", first: float = 0, noticed: float = 60, count: int = 3) -> MissedTrips:
    return MissedTrips(name, minutes(first), minutes(noticed), Absence.ASLEEP, count, 1)


READING: dict[str, Callable[[Database, str], object]] = {
    "configuration": lambda db, client: db.configuration(client),
    "backups": lambda db, client: db.backups(client),
    "backup_text": lambda db, client: db.backup_text(client, "some-backup"),
    "known": lambda db, client: db.known(client, "shop", "1"),
    "differs": lambda db, client: db.differs(client, "shop", "1", "x"),
    "entry": lambda db, client: db.entry(client, "some-id"),
    "open_ids": lambda db, client: db.open_ids(client, "orders"),
    "queue_rows": lambda db, client: db.queue_rows(Query(client_id=client)),
    "queue_counts": lambda db, client: db.queue_counts(client),
    "completed_ids": lambda db, client: db.completed_ids(client, None, None),
    "surplus_ids": lambda db, client: db.surplus_ids(client, "orders", count=0),
    "space": lambda db, client: db.space(client),
    "audit_rows": lambda db, client: db.audit_rows(client),
    "log_rows": lambda db, client: db.log_rows(LogQuery(client_id=client)),
    "log_entries": lambda db, client: db.log_entries(client, "some-log"),
    "last_trips": lambda db, client: db.last_trips(client),
    "route_states": lambda db, client: db.route_states(client),
    "missed": lambda db, client: db.missed(client),
}
WRITING: dict[str, Callable[[Database, str], object]] = {
    "remove_client": lambda db, client: db.remove_client(client),
    "write_configuration": lambda db, client: db.write_configuration(client, "{}"),
    "add_backup": lambda db, client: db.add_backup(client, "__databus__", "{}"),
    "remove_backups": lambda db, client: db.remove_backups(client, now()),
    "seat": lambda db, client: db.seat(client, [entry()]),
    "update": lambda db, client: db.update(client, [entry()]),
    "remove": lambda db, client: db.remove(client, ["some-id"]),
    "search_substrings": lambda db, client: db.search_substrings(client, ["orders"]),
    "append_log": lambda db, client: db.append_log(Log(client, "orders"), [message(1)]),
    "finish_log": lambda db, client: db.finish_log(Log(client, "orders")),
    "remove_logs": lambda db, client: db.remove_logs(client, now()),
    "remove_surplus_logs": lambda db, client: db.remove_surplus_logs(client, "orders", count=1),
    "append_audit": lambda db, client: db.append_audit(client, [AuditRecord(now(), "ann", "paused")]),
    "remove_audit": lambda db, client: db.remove_audit(client, now()),
    "record_trip": lambda db, client: db.record_trip(client, trip()),
    "write_route_state": lambda db, client: db.write_route_state(client, paused()),
    "append_missed": lambda db, client: db.append_missed(client, [missed()]),
    "remove_missed": lambda db, client: db.remove_missed(client, now()),
}
WITH_CLIENT = READING | WRITING


# Open and close -----------------------------------------------------------------------------------------------------


def test_wrong_arguments_are_refused_in_words(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(FactoryError, match="no_such_argument"):
        engine.make(tmp_path, no_such_argument=1)


def test_making_a_database_touches_nothing(engine: Engine, tmp_path: Path) -> None:
    engine.make(tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_empty_database_has_the_client_root_with_a_configuration(database: Database) -> None:
    assert database.client_ids() == [ROOT]
    assert json.loads(database.configuration(ROOT))["passengers"] == []


def test_a_database_says_where_it_is(engine: Engine, database: Database, tmp_path: Path) -> None:
    assert engine.place(tmp_path) in str(database)


@pytest.mark.parametrize("method", WITH_CLIENT.values(), ids=WITH_CLIENT)
def test_nothing_works_before_open_and_after_close(
    engine: Engine, tmp_path: Path, method: Callable[[Database, str], object]
) -> None:
    database = engine.make(tmp_path)
    with pytest.raises(ClosedError):
        method(database, ROOT)
    database.open(Holder("tests"))
    database.close()
    database.close()
    with pytest.raises(ClosedError):
        method(database, ROOT)
    with pytest.raises(ClosedError):
        database.client_ids()
    with pytest.raises(ClosedError):
        database.create_client("acme")


@pytest.mark.parametrize("method", WITH_CLIENT.values(), ids=WITH_CLIENT)
def test_a_client_that_does_not_exist_is_not_found(
    database: Database, method: Callable[[Database, str], object]
) -> None:
    with pytest.raises(NotFoundError, match="nobody"):
        method(database, "nobody")


def test_holder_is_known_while_the_database_is_open(engine: Engine, tmp_path: Path) -> None:
    database, other = engine.make(tmp_path), engine.make(tmp_path)
    assert database.holder() is None
    holder = Holder("tests", control="/run/somewhere")
    database.open(holder)
    assert database.holder() == other.holder() == holder
    database.close()
    assert database.holder() is None
    assert other.holder() is None


def test_a_second_process_is_refused_and_told_who_holds_the_data(
    engine: Engine, database: Database, tmp_path: Path
) -> None:
    holder = database.holder()
    assert holder is not None
    with child(engine, "try_open", tmp_path) as (_, said):
        assert said == {"refused": str(DatabaseHeldError(str(database), holder)), "pid": holder.pid}


def test_the_data_are_free_again_when_their_holder_is_killed(engine: Engine, tmp_path: Path) -> None:
    database = engine.make(tmp_path)
    with child(engine, "hold", tmp_path) as (process, said):
        assert said == "holding"
        with pytest.raises(DatabaseHeldError, match="the other program") as refused:
            database.open(Holder("tests"))
        assert refused.value.holder is not None
        assert refused.value.holder.pid == process.pid
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert database.holder() is None
    database.open(Holder("tests"))
    database.close()


def test_reading_beside_a_holder(engine: Engine, database: Database, tmp_path: Path) -> None:
    made = entry(attachments=[Attachment.text("order.txt", "10 screws")])
    database.seat(ROOT, [made])
    log = written_log(database, message(1), done=False)
    reader = engine.opened(tmp_path, reading=True)
    assert state(reader.entry(ROOT, made.internal_id)) == state(made)
    assert reader.log_entries(ROOT, log.id).rows == [message(1)]
    assert reader.holder() == database.holder()
    reader.close()
    database.seat(ROOT, [entry("2")])


@pytest.mark.parametrize("method", WRITING.values(), ids=WRITING)
def test_reading_without_a_holder_writes_nothing(
    engine: Engine, database: Database, tmp_path: Path, method: Callable[[Database, str], object]
) -> None:
    database.close()
    reader = engine.opened(tmp_path, reading=True)
    assert reader.client_ids() == [ROOT]
    with pytest.raises(DatabaseError, match="reading"):
        method(reader, ROOT)
    with pytest.raises(DatabaseError, match="reading"):
        reader.create_client("acme")
    reader.close()


def test_reading_where_nothing_is_creates_nothing(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError):
        engine.opened(tmp_path, reading=True)
    assert not list(tmp_path.iterdir())


# Clients and customizing --------------------------------------------------------------------------------------------


def test_clients_are_listed_root_first_then_by_name(engine: Engine, database: Database, tmp_path: Path) -> None:
    for client_id in ("zeta", "acme", "Beta.2"):
        database.create_client(client_id)
    assert database.client_ids() == [ROOT, "Beta.2", "acme", "zeta"]
    database = again(engine, database, tmp_path)
    assert database.client_ids() == [ROOT, "Beta.2", "acme", "zeta"]
    assert json.loads(database.configuration("acme"))["users"] == []
    database.close()


@pytest.mark.parametrize("client_id", CLIENT_IDS)
def test_a_client_may_be_called_what_a_folder_can_be_called_anywhere(
    engine: Engine, database: Database, tmp_path: Path, client_id: str
) -> None:
    database.create_client(client_id)
    database.seat(client_id, [entry()])
    written_log(database, message(1))
    database = again(engine, database, tmp_path)
    assert database.client_ids() == [ROOT, client_id]
    assert database.seat(client_id, [entry()]) == [False]
    assert database.configuration(client_id)
    database.remove_client(client_id)
    assert database.client_ids() == [ROOT]
    database.close()


@pytest.mark.parametrize("client_id", ["acme", "ACME", "MÜLLER", "Mu\u0308ller"])
def test_a_client_that_exists_is_not_created(database: Database, client_id: str) -> None:
    for present in ("acme", "Müller"):
        database.create_client(present)
    with pytest.raises(DatabaseError, match="already"):
        database.create_client(client_id)
    assert database.client_ids() == [ROOT, "Müller", "acme"]


@pytest.mark.parametrize(
    ("client_id", "why"),
    [
        ("", "is empty"),
        *((client_id, "dot or a space") for client_id in (".", "..", ".hidden", "a.", " a", "a ", "a\u00a0")),
        *((f"a{sign}b", f"has {sign} in it") for sign in '/\\:*?"<>|'),
        *((f"a{control}b", "control character U+") for control in "\0\n\x7f\x85\u2028\u202e\u200b\udcff"),
        *((name, "for themselves") for name in ("con", "NUL.txt", "Com1", "lpt¹.a.b", "CONIN$", "Thumbs.db")),
        *((name, "too long") for name in ("x" * 101, "漢" * 67)),
    ],
)
def test_a_client_that_cannot_be_is_not_created(database: Database, client_id: str, why: str) -> None:
    with pytest.raises(DatabaseError, match=f"cannot be called .*{re.escape(why)}.*; up to 100 characters"):
        database.create_client(client_id)
    assert database.client_ids() == [ROOT]


def test_a_client_is_found_however_unicode_composes_its_letters(database: Database) -> None:
    on_disk, typed = "Mu\u0308ller GmbH", "Müller GmbH"
    database.create_client(on_disk)
    assert database.seat(typed, [entry()]) == [True]
    assert database.client_ids() == [ROOT, on_disk]
    database.remove_client(typed)
    assert database.client_ids() == [ROOT]


def test_a_removed_client_is_out_of_use_and_its_name_free(engine: Engine, database: Database, tmp_path: Path) -> None:
    database.create_client("acme")
    database.seat("acme", [entry()])
    log = Log("acme", "orders")
    database.append_log(log, [message(1)])
    database.remove_client("acme")
    assert database.client_ids() == [ROOT]
    database = again(engine, database, tmp_path)
    assert database.client_ids() == [ROOT]
    database.create_client("acme")
    assert database.seat("acme", [entry()]) == [True]
    database.close()


def test_clients_know_nothing_of_each_other(database: Database) -> None:
    database.create_client("acme")
    assert database.seat(ROOT, [entry()]) == [True]
    assert database.seat("acme", [entry()]) == [True]
    assert database.queue_counts("acme")["orders"].incomplete == 1
    with pytest.raises(NotFoundError):
        database.entry("acme", database.open_ids(ROOT, "orders")[0])


@pytest.mark.parametrize("text", ["{}", '{\r\n\t"passengers": [],\n "käse": "\U0001f9c0"}\n\n', '{"n": 1e400}'])
def test_a_configuration_is_kept_as_it_was_written(
    engine: Engine, database: Database, tmp_path: Path, text: str
) -> None:
    database.write_configuration(ROOT, text)
    assert database.configuration(ROOT) == text
    database = again(engine, database, tmp_path)
    assert database.configuration(ROOT) == text
    database.close()


def test_backups_are_listed_newest_first(engine: Engine, database: Database, tmp_path: Path) -> None:
    before = now()
    made = [database.add_backup(ROOT, node, text) for node, text in (("__databus__", "{}"), ("ports/eu 1", "[ü]"))]
    assert before.replace(microsecond=0) <= made[0].made_at <= now()
    assert [(backup.node, backup.size) for backup in made] == [("__databus__", 2), ("ports/eu 1", 4)]
    database = again(engine, database, tmp_path)
    assert database.backups(ROOT) == made[::-1]
    assert database.backup_text(ROOT, made[1].id) == "[ü]"
    with pytest.raises(NotFoundError):
        database.backup_text(ROOT, "no-such-backup")
    database.close()


def test_old_backups_are_removed_but_never_a_nodes_newest(database: Database) -> None:
    old = [database.add_backup(ROOT, node, "{}") for node in ("a", "a", "b")]
    assert database.remove_backups(ROOT, old[0].made_at) == 0
    assert database.remove_backups(ROOT, minutes(10_000_000)) == 1
    assert database.backups(ROOT) == [old[2], old[1]]


# Queue: seating -----------------------------------------------------------------------------------------------------


def test_a_seated_entry_is_stored_whole(engine: Engine, database: Database, tmp_path: Path) -> None:
    made = entry(
        "4711/Ä\n",
        attachments=[
            Attachment.text("order.txt", "zwölf Schrauben\r\n"),
            Attachment.binary("order.pdf", bytes(range(256))),
            Attachment.binary("empty.bin", b""),
        ],
        processors=["plugins.check", "plugins.enrich"],
        pushers=["plugins.deliver", "plugins.archive"],
        passenger_module="plugins.order",
        properties={"subject": "Bestellung", "lines": [1, 2.5, None, True], "from": {"name": "Käthe"}},
        log_ids=["log-1", "log-2"],
        unknown={"colour": {"of": ["another", "version"]}},
        pulled_at=minutes(0.001),
    )
    made.notification.finish("told")
    made.processors[0].name = "first check"
    made.processors[0].attempts = 3
    made.processors[0].fail("no such article: 12 Ω")
    made.pushers[1].reopen("set by hand")
    database.seat(ROOT, [made])
    assert state(database.entry(ROOT, made.internal_id)) == state(made)
    database = again(engine, database, tmp_path)
    assert state(database.entry(ROOT, made.internal_id)) == state(made)
    database.close()


def test_attachments_read_from_the_database_once_seated(database: Database, tmp_path: Path) -> None:
    source = tmp_path / "scan.pdf"
    source.write_bytes(b"scanned")
    made = entry(attachments=[Attachment.from_file(source)])
    database.seat(ROOT, [made])
    source.unlink()
    assert (made.attachments[0].read_bytes(), made.attachments[0].size) == (b"scanned", 7)


def test_attachments_of_any_name_are_kept_apart(engine: Engine, database: Database, tmp_path: Path) -> None:
    names = ["a.txt", "a.txt", "A.TXT", "../../escape", "x/y", "..", "", "con", "n" * 300, "käse\n.txt", "a.2.txt"]
    made = entry(attachments=[Attachment.text(name, str(number)) for number, name in enumerate(names)])
    database.seat(ROOT, [made])
    database = again(engine, database, tmp_path)
    found = database.entry(ROOT, made.internal_id).attachments
    assert [(a.name, a.read_text()) for a in found] == [(name, str(number)) for number, name in enumerate(names)]
    database.close()


def test_a_passenger_is_seated_once(engine: Engine, database: Database, tmp_path: Path) -> None:
    first = entry("1", attachments=[Attachment.text("a", "first")])
    twice = [entry("2"), entry("1"), entry("2"), entry("1", source_system="mail"), entry("1", client_passenger="x")]
    assert database.seat(ROOT, [first]) == [True]
    assert database.seat(ROOT, twice) == [True, False, False, True, False]
    assert database.seat(ROOT, []) == []
    database = again(engine, database, tmp_path)
    assert database.seat(ROOT, twice) == [False] * 5
    assert database.queue_rows(Query(client_id=ROOT)).total == 3
    assert database.entry(ROOT, first.internal_id).attachments[0].read_text() == "first"
    database.close()


def test_source_system_and_external_id_are_not_mixed_up(database: Database) -> None:
    pairs = [("a", "bc"), ("ab", "c"), ("A", "bc"), ("a", "BC"), ("a", "bc "), ("a", "")]
    made = [entry(external_id, source_system=source_system) for source_system, external_id in pairs]
    assert database.seat(ROOT, made) == [True] * len(pairs)


def test_entries_that_were_not_seated_are_unchanged(database: Database) -> None:
    database.seat(ROOT, [entry("1")])
    late = entry("1", attachments=[Attachment.text("a", "mine")])
    database.seat(ROOT, [late])
    with pytest.raises(NotFoundError):
        database.entry(ROOT, late.internal_id)
    assert late.attachments[0].read_text() == "mine"


def test_known_tells_seated_purged_and_new_apart(engine: Engine, database: Database, tmp_path: Path) -> None:
    kept, purged = entry("kept"), entry("purged")
    database.seat(ROOT, [kept, purged])
    database.remove(ROOT, [purged.internal_id])
    for _ in range(2):
        assert database.known(ROOT, "shop", "kept") == kept.internal_id
        assert database.known(ROOT, "shop", "purged") == ""
        assert database.known(ROOT, "shop", "new") is None
        assert database.known(ROOT, "mail", "kept") is None
        database = again(engine, database, tmp_path)
    database.close()


def test_another_passenger_under_a_known_id_is_told_by_its_fingerprint(
    engine: Engine, database: Database, tmp_path: Path
) -> None:
    kept = entry("kept", properties={"fingerprint": "a"})
    purged = entry("purged", properties={"fingerprint": "a"})
    plain = [entry("plain"), entry("plain purged"), entry("odd", properties={"fingerprint": 5})]
    database.seat(ROOT, [kept, purged, *plain])
    database.remove(ROOT, [purged.internal_id, plain[1].internal_id])
    for _ in range(2):
        for external_id in ("kept", "purged"):
            assert database.differs(ROOT, "shop", external_id, "b")
            assert not database.differs(ROOT, "shop", external_id, "a")
            assert not database.differs(ROOT, "shop", external_id, "")
            assert not database.differs(ROOT, "mail", external_id, "b")
        for external_id in ("plain", "plain purged", "odd", "new"):
            assert not database.differs(ROOT, "shop", external_id, "b")
        database = again(engine, database, tmp_path)
    kept.properties = {}
    database.update(ROOT, [kept])
    assert not database.differs(ROOT, "shop", "kept", "b")
    database.close()


def test_threads_seating_the_same_passengers_seat_each_once(database: Database) -> None:
    together = threading.Barrier(8)

    def seat(_: int) -> list[tuple[str, str]]:
        made = entries(20)
        together.wait()
        answers = database.seat(ROOT, made[:12]) + database.seat(ROOT, made[12:])
        for one in made:  # also those that another thread seats are durable and known by now
            assert database.known(ROOT, "shop", one.external_id)
        return [(one.external_id, one.internal_id) for one, new in zip(made, answers, strict=True) if new]

    with ThreadPoolExecutor(8) as pool:
        seated = [pair for pairs in pool.map(seat, range(8)) for pair in pairs]
    assert sorted(name for name, _ in seated) == sorted(str(number) for number in range(20))
    assert {database.known(ROOT, "shop", name) for name, _ in seated} == {internal_id for _, internal_id in seated}


def test_threads_with_overlapping_batches_in_opposite_order_do_not_block_each_other(database: Database) -> None:
    def seat(number: int) -> int:
        made = entries(30)
        return sum(database.seat(ROOT, made if number % 2 else made[::-1]))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(seat, range(4))) == 30


def test_an_entry_that_cannot_be_read_completely_is_seated_nowhere(database: Database, tmp_path: Path) -> None:
    missing = Attachment.from_file(tmp_path / "missing.pdf")
    with pytest.raises(AttachmentError, match=r"missing\.pdf"):
        database.seat(ROOT, [entry("1"), entry("2", attachments=[missing])])
    assert database.known(ROOT, "shop", "2") is None
    assert database.seat(ROOT, [entry("2")]) == [True]


def test_an_entry_that_is_no_json_is_refused_in_words(database: Database) -> None:
    with pytest.raises(DatabaseError, match="4711"):
        database.seat(ROOT, [entry("4711", properties={"when": {1, 2}})])  # type: ignore[dict-item]
    assert database.queue_counts(ROOT) == {}


def test_a_large_attachment_is_never_in_memory(engine: Engine, database: Database, tmp_path: Path) -> None:
    source = tmp_path / "large.bin"
    with source.open("wb") as stream:
        stream.truncate(LARGE)
        stream.write(b"first")
        stream.seek(LARGE)
        stream.write(b"last")
    made = entry(attachments=[Attachment.from_file(source)])
    tracemalloc.start()
    try:
        database.seat(ROOT, [made])
        made.attachments.append(Attachment.from_file(source, "again.bin"))
        database.update(ROOT, [made])
        stored = database.entry(ROOT, made.internal_id).attachments[1]
        assert stored.size == LARGE + 4
        with stored.open() as stream:
            assert stream.read(5) == b"first"
            stream.seek(LARGE)
            assert stream.read() == b"last"
        assert tracemalloc.get_traced_memory()[1] < LARGE // 8
    finally:
        tracemalloc.stop()


# Queue: changing ----------------------------------------------------------------------------------------------------


def test_an_update_stores_the_present_state(engine: Engine, database: Database, tmp_path: Path) -> None:
    made = entry(attachments=[Attachment.text("order.xml", "<old/>"), Attachment.binary("scan.pdf", b"pdf")])
    database.seat(ROOT, [made])
    made.notification.finish()
    made.processors[0].fail("wrong")
    made.attachments[0].set_text("<new/>")
    made.attachments[1].name = "renamed.pdf"
    made.attachments.append(Attachment.binary("order.xml", b"third"))
    made.properties["lines"] = 3
    made.log_ids.append("log-1")
    made.client_passenger = "other orders"
    database.update(ROOT, [made])
    for _ in range(2):
        found = database.entry(ROOT, made.internal_id)
        assert state(found) == state(made)
        assert [a.read_bytes() for a in found.attachments] == [b"<new/>", b"pdf", b"third"]
        assert found.attachments[2].format is AttachmentFormat.BINARY
        assert database.open_ids(ROOT, "orders") == []
        assert database.open_ids(ROOT, "other orders") == [made.internal_id]
        database = again(engine, database, tmp_path)
    database.close()


def test_an_update_may_take_steps_away_and_bring_others(engine: Engine, database: Database, tmp_path: Path) -> None:
    made = entry()
    database.seat(ROOT, [made])
    made.processors[0].finish()
    made.processors.insert(0, Step(StepKind.PROCESSOR, "new.processor"))
    made.pushers = [Step(StepKind.PUSHER, "new.pusher", "target")]
    database.update(ROOT, [made])
    for _ in range(2):
        assert state(database.entry(ROOT, made.internal_id)) == state(made)
        assert database.queue_rows(Query(client_id=ROOT)).rows == [QueueRow.of(made)]
        database = again(engine, database, tmp_path)
    database.close()


def test_an_attachment_may_be_dropped_and_come_from_another_passenger(database: Database) -> None:
    giver = entry("1", attachments=[Attachment.text("a.txt", "given")])
    taker = entry("2", attachments=[Attachment.text("b.txt", "dropped")])
    database.seat(ROOT, [giver, taker])
    taker.attachments = [giver.attachments[0]]
    database.update(ROOT, [taker])
    database.remove(ROOT, [giver.internal_id])
    assert [a.read_text() for a in database.entry(ROOT, taker.internal_id).attachments] == ["given"]


def test_a_failed_update_leaves_the_entry_as_it_was(database: Database, tmp_path: Path) -> None:
    made = entry(attachments=[Attachment.text("a.txt", "old")])
    database.seat(ROOT, [made])
    before = state(made)
    changed = database.entry(ROOT, made.internal_id)
    changed.notification.finish()
    changed.attachments[0].set_text("new")
    changed.attachments.append(Attachment.from_file(tmp_path / "missing.pdf"))
    with pytest.raises(AttachmentError):
        database.update(ROOT, [changed])
    assert state(database.entry(ROOT, made.internal_id)) == before
    assert database.queue_rows(Query(client_id=ROOT)).rows[0].puller_notified is False


def test_an_update_of_what_is_not_seated_is_not_found(database: Database) -> None:
    made = entry("1")
    database.seat(ROOT, [made])
    with pytest.raises(NotFoundError):
        database.update(ROOT, [entry("2")])
    database.remove(ROOT, [made.internal_id])
    with pytest.raises(NotFoundError):
        database.update(ROOT, [made])
    assert database.queue_rows(Query(client_id=ROOT)).total == 0


def test_an_entry_is_an_object_of_the_callers_own(database: Database) -> None:
    made = entry(properties={"a": [1]})
    database.seat(ROOT, [made])
    mine = database.entry(ROOT, made.internal_id)
    mine.notification.finish()
    mine.properties["a"] = 2
    assert database.entry(ROOT, made.internal_id).properties == {"a": [1]}
    assert not database.entry(ROOT, made.internal_id).puller_notified
    with pytest.raises(NotFoundError):
        database.entry(ROOT, "no-such-id")
    with pytest.raises(NotFoundError):
        database.entry(ROOT, "../../root")


def test_remove_deletes_entries_complete_or_not(engine: Engine, database: Database, tmp_path: Path) -> None:
    made = entries(4, attachments=[Attachment.text("a.txt", "text")])
    database.seat(ROOT, made)
    database.update(ROOT, [completed(made[1])])
    gone = [made[0].internal_id, made[1].internal_id]
    assert database.remove(ROOT, [*gone, "no-such-id", gone[0]]) == 2
    assert database.remove(ROOT, gone) == 0
    for _ in range(2):
        assert ids(database) == ["3", "2"]
        assert database.seat(ROOT, entries(4)) == [False] * 4
        for internal_id in gone:
            with pytest.raises(NotFoundError):
                database.entry(ROOT, internal_id)
        database = again(engine, database, tmp_path)
    database.close()


def test_threads_working_on_different_entries(database: Database) -> None:
    made = entries(24, attachments=[Attachment.text("a.txt", "old")])
    database.seat(ROOT, made)

    def work(one: QueueEntry) -> None:
        one.attachments[0].set_text("new")
        one.notification.finish()
        database.update(ROOT, [one])
        database.update(ROOT, [completed(one)])
        if int(one.external_id) % 2:
            assert database.remove(ROOT, [one.internal_id]) == 1
        else:
            assert database.entry(ROOT, one.internal_id).attachments[0].read_text() == "new"

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, made))
    assert database.queue_counts(ROOT) == {"orders": QueueCounts(complete=12)}


# Queue: questions ---------------------------------------------------------------------------------------------------


def test_open_ids_are_in_pull_order(engine: Engine, database: Database, tmp_path: Path) -> None:
    made = [entry(str(number), pulled_at=minutes(-number)) for number in range(5)]
    other = entry("other", client_passenger="letters")
    database.seat(ROOT, [*made, other])
    database.update(ROOT, [completed(made[2])])
    for _ in range(2):
        assert database.open_ids(ROOT, "orders") == [made[number].internal_id for number in (4, 3, 1, 0)]
        assert database.open_ids(ROOT, "letters") == [other.internal_id]
        assert database.open_ids(ROOT, "nothing") == []
        database = again(engine, database, tmp_path)
    made[2].pushers[0].reopen()
    database.update(ROOT, [made[2]])
    assert database.open_ids(ROOT, "orders")[2] == made[2].internal_id
    database.close()


def test_entries_pulled_at_the_same_time_are_in_the_order_of_their_ids(database: Database) -> None:
    made = [entry(str(number)) for number in range(5)]
    database.seat(ROOT, made[::-1])
    assert database.open_ids(ROOT, "orders") == sorted(one.internal_id for one in made)


def test_a_row_says_how_far_its_entry_is(database: Database) -> None:
    made = entry(processors=["plugins.check", "plugins.enrich"])
    database.seat(ROOT, [made])
    row = database.queue_rows(Query(client_id=ROOT)).rows[0]
    assert (row.internal_id, row.client_passenger, row.source_system, row.external_id) == (
        made.internal_id, "orders", "shop", "1"
    )  # fmt: skip
    assert (row.status, row.puller_notified, row.completed_at) == (QueueStatus.INCOMPLETE, False, None)
    assert (row.steps_done, row.steps_total, row.attempts, row.failing_step, row.error) == (0, 4, 0, "", "")
    assert row.pulled_at == made.pulled_at
    made.notification.finish()
    made.processors[0].fail("an older error")
    made.processors[0].attempts = 2
    made.pushers[0].fail("x" * 500)
    database.update(ROOT, [made])
    row = database.queue_rows(Query(client_id=ROOT)).rows[0]
    assert (row.steps_done, row.attempts, row.failing_step, row.error) == (1, 2, "plugins.deliver", "x" * 300)
    assert row.puller_notified
    database.update(ROOT, [completed(made, minutes(9))])
    row = database.queue_rows(Query(client_id=ROOT)).rows[0]
    assert (row.status, row.completed_at, row.failing_step) == (QueueStatus.COMPLETE, minutes(9), "")


def test_what_needs_a_decision_is_found_by_its_state_and_together(database: Database) -> None:
    made = entries(6, client_passenger="orders")
    database.seat(ROOT, made)
    made[1].pushers[0].give_up("no such customer")
    made[2].processors[0].doubt("nobody knows")
    made[3].pushers[0].fail("tried again")
    made[4].notification.give_up("gone")
    database.update(ROOT, made)
    assert ids(database, status=QueueStatus.FAILED) == ["4", "1"]
    assert ids(database, status=QueueStatus.UNKNOWN) == ["2"]
    assert ids(database, needs_decision=True) == ["4", "2", "1"]
    assert ids(database, needs_decision=True, client_passenger="letters") == []
    assert ids(database, needs_decision=True, pulled_from=minutes(2), pulled_until=minutes(4)) == ["2"]
    assert ids(database, needs_decision=True, text="customer") == ["1"]
    assert ids(database, needs_decision=True, has_error=False) == []
    for filters in ({"status": QueueStatus.FAILED}, {"needs_decision": True}):
        query = Query(client_id=ROOT, limit=1, **filters)  # type: ignore[arg-type]
        assert database.queue_rows(query).total == len(ids(database, **filters))
    made[1].pushers[0].reopen()
    database.update(ROOT, [completed(made[4]), made[1]])
    assert ids(database, needs_decision=True) == ["2"]


def test_pages_are_newest_first_and_say_how_many_there_are(database: Database) -> None:
    database.seat(ROOT, entries(10))
    pages = [database.queue_rows(Query(client_id=ROOT, offset=offset, limit=4)) for offset in (0, 4, 8, 12)]
    assert [[row.external_id for row in page.rows] for page in pages] == [list("9876"), list("5432"), list("10"), []]
    assert {page.total for page in pages} == {10}
    assert ids(database, descending=False, offset=7) == ["7", "8", "9"]
    assert database.queue_rows(Query(client_id=ROOT, limit=0)).total == 10


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"client_passenger": "letters"}, ["5", "4"]),
        ({"client_passenger": ""}, ["5", "4", "3", "2", "1", "0"]),
        ({"client_passenger": "nothing"}, []),
        ({"status": QueueStatus.COMPLETE}, ["5", "1"]),
        ({"status": QueueStatus.INCOMPLETE, "client_passenger": "orders"}, ["3", "2", "0"]),
        ({"has_error": True}, ["3", "2"]),
        ({"has_error": False, "status": QueueStatus.INCOMPLETE}, ["4", "0"]),
        ({"has_error": False, "status": QueueStatus.INCOMPLETE, "client_passenger": "letters"}, ["4"]),
        ({"source_system": "mail"}, ["4"]),
        ({"pulled_from": minutes(2), "pulled_until": minutes(4)}, ["3", "2"]),
        ({"pulled_from": minutes(2), "status": QueueStatus.COMPLETE}, ["5"]),
        ({"pulled_from": minutes(4), "pulled_until": minutes(2)}, []),
        ({"text": "ARTIKEL Ü"}, ["3"]),
        ({"text": "MAI"}, ["4"]),
        ({"text": "5"}, ["5"]),
        ({"text": "artikel", "client_passenger": "letters"}, []),
        ({"text": "3 kein artikel"}, ["3"]),
        ({"text": "shop mm"}, ["3"]),
        ({"text": "shop nothing"}, []),
        ({"text": '"über 3 mm"'}, ["3"]),
        ({"text": '"artikel 3"'}, []),
        ({"text": '"ARTIKEL über" shop'}, ["3"]),
        ({"text": '"'}, ["5", "4", "3", "2", "1", "0"]),
        ({"id": "id-c"}, ["2"]),
        ({"id": "2"}, ["2"]),
        ({"id": "id"}, []),
        ({"id": "2", "status": QueueStatus.COMPLETE}, []),
        ({"id": "2", "text": "refused"}, ["2"]),
        ({"id": "3", "text": "refused"}, []),
        ({"attempts": 1}, ["3", "2"]),
        ({"attempts": 2}, ["2"]),
        ({"attempts": 1, "text": "kein"}, ["3"]),
        ({"attempts": 3}, []),
        ({"error": "ARTIKEL über"}, ["3"]),
        ({"error": "e"}, ["3", "2"]),
        ({"error": "e", "text": "refused"}, ["2"]),
        ({"error": "100%"}, []),
        ({"open_step": "deliver"}, ["4", "3", "2", "0"]),
        ({"open_step": "S.DELIVER", "open_step_kind": StepKind.PUSHER, "client_passenger": "letters"}, ["4"]),
        ({"open_step": "deliver", "open_step_kind": StepKind.PROCESSOR}, []),
        ({"open_step": "deliver", "error": "kein", "text": "artikel"}, ["3"]),
        ({"open_step": "deliver", "status": QueueStatus.COMPLETE}, []),
        ({"open_step": "deliver", "has_error": False}, ["4", "0"]),
        ({"order": QueueOrder.EXTERNAL_ID, "descending": False}, ["0", "1", "2", "3", "4", "5"]),
        ({"order": QueueOrder.CLIENT_PASSENGER}, ["3", "2", "1", "0", "5", "4"]),
        ({"order": QueueOrder.CLIENT_PASSENGER, "descending": False}, ["4", "5", "0", "1", "2", "3"]),
        ({"order": QueueOrder.SOURCE_SYSTEM, "descending": False, "limit": 2}, ["4", "0"]),
        ({"order": QueueOrder.STATUS, "descending": False, "offset": 1, "limit": 3}, ["5", "0", "2"]),
        ({"order": QueueOrder.STATUS, "descending": False, "offset": 3}, ["2", "3", "4"]),
        ({"order": QueueOrder.STATUS, "offset": 5}, ["1"]),
        ({"has_error": True, "descending": False, "offset": 1}, ["3"]),
    ],
)
def test_a_query_filters_and_sorts(
    engine: Engine, database: Database, tmp_path: Path, filters: dict[str, object], expected: list[str]
) -> None:
    # Ids that no filter's text is found in.
    made = [
        entry(
            str(number),
            client_passenger="letters" if number > 3 else "orders",
            source_system="mail" if number == 4 else "shop",
            pulled_at=minutes(number),
            internal_id=f"id-{'abcdef'[number]}",
        )
        for number in range(6)
    ]
    for number in (1, 5):
        completed(made[number])
    made[2].notification.fail("refused")
    made[2].notification.attempts = 2
    made[3].processors[0].fail("kein Artikel über 3 mm")
    made[3].processors[0].attempts = 1
    database.seat(ROOT, made)
    assert ids(database, **filters) == expected
    database = again(engine, database, tmp_path)
    assert ids(database, **filters) == expected
    database.close()


def test_of_many_that_change_alike_each_is_stored(engine: Engine, database: Database, tmp_path: Path) -> None:
    made = entries(40)
    database.seat(ROOT, made)
    for one in made:
        one.notification.finish()
        one.notification.completed_at = minutes(1)
    made[7].processors[0].fail("refused")
    made[8].log_ids.append("another")
    database.update(ROOT, made)
    database = again(engine, database, tmp_path)
    assert [database.entry(ROOT, one.internal_id) for one in made] == made
    rows = database.queue_rows(Query(client_id=ROOT)).rows
    assert all(row.puller_notified and row.steps_done == 1 for row in rows)
    assert [row.internal_id for row in rows if row.error] == [made[7].internal_id]
    assert database.queue_counts(ROOT)["orders"].failing == 1
    database.close()


@pytest.mark.parametrize("order", QueueOrder)
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize(
    "filters", [{}, {"status": QueueStatus.INCOMPLETE}, {"text": "shop", "pulled_from": minutes(2)}]
)
def test_pages_behind_a_row_make_the_whole(
    database: Database, order: QueueOrder, descending: bool, filters: dict[str, object]
) -> None:
    made = [
        entry(
            f"{number % 5}-{number}",
            source_system="shop" if number % 4 else "shop 2",
            client_passenger=("orders", "letters", "Äpfel")[number % 3],
            pulled_at=minutes(number // 6),
        )
        for number in range(50)
    ]
    for one in made[::7]:
        completed(one)
    database.seat(ROOT, made)
    query = Query(**({"client_id": ROOT, "order": order, "descending": descending} | filters))  # type: ignore[arg-type]
    whole = database.queue_rows(query)
    rows: list[QueueRow] = []
    while True:
        page = database.queue_rows(replace(query, limit=7, after=rows[-1] if rows else None))
        assert page.total == whole.total
        if not page.rows:
            break
        rows += page.rows
        if len(rows) == 14:
            database.remove(ROOT, [rows[-1].internal_id])  # who is gone still says where to go on
            whole = Rows(whole.rows, whole.total - 1)
    assert rows == whole.rows
    assert len(rows) > 30


def test_a_number_is_not_found_in_the_middle_of_an_internal_id(database: Database) -> None:
    made = entry("first", internal_id="01912345-7abc-7def-8123-456789abcdef")
    database.seat(ROOT, [made, entry("second")])
    for text in (made.internal_id, made.internal_id.upper(), made.internal_id[:8], f'"{made.internal_id}" shop'):
        assert ids(database, text=text) == ["first"]
    for text in ("7abc", "81", "456"):
        assert ids(database, text=text) == []


def test_what_is_removed_is_not_found(database: Database) -> None:
    made = entries(2)
    database.seat(ROOT, made)
    assert ids(database, text="shop") == ["1", "0"]
    database.remove(ROOT, [made[1].internal_id])
    assert ids(database, text="shop") == ["0"]
    assert ids(database, id=made[1].internal_id) == []


def test_parts_of_words_may_be_wanted_of_some_client_passengers(database: Database) -> None:
    database.seat(ROOT, [entry("xORDER4711x")])
    for wanted in (["orders"], ["orders", "unknown"], [], []):
        database.search_substrings(ROOT, wanted)
        assert ids(database, text="xorder4711") == ["xORDER4711x"]
    with pytest.raises(NotFoundError, match="nobody"):
        database.search_substrings("nobody", [])


def test_a_database_says_how_far_its_search_is(database: Database) -> None:
    database.seat(ROOT, entries(3))
    until = time.monotonic() + 30
    while (progress := database.search_progress()).indexed < progress.total:
        assert not progress.is_behind
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_text_is_found_among_one_clients_passengers(database: Database) -> None:
    database.create_client("demo")
    database.seat("demo", entries(1))
    database.seat(ROOT, entries(2))
    assert ids(database, client_id="demo", text="shop") == ["0"]


def test_counts_by_client_passenger(engine: Engine, database: Database, tmp_path: Path) -> None:
    assert database.queue_counts(ROOT) == {}
    made = [*entries(5), entry("x", client_passenger="letters", pulled_at=minutes(7))]
    database.seat(ROOT, made)
    made[1].notification.fail("refused")
    database.update(ROOT, [completed(made[0]), made[1], completed(made[4])])
    expected = {
        "orders": QueueCounts(complete=2, incomplete=3, failing=1, oldest_incomplete_at=minutes(1)),
        "letters": QueueCounts(incomplete=1, oldest_incomplete_at=minutes(7)),
    }
    assert database.queue_counts(ROOT) == expected
    database = again(engine, database, tmp_path)
    assert database.queue_counts(ROOT) == expected
    database.remove(ROOT, [made[5].internal_id])
    assert set(database.queue_counts(ROOT)) == {"orders"}
    database.close()


def test_completed_ids_by_client_passenger_and_time(database: Database) -> None:
    made = [*entries(4), entry("x", client_passenger="letters", pulled_at=minutes(9))]
    for number, one in enumerate(made[1:], 1):
        completed(one, minutes(10 * number))
    for step in made[3].steps():  # as in old files, which do not say when a step was done
        step.completed_at = None
    database.seat(ROOT, made)

    def found(name: str | None, before: float | None) -> list[str]:
        got = database.completed_ids(ROOT, name, minutes(before) if before is not None else None)
        return [database.entry(ROOT, internal_id).external_id for internal_id in got]

    assert found(None, None) == ["1", "2", "3", "x"]
    assert found("orders", None) == ["1", "2", "3"]
    assert found("orders", 20) == ["1", "3"]
    assert found("orders", 3) == []
    assert found(None, 41) == ["1", "2", "3", "x"]
    assert found("nothing", None) == []


# Logs and trips -----------------------------------------------------------------------------------------------------


# Space and what is too much -----------------------------------------------------------------------------------------


def size_of(database: Database, name: str = "orders") -> Space:
    return database.space(ROOT).get(name, Space())


def test_surplus_ids_are_those_completed_first(engine: Engine, database: Database, tmp_path: Path) -> None:
    made = entries(6, attachments=[Attachment.binary("a", bytes(10_000))])
    for number, each in enumerate(made):
        each.attachments[0].set_bytes(bytes([number]) * 10_000)
    others = entries(3, source_system="other", client_passenger="invoices")
    database.seat(ROOT, [*made, *others])
    database.update(ROOT, [completed(each, minutes(100 - number)) for number, each in enumerate(made[:5])])
    database.update(ROOT, [completed(each, minutes(1)) for each in others])
    oldest_first = [each.internal_id for each in reversed(made[:5])]

    def surplus(**limits: int) -> list[str]:
        return database.surplus_ids(ROOT, "orders", **limits)

    for _ in range(2):
        assert surplus() == surplus(count=5) == surplus(size=1 << 20) == []
        assert surplus(count=3) == oldest_first[:2]
        assert surplus(size=25_000) == oldest_first[:3], "each takes a bit more than its attachment"
        assert surplus(count=4, size=25_000) == surplus(count=2, size=1 << 20) == oldest_first[:3]
        assert surplus(count=0) == surplus(size=0) == oldest_first, "and never what is not complete"
        assert database.surplus_ids(ROOT, "nobody", count=0, size=0) == []
        database = again(engine, database, tmp_path)
    database.remove(ROOT, surplus(count=3))
    assert surplus(count=2) == oldest_first[2:3]
    assert surplus(size=25_000) == oldest_first[2:3]


def test_space_follows_what_is_seated_completed_changed_and_removed(
    engine: Engine, database: Database, tmp_path: Path
) -> None:
    assert database.space(ROOT) == {}
    one, two = entry("1"), entry("2", attachments=[Attachment.binary("a", b"a" * 100_000)])
    database.seat(ROOT, [one, two])
    plain, large = 1500, 101_500
    assert 100_000 < size_of(database).incomplete < plain + large
    assert size_of(database).complete == 0
    database.update(ROOT, [completed(one, minutes(1))])
    assert 0 < size_of(database).complete < plain
    assert 100_000 < size_of(database).incomplete < large
    two.client_passenger = "invoices"
    database.update(ROOT, [two])
    assert size_of(database).incomplete == 0
    assert 100_000 < size_of(database, "invoices").incomplete < large
    two.attachments[0].set_bytes(b"b" * 50_000)
    database.update(ROOT, [two])
    assert 50_000 < size_of(database, "invoices").incomplete < 51_500
    log = written_log(database, message(1, "x" * 20_000))
    assert 20_000 < size_of(database).logs < 21_000
    before = database.space(ROOT)
    database = again(engine, database, tmp_path)
    assert database.space(ROOT) == before
    two = database.entry(ROOT, two.internal_id)
    two.attachments.clear()
    two.properties["note"] = "n" * 5000
    database.update(ROOT, [completed(two)])
    assert 5000 < size_of(database, "invoices").complete < 5000 + plain
    database.remove_logs(ROOT, log.started_at + timedelta(seconds=1))
    assert size_of(database).logs == 0
    database.remove(ROOT, [one.internal_id, two.internal_id])
    assert database.space(ROOT) == {}


def test_the_whole_database_takes_more_than_its_passengers(database: Database) -> None:
    database.seat(ROOT, entries(5, attachments=[Attachment.text("a.txt", "text")]))
    assert database.whole_size() >= size_of(database).total > 0


def test_clients_take_their_own_space(database: Database) -> None:
    database.create_client("demo")
    database.seat("demo", [entry()])
    assert database.space(ROOT) == {}
    assert database.space("demo")["orders"].queue > 0
    assert database.surplus_ids(ROOT, "orders", count=0) == []


def test_what_passengers_share_counts_as_long_as_one_of_them_is_there(
    engine: Engine, database: Database, tmp_path: Path
) -> None:
    made = entries(4, attachments=[Attachment.binary("a", bytes(100_000)), Attachment.binary("b", bytes(100_000))])
    made[3].client_passenger = "invoices"
    for each in made:
        database.seat(ROOT, [each])
    together = 8 * 101_000

    def total() -> int:
        return sum(space.total for space in database.space(ROOT).values())

    assert 100_000 < total() < together
    database.update(ROOT, [completed(made[1])])
    for each in made[:3]:
        if each is made[1]:  # changed before it goes: what it had alone must not count any more
            each.attachments[0].set_bytes(b"other" * 1000)
            database.update(ROOT, [each])
        database.remove(ROOT, [each.internal_id])
        assert 100_000 < total() < together
        database = again(engine, database, tmp_path)
    assert size_of(database) == Space()
    assert 100_000 < size_of(database, "invoices").incomplete < 202_000
    database.remove(ROOT, [made[3].internal_id])
    assert database.space(ROOT) == {}


def test_log_entries_are_kept_in_order(engine: Engine, database: Database, tmp_path: Path) -> None:
    messages = [
        message(1, "one line"),
        message(2, "several\nlines\n\n\tindented\n", MessageType.WARNING),
        message(3, "[2026-11-23T09:28:00.751503][module][error] a line that looks like an entry"),
        message(4, "first\n[2026-11-23T09:28:00.751503][module][error] second", MessageType.ERROR),
        message(5, " spaces \r\n and \r returns \r"),
        message(6, "ünï \U0001f68c \u2028 \x85 \x0c"),
        LogEntry(minutes(7), "", MessageType.INFO, "no module"),
        message(8, "\n"),
        LogEntry(minutes(9), "plugins.shop", MessageType.INFO, ""),
    ]
    log = Log(ROOT, "orders")
    database.append_log(log, messages[:2])
    database.append_log(log, messages[2:])
    assert database.log_entries(ROOT, log.id).rows == messages
    database.finish_log(log)
    database = again(engine, database, tmp_path)
    assert database.log_entries(ROOT, log.id).rows == messages
    page = database.log_entries(ROOT, log.id, offset=3, limit=2)
    assert (page.rows, page.total) == (messages[3:5], len(messages))
    assert database.log_entries(ROOT, log.id, offset=len(messages)).rows == []
    with pytest.raises(NotFoundError):
        database.log_entries(ROOT, "no-such-log")
    database.close()


def test_pages_of_a_long_log_while_it_grows(database: Database) -> None:
    log = Log(ROOT, "orders")
    for start in range(0, 3000, 750):
        database.append_log(log, [message(number) for number in range(start, start + 750)])
        total = start + 750
        assert database.log_entries(ROOT, log.id, offset=total - 2).rows == [message(total - 2), message(total - 1)]
    for offset in (0, 511, 512, 513, 1024, 2048, 2999):
        page = database.log_entries(ROOT, log.id, offset=offset, limit=3)
        assert page.rows == [message(number) for number in range(offset, min(offset + 3, 3000))]
        assert page.total == 3000


def test_a_running_log_is_listed_and_can_be_read(engine: Engine, database: Database, tmp_path: Path) -> None:
    log = written_log(database, message(1), message(2, type_=MessageType.WARNING), done=False)
    row = database.log_rows(LogQuery(client_id=ROOT)).rows[0]
    assert (row.id, row.client_passenger, row.length, row.worst) == (log.id, "orders", 2, MessageType.WARNING)
    assert (row.started_at, row.finished_at) == (minutes(0), None)
    assert row.size > 0
    log.finished_at = minutes(5)
    database.append_log(log, [message(3, type_=MessageType.ERROR)])
    database.append_log(log, [message(4)])
    database.finish_log(log)
    for _ in range(2):
        row = database.log_rows(LogQuery(client_id=ROOT)).rows[0]
        assert (row.length, row.worst, row.finished_at) == (4, MessageType.ERROR, minutes(5))
        database = again(engine, database, tmp_path)
    database.close()


def test_a_log_is_as_bad_as_its_worst_entry_so_far(database: Database) -> None:
    log = written_log(database, message(1), message(2, type_=MessageType.ERROR), done=False)
    database.append_log(log, [message(3)])
    assert database.log_rows(LogQuery(client_id=ROOT)).rows[0].worst is MessageType.ERROR


def test_a_log_that_began_without_entries_exists(database: Database) -> None:
    log = written_log(database)
    assert database.log_entries(ROOT, log.id).rows == []
    assert database.log_rows(LogQuery(client_id=ROOT)).rows[0].length == 0


def test_log_entries_survive_a_kill(engine: Engine, tmp_path: Path) -> None:
    with child(engine, "write_log", tmp_path) as (process, log_id):
        process.send_signal(signal.SIGKILL)
        process.wait()
    database = engine.opened(tmp_path)
    assert database.log_entries(ROOT, str(log_id)).rows == [message(number) for number in range(50)]
    assert database.log_rows(LogQuery(client_id=ROOT)).rows[0].finished_at is None
    database.close()


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [3, 2, 1, 0]),
        ({"client_passenger": "orders"}, [2, 0]),
        ({"client_passenger": 'the "other"\n\\ one'}, [3, 1]),
        ({"worst": MessageType.ERROR}, [2]),
        ({"worst": MessageType.WARNING}, [2, 1]),
        ({"worst": MessageType.WARNING, "client_passenger": "orders"}, [2]),
        ({"started_from": minutes(1), "started_until": minutes(3)}, [2, 1]),
        ({"text": "ORDER"}, [2, 0]),
        ({"offset": 1, "limit": 2}, [2, 1]),
    ],
)
def test_log_rows_filter_newest_first(database: Database, filters: dict[str, object], expected: list[int]) -> None:
    types = [MessageType.INFO, MessageType.WARNING, MessageType.ERROR, MessageType.INFO]
    logs = [
        written_log(database, message(1, type_=type_), name='the "other"\n\\ one' if at % 2 else "orders", at=at)
        for at, type_ in enumerate(types)
    ]
    found = database.log_rows(LogQuery(**({"client_id": ROOT} | filters)))  # type: ignore[arg-type]
    assert [row.id for row in found.rows] == [logs[number].id for number in expected]
    assert found.total == (4 if "offset" in filters else len(expected))
    by_id = database.log_rows(LogQuery(client_id=ROOT, text=logs[1].id.upper()))
    assert [row.id for row in by_id.rows] == [logs[1].id]


def test_old_logs_are_removed_but_never_a_running_one(engine: Engine, database: Database, tmp_path: Path) -> None:
    old, running, new = (written_log(database, message(1), at=at, done=at != 1) for at in (0, 1, 2))
    assert database.remove_logs(ROOT, minutes(2)) == 1
    assert database.remove_logs(ROOT, minutes(2)) == 0
    assert [row.id for row in database.log_rows(LogQuery(client_id=ROOT)).rows] == [new.id, running.id]
    with pytest.raises(NotFoundError):
        database.log_entries(ROOT, old.id)
    database.append_log(running, [message(2)])
    assert database.log_entries(ROOT, running.id).total == 2
    database = again(engine, database, tmp_path)
    assert database.remove_logs(ROOT, minutes(2)) == 1, "a log whose process ended is no running one"
    database.close()


def test_old_logs_of_one_client_passenger_are_removed_but_never_its_newest(
    engine: Engine, database: Database, tmp_path: Path
) -> None:
    names = ["orders", "invoices", "orders", "orders", "invoices"]
    logs = [written_log(database, name=name, at=number) for number, name in enumerate(names)]
    running = written_log(database, message(0), name="orders", at=-1, done=False)
    assert database.remove_logs(ROOT, minutes(9), "orders") == 2
    assert left(database) == {running.id, logs[1].id, logs[3].id, logs[4].id}
    database = again(engine, database, tmp_path)
    assert database.remove_logs(ROOT, minutes(1), "invoices") == 0
    assert database.remove_logs(ROOT, minutes(2), "invoices") == 1
    assert database.remove_logs(ROOT, minutes(9), "nobody") == 0
    assert left(database) == {running.id, logs[3].id, logs[4].id}


def left(database: Database) -> set[str]:
    return {row.id for row in database.log_rows(LogQuery(client_id=ROOT)).rows}


def test_surplus_logs_are_the_oldest_but_never_a_running_one_nor_the_newest(
    engine: Engine, database: Database, tmp_path: Path
) -> None:
    running = written_log(database, message(0), at=-1, done=False)
    other = written_log(database, message(0), name="invoices", at=-2)
    logs = [written_log(database, message(0, "x" * 1000), at=number) for number in range(6)]
    assert database.remove_surplus_logs(ROOT, "orders") == 0
    assert database.remove_surplus_logs(ROOT, "orders", count=7, size=1 << 20) == 0
    assert database.remove_surplus_logs(ROOT, "orders", count=5) == 2
    assert left(database) == {running.id, other.id, *(log.id for log in logs[2:])}
    database = again(engine, database, tmp_path)
    assert database.remove_surplus_logs(ROOT, "orders", size=4000) == 2, "the one whose process died counts, too"
    assert left(database) == {other.id, *(log.id for log in logs[3:])}
    assert database.remove_surplus_logs(ROOT, "orders", count=0, size=0) == 2
    assert left(database) == {other.id, logs[5].id}


def test_threads_writing_to_one_log(database: Database) -> None:
    log = Log(ROOT, "orders")

    def write(thread: int) -> None:
        for number in range(50):
            database.append_log(log, [message(thread, f"{thread} {number}\nmore")])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    database.finish_log(log)
    found = [one.message for one in database.log_entries(ROOT, log.id).rows]
    assert sorted(found) == sorted(f"{thread} {number}\nmore" for thread in range(6) for number in range(50))
    for thread in range(6):
        own = [text for text in found if text.startswith(f"{thread} ")]
        assert own == [f"{thread} {number}\nmore" for number in range(50)]


def test_the_last_trip_of_each_client_passenger_is_kept(engine: Engine, database: Database, tmp_path: Path) -> None:
    assert database.last_trips(ROOT) == {}
    for record in (trip("orders", 1), trip("letters", 2), trip("orders", 3)):
        database.record_trip(ROOT, record)
    expected = {"orders": trip("orders", 3), "letters": trip("letters", 2)}
    assert database.last_trips(ROOT) == expected
    database = again(engine, database, tmp_path)
    assert database.last_trips(ROOT) == expected
    database.close()


# Schedules ----------------------------------------------------------------------------------------------------------


def test_what_is_paused_stays_so_until_it_is_resumed(engine: Engine, database: Database, tmp_path: Path) -> None:
    letters = paused("letters: Ä/1", RoutePause.INTAKE, at=1.5)
    for each in (paused(), letters, paused(at=7)):
        database.write_route_state(ROOT, each)
    database.create_client("acme")
    assert database.route_states("acme") == {}
    database = again(engine, database, tmp_path)
    assert database.route_states(ROOT) == {"orders": paused(at=7), "letters: Ä/1": letters}
    database.write_route_state(ROOT, paused(pause=RoutePause.NONE))
    assert database.route_states(ROOT) == {"orders": paused(pause=RoutePause.NONE), "letters: Ä/1": letters}
    database.close()


def test_keys_of_what_is_open_come_in_pull_order_whatever_their_number(database: Database) -> None:
    values: list[Json] = ["a", "A", 'q"\\', "ä[1]", 1, 1.0, True, None, {"y": 1, "x": 2}, [1], ""]
    made = [entry(str(number), pulled_at=minutes(number), properties={"k": v}) for number, v in enumerate(values)]
    without = entry("none", pulled_at=minutes(-1))
    many = [entry(f"m{n}", pulled_at=minutes(30) + n * timedelta(seconds=1), properties={"k": n}) for n in range(250)]
    database.seat(ROOT, [entry("letter", client_passenger="letters", properties={"k": "a"}), *many, *made, without])
    expected = [(without, None), *zip(made, values, strict=True), *((each, n) for n, each in enumerate(many))]
    found = list(database.open_keys(ROOT, "orders", "k"))
    assert found == [(each.internal_id, property_key({"k": value}, "k")) for each, value in expected]
    assert property_key({"k": {"x": 2, "y": 1}}, "k") in [key for _, key in found], "the order of keys means nothing"
    made[0].notification.give_up("no")
    database.update(ROOT, [made[0], completed(made[1])])
    database.remove(ROOT, [made[2].internal_id])
    ids = [internal_id for internal_id, _ in database.open_keys(ROOT, "orders", "k")]
    assert ids[:3] == [without.internal_id, made[0].internal_id, made[3].internal_id], (
        "failed ones hold others back, too"
    )
    assert list(database.open_keys(ROOT, "nobody", "k")) == []


def test_the_next_attempt_is_the_first_one_after_a_moment(engine: Engine, database: Database, tmp_path: Path) -> None:
    entries = [entry(str(number), pulled_at=minutes(number)) for number in range(6)]
    other = entry("other", client_passenger="letters")
    database.seat(ROOT, [*entries, other])
    assert database.next_attempt_at(ROOT, "orders", None) is None, "nobody is put off"
    for each, at in ((entries[0], 30), (entries[1], 20), (entries[2], 40), (other, 10)):
        each.notification.fail("no", minutes(at))
    entries[3].notification.fail("no")
    entries[4].notification.give_up("no")
    finished = completed(entries[5])
    database.update(ROOT, [*entries[:5], finished, other])
    for _ in range(2):
        assert database.next_attempt_at(ROOT, "orders", None) == minutes(20)
        assert database.next_attempt_at(ROOT, "orders", minutes(20)) == minutes(30)
        assert database.next_attempt_at(ROOT, "orders", minutes(35)) == minutes(40)
        assert database.next_attempt_at(ROOT, "orders", minutes(40)) is None
        assert database.next_attempt_at(ROOT, "letters", None) == minutes(10)
        assert database.next_attempt_at(ROOT, "nobody", None) is None
        database = again(engine, database, tmp_path)
    database.remove(ROOT, [entries[1].internal_id])
    assert database.next_attempt_at(ROOT, "orders", None) == minutes(30)
    database.close()


def test_the_ledger_of_missed_trips_is_listed_newest_first(engine: Engine, database: Database, tmp_path: Path) -> None:
    rows = [missed(), missed("letters"), missed(first=100, noticed=200), missed(first=90, noticed=200.5)]
    database.append_missed(ROOT, rows[:2])
    database.append_missed(ROOT, rows[2:])
    database.append_missed(ROOT, [])
    database.create_client("acme")
    assert database.missed("acme") == []
    database = again(engine, database, tmp_path)
    assert database.missed(ROOT) == [rows[3], rows[2], rows[0], rows[1]]
    database.close()


def test_the_same_trips_found_missing_again_are_in_the_ledger_once(database: Database) -> None:
    later = missed(noticed=300, count=9)
    for row in (missed(), missed("letters"), later):
        database.append_missed(ROOT, [row])
    assert database.missed(ROOT) == [later, missed("letters")]


def test_old_rows_of_the_ledger_are_removed(engine: Engine, database: Database, tmp_path: Path) -> None:
    database.append_missed(ROOT, [missed(noticed=1), missed(first=5, noticed=10), missed(first=7, noticed=20)])
    assert database.remove_missed(ROOT, minutes(10)) == 1
    assert database.remove_missed(ROOT, minutes(10)) == 0
    database = again(engine, database, tmp_path)
    assert [row.first_due_at for row in database.missed(ROOT)] == [minutes(7), minutes(5)]
    database.close()


# Audit --------------------------------------------------------------------------------------------------------------


def test_what_people_did_is_kept_newest_first_for_each_client(
    engine: Engine, database: Database, tmp_path: Path
) -> None:
    deeds = [
        AuditRecord(minutes(n // 2), "Änn (databus)", f"deed {n}", 'node "x"\nline' if n else "") for n in range(5)
    ]
    database.append_audit(ROOT, deeds[:2])
    database.append_audit(ROOT, [])
    database.append_audit(ROOT, deeds[2:])
    database.create_client("demo")
    database.append_audit("demo", [deeds[0]])
    database = again(engine, database, tmp_path)
    assert database.audit_rows(ROOT) == Rows(deeds[::-1], 5)
    assert database.audit_rows(ROOT, 1, 2) == Rows([deeds[3], deeds[2]], 5)
    assert database.remove_audit(ROOT, minutes(1)) == 2
    assert database.remove_audit(ROOT, minutes(1)) == 0
    assert database.audit_rows(ROOT) == Rows(deeds[:1:-1], 3)
    assert database.audit_rows("demo") == Rows([deeds[0]], 1)
