from __future__ import annotations

from pathlib import Path

import pytest

from databus_core.errors import TicketError
from databus_core.model.ticket import DispatcherTicket
from databus_core.new_folder import make_ticket_folder


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
