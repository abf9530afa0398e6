"""A trip that is driven in a child process: the parent's half of it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from databus_core.engine.access import Access
from databus_core.engine.bus import Tally
from databus_core.engine.calls import CallUnderWay
from databus_core.engine.channel import ChannelClosed
from databus_core.engine.child_process import ChildProcess
from databus_core.engine.far_trip import Outcome, entries_in
from databus_core.engine.garage import Garage
from databus_core.engine.ride import Ending, Hears, Order
from databus_core.errors import DatabusError
from databus_core.model.attachment import Attachment
from databus_core.model.log import Log, LogEntry
from databus_core.plugins.generation import Generation

OUTPUT = "output"
"""The module that wrote a line of the log which a plug-in printed."""


class FarRide:
    """In a child of the garage. Stopped, the child is killed: with it goes whatever the plug-in is at."""

    def __init__(self, garage: Garage, plugins: Generation, access: Access, hears: Hears) -> None:
        self.tally = Tally()
        self.came_back: set[tuple[str, str]] = set()
        self._garage = garage
        self._plugins = plugins
        self._access = access
        self._hears = hears
        self._child: ChildProcess | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def drive(self, order: Order) -> Ending | None:
        """See Ride."""
        try:
            child = self._garage.take(self._plugins)
        except (DatabusError, OSError) as error:
            return Ending(f"The trip could not begin, because no process could be started for it: {error}")
        with self._lock:
            self._child = child
        if self._stopped:
            child.kill()
        usable = False
        try:
            outcome = self._driven(child, order)
            usable = True
        except ChannelClosed:
            return self._crashed(child)
        finally:
            with self._lock:
                self._child = None
            self._garage.give_back(child, usable=usable)
        self.tally, self.came_back = outcome.tally, outcome.came_back
        return outcome.ending

    def _driven(self, child: ChildProcess, order: Order) -> Outcome:
        log = order.log
        child.on_output = log.of(OUTPUT).info
        child.channel.handlers = {
            "database": functools.partial(answered, self._access),
            "hold": self._access.hold,
            "more": self._access.more,
            "announce": self._hears.announced,
            "give_back": self._access.give_back,
            "news": functools.partial(self._hear, log),
        }
        # Plug-ins write to a log of the child's own, whose lines come as news.
        return child.channel.call("drive", replace(order, log=Log(log.client_id, log.client_passenger, log.id)))

    def _hear(self, log: Log, lines: Collection[LogEntry], changed: bool, tally: Tally) -> None:
        self.tally = tally
        for line in lines:
            log.add(line)
        if changed:
            self._hears.changed()

    def _crashed(self, child: ChildProcess) -> Ending:
        calls = child.board.read()
        why = child.wait()
        if not calls:
            return Ending(f"The trip ended early: {why}")
        last = calls[-1]  # a puller may wait for more while another plug-in works
        call = last.call
        return Ending(f"The trip ended early while {call.step} was {call}: {why}", last, why, crashed=True)

    def under_way(self) -> Sequence[CallUnderWay]:
        """See Ride."""
        with self._lock:
            return [] if self._child is None else self._child.board.read()

    def memory(self) -> int:
        """See Ride."""
        with self._lock:
            return 0 if self._child is None else self._child.memory

    def stop(self) -> bool:
        """See Ride."""
        self._stopped = True
        with self._lock:
            if self._child is not None:
                self._child.kill()
        return True


def answered(
    access: Access, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, list[list[Attachment]]]:
    """What a method of the database answers, and the attachments of the entries it was given as they are now."""
    answer = access.ask_from_afar(method, *args, **kwargs)
    return answer, [entry.attachments for entry in entries_in(args, kwargs)]
