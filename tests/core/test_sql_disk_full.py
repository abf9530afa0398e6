"""A real disk that is full: a file system of a few megabytes, which only root can mount."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from databus_core.engine.dispatcher import Dispatcher
from databus_core.errors import DatabaseError
from databus_core.model.attachment import Attachment
from databus_core.model.client import ROOT
from databus_core.model.log import MessageType
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.observer import DispatcherObserver
from tests.core.test_sql_backup import OFTEN, names_in, seated_in, until
from tests.support.engines import SQL, SQLITE
from tests.support.entries import entry
from tests.support.stage import Stage

MEGABYTES = 16
FILLER = "filler"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip(f"no file system can be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, *, leave: int = 0) -> None:
    """Let nothing but so many bytes be free."""
    (disk / FILLER).unlink(missing_ok=True)
    free = os.statvfs(disk)
    count = free.f_bavail * free.f_frsize - leave
    with (disk / FILLER).open("wb") as opened:
        opened.write(bytes(count))


class Heard(DispatcherObserver):
    """What a person is told that belongs to no log."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def failed(self, message: str) -> None:
        self.failures.append(message)


async def test_a_trip_on_a_full_disk_ends_in_words_loses_nothing_and_the_next_one_goes_on(disk: Path) -> None:
    stage = Stage(attach=lambda name: [Attachment.binary("big.bin", os.urandom(200_000))])
    configuration = {"passengers": [stage.client_passenger()]}
    file = disk / "ticket.json"
    file.write_text(json.dumps({"database_module": SQL, "database_arguments": {"backup_every": 0}}))
    with closing(SQLITE.opened(disk)) as database:
        database.create_client("acme")
        database.write_configuration("acme", json.dumps(configuration))
    heard = Heard()
    dispatcher = Dispatcher(DispatcherTicket.load(file), heard)
    await dispatcher.start(paused=True)
    try:
        stage.waiting = ["first"]
        await dispatcher.drive("acme", "orders")
        stage.waiting = [str(number) for number in range(20)]
        fill(disk, leave=1_000_000)
        log = await dispatcher.drive("acme", "orders")
        lines = [entry.message for entry in log.errors]
        assert any("databus.sqlite is full" in line for line in lines), lines
        assert not any("Traceback" in line for line in lines), lines
        told, delivered = set(stage.told), {name for _, name in stage.pushed}
        assert len(told) < 21, "the disk was not full"
        fill(disk)
        log = await dispatcher.drive("acme", "orders")
        assert any("databus.sqlite is full" in entry.message for entry in log.errors)
        [route] = [row for row in dispatcher.timetable() if row.client_id == "acme"]
        # SQLite's own log may have room left for a few lines of ours; if it has not, that is told.
        stored = route.last_trip is not None and route.last_trip.worst is MessageType.ERROR
        assert stored or any("databus.sqlite is full" in failure for failure in heard.failures), heard.failures
        (disk / FILLER).unlink()
        log = await dispatcher.drive("acme", "orders")
        assert not log.has_errors, [entry.message for entry in log.errors]
    finally:
        await dispatcher.shut_down()
    assert stage.waiting == []
    assert {name for _, name in stage.pushed} == {"first", *map(str, range(20))}
    assert told | delivered <= {name for _, name in stage.pushed}
    assert len(set(stage.pushed)) == 42
    assert seated_in(disk / "data/databus.sqlite") == 21


def test_a_database_opens_beside_a_full_disk_or_says_that_it_is_full(disk: Path) -> None:
    with closing(SQLITE.opened(disk)) as database:
        database.seat(ROOT, [entry("kept")])
    fill(disk)
    with pytest.raises(DatabaseError, match=r"full|No space left"):
        SQLITE.opened(disk)
    (disk / FILLER).unlink()
    with closing(SQLITE.opened(disk)) as database:
        assert database.known(ROOT, "shop", "kept")


def test_a_backup_that_has_no_room_is_told_and_made_when_there_is_some(disk: Path) -> None:
    with closing(SQLITE.opened(disk)) as database:
        database.seat(ROOT, [entry("kept", attachments=[Attachment.binary("a", os.urandom(2_000_000))])])
    fill(disk, leave=1_500_000)
    reported: list[str] = []
    with closing(OFTEN.opened(disk, reported.append)) as database:
        until(lambda: any("No backup of" in each for each in reported))
        said = next(each for each in reported if "No backup of" in each)
        assert f"{disk / 'data/databus.sqlite'} was made: it needs 0.00 GiB" in said
        assert names_in(disk / "data/backup") == []
        (disk / FILLER).unlink()
        until(database.database_backups)
    assert seated_in(database.database_backups()[0].file) == 1


def test_a_disk_that_gets_full_in_the_middle_of_a_backup_leaves_nothing_of_it(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SQLITE.opened(disk)) as database:
        database.seat(ROOT, [entry("kept", attachments=[Attachment.binary("a", os.urandom(4_000_000))])])
    fill(disk, leave=2_000_000)
    monkeypatch.setattr("databus_core.database.sql.backup_timer.BackupTimer._require_room", lambda _: None)
    reported: list[str] = []
    with closing(OFTEN.opened(disk, reported.append)):
        until(lambda: any("No backup of" in each for each in reported))
        assert any("is full" in each for each in reported), reported
    assert names_in(disk / "data/backup") == []


def test_a_restore_that_has_no_room_changes_nothing(disk: Path) -> None:
    with closing(OFTEN.opened(disk)) as database:
        database.seat(ROOT, [entry("1", attachments=[Attachment.binary("a", os.urandom(3_000_000))])])
        until(database.database_backups)
    fill(disk, leave=1_000_000)
    before = names_in(disk / "data")
    with pytest.raises(DatabaseError, match="is full"):
        SQLITE.make(disk).restore()
    assert names_in(disk / "data") == before
    assert seated_in(disk / "data/databus.sqlite") == 1
