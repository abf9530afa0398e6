"""From worker threads to the observers on the dispatcher's loop, in order and in bunches."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import threading
import time
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any, cast

from databus_core.model.log import Log, LogEntry
from databus_core.plugins.observer import Change, DispatcherObserver

BUNCH_SECONDS = 0.03
"""How long events of worker threads are gathered before the observers hear them."""

SAME_ERROR_SECONDS = 60.0
"""How often an observer's error that comes again is logged."""

_logger = logging.getLogger("databus.observers")


@dataclass(slots=True)
class _Repeated:
    """An error of an observer that may come with every event."""

    logged_at: float
    again: int = 0


class Events:
    """The observers of a dispatcher.

    `log_appended`, `changed`, `tell_soon` and `failed` may be called in any thread, the rest on the loop.
    """

    def __init__(self, *observers: DispatcherObserver) -> None:
        self.observers: list[DispatcherObserver] = list(observers)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._lines: list[tuple[Log, LogEntry]] = []
        self._changes: dict[tuple[Change, str], None] = {}
        self._scheduled = False
        self._tasks: set[asyncio.Task[object]] = set()
        self._errors: dict[tuple[str, str], _Repeated] = {}
        """By the observer and the place in its code."""

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Every observer is called on this loop from now on."""
        self._loop = loop

    def tell(self, call: Callable[[DispatcherObserver], object]) -> None:
        """Call every observer now, on the loop, after what was gathered before."""
        self.deliver()
        for observer in list(self.observers):
            self._call(observer, call)

    def log_appended(self, log: Log, entry: LogEntry) -> None:
        """A LogSink: gather one line."""
        with self._lock:
            self._lines.append((log, entry))
        self._schedule()

    def tell_soon(self, call: Callable[[DispatcherObserver], object]) -> None:
        """The same from any thread: the observers are called on the loop as soon as it can."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody is left to hear it
                loop.call_soon_threadsafe(self.tell, call)

    def failed(self, message: str) -> None:
        """Something went wrong that belongs to no trip; from any thread."""
        self.tell_soon(lambda observer: observer.failed(message))

    def changed(self, change: Change, client_id: str) -> None:
        """Gather one change; the same one again before delivery counts once."""
        with self._lock:
            self._changes[change, client_id] = None
        self._schedule()

    def _schedule(self) -> None:
        with self._lock:
            if self._scheduled or self._loop is None:
                return
            self._scheduled = True
        loop = self._loop
        with suppress(RuntimeError):  # the loop is closed: nobody is left to hear it
            loop.call_soon_threadsafe(loop.call_later, BUNCH_SECONDS, self.deliver)

    def deliver(self) -> None:
        """Tell the observers what was gathered; on the loop."""
        with self._lock:
            lines, self._lines = self._lines, []
            changes, self._changes = self._changes, {}
            self._scheduled = False
        for log, group in groupby(lines, key=lambda line: line[0]):
            entries = [entry for _, entry in group]
            for observer in list(self.observers):
                self._call(observer, lambda each, log=log, entries=entries: each.log_appended(log, entries))
        for change, client_id in changes:
            for observer in list(self.observers):
                self._call(observer, lambda each, c=change, i=client_id: each.changed(c, i))

    def _call(self, observer: DispatcherObserver, call: Callable[[DispatcherObserver], object]) -> None:
        name = f"{type(observer).__module__}:{type(observer).__qualname__}"
        try:
            result = call(observer)
        except Exception as error:  # noqa: BLE001 - an observer must not harm the dispatcher
            self._log(name, error)
            return
        if inspect.iscoroutine(result):
            coroutine = cast("Coroutine[Any, Any, object]", result)
            task = asyncio.get_running_loop().create_task(coroutine, name="observer")
            self._tasks.add(task)
            task.add_done_callback(functools.partial(self._task_done, name))

    def _task_done(self, name: str, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._log(name, error)

    def _log(self, name: str, error: BaseException) -> None:
        """An error with its traceback; the same one again only as a number, once in a while."""
        moment = time.monotonic()
        place = str(traceback.extract_tb(error.__traceback__)[-1])
        known = self._errors.get((name, place))
        if known is None:
            self._errors[name, place] = _Repeated(moment)
            _logger.error("Observer %s failed", name, exc_info=error)
            return
        known.again += 1
        if moment - known.logged_at >= SAME_ERROR_SECONDS:
            _logger.error("Observer %s failed again (%d): %s: %s", name, known.again, type(error).__name__, error)
            known.logged_at, known.again = moment, 0

    async def settle(self, seconds: float) -> None:
        """Wait for the observers' own tasks, at most that long."""
        self.deliver()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
