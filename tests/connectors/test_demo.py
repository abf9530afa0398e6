"""The demo plug-ins, and the demo ticket's configuration and mails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from build_scripts import make_demo_mails
from databus_core import Client, Passenger, Processor, Puller, Pusher
from databus_core.connectors.demo.passenger_1 import TextDemoPassenger
from databus_core.connectors.demo.passenger_2 import BinaryDemoPassenger
from databus_core.connectors.demo.processor_1 import TextDemoProcessor
from databus_core.connectors.demo.processor_2 import BinaryDemoProcessor
from databus_core.connectors.demo.puller_1 import TextDemoPuller
from databus_core.connectors.demo.puller_2 import BinaryDemoPuller
from databus_core.connectors.demo.pusher_1 import TextDemoPusher
from databus_core.connectors.demo.pusher_2 import BinaryDemoPusher
from databus_core.connectors.email.parser import parse_email
from databus_core.connectors.sql.excel_rows import read_sheet
from databus_core.plugins.factory import Factory
from databus_core.plugins.plugin import validated
from databus_core.resources import resource
from tests.contracts.processor_contract import ProcessorContract
from tests.contracts.puller_contract import PullerContract
from tests.support.plug_ins import contents, make, messages

DEMO = resource("demo")


class TestTextPuller(PullerContract):
    makes_its_passengers_up = True

    def puller(self, folder: Path) -> Puller:
        return make(TextDemoPuller, folder, TextDemoPassenger)

    def source(self, folder: Path) -> object:
        return None


class TestBinaryPuller(PullerContract):
    makes_its_passengers_up = True

    def puller(self, folder: Path) -> Puller:
        return make(BinaryDemoPuller, folder, BinaryDemoPassenger)

    def source(self, folder: Path) -> object:
        return None


class TestTextProcessor(ProcessorContract):
    def processor(self, folder: Path) -> Processor:
        return make(TextDemoProcessor, folder)

    def passenger(self) -> Passenger:
        return next(make(TextDemoPuller, Path()).pull())


class TestBinaryProcessor(ProcessorContract):
    def processor(self, folder: Path) -> Processor:
        return make(BinaryDemoProcessor, folder)

    def passenger(self) -> Passenger:
        return next(make(BinaryDemoPuller, Path()).pull())


def test_the_text_demo_travels(tmp_path: Path):
    passenger = next(make(TextDemoPuller, tmp_path, TextDemoPassenger).pull())
    assert type(passenger) is TextDemoPassenger
    make(TextDemoProcessor, tmp_path).process(passenger)
    pusher = make(TextDemoPusher, tmp_path)
    pusher.push(passenger)
    assert contents(passenger) == {"greeting_1.txt": "GRÜSSE VON PASSAGIER 1\n".encode()}
    assert messages(pusher) == [f"info: Delivered greeting_1.txt of {passenger}: 'GRÜSSE VON PASSAGIER 1'"]


def test_the_binary_demo_travels(tmp_path: Path):
    passenger = next(make(BinaryDemoPuller, tmp_path, BinaryDemoPassenger).pull())
    make(BinaryDemoProcessor, tmp_path).process(passenger)
    pusher = make(BinaryDemoPusher, tmp_path)
    pusher.push(passenger)
    assert [attachment.size for attachment in passenger.attachments] == [1024, 64 + len("  noise_1.bin\n")]
    assert len(messages(pusher)) == 2


@pytest.mark.parametrize("config", sorted(DEMO.glob("data/clients/*/config.json")), ids=lambda path: path.parent.name)
def test_every_plug_in_of_the_demo_exists_and_takes_its_arguments(config: Path, tmp_path: Path):
    client = Client.model_validate(json.loads(config.read_text()))
    factory = Factory()
    for route in client.passengers:
        factory.load(Passenger, route.passenger_module)
        for kind, references in ((Puller, route.pullers), (Processor, route.processors), (Pusher, route.pushers)):
            for reference in references:
                validated(factory.load(kind, reference.module).Arguments, reference.arguments, tmp_path)


def test_the_mails_are_those_that_the_script_makes(tmp_path: Path):
    made = {name: _seen(name, raw) for name, raw in make_demo_mails.mails().items() if name != "13_damaged.eml"}
    present = {
        path.name: _seen(path.name, path.read_bytes()) for path in (DEMO / "inbox").iterdir() if path.name in made
    }
    assert present == made
    assert make_demo_mails.mails() == make_demo_mails.mails()
    assert (DEMO / "inbox" / "13_damaged.eml").exists()


def _seen(name: str, raw: bytes) -> object:
    """A mail as far as the version of the library that writes Excel, or of zlib, does not matter."""
    email = parse_email(raw, origin=name, source_system="")
    sheets = [read_sheet(attachment) for attachment in email.excel_attachments]
    names = [attachment.name for attachment in email.attachments]
    return email.subject, email.sender, email.message_id, email.text, names, sheets
