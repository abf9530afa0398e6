"""The calls of plug-ins that are under way on one trip: what may be told of them when one does not come back."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass

from databus_core.model.queue_entry import QueueEntry, Step

MAKING = "making"
"""What is done with a plug-in before its first call."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one plug-in."""

    step: str
    """Name of the plug-in's step."""
    doing: str
    """What is done, as a person says it: "pushing"."""
    passenger: str = ""
    """Who it is done to, as a person says it; empty when it is about several, or nobody."""
    internal_id: str = ""
    """The same passenger's id."""

    @classmethod
    def of(cls, entry: QueueEntry, step: Step, doing: str) -> Call:
        """The call of a step's plug-in about one passenger."""
        return cls(step.name, doing, str(entry), entry.internal_id)

    def __str__(self) -> str:
        return f"{self.doing} {self.passenger}" if self.passenger else self.doing


@dataclass(frozen=True, slots=True)
class CallUnderWay:
    """A call that has not come back yet."""

    call: Call
    seconds: float
    """Since when."""
    came_back: bool
    """Whether the same step came back from the same before, on this trip."""


class Calls:
    """Those of one trip, of any of its threads. Safe to use from several threads."""

    def __init__(self) -> None:
        self.came_back: set[tuple[str, str]] = set()
        """Step and what it did, of all that came back, with an error or without."""
        self._under_way: dict[int, tuple[Call, float]] = {}

    def noted(self, call: Call) -> AbstractContextManager[None]:
        """Inside, the call is under way."""
        return _Noted(self, call)

    def begins(self, call: Call) -> None:
        """From now on it is under way in this thread."""
        self._under_way[threading.get_ident()] = call, time.monotonic()
        self._changed()

    def came_back_from(self, call: Call) -> None:
        """It is under way in this thread no more."""
        del self._under_way[threading.get_ident()]
        self.came_back.add((call.step, call.doing))
        self._changed()

    def under_way(self) -> list[CallUnderWay]:
        """The calls that have not come back, the longest one first."""
        moment = time.monotonic()
        calls = [
            CallUnderWay(call, moment - begun, (call.step, call.doing) in self.came_back)
            for call, begun in list(self._under_way.values())
        ]
        return sorted(calls, key=lambda each: -each.seconds)

    def _changed(self) -> None:
        """Something began or came back."""


class _Noted(AbstractContextManager[None]):
    """See Calls.noted; a generator would cost several times as much, at each call of each passenger."""

    __slots__ = ("_call", "_calls")

    def __init__(self, calls: Calls, call: Call) -> None:
        self._calls = calls
        self._call = call

    def __enter__(self) -> None:
        self._calls.begins(self._call)

    def __exit__(self, *_: object) -> None:
        self._calls.came_back_from(self._call)
