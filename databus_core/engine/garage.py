"""The child processes in which trips are driven."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from databus_core.engine.channel import ChannelClosed
from databus_core.engine.child_process import ChildProcess
from databus_core.model.ticket import DispatcherTicket

IDLE_SECONDS = 300.0
"""How long a child that is not needed stays."""

LARGE = 500 << 20
"""Bytes of memory from which on a child is not used again: plug-ins leak."""


class Garage:
    """Children at rest, for one ticket: a trip takes one, or a new one, and gives it back. For any thread."""

    def __init__(self, ticket: DispatcherTicket) -> None:
        self._ticket = ticket.model_copy(update={"dispatcher_observer": None})  # it may be an object of this process
        self._idle: list[ChildProcess] = []
        self._busy: set[ChildProcess] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="databus-garage")

    def take(self) -> ChildProcess:
        """A child for one trip. Raises TicketError, OSError, ChannelClosed when none can be started."""
        with self._lock:
            child = self._idle.pop() if self._idle else None
        while child is not None and child.memory == 0:
            child.end()
            with self._lock:
                child = self._idle.pop() if self._idle else None
        if child is None:
            child = self._started()
        with self._lock:
            if not self._closed:
                self._busy.add(child)
                return child
        child.end()
        raise _closed()

    def _started(self) -> ChildProcess:
        with self._lock:
            if self._closed:
                raise _closed()
            starting = self._starter.submit(ChildProcess, self._ticket)
        return starting.result()

    def give_back(self, child: ChildProcess, *, usable: bool) -> None:
        """The trip is over."""
        child.at_rest()
        retired: list[ChildProcess] = []
        with self._lock:
            self._busy.discard(child)
            old = [each for each in self._idle if time.monotonic() - each.idle_since > IDLE_SECONDS]
            self._idle = [each for each in self._idle if each not in old]
            retired += old
            if usable and not self._closed and child.memory < LARGE:
                self._idle.append(child)
            else:
                retired.append(child)
        for each in retired:
            each.end()

    def close(self) -> None:
        """End every child; a trip that still runs in one ends with it."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
        for child in busy:
            child.kill()
        for child in idle:
            child.end()
        self._starter.shutdown(wait=False)


def _closed() -> ChannelClosed:
    return ChannelClosed("The dispatcher is stopped, and with it the processes of its trips.")
