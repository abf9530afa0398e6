"""A ticket whose puller and pusher are files of its plug-in folder, which a test changes while a dispatcher runs.

Each trip of a route pulls one passenger, and its pusher writes its own version, and its helper's, into `pushed.txt`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from databus_core import DispatcherTicket

CLIENT = "demo"

PULLER = """
from uuid import uuid4
from databus_core import Passenger, Puller
class FromNowhere(Puller):
    def pull(self):
        yield Passenger(external_id=str(uuid4()), source_system="nowhere")
    def notify_passengers_seated(self, passengers): ...
"""

HELPER = "VERSION = 'helper {}'\n"

PUSHER = """
from databus_core import Arguments, Pusher
import helper
class IntoFile(Pusher):
    class Arguments(Arguments):
        name: str
    def push(self, passenger):
        with (self.context.folder / "pushed.txt").open("a") as file:
            file.write(f"{self.arguments.name} pusher VERSION, {helper.VERSION}\\n")
"""


def write(folder: Path, name: str, source: str) -> None:
    """Save a file of the plug-in folder, as some editors do: it is emptied and then filled."""
    file = folder / "plugins" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)


def pusher(version: int) -> str:
    """The source of a pusher."""
    return PUSHER.replace("VERSION,", f"{version},")


def helper(version: int) -> str:
    """The source of what the pusher imports."""
    return HELPER.format(version)


def route(name: str = "orders", module: str = "my_pusher", **options: Any) -> dict[str, Any]:
    """The configuration of a client passenger."""
    return {
        "name": name,
        "sync_frequency": 720,
        "pullers": ["my_puller"],
        "pushers": [{"module": module, "arguments": {"name": name}}],
        **options,
    }


def configure(folder: Path, *routes: dict[str, Any]) -> None:
    """Give the client these client passengers, and no others."""
    place = folder / "data" / "clients" / CLIENT
    place.mkdir(parents=True, exist_ok=True)
    configuration = {"log_life_span": 1, "passengers": list(routes), "users": []}
    (place / "config.json").write_text(json.dumps(configuration))


def ticket_in(folder: Path, *routes: dict[str, Any], **options: Any) -> DispatcherTicket:
    """A ticket file beside a plug-in folder with the first version of everything."""
    write(folder, "my_puller.py", PULLER)
    write(folder, "helper.py", helper(1))
    write(folder, "my_pusher.py", pusher(1))
    configure(folder, *routes)
    file = folder / "ticket.json"
    file.write_text(json.dumps({"database_arguments": {"database_dir": "data"}, "grace_seconds": 0.5, **options}))
    return DispatcherTicket.load(file)


def pushed(folder: Path) -> list[str]:
    """What was pushed so far."""
    file = folder / "pushed.txt"
    return file.read_text().splitlines() if file.exists() else []
