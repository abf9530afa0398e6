"""Plug-ins that are driven in another process: a test directs them by files in the ticket's folder.

`source/NAME` waits to be pulled; `target/NAME` was delivered; a line of `record.txt` tells of each call. What a file
says that has the name of a step ("erp") happens in that step's plug-in: one line, a word and what it needs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from databus_core import Arguments, Attachment, DispatcherTicket, Passenger, Processor, Puller, Pusher
from databus_core.model.client import Client

if TYPE_CHECKING:
    from tests.support.engines import Engine

CLIENT, ROUTE = "demo", "orders"


class Role(Arguments):
    """The name of the step."""

    role: str


def misbehave(folder: Path, role: str, name: str = "") -> None:
    """Record the call, and do what the test's file for this step says."""
    with (folder / "record.txt").open("a") as record:
        record.write(f"{role} {name}".rstrip() + "\n")
    file = folder / f"do-{role}"
    if not file.exists():
        return
    word, _, rest = file.read_text().partition(" ")
    what, _, only = rest.partition(" for ")
    if not only or only == name:
        _DEEDS[word](what, folder)


def _signal(what: str, _folder: Path) -> None:
    os.kill(os.getpid(), getattr(signal, what))
    time.sleep(30)


def _once(what: str, folder: Path) -> None:
    mark = folder / "done-once"
    if not mark.exists():
        mark.touch()
        word, _, rest = what.partition(" ")
        _DEEDS[word](rest, folder)


def _busy(what: str, _folder: Path) -> None:
    """Keep Python's lock in one C call after the other, as a parser written in C does."""
    until = time.monotonic() + float(what)
    while time.monotonic() < until:
        sum(range(10_000_000))


def _eat(what: str, _folder: Path) -> None:
    hoard: list[bytearray] = []
    for _ in range(int(what)):
        hoard.append(bytearray(b"x") * 1_000_000)
        time.sleep(0.005)
    time.sleep(30)


def _fail(what: str, _folder: Path) -> None:
    raise OSError(what)


def _qt(_what: str, _folder: Path) -> None:
    loaded = [name for name in sys.modules if name.startswith(("PySide6", "databus_gui", "sqlalchemy"))]
    sys.stdout.write(f"loaded: {loaded}\n")


_DEEDS = {
    "exit": lambda what, _: os._exit(int(what)),
    "signal": _signal,
    "hang": lambda what, _: time.sleep(float(what)),
    "busy": _busy,
    "stuck": lambda *_: sum(range(10**11)),  # one call, in which no other thread of Python's has a turn
    "eat": _eat,
    "raise": _fail,
    "once": _once,
    "print": lambda what, _: print(what),
    "modules": _qt,
}


class Source(Puller):
    """A file per passenger."""

    Arguments = Role
    pull_has_no_side_effect = True

    def pull(self) -> Iterator[Passenger]:
        for file in sorted((self.context.folder / "source").iterdir()):
            misbehave(self.context.folder, self.arguments.role, file.name)
            yield Passenger(external_id=file.name, source_system="files", attachments=[Attachment.from_file(file)])

    def notify_passengers_seated(self, passengers: Sequence[Passenger]) -> None:
        for passenger in passengers:
            with contextlib.suppress(FileNotFoundError):
                (self.context.folder / "source" / passenger.external_id).unlink()


class Stamp(Processor):
    """Writes its role behind the text."""

    Arguments = Role

    def process(self, passenger: Passenger) -> None:
        misbehave(self.context.folder, self.arguments.role, passenger.external_id)
        attachment = passenger.attachments[0]
        attachment.set_bytes(attachment.read_bytes() + f"+{self.arguments.role}".encode())


class Target(Pusher):
    """A file per passenger."""

    Arguments = Role

    def push(self, passenger: Passenger) -> None:
        misbehave(self.context.folder, self.arguments.role, passenger.external_id)
        self.log.info(f"pushing {passenger.external_id} in process {os.getpid()}")
        (self.context.folder / "target" / passenger.external_id).write_bytes(passenger.attachments[0].read_bytes())


def ticket_in(folder: Path, *names: str, engine: Engine | None = None, **options: Any) -> DispatcherTicket:
    """A ticket file with one client passenger, for which files of these names wait; `options` are its."""
    for each in ("source", "target"):
        (folder / each).mkdir(exist_ok=True)
    offer(folder, *names)
    from tests.support.engines import JSON_FILES  # not in a child, where nobody should need SQLAlchemy

    engine, module = engine or JSON_FILES, __name__

    def reference(kind: str, role: str) -> dict[str, Any]:
        return {"module": f"{module}:{kind}", "name": role, "arguments": {"role": role}}

    route = {
        "name": ROUTE,
        "pullers": [reference("Source", "shop")],
        "processors": [reference("Stamp", "stamp")],
        "pushers": [reference("Target", "erp")],
        "sync_frequency": 60,
        **({"isolation": "process"} | options),
    }
    configuration = {"log_life_span": 1, "passengers": [route], "users": []}
    Client.model_validate(configuration)
    database = engine.opened(folder)
    if CLIENT not in database.client_ids():
        database.create_client(CLIENT)
    database.write_configuration(CLIENT, json.dumps(configuration))
    database.close()
    file = folder / "ticket.json"
    ticket = {"database_module": engine.module, "database_arguments": engine.arguments_in(folder)}
    file.write_text(json.dumps(ticket | {"grace_seconds": 0.5}))
    return DispatcherTicket.load(file)


def offer(folder: Path, *names: str) -> None:
    """Files of these names wait in the source."""
    for name in names:
        (folder / "source" / name).write_text(f"content of {name}")


def direct(folder: Path, role: str, deed: str) -> None:
    """From now on the plug-in of that step does this; nothing special when it is empty."""
    file = folder / f"do-{role}"
    if deed:
        file.write_text(deed)
    else:
        file.unlink(missing_ok=True)


def calls(folder: Path, role: str) -> list[str]:
    """The calls of that step so far, by passenger."""
    record = folder / "record.txt"
    lines = record.read_text().splitlines() if record.exists() else []
    return [line.partition(" ")[2] for line in lines if line.partition(" ")[0] == role]
