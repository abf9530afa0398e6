"""Processors: what is done to a passenger between source and target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import TypeAlias

from databus_core.model.outcome import LeaveOut, NotYet
from databus_core.model.passenger import Passenger
from databus_core.plugins.plugin import Plugin

Processed: TypeAlias = NotYet | LeaveOut | None


class Processor(Plugin, ABC):
    """Changes or checks one passenger at a time."""

    @abstractmethod
    def process(self, passenger: Passenger) -> Processed | Awaitable[Processed]:
        """Work on the passenger: change its attachments and properties in place.

        Plain or `async def`, in the trip's thread. What it changes is stored together with "complete" after it
        returned, all or nothing; when it raises, its changes are dropped, the error stays on the step, the
        passenger's later steps wait, and it is called again on a later trip with the passenger as it was. A crash
        may make it run twice. Answer `NotYet(reason)` to wait without an error, `LeaveOut(reason)` when the
        passenger needs nothing more.
        """
