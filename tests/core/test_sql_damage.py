"""Files of SQLite that are damaged: recognised, left as they are, and the newest backup offered."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from databus_core.cli import app
from databus_core.errors import DatabaseDamagedError, DatabaseError
from databus_core.model.attachment import Attachment
from databus_core.model.client import ROOT
from databus_core.model.query import Query
from tests.core.test_sql_backup import OFTEN, seated_in, until
from tests.support.engines import SQL, SQLITE
from tests.support.entries import entries, entry

FILE = Path("data/databus.sqlite")
PAGE = 4096


def corrupt_header(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.write(b"x" * 100)


def spoil(file: Path, table: str) -> None:
    """Spoil the first page of a table, as a bad block of the disk does."""
    with closing(sqlite3.connect(file)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    with file.open("r+b") as opened:
        opened.seek((root - 1) * PAGE)
        opened.write(b"\xff" * PAGE)


def corrupt_page(file: Path) -> None:
    spoil(file, "queue_entry")


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2 // PAGE * PAGE)


def cut_in_a_page(file: Path) -> None:
    os.truncate(file, 100)


def empty(file: Path) -> None:
    os.truncate(file, 0)


def overwrite(file: Path) -> None:
    file.write_bytes(b"this is no database, but somebody's text " * 1000)


def another_database(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")


def remove(file: Path) -> None:
    file.unlink()


DAMAGES = [corrupt_header, corrupt_page, truncate, cut_in_a_page, empty, overwrite, another_database, remove]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ticket on a database with a backup of three passengers; a fourth came later."""
    (tmp_path / "ticket.json").write_text(json.dumps({"database_module": SQL}))
    with closing(OFTEN.opened(tmp_path)) as database:
        database.seat(ROOT, entries(3, attachments=[Attachment.text("a.txt", "screws")]))
        until(database.database_backups)
        until(lambda: seated_in(database.database_backups()[0].file) == 3)
    with closing(SQLITE.opened(tmp_path)) as database:
        database.seat(ROOT, [entry("later")])
    return tmp_path


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_recognised_at_the_start_and_the_backup_can_be_restored(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    file = folder / FILE
    damage(file)
    before = file.read_bytes() if file.exists() else None
    with pytest.raises(DatabaseDamagedError, match=r"databus\.sqlite .*The newest backup is of 20") as raised:
        SQLITE.opened(folder)
    assert (file.read_bytes() if file.exists() else None) == before
    backup = raised.value.backup
    assert backup is not None
    restored = SQLITE.make(folder).restore(backup.file)
    assert (restored.kept.read_bytes() if restored.kept else None) == before
    assert seated_in(file) == 3
    with closing(SQLITE.opened(folder)) as database:
        database.seat(ROOT, [entry("later")])
        assert database.queue_rows(Query(client_id=ROOT)).total == 4


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_command_line_says_how_to_restore_and_restores(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder / FILE)
    ticket = str(folder / "ticket.json")
    said = CliRunner().invoke(app, ["run", "--once", ticket])
    assert said.exit_code == 2
    assert f"databus restore --ticket {ticket}" in said.stderr
    assert "Traceback" not in said.output
    listed = CliRunner().invoke(app, ["restore", "--list", "--ticket", ticket])
    assert re.search(r"\d backups?\n", listed.stdout)
    restored = CliRunner().invoke(app, ["restore", "--ticket", ticket])
    assert restored.exit_code == 0
    assert "the database is as it was at 20" in restored.stdout
    assert ("kept as" in restored.stdout) == (damage is not remove)
    assert CliRunner().invoke(app, ["run", "--once", ticket]).exit_code == 0
    assert seated_in(folder / FILE) == 3


def test_a_backup_that_is_damaged_itself_is_passed_over(folder: Path) -> None:
    [backup] = SQLITE.make(folder).database_backups()
    newer = backup.file.with_name("databus.2099-01-01T00-00-00Z.sqlite")
    shutil.copy(backup.file, newer)
    corrupt_page(newer)
    corrupt_header(folder / FILE)
    with pytest.raises(DatabaseDamagedError) as raised:
        SQLITE.opened(folder)
    assert raised.value.backup == backup
    with pytest.raises(DatabaseError, match=r"2099.*cannot be restored"):
        SQLITE.make(folder).restore(newer)
    said = CliRunner().invoke(app, ["restore", "--ticket", str(folder / "ticket.json"), "--backup", str(newer)])
    assert said.exit_code == 2
    corrupt_page(backup.file)
    with pytest.raises(DatabaseDamagedError, match="no good backup") as without:
        SQLITE.opened(folder)
    assert without.value.backup is None


def test_a_reader_is_offered_the_backup_too(folder: Path) -> None:
    corrupt_header(folder / FILE)
    with pytest.raises(DatabaseDamagedError) as raised:
        SQLITE.opened(folder, reading=True)
    assert raised.value.backup is not None


def test_without_a_backup_what_is_left_of_a_file_is_used_and_its_damage_told(folder: Path) -> None:
    shutil.rmtree(folder / "data/backup")
    spoil(folder / FILE, "customizing_backup")
    reported: list[str] = []
    with closing(SQLITE.opened(folder, reported.append)) as database:
        with pytest.raises(DatabaseDamagedError, match="is damaged: database disk image is malformed"):
            database.add_backup(ROOT, "node", "{}")
        database.write_configuration(ROOT, "{}")
        assert database.configuration(ROOT) == "{}"
    assert ["There is no backup of it" in each for each in reported] == [True]


def test_an_empty_file_beside_which_a_log_lies_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    database = SQLITE.opened(tmp_path)
    database.seat(ROOT, [entry("1")])
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "data", copy / "data", ignore=shutil.ignore_patterns("*.lock", ".*"))
    database.close()
    empty(copy / FILE)
    log = (copy / "data/databus.sqlite-wal").read_bytes()
    with pytest.raises(DatabaseDamagedError, match=r"is empty, and there is .*-wal"):
        SQLITE.opened(copy)
    assert (copy / "data/databus.sqlite-wal").read_bytes() == log


def test_a_database_whose_log_is_gone_is_not_taken_for_a_new_one(folder: Path) -> None:
    """Killed before anything of its log had come into the file, and then the log was deleted."""
    other = folder / "other"
    (other / "data").mkdir(parents=True)
    with closing(sqlite3.connect(other / FILE)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    shutil.copytree(folder / "data/backup", other / "data/backup")
    with pytest.raises(DatabaseDamagedError, match="no tables of Databus are in it"):
        SQLITE.opened(other)


def test_damage_met_at_work_is_told_and_a_large_file_is_looked_through_at_the_next_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("databus_core.database.sql.damage.CHECKED_BYTES", 0)
    spoil(folder / FILE, "customizing_backup")
    with closing(SQLITE.opened(folder)) as database:
        with pytest.raises(DatabaseDamagedError, match=r"malformed\. Start Databus anew: it then looks through"):
            database.add_backup(ROOT, "node", "{}")
        database.seat(ROOT, [entry("5")])
    with pytest.raises(DatabaseDamagedError) as raised:
        SQLITE.opened(folder)
    assert raised.value.backup is not None
    SQLITE.make(folder).restore()
    SQLITE.opened(folder).close()


def test_damage_met_by_a_backup_is_told_and_harms_no_older_one(folder: Path) -> None:
    reported: list[str] = []
    before = SQLITE.make(folder).database_backups()
    file = folder / FILE
    with closing(OFTEN.opened(folder, reported.append)) as database:
        spoil(file, "customizing_backup")
        database.seat(ROOT, [entry("5")])
        until(lambda: reported)
    assert reported[0].startswith(f"No backup of {file} was made: {file} is damaged: ")
    assert "Start Databus anew" in reported[0]
    assert SQLITE.make(folder).database_backups() == before
    with pytest.raises(DatabaseDamagedError):
        SQLITE.opened(folder)
