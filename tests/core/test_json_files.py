"""The JSON database on disk: its layout, old folders, damage, and what a crash leaves."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from databus_core.database._shared.disk_watch import GIB
from databus_core.errors import AttachmentError, DamagedError, DatabaseError, FactoryError, NotFoundError
from databus_core.model.attachment import Attachment, AttachmentFormat
from databus_core.model.clock import parse_time
from databus_core.model.holder import Holder
from databus_core.model.log import Log, LogEntry, MessageType
from databus_core.model.missed import Absence, MissedTrips
from databus_core.model.query import LogQuery, Query
from databus_core.model.queue_entry import QueueEntry, QueueStatus
from databus_core.model.route_state import RoutePause, RouteState
from databus_core.plugins.database import Database
from tests.support.engines import JSON_FILES
from tests.support.entries import completed, entry, minutes, state

OLD_ID = "5eb4a63c-62b3-11ea-9b1c-acde48001122"
OLD_LOG = "6f0a4a32-6932-11ea-8f0d-acde48001122"
OLD_PASSENGER = {
    "external_id": "A-17",
    "internal_id": OLD_ID,
    "source_system": "shop",
    "passenger_module": "acme.order",
    "puller_module": "acme.shop",
    "puller_notified": True,
    "pull_datetime": "2020-03-10T10:59:05.914549",
    "attachments": [{"format": "text", "name": "x.txt"}, {"format": "binary", "name": "y.bin"}],
    "processor_statuses": [{"processor_module": "acme.check", "status": "complete"}],
    "pusher_statuses": [
        {"pusher_module": "acme.erp", "status": "incomplete"},
        {"pusher_module": "acme.mail", "status": "complete"},
    ],
}


class Disk(NamedTuple):
    """What shutil.disk_usage says of a disk that a test has no other way to have."""

    total: int
    free: int


class Reports(list[str]):
    """What the database reported."""

    def about(self, text: str) -> list[str]:
        return [report for report in self if text in report]


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def client(tmp_path: Path) -> Path:
    """The folder of root in a database that is closed."""
    JSON_FILES.opened(tmp_path).close()
    return tmp_path / "data/json_db/clients/root"


@pytest.fixture
def old_client(tmp_path: Path) -> Path:
    """The folder of a client as the original left it."""
    folder = tmp_path / "data/json_db/clients/demo"
    attachments = folder / "pqueue" / OLD_ID / "attachments"
    attachments.mkdir(parents=True)
    (folder / "config.json").write_text('{"log_life_span": 1, "passengers": [], "users": [], "mine": 1}')
    (attachments / "x.txt").write_text("zwölf", "utf-8")
    (attachments / "y.bin").write_bytes(b"\0\1")
    (attachments.parent / "passenger.json").write_text(json.dumps(OLD_PASSENGER))
    return folder


def put(client: Path, internal_id: str, document: dict[str, object] | str | bytes) -> Path:
    """A passenger's folder as somebody else wrote it."""
    folder = client / "pqueue" / internal_id
    folder.mkdir(parents=True)
    data = json.dumps(document) if isinstance(document, dict) else document
    (folder / "passenger.json").write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def passenger(**changes: object) -> dict[str, object]:
    """A document that is right except for the changes; None leaves a key out."""
    document = OLD_PASSENGER | {"attachments": []} | changes
    return {key: value for key, value in document.items() if value is not None}


def files(folder: Path) -> dict[str, bytes]:
    """Every file below, but for the lock's."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in {".lock", ".holder.json"}
    }


def only_row(database: Database, client_id: str = "root") -> QueueEntry:
    rows = database.queue_rows(Query(client_id=client_id)).rows
    assert len(rows) == 1
    return database.entry(client_id, rows[0].internal_id)


# Layout -------------------------------------------------------------------------------------------------------------


def test_the_layout_is_the_one_of_the_first_databus(tmp_path: Path) -> None:
    database = JSON_FILES.opened(tmp_path)
    made = entry(internal_id="id-1", attachments=[Attachment.text("order.xml", "<order/>")])
    database.seat("root", [made])
    log = Log("root", "orders", id="log-1", started_at=parse_time("2026-03-18T16:46:31.954096"))
    database.append_log(log, [LogEntry(parse_time("2026-03-18T16:46:32"), "shop", MessageType.WARNING, "low\nstock")])
    log.finished_at = parse_time("2026-03-18T16:47:00")
    database.finish_log(log)
    backup = database.add_backup("root", "__databus__", "{}")
    database.close()
    found = files(tmp_path / "data/json_db")
    assert set(found) == {
        "clients/root/config.json",
        "clients/root/pqueue/id-1/passenger.json",
        "clients/root/pqueue/id-1/attachments/order.xml",
        "clients/root/log/2026-03-18T16-46-31.954096_log-1.txt",
        f"clients/root/backup/{backup.id}-__databus__.json",
    }
    assert found["clients/root/pqueue/id-1/attachments/order.xml"] == b"<order/>"
    assert found["clients/root/log/2026-03-18T16-46-31.954096_log-1.txt"].decode().splitlines() == [
        '[2026-03-18T16:46:31.954096][databus.trip][info] Log of "orders"',
        "[2026-03-18T16:46:32.000000][shop][warning] low",
        "\tstock",
        "[2026-03-18T16:47:00.000000][databus.trip][info] Log is complete",
    ]


def test_a_passengers_file_says_no_more_than_it_must(tmp_path: Path) -> None:
    database = JSON_FILES.opened(tmp_path)
    database.seat("root", [entry("A-17", internal_id="id-1", client_passenger="plugins.order", log_ids=["log-1"])])
    database.close()
    text = (tmp_path / "data/json_db/clients/root/pqueue/id-1/passenger.json").read_text()
    document = json.loads(text)
    pulled_at = document.pop("pull_datetime")
    assert parse_time(pulled_at) == minutes(0)
    assert document == {
        "external_id": "A-17",
        "internal_id": "id-1",
        "source_system": "shop",
        "passenger_module": "plugins.order",
        "puller_module": "plugins.shop",
        "puller_notified": False,
        "attachments": [],
        "log_guids": ["log-1"],
        "processor_statuses": [{"processor_module": "plugins.check", "status": "incomplete"}],
        "pusher_statuses": [{"pusher_module": "plugins.deliver", "status": "incomplete"}],
    }
    assert text.startswith('{\n  "external_id": "A-17",\n')


def test_arguments_name_every_part_of_the_layout(tmp_path: Path) -> None:
    database = JSON_FILES.make(
        tmp_path,
        database_dir="my|data",
        client_dir="all|companies",
        client_config="settings.json",
        log_dir="journal",
        log_extension=".log",
        queue_dir="waiting|room",
        queue_passenger="p.json",
        queue_attachment_dir="in|files",
        backup_dir="copies",
    )
    database.open(Holder("tests"))
    database.seat("root", [entry(internal_id="id-1", attachments=[Attachment.text("a.txt", "a")])])
    one = database.entry("root", "id-1")
    one.attachments.append(Attachment.text("b.txt", "b"))
    database.update("root", [one])
    log = Log("root", "orders", id="log-1", started_at=parse_time("2026-03-18T16:46:31"))
    database.append_log(log, [])
    backup = database.add_backup("root", "n", "{}")
    assert set(files(tmp_path)) == {
        "my/data/all/companies/root/settings.json",
        "my/data/all/companies/root/waiting/room/id-1/p.json",
        "my/data/all/companies/root/waiting/room/id-1/in/files/a.txt",
        "my/data/all/companies/root/waiting/room/id-1/in/files/b.txt",
        "my/data/all/companies/root/journal/2026-03-18T16-46-31.000000_log-1.log",
        f"my/data/all/companies/root/copies/{backup.id}-n.json",
    }
    database.close()


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("client_dir", "../elsewhere"),
        ("queue_dir", "/pqueue"),
        ("backup_dir", ""),
        ("queue_attachment_dir", "C:x"),
        ("log_extension", "t/xt"),
        ("database_dir", 5),
    ],
)
def test_an_argument_that_leads_elsewhere_is_refused(tmp_path: Path, argument: str, value: object) -> None:
    with pytest.raises(FactoryError, match=f"{argument}.*{value!r}"):
        JSON_FILES.make(tmp_path, **{argument: value})


# Old folders --------------------------------------------------------------------------------------------------------


def test_an_old_folder_opens(tmp_path: Path, old_client: Path, reports: Reports) -> None:
    before = files(old_client)
    database = JSON_FILES.opened(tmp_path, reports.append)
    assert reports == []
    assert database.client_ids() == ["root", "demo"]
    assert json.loads(database.configuration("demo"))["mine"] == 1
    old = only_row(database, "demo")
    assert (old.client_passenger, old.passenger_module, old.external_id) == ("acme.order", "acme.order", "A-17")
    assert old.pulled_at == parse_time("2020-03-10T10:59:05.914549")
    assert [(step.module, step.status) for step in old.steps()] == [
        ("acme.shop", QueueStatus.COMPLETE),
        ("acme.check", QueueStatus.COMPLETE),
        ("acme.erp", QueueStatus.INCOMPLETE),
        ("acme.mail", QueueStatus.COMPLETE),
    ]
    assert [(a.name, a.format, a.read_bytes()) for a in old.attachments] == [
        ("x.txt", AttachmentFormat.TEXT, "zwölf".encode()),
        ("y.bin", AttachmentFormat.BINARY, b"\0\1"),
    ]
    assert old.log_ids == []
    assert database.seat("demo", [entry("A-17")]) == [False]
    database.close()
    assert files(old_client) == before


def test_old_clients_open_whatever_they_are_called(tmp_path: Path, old_client: Path, reports: Reports) -> None:
    names = ["DEMO", "Mu\u0308ller GmbH", "Müller GmbH", "a, b & c", "Öztürk"]
    for name in names:
        shutil.copytree(old_client, old_client.with_name(name))
    before = files(old_client.parent)
    database = JSON_FILES.opened(tmp_path, reports.append)
    assert database.client_ids() == ["root", *sorted([*names, "demo"])]
    assert [only_row(database, name).external_id for name in names] == ["A-17"] * len(names)
    assert reports == []
    database.close()
    assert before.items() <= files(old_client.parent).items()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("trailing ", "'.*trailing ' is left alone, its passengers wait: until .* ends with a dot or a space;"),
        ("what?", "it has ? in it; up to 100 characters .* are allowed"),
        ("aux", "operating systems keep this name for themselves; .* are allowed"),
        (os.fsdecode(b"M\xfcller"), r"'.*M\udcfcller' is left alone, .* it has the control character U+DCFC"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="no such folder can be there")
def test_an_old_client_with_an_impossible_name_is_left_alone_and_told_why(
    tmp_path: Path, old_client: Path, reports: Reports, name: str, why: str
) -> None:
    folder = old_client.rename(old_client.with_name(name))
    before = files(folder)
    database = JSON_FILES.opened(tmp_path, reports.append)
    assert database.client_ids() == ["root"]
    database.close()
    (report,) = reports
    assert re.search(re.escape(why).replace(r"\.\*", ".*"), report)
    report.encode()
    assert files(folder) == before


def test_what_is_no_client_is_left_alone_and_told_why(tmp_path: Path, client: Path, reports: Reports) -> None:
    (client.parent / "notes.md").write_text("by a person")
    (client.parent / "my folder").mkdir()
    (client.parent / "half").mkdir()
    (client.parent / "half/pqueue").write_text("no folder")
    remarks = Reports()
    database = JSON_FILES.make(tmp_path, reports.append, remarks.append)
    database.open(Holder("tests"))
    assert database.client_ids() == ["root"]
    assert len(remarks) == 2
    assert "it is no folder" in remarks.about("notes.md")[0]
    assert "has none of config.json, pqueue, log in it" in remarks.about("my folder")[0]
    (report,) = reports
    assert re.search("half' .* its passengers wait: .*pqueue: (File exists|Not a directory)", report)
    with pytest.raises(DatabaseError, match=r"'my folder': there is '.*my folder' already"):
        database.create_client("my folder")
    database.close()


@pytest.mark.parametrize("colon", [":", "-"])
def test_old_logs_can_be_read(tmp_path: Path, old_client: Path, colon: str) -> None:
    (old_client / "log").mkdir()
    name = f"2020-03-18T16:46:31.954096_{OLD_LOG}.txt".replace(":", colon)
    (old_client / "log" / name).write_bytes(
        b"[2020-03-18T16:46:31.954096][acme.shop][info] Start\r\n"
        b"[2020-03-18T16:46:32.000001][acme.shop][error] Traceback\r\n  File x\r\n\r\nValueError\r\n"
        b"[2020-03-18T16:46:33][acme.erp][warning]\r\n"
    )
    database = JSON_FILES.opened(tmp_path)
    row = database.log_rows(LogQuery(client_id="demo")).rows[0]
    assert (row.id, row.client_passenger, row.length, row.worst) == (OLD_LOG, "", 3, MessageType.ERROR)
    assert row.started_at == parse_time("2020-03-18T16:46:31.954096")
    assert row.finished_at == parse_time("2020-03-18T16:46:33")
    assert [one.message for one in database.log_entries("demo", OLD_LOG).rows] == [
        "Start",
        "Traceback\n  File x\n\nValueError",
        "",
    ]
    assert database.remove_logs("demo", parse_time("2020-03-19T00:00:00")) == 1
    database.close()


def test_a_log_that_another_process_is_writing(tmp_path: Path, old_client: Path) -> None:
    (old_client / "log").mkdir()
    file = old_client / "log" / f"2020-03-18T16-46-31_{OLD_LOG}.txt"
    file.write_text('[2020-03-18T16:46:31][databus.trip][info] Trip of "orders" begins\n[2020-03-18T16:46:32][acme.sh')
    reader = JSON_FILES.opened(tmp_path, reading=True)
    assert reader.log_rows(LogQuery(client_id="demo")).rows[0].length == 0
    with file.open("a") as stream:
        stream.write("op][error] no answer\n")
    assert [one.message for one in reader.log_entries("demo", OLD_LOG).rows] == ["no answer"]
    row = reader.log_rows(LogQuery(client_id="demo")).rows[0]
    assert (row.length, row.worst, row.client_passenger, row.finished_at) == (1, MessageType.ERROR, "orders", None)
    with file.open("a") as stream:
        stream.write("[2020-03-18T16:46:33][databus.trip][info] Trip is over\n")
    assert reader.log_rows(LogQuery(client_id="demo")).rows[0].finished_at == parse_time("2020-03-18T16:46:33")
    file.unlink()
    with pytest.raises(NotFoundError):
        reader.log_entries("demo", OLD_LOG)
    reader.close()


def test_a_log_that_is_no_log_of_ours_is_shown_as_it_is(tmp_path: Path, old_client: Path) -> None:
    (old_client / "log").mkdir()
    (old_client / "log" / f"2020-03-18T16:46:31_{OLD_LOG}.txt").write_bytes(
        b"no header \xff\nat all\n[2020-99-99T99:99:99][x][info] no time"
    )
    (old_client / "log" / "notes.txt").write_text("by a person")
    database = JSON_FILES.opened(tmp_path)
    assert [row.length for row in database.log_rows(LogQuery(client_id="demo")).rows] == [2]
    started_at = parse_time("2020-03-18T16:46:31")
    assert database.log_entries("demo", OLD_LOG).rows == [
        LogEntry(started_at, "", MessageType.INFO, "no header \ufffd\nat all"),
        LogEntry(started_at, "x", MessageType.INFO, "no time"),
    ]
    database.close()


def test_an_old_backup_has_the_time_of_its_file(tmp_path: Path, old_client: Path) -> None:
    (old_client / "backup").mkdir()
    file = old_client / "backup" / f"{OLD_LOG}-my config.json"
    file.write_text("{}")
    os.utime(file, (minutes(0).timestamp(), minutes(0).timestamp()))
    database = JSON_FILES.opened(tmp_path)
    assert [(b.id, b.node, b.made_at) for b in database.backups("demo")] == [(OLD_LOG, "my config", minutes(0))]
    assert database.backup_text("demo", OLD_LOG) == "{}"
    database.close()


def test_what_this_version_does_not_know_is_written_back(tmp_path: Path, client: Path) -> None:
    document = passenger(
        colour="blue",
        attachments=[{"name": "x.txt", "format": "text", "pages": 3}],
        notification={"by": "mail"},
        processor_statuses=[{"processor_module": "acme.check", "status": "complete", "cost": 1.5}],
        pusher_statuses=[{"pusher_module": "acme.erp", "name": "first erp", "status": "incomplete", "where": [1]}],
    )
    (put(client, OLD_ID, document) / "attachments").mkdir()
    (client / "pqueue" / OLD_ID / "attachments/x.txt").write_text("x")
    database = JSON_FILES.opened(tmp_path)
    one = only_row(database)
    one.processors[0].attempts = 2
    database.update("root", [one])
    database.close()
    written = json.loads((client / "pqueue" / OLD_ID / "passenger.json").read_text())
    assert parse_time(written.pop("pull_datetime")) == parse_time(str(document.pop("pull_datetime")))
    assert written == document | {
        "log_guids": [],
        "processor_statuses": [{"processor_module": "acme.check", "status": "complete", "cost": 1.5, "attempts": 2}],
    }


# Damage -------------------------------------------------------------------------------------------------------------

DAMAGE = {
    "cut off": (b'{"external_id": "A-1', "line 1, column"),
    "no UTF-8": (b'{"external_id": "\xff"}', "line 1, column"),
    "empty": (b"", "line 1, column"),
    "no object": ("[]", "[] is not an object"),
    "missing key": (passenger(external_id=None), "external_id is missing"),
    "wrong type": (passenger(external_id=5), "external_id: 5 is not a text"),
    "wrong bool": (passenger(puller_notified="yes"), "puller_notified: 'yes' is not true or false"),
    "wrong time": (passenger(pull_datetime="yesterday"), "pull_datetime: 'yesterday' is no time"),
    "wrong list": (passenger(attachments={}), "attachments: {} is not a list"),
    "wrong log": (passenger(log_guids=[1]), "log_guids[0]: 1 is not a text"),
    "wrong item": (passenger(pusher_statuses=["x"]), "pusher_statuses[0]: 'x' is not an object"),
    "wrong status": (
        passenger(processor_statuses=[{"processor_module": "m", "status": "done"}]),
        "processor_statuses[0].status: 'done' is not 'incomplete' or 'complete'",
    ),
    "wrong attempts": (
        passenger(processor_statuses=[{"processor_module": "m", "status": "complete", "attempts": True}]),
        "processor_statuses[0].attempts: True is not a number",
    ),
    "path escape": (
        passenger(attachments=[{"name": "../../config.json", "format": "text"}]),
        "attachments[0].name: '../../config.json' is no file name",
    ),
    "another's id": (passenger(internal_id="other"), "internal_id: 'other' is not the folder's name"),
}


@pytest.mark.parametrize(("document", "words"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_passenger_is_set_aside_and_the_rest_goes_on(
    tmp_path: Path, client: Path, reports: Reports, document: dict[str, object] | str | bytes, words: str
) -> None:
    folder = put(client, OLD_ID, document)
    (folder / "attachments").mkdir()
    (folder / "attachments" / "x.txt").write_text("precious")
    kept = files(folder)
    put(client, "other", passenger(internal_id="other", external_id="B"))

    reader = JSON_FILES.opened(tmp_path, reports.append, reading=True)
    assert only_row(reader).external_id == "B"
    reader.close()
    assert files(folder) == kept, "whoever only reads moves nothing"
    assert [words in report and "left out" in report for report in reports] == [True]

    reports.clear()
    database = JSON_FILES.opened(tmp_path, reports.append)
    assert only_row(database).external_id == "B"
    aside = client / "damaged" / OLD_ID
    assert files(aside) == kept
    assert not folder.exists()
    assert len(reports) == 1
    for part in (str(folder / "passenger.json"), words, str(aside), "offer it again"):
        assert part in reports[0]
    assert database.seat("root", [entry("A-17")]) == [True]
    database.close()

    for reading in (False, True):
        reports.clear()
        database = JSON_FILES.opened(tmp_path, reports.append, reading=reading)
        database.queue_counts("root")
        database.close()
        (told,) = reports
        assert str(aside if reading else f"1 passenger lies set aside in {aside.parent}") in told
        assert "repair passenger.json and move the folder back into " in told


def test_a_repaired_passenger_may_be_moved_back(tmp_path: Path, client: Path, reports: Reports) -> None:
    put(client, OLD_ID, "{")
    JSON_FILES.opened(tmp_path).close()
    aside = client / "damaged" / OLD_ID
    (aside / "passenger.json").write_text(json.dumps(passenger()))
    aside.rename(client / "pqueue" / OLD_ID)
    database = JSON_FILES.opened(tmp_path, reports.append)
    assert reports == []
    assert only_row(database).internal_id == OLD_ID
    database.close()


def test_passengers_damaged_twice_are_kept_apart(tmp_path: Path, client: Path) -> None:
    for text in ("{", "["):
        put(client, OLD_ID, text)
        JSON_FILES.opened(tmp_path).close()
    assert set(files(client / "damaged").values()) == {b"{", b"["}


def test_a_passenger_without_its_file_is_set_aside(tmp_path: Path, client: Path, reports: Reports) -> None:
    (client / "pqueue" / OLD_ID).mkdir()
    (client / "pqueue" / "with-attachments" / "attachments").mkdir(parents=True)
    JSON_FILES.opened(tmp_path, reports.append).close()
    assert {path.name for path in (client / "damaged").iterdir()} == {OLD_ID, "with-attachments"}
    assert len(reports.about("is missing")) == len(reports) == 2


def test_a_passenger_damaged_while_the_database_is_open(tmp_path: Path, reports: Reports) -> None:
    database = JSON_FILES.opened(tmp_path, reports.append)
    database.seat("root", [entry("1", internal_id="id-1"), entry("2")])
    (tmp_path / "data/json_db/clients/root/pqueue/id-1/passenger.json").write_text("{}")
    with pytest.raises(DamagedError, match="passenger_module is missing"):
        database.entry("root", "id-1")
    assert len(reports) == 1
    assert only_row(database).external_id == "2"
    with pytest.raises(NotFoundError):
        database.entry("root", "id-1")
    assert database.seat("root", [entry("1")]) == [True]
    database.close()


def test_foreign_files_are_left_alone_and_remarked_on_once(tmp_path: Path, client: Path, reports: Reports) -> None:
    for place in (client / "pqueue", client / "log", client / "backup", client.parent):
        place.mkdir(exist_ok=True)
        for name in (".DS_Store", "Thumbs.db", "desktop.ini", "notes.md"):
            (place / name).write_text("by a person")
        (place / "my folder").mkdir()
    before, remarks = files(tmp_path), Reports()
    database = JSON_FILES.make(tmp_path, reports.append, remarks.append)
    database.open(Holder("tests"))
    assert database.client_ids() == ["root"]
    database.seat("root", [entry()])
    for _ in range(2):
        assert database.queue_rows(Query(client_id="root")).total == 1
        assert database.log_rows(LogQuery(client_id="root")).total == 0
        assert database.backups("root") == []
    database.close()
    assert before.items() <= files(tmp_path).items()
    assert reports == []
    assert len(remarks) == len(set(remarks))
    assert len(remarks.about("notes.md")) == len(remarks.about("my folder")) == 2
    assert not remarks.about("DS_Store") + remarks.about("humbs") + remarks.about("desktop.ini")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{\n "passengers": [,]}', "line 2, column 17"),
        (b'{\n"name": "M\xfcller"}', "line 2, column 11: byte 0xfc is not UTF-8"),
        (b"", "line 1, column 1"),
        (b"\0" * 300, "line 1, column 1"),
        (b'{"passengers": [', "line 1, column 17"),
        ('{"passengers": []}'.encode("utf-16"), "line 1, column 1: byte 0xff is not UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"log_life_span": ' + b"1" * 6000 + b"}", "a number has more than 4300 digits"),
    ],
    ids=range(8),
)
def test_a_damaged_configuration_stays_for_repair_and_other_clients_go_on(
    tmp_path: Path, client: Path, old_client: Path, data: bytes, words: str
) -> None:
    file = old_client / "config.json"
    file.write_bytes(data)
    database = JSON_FILES.opened(tmp_path)
    for _ in range(2):
        with pytest.raises(DamagedError, match=words) as damaged:
            database.configuration("demo")
    assert str(file) in str(damaged.value)
    assert file.read_bytes() == data
    copies = list(old_client.glob("config.json.damaged-*"))
    assert [copy.read_bytes() for copy in copies] == [data]
    assert json.loads(database.configuration("root"))
    assert only_row(database, "demo")
    database.write_configuration("demo", "{}")
    assert database.configuration("demo") == "{}"
    database.close()


def locked(path: Path) -> Path:
    """Nobody may read it any more; the test is skipped where that stops nobody."""
    path.chmod(0)
    if os.access(path, os.R_OK):
        path.chmod(0o700)
        pytest.skip("this user may read everything")
    return path


@pytest.mark.parametrize("spoil", ["folder", "locked"])
def test_a_configuration_that_cannot_be_read_stays_and_harms_nobody(
    tmp_path: Path, client: Path, old_client: Path, spoil: str
) -> None:
    file = old_client / "config.json"
    if spoil == "folder":
        file.unlink()
        file.mkdir()
    else:
        locked(file)
    database = JSON_FILES.opened(tmp_path)
    with pytest.raises(DatabaseError, match=r"config\.json: (Permission denied|Is a directory)"):
        database.configuration("demo")
    assert file.exists()
    assert only_row(database, "demo").external_id == "A-17"
    assert json.loads(database.configuration("root"))
    database.close()


@pytest.mark.parametrize("spoil", ["folder", "locked"])
def test_a_passenger_whose_file_cannot_be_read_is_set_aside(
    tmp_path: Path, client: Path, reports: Reports, spoil: str
) -> None:
    file = put(client, OLD_ID, passenger()) / "passenger.json"
    put(client, "other", passenger(internal_id="other", external_id="B"))
    if spoil == "folder":
        file.unlink()
        file.mkdir()
    else:
        locked(file)
    database = JSON_FILES.opened(tmp_path, reports.append)
    assert only_row(database).external_id == "B"
    (report,) = reports
    assert re.search(r"passenger\.json: cannot be read: (Permission denied|Is a directory)\. The .* set aside", report)
    assert (client / "damaged" / OLD_ID / "passenger.json").exists()
    database.close()


@pytest.mark.parametrize("name", [OLD_ID, "other-id"])
def test_a_passengers_folder_that_may_not_be_entered_is_left_out_and_harms_nobody(
    tmp_path: Path, client: Path, reports: Reports, name: str
) -> None:
    folder = put(client, name, passenger(internal_id=name))
    put(client, "other", passenger(internal_id="other", external_id="B"))
    locked(folder)
    database = JSON_FILES.opened(tmp_path, reports.append)
    assert only_row(database).external_id == "B"
    database.close()
    for place in (folder, client / "damaged" / name):
        if place.exists():
            place.chmod(0o700)
    assert len(reports.about("passenger.json: cannot be read: Permission denied. The passenger")) == len(reports) == 1


def test_a_clients_folder_that_may_not_be_entered_is_left_alone_and_harms_no_other(
    tmp_path: Path, client: Path, old_client: Path, reports: Reports
) -> None:
    locked(old_client)
    database = JSON_FILES.opened(tmp_path, reports.append)
    old_client.chmod(0o700)
    assert database.client_ids() == ["root"]
    assert re.search(r"demo' is left alone, its passengers wait: .*demo.*: Permission denied", reports[0])
    database.close()


def test_a_missing_configuration_is_named(tmp_path: Path, old_client: Path) -> None:
    (old_client / "config.json").unlink()
    root = old_client.parent / "root"
    (root / "pqueue").mkdir(parents=True)
    put(root, OLD_ID, passenger())
    database = JSON_FILES.opened(tmp_path)
    with pytest.raises(DamagedError, match=r"demo.config\.json: the client's configuration is missing"):
        database.configuration("demo")
    assert json.loads(database.configuration("root")), "root always has one"
    assert only_row(database).internal_id == OLD_ID
    database.close()


def test_a_configuration_may_begin_with_a_byte_order_mark(tmp_path: Path, client: Path) -> None:
    (client / "config.json").write_bytes(b"\xef\xbb\xbf{}")
    database = JSON_FILES.opened(tmp_path)
    assert database.configuration("root") == "{}"
    database.close()


def test_damaged_trips_are_forgotten_in_words(tmp_path: Path, client: Path, reports: Reports) -> None:
    (client / "trips.json").write_text('{"orders": {"log_id": "x"}}')
    database = JSON_FILES.opened(tmp_path, reports.append)
    assert database.last_trips("root") == {}
    assert database.last_trips("root") == {}
    assert len(reports.about("trips.json")) == len(reports) == 1
    assert len(list(client.glob("trips.json.damaged-*"))) == 1
    database.close()


def test_damaged_pauses_are_forgotten_in_words(tmp_path: Path, client: Path, reports: Reports) -> None:
    (client / "routes.json").write_text('{"orders": {"pause": "for ever"}}')
    database = JSON_FILES.opened(tmp_path, reports.append)
    assert database.route_states("root") == {}
    database.write_route_state("root", RouteState("orders", RoutePause.INTAKE, minutes(0)))
    assert set(database.route_states("root")) == {"orders"}
    assert len(reports.about("routes.json")) == len(reports) == 1
    assert len(list(client.glob("routes.json.damaged-*"))) == 1
    database.close()


def test_a_torn_line_of_the_ledger_is_passed_over(tmp_path: Path, client: Path) -> None:
    rows = [MissedTrips("orders", minutes(n), minutes(n + 9), Absence.STOPPED, n, 1) for n in (1, 2)]
    database = JSON_FILES.opened(tmp_path)
    database.append_missed("root", rows[:1])
    with (client / "missed.jsonl").open("a") as ledger:
        ledger.write('{"client_passenger": "ord')
    database.append_missed("root", rows[1:])
    assert database.missed("root") == [rows[1], rows[0]]
    database.close()


def test_torn_lines_about_removed_passengers_are_passed_over(tmp_path: Path, client: Path) -> None:
    known = '{"source_system": "shop", "external_id": "%s"}'
    (client / "purged.jsonl").write_text(f'{known % 1}\n{{"source_sy\n{known % 2}\n{known % 3}\n{{"source_sys')
    for number in (4, 5):
        database = JSON_FILES.opened(tmp_path)
        one = entry(str(number))
        assert database.seat("root", [entry("1"), entry("2"), entry("3"), one]) == [False, False, False, True]
        database.remove("root", [one.internal_id])
        database.close()
    database = JSON_FILES.opened(tmp_path)
    assert database.seat("root", [entry(str(number)) for number in range(1, 7)]) == [False] * 5 + [True]
    database.close()


def test_a_removed_client_is_kept_aside(tmp_path: Path, old_client: Path) -> None:
    before = files(old_client)
    database = JSON_FILES.opened(tmp_path)
    with pytest.raises(DatabaseError, match="root"):
        database.remove_client("root")
    database.remove_client("demo")
    database.close()
    (aside,) = (tmp_path / "data/json_db/removed").iterdir()
    assert aside.name.startswith("demo-20")
    assert files(aside) == before


# Writing ------------------------------------------------------------------------------------------------------------


def test_a_status_update_writes_the_passengers_file_only(tmp_path: Path) -> None:
    database = JSON_FILES.opened(tmp_path)
    database.seat("root", [entry(internal_id="id-1", attachments=[Attachment.text("a.txt", "a")])])
    folder = tmp_path / "data/json_db/clients/root/pqueue/id-1"
    attachments = folder / "attachments"
    before = (attachments.stat().st_mtime_ns, (attachments / "a.txt").stat().st_ino)
    one = database.entry("root", "id-1")
    one.notification.finish()
    database.update("root", [one])
    database.update("root", [completed(one)])
    database.close()
    assert (attachments.stat().st_mtime_ns, (attachments / "a.txt").stat().st_ino) == before
    assert set(files(folder)) == {"passenger.json", "attachments/a.txt"}


def test_what_an_update_supersedes_goes_and_nothing_else(tmp_path: Path) -> None:
    database = JSON_FILES.opened(tmp_path)
    one = entry(internal_id="id-1", attachments=[Attachment.text("order.xml", "1"), Attachment.text("b.txt", "b")])
    database.seat("root", [one])
    folder = tmp_path / "data/json_db/clients/root/pqueue/id-1"
    (folder / "attachments/note of a person.txt").write_text("mine")
    for text, file in (("2", {"file": "order.2.xml"}), ("3", {}), ("4", {"file": "order.2.xml"})):
        one.attachments[0].set_text(text)
        database.update("root", [one])
        found = files(folder)
        document = json.loads(found.pop("passenger.json"))
        assert document["attachments"][0] == {"name": "order.xml", "format": "text"} | file
        assert found == {
            f"attachments/{file.get('file', 'order.xml')}": text.encode(),
            "attachments/b.txt": b"b",
            "attachments/note of a person.txt": b"mine",
        }
    del one.attachments[1]
    database.update("root", [one])
    assert "attachments/b.txt" not in files(folder)
    database.remove("root", ["id-1"])
    assert not folder.exists()
    database.close()


def test_a_failed_update_keeps_what_it_would_supersede(tmp_path: Path) -> None:
    database = JSON_FILES.opened(tmp_path)
    one = entry(internal_id="id-1", attachments=[Attachment.text("a.txt", "old")])
    database.seat("root", [one])
    before = files(tmp_path)
    one.attachments[0].set_text("new")
    one.attachments.append(Attachment.from_file(tmp_path / "vanished.txt"))
    with pytest.raises(AttachmentError):
        database.update("root", [one])
    assert files(tmp_path) == before
    database.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps the file of whoever reads it")
def test_who_reads_an_attachment_that_is_superseded_reads_on(tmp_path: Path) -> None:
    database = JSON_FILES.opened(tmp_path)
    one = entry(internal_id="id-1", attachments=[Attachment.text("a.txt", "old")])
    database.seat("root", [one])
    with database.entry("root", "id-1").attachments[0].open() as stream:
        one.attachments[0].set_text("new")
        database.update("root", [one])
        assert stream.read() == b"old"
    database.close()


def test_what_a_crash_left_unfinished_is_deleted(tmp_path: Path, client: Path) -> None:
    leftovers = [
        client / "pqueue/.temp/.tmp-1-1/attachments/a.txt",
        client / "pqueue/.temp/.tmp-1-2",
        client / ".tmp-1-3",
        client / "backup/.tmp-1-4",
        client.parent / ".tmp-1-5/config.json",
    ]
    before = files(client.parent)
    for path in leftovers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    JSON_FILES.opened(tmp_path, reading=True).close()
    assert all(path.exists() for path in leftovers)
    database = JSON_FILES.opened(tmp_path)
    assert files(client.parent) == before
    assert database.client_ids() == ["root"]
    database.close()


def test_everything_is_synced_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut cannot be had in a test: that each file and folder was handed to fsync can."""
    synced: set[int] = set()
    sync = os.fsync

    def noted(descriptor: int) -> None:
        sync(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    database = JSON_FILES.opened(tmp_path)
    queue = tmp_path / "data/json_db/clients/root/pqueue"
    monkeypatch.setattr(os, "fsync", noted)
    made = [entry(str(n), internal_id=f"id-{n}", attachments=[Attachment.text("a.txt", "a")]) for n in range(5)]
    database.seat("root", made)

    def inodes(*paths: Path) -> set[int]:
        return {path.stat().st_ino for path in paths}

    everything = [path for path in queue.rglob("*") if path.name != ".temp"]
    assert len(everything) == 5 * 4
    assert inodes(queue, *everything) <= synced

    synced.clear()
    made[0].attachments[0].set_text("new")
    database.update("root", made[:1])
    folder = queue / "id-0"
    changed = [folder, folder / "passenger.json", folder / "attachments", folder / "attachments/a.2.txt"]
    assert inodes(*changed) == synced

    synced.clear()
    database.remove("root", ["id-0"])
    assert inodes(queue, queue.parent / "purged.jsonl") <= synced

    synced.clear()
    database.write_configuration("root", "{}")
    assert inodes(queue.parent, queue.parent / "config.json") == synced

    synced.clear()
    log = Log("root", "orders")
    database.append_log(log, [LogEntry(minutes(1), "shop", MessageType.INFO, "begin")])
    database.finish_log(log)
    assert inodes(queue.parent / "log", *(queue.parent / "log").iterdir()) <= synced
    database.close()


@pytest.mark.parametrize("failing", range(1, 10))
def test_a_full_disk_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    database = JSON_FILES.opened(tmp_path)
    here = entry("here", internal_id="id-here", attachments=[Attachment.text("a.txt", "old")])
    database.seat("root", [here])
    before, stored = files(tmp_path), state(here)
    sync, left = os.fsync, [failing]

    def full(descriptor: int) -> None:
        left[0] -= 1
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    new = [entry(name, attachments=[Attachment.text("a.txt", name)]) for name in ("1", "2")]
    changed = database.entry("root", "id-here")
    changed.attachments[0].set_text("new")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DatabaseError, match=r"disk .* is full"):
            database.seat("root", new)
        assert files(tmp_path) == before
        left[0] = min(failing, 3)
        with pytest.raises(DatabaseError, match=r"disk .* is full"):
            database.update("root", [changed])
        assert files(tmp_path) == before
        assert state(database.entry("root", "id-here")) == stored
        left[0] = 1
        with pytest.raises(DatabaseError, match=r"disk .* is full"):
            database.remove("root", ["id-here"])
        assert database.known("root", "shop", "here") == "id-here"
    assert database.seat("root", new) == [True, True]
    database.update("root", [changed])
    assert database.entry("root", "id-here").attachments[0].read_text() == "new"
    database.close()


def test_a_disk_nearly_full_is_reported_once_in_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reports: Reports
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Disk(total=100 * GIB, free=4 * GIB))
    database = JSON_FILES.opened(tmp_path, reports.append)
    assert "4.0 GiB (4.0 %) are free" in reports[0]
    database.seat("root", [entry("1")])
    database.seat("root", [entry("2")])
    assert len(reports) == 1
    database.close()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Disk(total=1000 * GIB, free=20 * GIB))
    JSON_FILES.opened(tmp_path, reports.append).close()
    assert len(reports) == 1


def test_an_update_may_change_what_the_index_sorts_by(tmp_path: Path) -> None:
    database = JSON_FILES.opened(tmp_path)
    database.seat("root", [entry("1", internal_id="id-1"), entry("2", internal_id="id-2", pulled_at=minutes(5))])
    one = database.entry("root", "id-1")
    one.pulled_at = minutes(9)
    database.update("root", [one])
    assert database.open_ids("root", "orders") == ["id-2", "id-1"]
    one.external_id = "3"
    database.update("root", [one])
    for _ in range(2):
        assert [database.known("root", "shop", name) for name in "123"] == [None, "id-2", "id-1"]
        assert database.open_ids("root", "orders") == ["id-2", "id-1"]
        database.close()
        database = JSON_FILES.opened(tmp_path)
    database.close()


def test_a_late_entry_goes_to_the_finished_log(tmp_path: Path) -> None:
    database = JSON_FILES.opened(tmp_path)
    log = Log("root", "orders")
    messages = [LogEntry(minutes(n), "shop", MessageType.INFO, str(n)) for n in range(2)]
    for message in messages:
        database.append_log(log, [message])
        database.finish_log(log)
    database.finish_log(log)
    assert database.log_entries("root", log.id).rows == messages
    assert len(list((tmp_path / "data/json_db/clients/root/log").iterdir())) == 1
    with pytest.raises(DatabaseError, match=r"cannot have the id '\.\./x'"):
        database.append_log(Log("root", "orders", id="../x"), messages)
    database.close()


def test_internal_ids_that_cannot_be_folders_or_are_taken_are_refused(tmp_path: Path) -> None:
    database = JSON_FILES.opened(tmp_path)
    database.seat("root", [entry("0", internal_id="taken")])
    for internal_id in ("taken", "../escape", "", ".temp", "a/b", "x" * 200):
        with pytest.raises(DatabaseError, match="cannot be seated"):
            database.seat("root", [entry("1", internal_id=internal_id)])
    assert only_row(database).external_id == "0"
    database.close()
