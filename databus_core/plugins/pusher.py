"""Pushers: where passengers go to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable

from databus_core.model.outcome import NotYet
from databus_core.model.passenger import Passenger
from databus_core.plugins.plugin import Plugin


class Pusher(Plugin, ABC):
    """Delivers passengers to one target system."""

    @abstractmethod
    def push(self, passenger: Passenger) -> NotYet | Awaitable[NotYet | None] | None:
        """Deliver the passenger; return only when the target system has it.

        Plain or `async def`, in the trip's thread, after every processor is complete. When it raises, the error
        stays on the step and it is called again on a later trip; other pushers of the passenger are not affected.
        A crash between its return and the commit of "complete" makes it run twice for one passenger: where the
        target can tell, use `passenger.internal_id` as the key of the delivery. Changes to the passenger are not
        kept. Answer `NotYet(reason)` to wait without an error.
        """
