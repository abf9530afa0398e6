"""A folder for a person who begins."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from databus_core.engine.factories import Factories
from databus_core.engine.new_ticket import make_ticket
from databus_core.errors import DatabaseError, TicketError
from databus_core.model.holder import Holder
from databus_core.model.ticket import DispatcherTicket
from databus_core.new_folder import make_ticket_folder
from databus_core.plugins.database import Database


@contextmanager
def opened(ticket: DispatcherTicket) -> Generator[Database]:
    with closing(Factories(ticket).database(print)) as database:
        database.open(Holder("tests"))
        yield database


@pytest.mark.parametrize("demo", [True, False])
def test_folder_has_a_ticket_that_loads(tmp_path: Path, demo: bool) -> None:
    file = make_ticket_folder(tmp_path / "a" / "b", demo=demo)
    assert file == tmp_path / "a" / "b" / "ticket.json"
    assert DispatcherTicket.load(file).folder == file.parent
    assert (file.parent / "inbox").is_dir() is demo


def test_a_ticket_that_is_there_is_kept(tmp_path: Path) -> None:
    ticket = tmp_path / "ticket.json"
    ticket.write_text("mine")
    with pytest.raises(TicketError, match="exists already"):
        make_ticket_folder(tmp_path, demo=False)
    assert ticket.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [ticket]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(TicketError, match="cannot be made") as caught:
        make_ticket_folder(file / "folder", demo=False)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("demo", [True, False])
def test_a_folder_on_a_sql_database_has_the_same_clients(tmp_path: Path, demo: bool) -> None:
    file = make_ticket(tmp_path / "new", demo=demo, database="sqlite", report=print)
    ticket = DispatcherTicket.load(file)
    plain = DispatcherTicket.load(make_ticket_folder(tmp_path / "plain", demo=demo))
    with opened(ticket) as database, opened(plain) as json_database:
        assert database.client_ids() == json_database.client_ids()
        for client_id in database.client_ids():
            assert database.configuration(client_id) == json_database.configuration(client_id)
    names = {path.name for path in (tmp_path / "new" / "data").iterdir()}
    assert "clients" not in names
    assert "databus.sqlite" in names


def test_a_database_that_has_clients_is_taken_as_it_is(tmp_path: Path) -> None:
    file = make_ticket(tmp_path, demo=True, database="sqlite", report=print)
    with opened(DispatcherTicket.load(file)) as database:
        database.write_configuration("demo", "{}")
    file.unlink()
    with opened(DispatcherTicket.load(make_ticket(tmp_path, demo=True, database="sqlite", report=print))) as database:
        assert database.configuration("demo") == "{}"


def test_a_database_that_is_none_is_refused_and_nothing_made(tmp_path: Path) -> None:
    with pytest.raises(TicketError, match="'oracle' is not allowed; allowed are sqlite, or an address"):
        make_ticket(tmp_path / "new", demo=False, database="oracle", report=print)
    with pytest.raises(DatabaseError, match=r"PostgreSQL database x on 127\.0\.0\.1:1"):
        make_ticket(tmp_path / "new", demo=False, database="postgresql://127.0.0.1:1/x", report=print)
    assert not (tmp_path / "new").exists()
