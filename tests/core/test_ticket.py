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
        ({"drivers_at_once": True}, ["drivers_at_once: True is not allowed", "integer"]),
        ({"drivers_at_once": "4"}, ["drivers_at_once: '4' is not allowed", "integer"]),
        ({"drivers_at_once": 4.0}, ["drivers_at_once: 4.0 is not allowed", "integer"]),
        ({"web_server_port": "5000"}, ["web_server_port: '5000' is not allowed", "integer"]),
        ({"run_web_server": "no"}, ["run_web_server: 'no' is not allowed", "boolean"]),
        ({"run_web_server": 0}, ["run_web_server: 0 is not allowed", "boolean"]),
        ({"grace_seconds": "10"}, ["grace_seconds: '10' is not allowed", "number"]),
        ({"grace_seconds": True}, ["grace_seconds: True is not allowed", "number"]),
        ({"system_alias": 5}, ["system_alias: 5 is not allowed", "string"]),
        ({"dispatcher_observer": 5}, ["dispatcher_observer: 5 is not allowed", "name of an observer's module"]),
        ({"dispatcher_observer": True}, ["dispatcher_observer: True is not allowed", "name of an observer's module"]),
        ({"dispatcher_observer": ["a"]}, ["dispatcher_observer: ['a'] is not allowed", "observer's module"]),
        ({"dispatcher_observer": {"a": 1}}, ["dispatcher_observer: {'a': 1} is not allowed", "observer's module"]),
        ({"dispatcher_observer": ""}, ["dispatcher_observer: '' is not allowed", "observer's module"]),
    ],
)
def test_a_wrong_ticket_names_file_option_value_and_what_is_allowed(tmp_path: Path, document: object, told: list[str]):
    file = tmp_path / "ticket.json"
    file.write_text(json.dumps(document))
    with pytest.raises(TicketError) as raised:
        DispatcherTicket.load(file)
    for part in [str(file), *told]:
        assert part in str(raised.value)


def test_every_wrong_option_is_told_on_a_line_of_its_own(tmp_path: Path):
    file = tmp_path / "ticket.json"
    file.write_text(
        '{"p_system_alias": "A",\n "system_alias": "B",\n "web_server_port": 1,\n "web_server_port": 0,\n'
        ' "drivers_at_once": "4",\n "colour": "red"}'
    )
    with pytest.raises(TicketError) as raised:
        DispatcherTicket.load(file)
    told = str(raised.value).splitlines()
    for line, part in zip(
        told,
        [
            "line 4: 'web_server_port' is given twice, first in line 3",
            "system_alias: is given twice, with and without the prefix p_",
            "drivers_at_once: '4' is not allowed",
            "web_server_port: 0 is not allowed",
            "colour: is not known",
        ],
        strict=True,
    ):
        assert line.startswith(f"{file}: {part}")


def test_a_whole_number_of_seconds_is_a_number(tmp_path: Path):
    file = tmp_path / "ticket.json"
    file.write_text('{"grace_seconds": 3}')
    assert DispatcherTicket.load(file).grace_seconds == 3


def test_options_given_twice_in_python_are_refused():
    with pytest.raises(TicketError, match="Ticket: system_alias: is given twice"):
        DispatcherTicket(system_alias="A", p_system_alias="B")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"a": 1,\n}', "line 1: there is a comma too many"),
        (b'{"drivers_at_once": ' + b"1" * 5000 + b"}", "digits"),
        (b"\xff\xfe{", "cannot be read"),
        (b"[]", "JSON object"),
    ],
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
