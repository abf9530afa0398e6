"""Backups of a file of SQLite: when they are made, that they are whole, and that nobody waits for them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from databus_core.errors import DatabaseHeldError, NotFoundError
from databus_core.model.attachment import Attachment
from databus_core.model.client import ROOT
from databus_core.model.holder import Holder
from databus_core.model.query import Query
from databus_core.plugins.database import Database
from tests.support.engines import JSON_FILES, REPOSITORY, SQL, SQLITE, Engine
from tests.support.entries import entries, entry

FILE = Path("data/databus.sqlite")
BACKUP = Path("data/backup")
OFTEN = Engine(SQL, {"backup_every": 0.1 / 3600})
"""Backups every tenth of a second."""


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


def seated_in(file: Path) -> int:
    """How many passengers a file holds that is whole."""
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute("SELECT count(*) FROM queue_entry").fetchone()[0]


def total(database: Database) -> int:
    return database.queue_rows(Query(client_id=ROOT)).total


def filled(folder: Path, megabytes: int) -> None:
    """A database of that size."""
    with closing(SQLITE.opened(folder)) as database:
        database.seat(ROOT, [entry("big", attachments=[Attachment.binary("big.bin", os.urandom(megabytes << 20))])])


def test_a_backup_is_made_when_it_is_due_and_has_everything(tmp_path: Path) -> None:
    begun = datetime.now(UTC) - timedelta(seconds=1)
    with closing(OFTEN.opened(tmp_path)) as database:
        database.seat(ROOT, entries(3, attachments=[Attachment.text("a.txt", "screws")]))
        until(database.database_backups)
        backup = database.database_backups()[0]
        assert begun < backup.made_at <= datetime.now(UTC)
        assert backup.file.parent == tmp_path / BACKUP
        assert backup.size == backup.file.stat().st_size
    assert seated_in(backup.file) == 3


def test_so_many_are_kept_and_what_has_not_changed_is_not_backed_up_again(tmp_path: Path) -> None:
    engine = Engine(SQL, {**OFTEN.arguments, "backups_kept": 2})
    seen: set[str] = set()
    with closing(engine.opened(tmp_path)) as database:
        for number in range(4):
            database.seat(ROOT, [entry(str(number))])
            before = len(seen)

            def is_new(before: int = before) -> bool:
                seen.update(name for name in names_in(tmp_path / BACKUP) if not name.startswith("."))
                return len(seen) > before

            until(is_new)
            time.sleep(1.1)  # names tell seconds
        until(lambda: len(names_in(tmp_path / BACKUP)) == 2)
        newest = database.database_backups()[0]
        until(lambda: seated_in(newest.file) == 4)
        kept = names_in(tmp_path / BACKUP)
        time.sleep(1.5)
        assert names_in(tmp_path / BACKUP) == kept


def test_without_an_interval_none_is_made(tmp_path: Path) -> None:
    with closing(Engine(SQL, {"backup_every": 0}).opened(tmp_path)) as database:
        database.seat(ROOT, [entry("1")])
        time.sleep(0.5)
    assert names_in(tmp_path / BACKUP) == []


def test_passengers_flow_while_backups_are_made(tmp_path: Path) -> None:
    filled(tmp_path, 40)
    reported: list[str] = []
    seen: dict[Path, int] = {}

    def note(database: Database) -> None:
        for backup in database.database_backups():
            if backup.file not in seen:
                seen[backup.file] = seated_in(backup.file)

    with closing(OFTEN.opened(tmp_path, reported.append)) as database:
        rounds, end = 0, time.monotonic() + 30
        while rounds < 100 or not seen:
            assert time.monotonic() < end, "no backup comes to its end while passengers flow"
            database.seat(ROOT, entries(50, source_system=f"shop {rounds}"))
            rounds += 1
            note(database)
        assert total(database) == rounds * 50 + 1
    assert all(count % 50 == 1 for count in seen.values()), "a backup holds a part of what was seated at once"
    assert reported == []
    assert seated_in(tmp_path / FILE) == rounds * 50 + 1


def test_closing_stops_a_backup_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    filled(tmp_path, 60)
    database = OFTEN.opened(tmp_path)
    until(lambda: names_in(tmp_path / BACKUP))
    begun = time.monotonic()
    database.close()
    assert time.monotonic() - begun < 2
    assert [name for name in names_in(tmp_path / BACKUP) if name.startswith(".")] == []


def test_a_process_killed_in_the_middle_of_a_backup_leaves_nothing_that_the_next_one_keeps(tmp_path: Path) -> None:
    filled(tmp_path, 40)
    for _ in range(3):
        process = OFTEN.start("hold", tmp_path)
        until(lambda: any(name.startswith(".") for name in names_in(tmp_path / BACKUP)))
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        assert any(name.startswith(".") for name in names_in(tmp_path / BACKUP)), "it was not killed in the middle"
        with closing(SQLITE.opened(tmp_path)) as database:
            assert [name for name in names_in(tmp_path / BACKUP) if name.startswith(".")] == []
            assert total(database) == 1
            assert database.database_backups() == []


def test_a_foreign_file_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / BACKUP).mkdir(parents=True)
    for name in ("notes.txt", ".notes.tmp", "databus.sqlite", "databus.2026-99-10T09-00-00Z.sqlite"):
        (tmp_path / BACKUP / name).write_text("mine")
    before = names_in(tmp_path / BACKUP)
    with closing(SQLITE.opened(tmp_path)) as database:
        assert database.database_backups() == []
    assert names_in(tmp_path / BACKUP) == before


def test_a_restore_puts_the_newest_backup_in_place_and_keeps_what_was_there(tmp_path: Path) -> None:
    with closing(OFTEN.opened(tmp_path)) as database:
        database.seat(ROOT, [entry("old")])
        until(database.database_backups)
    with closing(SQLITE.opened(tmp_path)) as database:
        database.seat(ROOT, [entry("new")])
        with pytest.raises(DatabaseHeldError):
            SQLITE.make(tmp_path).restore()
    restored = SQLITE.make(tmp_path).restore()
    assert restored.kept is not None
    assert seated_in(restored.kept) == 2
    assert restored.backup.file.exists()
    with closing(SQLITE.opened(tmp_path)) as database:
        assert database.known(ROOT, "shop", "old")
        assert database.known(ROOT, "shop", "new") is None
        database.seat(ROOT, [entry("new")])


@pytest.mark.skipif(sys.platform == "win32", reason="files have no such permissions on Windows")
def test_nobody_may_read_a_backup_who_may_not_read_the_database(tmp_path: Path) -> None:
    SQLITE.opened(tmp_path).close()
    (tmp_path / FILE).chmod(0o600)
    with closing(OFTEN.opened(tmp_path)) as database:
        database.seat(ROOT, [entry("1")])
        until(database.database_backups)
    SQLITE.make(tmp_path).restore()
    for file in (database.database_backups()[0].file, tmp_path / FILE):
        assert file.stat().st_mode & 0o777 == 0o600


def test_any_backup_may_be_restored_and_where_there_is_none_that_is_said(tmp_path: Path) -> None:
    with closing(SQLITE.opened(tmp_path)) as database:
        database.seat(ROOT, [entry("1")])
        with closing(sqlite3.connect(tmp_path / FILE)) as connection:
            connection.execute("VACUUM INTO ?", (str(tmp_path / "mine.sqlite"),))
        database.seat(ROOT, [entry("2")])
    with pytest.raises(NotFoundError, match="no good backup"):
        SQLITE.make(tmp_path).restore()
    SQLITE.make(tmp_path).restore(tmp_path / "mine.sqlite")
    assert seated_in(tmp_path / FILE) == 1


def test_a_restore_that_was_broken_off_is_not_taken_for_a_new_database(tmp_path: Path) -> None:
    with closing(OFTEN.opened(tmp_path)) as database:
        database.seat(ROOT, [entry("1")])
        until(database.database_backups)
    shutil.copy(tmp_path / FILE, tmp_path / "mine.sqlite")
    script = (
        "import databus_core.database.sql.restoring as module, os\n"
        "from pathlib import Path\n"
        "from tests.support.engines import SQLITE\n"
        "module.replace = lambda source, target: os._exit(9) if target.name == 'databus.sqlite'"
        " else source.replace(target)\n"
        f"SQLITE.make(Path({str(tmp_path)!r})).restore(Path({str(tmp_path / 'mine.sqlite')!r}))\n"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=False).returncode == 9
    shutil.rmtree(tmp_path / BACKUP)
    with pytest.raises(Exception, match=r"databus\.sqlite is missing, and there is .*restoring"):
        SQLITE.opened(tmp_path)
    SQLITE.make(tmp_path).restore(tmp_path / "mine.sqlite")
    with closing(SQLITE.opened(tmp_path)) as database:
        assert total(database) == 1


def test_an_engine_without_backups_says_so(tmp_path: Path) -> None:
    database = JSON_FILES.make(tmp_path, database_dir=str(tmp_path))
    assert database.database_backups() == []
    with pytest.raises(Exception, match="makes no backups"):
        database.restore()


def test_the_clock_set_back_does_not_put_backups_off(tmp_path: Path) -> None:
    SQLITE.opened(tmp_path).close()
    (tmp_path / BACKUP).mkdir()
    shutil.copy(tmp_path / FILE, tmp_path / BACKUP / "databus.2099-01-01T00-00-00Z.sqlite")
    with closing(OFTEN.make(tmp_path)) as database:
        database.open(Holder("tests"))
        database.seat(ROOT, [entry("1")])
        until(lambda: len(database.database_backups()) > 1)
