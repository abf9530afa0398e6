"""The child processes in which trips are driven."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from databus_core.engine.channel import ChannelClosed
from databus_core.engine.child_process import ChildProcess
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.generation import Generation

IDLE_SECONDS = 300.0
"""How long a child that is not needed stays."""

LARGE = 500 << 20
"""Bytes of memory from which on a child is not used again: plug-ins leak."""


class Garage:
    """Children at rest, for one ticket: a trip takes one, or a new one, and gives it back. For any thread.

    Each has the plug-ins that it was started with for good.
    """

    def __init__(self, ticket: DispatcherTicket) -> None:
        self._ticket = ticket.model_copy(update={"dispatcher_observer": None})  # it may be an object of this process
        self._idle: list[ChildProcess] = []
        self._busy: set[ChildProcess] = set()
        self._wanted: set[str] | None = None
        """Packages of plug-ins for which children stay; None: all."""
        self._lock = threading.Lock()
        self._closed = False
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="databus-garage")

    def take(self, plugins: Generation) -> ChildProcess:
        """A child for one trip with these plug-ins.

        Raises TicketError, OSError, ChannelClosed when none can be started.
        """
        child = self._resting(plugins)
        while child is not None and child.memory == 0:
            child.end()
            child = self._resting(plugins)
        if child is None:
            child = self._started(plugins)
        with self._lock:
            if not self._closed:
                self._busy.add(child)
                return child
        child.end()
        raise _closed()

    def _resting(self, plugins: Generation) -> ChildProcess | None:
        with self._lock:
            child = next((each for each in reversed(self._idle) if each.plugins.package == plugins.package), None)
            if child is not None:
                self._idle.remove(child)
            return child

    def _started(self, plugins: Generation) -> ChildProcess:
        with self._lock:
            if self._closed:
                raise _closed()
            starting = self._starter.submit(ChildProcess, self._ticket, plugins)
        return starting.result()

    def give_back(self, child: ChildProcess, *, usable: bool) -> None:
        """The trip is over."""
        child.at_rest()
        with self._lock:
            self._busy.discard(child)
            if stays := usable and not self._closed and child.memory < LARGE:
                self._idle.append(child)
        if not stays:
            child.end()
        self._tidy()

    def keep(self, packages: set[str]) -> None:
        """From now on, children with other plug-ins end when they are at rest. Blocks while they do."""
        with self._lock:
            self._wanted = packages
        self._tidy()

    def _tidy(self) -> None:
        """End the children at rest that are not needed."""
        with self._lock:
            old = [each for each in self._idle if self._is_old(each)]
            self._idle = [each for each in self._idle if each not in old]
        for each in old:
            each.end()

    def _is_old(self, child: ChildProcess) -> bool:
        unwanted = self._wanted is not None and child.plugins.package not in self._wanted
        return unwanted or time.monotonic() - child.idle_since > IDLE_SECONDS

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
