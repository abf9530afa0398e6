"""A trip that is driven in a child process: the child's half of it."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, cast

from databus_core.engine.access import FarSeats, Further, far_database
from databus_core.engine.bus import Tally
from databus_core.engine.calls import Calls
from databus_core.engine.channel import Channel, ChannelClosed
from databus_core.engine.ride import Ending, Hears, Order, drive
from databus_core.model.log import Log, LogEntry, MessageType
from databus_core.model.queue_entry import QueueEntry
from databus_core.plugins.factory import Factory

NEWS_SECONDS = 1 / 30
"""How often the parent hears of lines and changes, at most; of errors it hears at once."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a child answers when it has driven."""

    ending: Ending | None
    tally: Tally
    came_back: set[tuple[str, str]]
    """See Calls."""


def entries_in(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[QueueEntry]:
    """The entries among the arguments of a method of the database."""
    found: list[QueueEntry] = []
    for value in (*args, *kwargs.values()):
        if isinstance(value, list | tuple):
            found += [each for each in value if isinstance(each, QueueEntry)]  # pyright: ignore[reportUnknownVariableType]
    return found


class FarData:
    """The parent's database and seats, in the child."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.database = far_database(self._ask)
        self.seats = FarSeats(self._hold, self._give_back)

    def _ask(self, method: str, *args: Any, **kwargs: Any) -> Any:
        args = tuple(list(each) if isinstance(each, Iterator) else each for each in args)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        answer, stored = self._channel.call("database", method, args, kwargs)
        if isinstance(answer, Further):
            return self._rest(answer)
        for entry, attachments in zip(entries_in(args, kwargs), stored, strict=True):
            for mine, of_database in zip(entry.attachments, attachments, strict=True):
                mine.content = of_database.content
        return answer

    def _rest(self, further: Further) -> Iterator[object]:
        while some := cast("list[object]", self._channel.call("more", further.number)):
            yield from some

    def _hold(self, internal_ids: list[str], seconds: float | None) -> list[str]:
        return self._channel.call("hold", internal_ids, seconds)

    def _give_back(self, internal_ids: list[str]) -> None:
        self._channel.tell("give_back", internal_ids)


class News:
    """Lines of the log and changes of the queue, gathered for the parent. Safe to use from several threads."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.tally = Tally()
        """What was done so far; it travels with the rest."""
        self._lines: list[LogEntry] = []
        self._changed = False
        self._told_at = 0.0
        self._timer: threading.Timer | None = None
        self._lock = threading.RLock()

    def take_tally(self, tally: Tally) -> None:
        """From now on this is the trip's tally."""
        self.tally = tally

    def line(self, _log: Log, entry: LogEntry) -> None:
        """A LogSink."""
        with self._lock:
            self._lines.append(entry)
            self._soon(urgent=entry.type is MessageType.ERROR)

    def changed(self) -> None:
        """The queue has changed."""
        with self._lock:
            self._changed = True
            self._soon()

    def tell(self) -> None:
        """Send what was gathered."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            lines, self._lines = self._lines, []
            changed, self._changed = self._changed, False
            self._told_at = time.monotonic()
            if lines or changed:
                self._channel.tell("news", lines, changed, self.tally)

    def _soon(self, *, urgent: bool = False) -> None:
        """The first one after a while is sent at once: if the plug-in crashes then, it says what it was about to do."""
        if urgent or time.monotonic() - self._told_at >= NEWS_SECONDS:
            self.tell()
        elif self._timer is None:
            self._timer = threading.Timer(NEWS_SECONDS, self._tell_later)
            self._timer.daemon = True
            self._timer.start()

    def _tell_later(self) -> None:
        with suppress(ChannelClosed):  # the main thread hears of it, too, and ends the process
            self.tell()


def drive_here(order: Order, channel: Channel, factory: Factory, calls: Calls) -> Outcome:
    """Drive in this process, with the data of the one at the other end of the channel."""
    news, data = News(channel), FarData(channel)
    order = replace(order, bus_ticket=replace(order.bus_ticket, calls=calls))
    order.log.sinks = (news.line,)
    hears = Hears(news.changed, functools.partial(channel.tell, "announce"))
    ending = drive(order, factory, data.database, data.seats, hears, news.take_tally)
    news.tell()
    order.log.sinks = ()
    return Outcome(ending, news.tally, calls.came_back)
