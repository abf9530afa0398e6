"""Who works on a database at the moment."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from datetime import datetime

from databus_core.model.clock import format_local, now


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a database, written where a second process can read it."""

    program: str
    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=socket.gethostname)
    since: datetime = field(default_factory=now)
    control: str = ""
    """Where the process takes commands of the same user: the address of a control socket, or empty."""

    def __str__(self) -> str:
        return f"{self.program} (process {self.pid} on {self.host}, since {format_local(self.since)[:19]})"
