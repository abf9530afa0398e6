"""Dispatcher tickets from Python and from files, right and wrong."""

import json
from pathlib import Path

import pytest

from databus_core import DispatcherObserver, DispatcherTicket
from databus_core.errors import TicketError
from databus_core.model.ticket import ExternalConfigFile

ORIGINAL = {
    "p_database_module": "databus_core.database.json_files",
    "p_database_arguments": {"database_dir": "x"},
    "p_external_config_files": [["demo", "prices", "conf/prices.json"]],
    "p_run_web_server": False,
    "p_web_server_port": 5001,
    "system_alias": "TEST",
}


def test_an_empty_ticket_works_and_says_nothing():
    ticket = DispatcherTicket()
    assert ticket.drivers_at_once == 4
    assert ticket.run_web_server is True
    assert ticket.web_server_port == 5000
    assert ticket.system_alias == "Databus"
    assert ticket.document() == {}


def test_a_file_may_spell_options_with_the_prefix_p(tmp_path: Path):
    file = tmp_path / "ticket.json"
    file.write_text(json.dumps(ORIGINAL))
    ticket = DispatcherTicket.load(file)
    assert ticket.web_server_port == 5001
    assert ticket.system_alias == "TEST"
    assert ticket.external_config_files == (
        ExternalConfigFile(client_id="demo", file_id="prices", path="conf/prices.json"),
    )
    assert ticket.folder == tmp_path
    assert DispatcherTicket.parse(json.loads(ticket.text()), file) == ticket


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"web_server_port": "abc"}, ["web_server_port", "'abc'", "integer"]),
        ({"web_server_port": 70000}, ["web_server_port", "70000", "65535"]),
        ({"p_databse_module": "x"}, ["p_databse_module", "database_module"]),
        ({"drivers_at_once": 0}, ["drivers_at_once", "0", "1"]),
        ({"p_system_alias": "A", "system_alias": "B"}, ["system_alias", "twice"]),
        ({"external_config_files": [["demo", "x"]]}, ["external_config_files[0]", "client id, file id, path"]),
    ],
)
def test_a_wrong_ticket_names_file_option_value_and_what_is_allowed(tmp_path: Path, document: object, told: list[str]):
    file = tmp_path / "ticket.json"
    file.write_text(json.dumps(document))
    with pytest.raises(TicketError) as raised:
        DispatcherTicket.load(file)
    for part in [str(file), *told]:
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("content", "told"), [(b'{"a": 1,\n}', "line 2"), (b"\xff\xfe{", "cannot be read"), (b"[]", "JSON object")]
)
def test_what_is_no_ticket_file_is_told_in_words(tmp_path: Path, content: bytes, told: str):
    file = tmp_path / "ticket.json"
    file.write_bytes(content)
    with pytest.raises(TicketError, match=told):
        DispatcherTicket.load(file)


def test_a_missing_ticket_says_how_to_make_one(tmp_path: Path):
    with pytest.raises(TicketError, match="databus new"):
        DispatcherTicket.load(tmp_path / "ticket.json")


def test_an_observer_in_python_is_saved_by_its_module():
    class Mine(DispatcherObserver):
        pass

    assert DispatcherTicket(dispatcher_observer=Mine()).document() == {"dispatcher_observer": __name__}
