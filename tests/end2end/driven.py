"""A dispatcher in a process of its own that a test kills: `python -m tests.end2end.driven`.

That process drives nothing itself. For each folder that it is told on stdin it forks one that does, which so need not
import everything anew, tells its id, and when it has ended its exit code.

Below a folder lie `ticket.json`, `source/` (a file per passenger; a notified one is deleted), `target/` (a file per
delivered passenger) and `record.txt`, where every plug-in says what it is about to do and what it has done. Its last
line tells where a kill hit. When `die-at` says "push 2", the process is killed as soon as that was said so often.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from databus_core import Attachment, Dispatcher, DispatcherTicket, Passenger, Processor, Puller, Pusher

if TYPE_CHECKING:
    from tests.support.engines import Engine

SOURCE, TARGET, RECORD, DIE_AT, DRIVER = "source", "target", "record.txt", "die-at", "driver"
CLIENT, ROUTE, SYSTEM = "demo", "files", "source folder"
BYTES = bytes(range(256)) * 12

IMPORTED_ONCE = (
    "databus_core.database.json_files",
    "databus_core.database.sql",
    "databus_core.database.sql.schema",
    "alembic.command",
    "sqlalchemy.dialects.sqlite",
)

ANSWER_SECONDS = 0.002
"""How long the systems on either side, and the processor, take for one passenger: long enough to be killed in."""


_said: Counter[str] = Counter()


def prepare(folder: Path, engine: Engine, pusher: str, **options: Any) -> None:
    """Make the folder ready: a ticket that drives about sixteen times a second, on that database engine.

    `pusher` is the name of a class below; `options` are the client passenger's.
    """
    for name in (SOURCE, TARGET):
        (folder / name).mkdir()
    route = {
        "name": ROUTE,
        "pullers": [f"{__name__}:Source"],
        "processors": [f"{__name__}:Stamp"],
        "pushers": [{"module": f"{__name__}:{pusher}", "commit": options.pop("commit", "each")}],
        "queue_life_span": 30,
        "sync_frequency": 0.001,
        **options,
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
    phase = line.partition(" ")[0]
    _said[phase] += 1
    if _die_at(folder) == f"{phase} {_said[phase]}":
        os.kill(int((folder / DRIVER).read_text()), signal.SIGKILL)
    time.sleep(ANSWER_SECONDS)


def _die_at(folder: Path) -> str:
    try:
        return (folder / DIE_AT).read_text()
    except FileNotFoundError:
        return ""


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


class BatchTarget(Target):
    """Up to three at once."""

    batch_size = 3

    def push_batch(self, passengers: Sequence[Passenger]) -> list[None]:
        for passenger in passengers:
            self.push(passenger)
        return [None] * len(passengers)


def _drive(folder: Path) -> int:
    """The driving process, until a signal ends it; answers its exit code."""
    (folder / DRIVER).write_text(str(os.getpid()))
    os.environ[DRIVER] = str(folder)  # by which its trips' processes are known
    return Dispatcher(DispatcherTicket.load(folder / "ticket.json")).run()


def main() -> None:
    """Fork a driving process for each line of stdin, one at a time."""
    for module in IMPORTED_ONCE:
        importlib.import_module(module)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (sys.stdin, sys.stdout):
                os.dup2(nowhere, stream.fileno())
            sys.exit(_drive(Path(line.rstrip("\n"))))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
