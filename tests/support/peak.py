"""The most memory that a headless process, and its child where trips run in one, had in use during one trip.

`python -m tests.support.peak FOLDER PASSENGERS` makes the trip of the ticket in that folder, on which so many travel,
and prints its `Peaks`. Linux only: other systems do not tell the peak of another process.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import psutil

from databus_core import Arguments, Attachment, Dispatcher, DispatcherTicket, Passenger, Processor, Puller, Pusher
from databus_core.model.attachment import AttachmentFormat
from databus_core.model.query import Query
from databus_core.model.queue_entry import QueueStatus

if TYPE_CHECKING:
    from tests.support.engines import Engine

CLIENT, ROUTE = "demo", "orders"
PIECE = bytes(range(256)) * 256


@dataclass(frozen=True, slots=True)
class Peaks:
    """Bytes of resident memory, each the most that there was since the process began."""

    process: int
    child: int
    """Of the process in which the trip ran; 0 where it ran in a thread."""


class Load(Arguments):
    """What one trip carries."""

    passengers: int
    size: int
    """Bytes of the attachment of each."""


@dataclass(frozen=True, slots=True)
class Made:
    """A content that is nowhere as a whole."""

    size: int

    def open(self) -> BinaryIO:
        """See Content."""
        return cast("BinaryIO", io.BufferedReader(_Making(self.size), len(PIECE)))


class _Making(io.RawIOBase):
    def __init__(self, size: int) -> None:
        super().__init__()
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = PIECE[: min(len(buffer), self._left)]
        buffer[: len(piece)] = piece
        self._left -= len(piece)
        return len(piece)


class Source(Puller):
    """Offers so many passengers, one after the other."""

    Arguments = Load

    def pull(self) -> Iterator[Passenger]:
        for number in range(self.arguments.passengers):
            attachment = Attachment("order.bin", AttachmentFormat.BINARY, Made(self.arguments.size))
            yield Passenger(external_id=f"order-{number}", source_system="shop", attachments=[attachment])


class Check(Processor):
    """Touches no attachment."""

    def process(self, passenger: Passenger) -> None:
        passenger.properties["checked"] = True


class Target(Pusher):
    """Leaves the attachment of the last one."""

    def push(self, passenger: Passenger) -> None:
        with passenger.attachments[0].open() as stream, (self.context.folder / "pushed").open("wb") as target:
            shutil.copyfileobj(stream, target)


def peaks(engine: Engine, folder: Path, *, isolation: str, passengers: int, size: int, commit: str = "each") -> Peaks:
    """Let a process of its own make one trip, in an empty folder."""
    folder.mkdir(exist_ok=True)
    plug_ins = {"pullers": Source, "processors": Check, "pushers": Target}
    route: dict[str, Any] = {kind: [{"module": f"{__name__}:{made.__name__}"}] for kind, made in plug_ins.items()}
    route["pullers"][0]["arguments"] = {"passengers": passengers, "size": size}
    route["pushers"][0]["commit"] = commit
    document = {"passengers": [{"name": ROUTE, "isolation": isolation, "queue_life_span": 30, **route}], "users": []}
    with closing(engine.opened(folder)) as database:
        database.create_client(CLIENT)
        database.write_configuration(CLIENT, json.dumps(document))
    ticket = {"database_module": engine.module, "database_arguments": engine.arguments_in(folder)}
    (folder / "ticket.json").write_text(json.dumps(ticket))
    command = [sys.executable, "-m", __name__, str(folder), str(passengers)]
    said = subprocess.run(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert (folder / "pushed").stat().st_size == size
    return Peaks(**json.loads(said))


async def _trip(folder: Path, passengers: int) -> Peaks:
    dispatcher = Dispatcher(DispatcherTicket.load(folder / "ticket.json"))
    await dispatcher.start(paused=True)
    log = await dispatcher.drive(CLIENT, ROUTE)
    children = sum(_peak(child.pid) for child in psutil.Process().children())
    complete = Query(client_id=CLIENT, status=QueueStatus.COMPLETE, limit=1)
    there = (await dispatcher.read(lambda storage: storage.database.queue_rows(complete))).total
    await dispatcher.shut_down()
    assert not log.has_errors
    assert there == passengers
    return Peaks(_peak(os.getpid()), children)


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return int(value.removesuffix("kB")) << 10
    raise OSError(f"/proc/{pid}/status does not tell the peak of its memory")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(asyncio.run(_trip(Path(sys.argv[1]), int(sys.argv[2]))))))
