"""Any database engine as a trip in a child process has it: each call goes over a channel and back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, fields
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from databus_core.engine.access import Access, far_database
from databus_core.engine.channel import Channel
from databus_core.engine.far_ride import answered
from databus_core.engine.far_trip import FarData
from databus_core.engine.queue import Seats
from databus_core.plugins.database import Database
from tests.support.engines import ENGINES, Engine, ignore


@dataclass(frozen=True)
class FarEngine(Engine):
    """The same engine at the other end of a channel."""

    @classmethod
    def of(cls, engine: Engine) -> FarEngine:
        return cls(**{each.name: getattr(engine, each.name) for each in fields(Engine)})

    def make(
        self,
        folder: Path,
        report: Callable[[str], None] = ignore,
        remark: Callable[[str], None] = ignore,
        **arguments: Any,
    ) -> Database:
        return far(super().make(folder, report, remark, **arguments))


def far(database: Database) -> Database:
    """The database over a channel. It is opened, closed and asked for its holder directly, as by a dispatcher."""
    dispatchers, childs = (Channel(connection) for connection in Pipe())
    access = Access(database, Seats())
    dispatchers.handlers = {
        "database": lambda method, args, kwargs: answered(access, method, args, kwargs),
        "more": access.more,
        "trip is over": lambda: None,
    }
    threading.Thread(target=dispatchers.serve, daemon=True).start()
    far_away = FarData(childs).database

    def ask(method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "close":
            childs.call("trip is over")  # streams are closed with the next message
        here = database if method in {"open", "close", "holder"} else far_away
        return getattr(here, method)(*args, **kwargs)

    found = far_database(ask)
    found.context = database.context
    return found


FAR_ENGINES = [FarEngine.of(engine) for engine in ENGINES]
