"""SQL databases beyond the contract: where they are, what they say when something is wrong, and how they write."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from databus_core.errors import DatabaseError, FactoryError, NotFoundError
from databus_core.model.attachment import Attachment
from databus_core.model.client import ROOT
from databus_core.model.holder import Holder
from databus_core.model.query import Query
from tests.support.engines import SQLITE
from tests.support.entries import completed, entries, entry
from tests.support.servers import Server, private_postgresql

FILE = Path("data/databus.sqlite")


def scalar(file: Path, query: str) -> object:
    """One value from the file, as any other program sees it."""
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchone()[0]


# Where the data are -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({}, "{folder}/data/databus.sqlite"),
        ({"file": "orders.db"}, "{folder}/orders.db"),
        ({"url": "sqlite:///orders.db"}, "{folder}/orders.db"),
        ({"url": "postgresql://ali:secret@db.example:5433/orders"}, "PostgreSQL database orders on db.example:5433"),
        ({"url": "mysql://db.example/orders"}, "MariaDB database orders on db.example"),
        ({"url": "postgresql:///orders", "schema": "live"}, "PostgreSQL database orders on this machine, schema live"),
    ],
)
def test_a_database_is_called_as_a_person_would(tmp_path: Path, arguments: dict[str, str], place: str) -> None:
    assert str(SQLITE.make(tmp_path, **arguments)) == place.format(folder=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"url": "oracle://db/orders"}, "url begins with 'oracle'; allowed are sqlite, postgresql"),
        ({"url": "postgresql://db:port/orders"}, "url is no address such as postgresql://"),
        ({"url": "postgresql://db/orders", "file": "a.db"}, "file and url each say where the data are"),
        ({"url": "postgresql://db/orders", "database": "orders"}, "database goes with server"),
        ({"schema": "a-b"}, "schema"),
        ({"file": 7}, "file"),
    ],
)
def test_wrong_arguments_are_told_with_what_is_allowed(tmp_path: Path, arguments: dict[str, object], said: str) -> None:
    with pytest.raises(FactoryError, match=said):
        SQLITE.make(tmp_path, **arguments)


def test_a_password_is_in_no_sentence(tmp_path: Path) -> None:
    database = SQLITE.make(tmp_path, url="postgresql://ali:s3cret@127.0.0.1:1/orders", password="s3cret2")
    with pytest.raises(DatabaseError) as raised:
        database.open(Holder("tests"))
    assert "s3cret" not in str(database) + str(raised.value) + repr(database)
    with pytest.raises(FactoryError) as refused:
        SQLITE.make(tmp_path, url="postgresql://ali:s3cret@host:port/orders")
    assert "s3cret" not in str(refused.value)


def test_a_password_may_be_left_to_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = {"url": "postgresql://ali@127.0.0.1/orders", "password_variable": "ORDERS_PASSWORD"}
    with pytest.raises(FactoryError, match="no variable 'ORDERS_PASSWORD'"):
        SQLITE.make(tmp_path, **arguments)
    monkeypatch.setenv("ORDERS_PASSWORD", "s3cret")
    assert SQLITE.make(tmp_path, **arguments)._url.password == "s3cret"


# Damage -------------------------------------------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / FILE
    file.parent.mkdir()
    file.write_bytes(b"this is no database, but somebody's text " * 100)
    before = file.read_bytes()
    with pytest.raises(DatabaseError, match=r"databus\.sqlite is damaged"):
        SQLITE.opened(tmp_path)
    assert file.read_bytes() == before


def test_another_programs_database_is_not_taken_for_ours(tmp_path: Path) -> None:
    file = tmp_path / FILE
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(NotFoundError, match="no Databus database"):
        SQLITE.opened(tmp_path, reading=True)


def test_a_database_of_a_newer_databus_is_refused_in_words(tmp_path: Path) -> None:
    SQLITE.opened(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("UPDATE databus_version SET version_num = '9999'")
    for reading in (False, True):
        with pytest.raises(DatabaseError, match="newer Databus"):
            SQLITE.opened(tmp_path, reading=reading)


def test_a_full_disk_is_told_in_words_and_nothing_is_lost(tmp_path: Path) -> None:
    with closing(SQLITE.opened(tmp_path)) as database:
        database.seat(ROOT, [entry("kept")])
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    with closing(SQLITE.opened(tmp_path)) as database:
        # SQLite's own limit does what a full disk does: it is this connection's, so it is set through the writer.
        database._store.write(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 8}"))
        big = [Attachment.binary("big.bin", bytes(200_000))]
        with pytest.raises(DatabaseError, match=r"disk of .*databus\.sqlite is full; nothing was stored"):
            database.seat(ROOT, [entry("lost", attachments=big)])
        assert database.known(ROOT, "shop", "lost") is None
        database.seat(ROOT, [entry("small")])
        assert database.queue_rows(Query(client_id=ROOT)).total == 2


# Writing ------------------------------------------------------------------------------------------------------------


def test_equal_contents_are_kept_once(tmp_path: Path) -> None:
    logo = bytes(range(256)) * 400
    with closing(SQLITE.opened(tmp_path)) as database:
        made = [entry(str(number), attachments=[Attachment.binary("logo.png", logo)]) for number in range(5)]
        database.seat(ROOT, made)
        assert scalar(tmp_path / FILE, "SELECT count(*) FROM content") == 1
        database.remove(ROOT, [one.internal_id for one in made[:4]])
        assert database.entry(ROOT, made[4].internal_id).attachments[0].read_bytes() == logo
        database.remove(ROOT, [made[4].internal_id])
        assert scalar(tmp_path / FILE, "SELECT count(*) FROM content") == 0


def test_a_content_that_nobody_refers_to_is_gone(tmp_path: Path) -> None:
    large = bytes(range(256)) * 8192
    with closing(SQLITE.opened(tmp_path)) as database:
        made = entry(attachments=[Attachment.binary("a.bin", large), Attachment.text("b.txt", "b")])
        database.seat(ROOT, [made])
        made.attachments[0].set_text("small now")
        made.attachments.pop()
        database.update(ROOT, [made])
        assert scalar(tmp_path / FILE, "SELECT count(*) FROM content") == 1
        assert scalar(tmp_path / FILE, "SELECT count(*) FROM content_chunk") == 0
        database.seat(ROOT, [entry("1", attachments=[Attachment.binary("a.bin", large)])])
        assert scalar(tmp_path / FILE, "SELECT count(*) FROM content_chunk") == 0, "it was seated before"


def test_the_file_shrinks_after_a_purge(tmp_path: Path) -> None:
    with closing(SQLITE.opened(tmp_path)) as database:
        made = entries(40, attachments=[Attachment.binary("a.bin", b"")])
        for number, one in enumerate(made):
            one.attachments[0].set_bytes(bytes([number]) * 100_000)
        database.seat(ROOT, made)
        database.update(ROOT, [completed(one) for one in made])
    before = (tmp_path / FILE).stat().st_size
    with closing(SQLITE.opened(tmp_path)) as database:
        database.remove(ROOT, database.completed_ids(ROOT, None, None))
    assert before > 4_000_000
    assert (tmp_path / FILE).stat().st_size < before // 4


def test_what_waits_together_is_committed_together_and_fails_alone(tmp_path: Path) -> None:
    with closing(SQLITE.opened(tmp_path)) as database:
        hold, begun = threading.Event(), threading.Event()

        def wait(_: object) -> None:
            begun.set()
            assert hold.wait(10)

        with ThreadPoolExecutor(12) as pool:
            first = pool.submit(database._store.write, wait)
            assert begun.wait(10)
            good = [pool.submit(database.seat, ROOT, [entry(f"{number}")]) for number in range(8)]
            bad = [pool.submit(database.update, ROOT, [entry(f"stranger {number}")]) for number in range(2)]
            hold.set()
            assert first.result() is None
            assert [one.result() for one in good] == [[True]] * 8
            for one in bad:
                with pytest.raises(NotFoundError):
                    one.result()
        assert database.queue_counts(ROOT)["orders"].incomplete == 8


# A server that goes away --------------------------------------------------------------------------------------------


@pytest.fixture
def postgresql() -> Iterator[Server]:
    with private_postgresql() as server:
        yield server


def test_a_server_that_went_away_is_told_in_words_and_used_again_when_it_is_back(
    postgresql: Server, tmp_path: Path
) -> None:
    with closing(SQLITE.make(tmp_path, url=postgresql.url)) as database:
        database.open(Holder("tests"))
        database.seat(ROOT, [entry("before")])
        postgresql.kill()
        for _ in range(2):
            with pytest.raises(DatabaseError, match=r"PostgreSQL database postgres on 127\.0\.0\.1"):
                database.seat(ROOT, [entry("meanwhile")])
            with pytest.raises(DatabaseError, match=r"PostgreSQL database postgres on 127\.0\.0\.1"):
                database.queue_counts(ROOT)
        postgresql.start()
        assert database.seat(ROOT, [entry("before"), entry("after")]) == [False, True]
        assert database.known(ROOT, "shop", "meanwhile") is None
        assert database.holder() is not None


def test_a_connection_that_was_cut_is_made_anew_without_a_word(postgresql: Server, tmp_path: Path) -> None:
    with closing(SQLITE.make(tmp_path, url=postgresql.url)) as database:
        database.open(Holder("tests"))
        database.seat(ROOT, [entry("1")])
        postgresql.cut_connections()
        assert database.seat(ROOT, [entry("1"), entry("2")]) == [False, True]
        assert database.queue_rows(Query(client_id=ROOT)).total == 2


def test_who_lost_the_lock_with_the_connection_writes_no_more(postgresql: Server, tmp_path: Path) -> None:
    one, other = (SQLITE.make(tmp_path, url=postgresql.url) for _ in range(2))
    one.open(Holder("the first"))
    postgresql.cut_connections()
    other.open(Holder("the second"))
    with pytest.raises(DatabaseError, match="in use by the second"):
        one.seat(ROOT, [entry("1")])
    assert other.seat(ROOT, [entry("1")]) == [True]
    other.close()
    one.close()
