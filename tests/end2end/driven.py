"""A dispatcher in a process of its own that a test kills; `drive` is what it runs.

Below the folder lie `ticket.json`, `source/` (a file per passenger; a notified one is deleted), `target/` (a file per
delivered passenger) and `record.txt`, where every plug-in says what it is about to do and what it has done. The same
lines go to the test. A record's last line tells where a kill hit.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from databus_core import Attachment, Dispatcher, DispatcherTicket, Passenger, Processor, Puller, Pusher

if TYPE_CHECKING:
    from tests.support.engines import Engine

SOURCE, TARGET, RECORD = "source", "target", "record.txt"
CLIENT, ROUTE, SYSTEM = "demo", "files", "source folder"
BYTES = bytes(range(256)) * 12

ANSWER_SECONDS = 0.002
"""How long the systems on either side, and the processor, take for one passenger: long enough to be killed in."""


def prepare(folder: Path, engine: Engine) -> None:
    """Make the folder ready: a ticket that drives about sixteen times a second, on that database engine."""
    for name in (SOURCE, TARGET):
        (folder / name).mkdir()
    route = {
        "name": ROUTE,
        "pullers": [f"{__name__}:Source"],
        "processors": [f"{__name__}:Stamp"],
        "pushers": [f"{__name__}:Target"],
        "queue_life_span": 30,
        "sync_frequency": 0.001,
    }
    with closing(engine.opened(folder)) as database:
        database.create_client(CLIENT)
        configuration = {"log_life_span": 1, "passengers": [route], "users": []}
        database.write_configuration(CLIENT, json.dumps(configuration))
    ticket = {"database_module": engine.module, "database_arguments": engine.arguments_in(folder)}
    (folder / "ticket.json").write_text(json.dumps(ticket))


def content_of(name: str) -> str:
    """What the file of that name has in it."""
    return f"order {name}\nwritten in the source system\n"


def delivered_content_of(name: str) -> str:
    """What arrives of it in the target."""
    return content_of(name) + f"stamped\n{len(BYTES)} bytes beside\n"


def wait_in_source(folder: Path, name: str) -> None:
    """Let a new passenger wait; it is there with all of its content or not at all."""
    part = folder / f"{name}.part"
    part.write_text(content_of(name))
    part.replace(folder / SOURCE / name)


def record(folder: Path, line: str) -> None:
    """Write it down at once: what was written before a kill stays written."""
    data = f"{line}\n".encode()
    file = os.open(folder / RECORD, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, data)
    finally:
        os.close(file)
    os.write(sys.stdout.fileno(), data)
    time.sleep(ANSWER_SECONDS)


class Source(Puller):
    """A passenger per file. A notified one is gone for good: then only the queue has it."""

    def pull(self) -> Iterator[Passenger]:
        names = sorted(path.name for path in (self.context.folder / SOURCE).iterdir())
        if not names:
            record(self.context.folder, "idle")
            return
        for name in names:
            record(self.context.folder, f"pull {name}")
            text = (self.context.folder / SOURCE / name).read_text()
            attachments = [Attachment.text("order.txt", text), Attachment.binary("picture.bin", BYTES)]
            yield Passenger(external_id=name, source_system=SYSTEM, attachments=attachments)
        record(self.context.folder, "seat")

    def notify_passengers_seated(self, passengers: Sequence[Passenger]) -> None:
        for passenger in passengers:
            record(self.context.folder, f"notify {passenger.external_id}")
            (self.context.folder / SOURCE / passenger.external_id).unlink(missing_ok=True)


class Stamp(Processor):
    """Stamps the text."""

    def process(self, passenger: Passenger) -> None:
        record(self.context.folder, f"process {passenger.external_id}")
        order, picture = passenger.attachments
        order.set_text(f"{order.read_text()}stamped\n{picture.size} bytes beside\n")


class Target(Pusher):
    """A file per passenger, and a line in the record for each delivery."""

    def push(self, passenger: Passenger) -> None:
        record(self.context.folder, f"push {passenger.external_id}")
        part = self.context.folder / TARGET / f".{passenger.external_id}"
        part.write_bytes(passenger.attachments[0].read_bytes())
        part.replace(self.context.folder / TARGET / passenger.external_id)
        record(self.context.folder, f"pushed {passenger.external_id}")


def drive(folder: Path, said: Connection) -> None:
    """Drive the ticket in that folder until somebody ends it; each line of the record goes to the test, too."""
    os.dup2(said.fileno(), sys.stdout.fileno())
    said.close()
    sys.exit(Dispatcher(DispatcherTicket.load(folder / "ticket.json")).run())
