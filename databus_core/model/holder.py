"""Who works on a database at the moment."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass, field
from datetime import datetime

from databus_core.model.clock import format_local, format_time, now, parse_time


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a database, written where a second process can read it."""

    program: str
    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=socket.gethostname)
    since: datetime = field(default_factory=now)
    control: str = ""
    """Where the process takes commands of the same user: the address of a control socket, or empty."""

    def text(self) -> str:
        """The record as JSON, for a second process."""
        return json.dumps(asdict(self) | {"since": format_time(self.since)}, indent=2) + "\n"

    @classmethod
    def parse(cls, text: str) -> Holder:
        """The record that `text` gave. Raises ValueError."""
        try:
            values = json.loads(text)
            return cls(
                str(values["program"]),
                int(values["pid"]),
                str(values["host"]),
                parse_time(values["since"]),
                str(values["control"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"no record of a holder: {error}") from error

    def __str__(self) -> str:
        return f"{self.program} (process {self.pid} on {self.host}, since {format_local(self.since)[:19]})"
