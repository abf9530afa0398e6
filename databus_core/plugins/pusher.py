"""Pushers: where passengers go to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from typing import TypeAlias
from uuid import UUID, uuid5

from databus_core.errors import PluginError
from databus_core.model.outcome import NotYet
from databus_core.model.passenger import Passenger
from databus_core.plugins.plugin import Plugin

Pushed: TypeAlias = "NotYet | Exception | None"
"""Outcome of one passenger of a batch: None when it is delivered, NotYet, or the exception that `push` would raise."""

_DELIVERIES = UUID("6b0f3f4e-64a5-4f0c-9c53-0d1a5a7f2f39")


def delivery_key(internal_id: str, step: str) -> str:
    """Names one delivery, of one passenger by one pusher: a UUID (RFC 9562, version 5), the same at each attempt."""
    return str(uuid5(_DELIVERIES, f"{internal_id}/{step}"))


class Pusher(Plugin, ABC):
    """Delivers passengers to one target system.

    A crash between the delivery and the commit of "complete" leaves a delivery that nobody knows of. What happens then:
    `was_delivered` is asked, if the pusher has one; else, as the configuration says (`after_crash`), the passenger is
    pushed again (the default), or held until a person decides.
    """

    batch_size = 1
    """How many passengers `push_batch` takes at most. 1: they are pushed one by one, and it is never called."""

    @abstractmethod
    def push(self, passenger: Passenger) -> NotYet | Awaitable[NotYet | None] | None:
        """Deliver the passenger; return only when the target system has it.

        Plain or `async def`, in the trip's thread, after every processor is complete. When it raises, the error
        stays on the step and it is called again on a later trip, as the retry policy says; other pushers of the
        passenger are not affected. Raise PermanentError when no further attempt would help, OutcomeUnknown when the
        target may have it or not. It may be called twice for one passenger: where the target can tell, send
        `self.delivery_key(passenger)` along. Changes to the passenger are not kept. Answer `NotYet(reason)` to wait
        without an error.
        """

    def push_batch(self, passengers: Sequence[Passenger]) -> Sequence[Pushed] | Awaitable[Sequence[Pushed]]:
        """Deliver several at once; answers one outcome for each passenger, in order.

        Called instead of `push` when `batch_size` is more than 1, with at most so many. When it raises, each of them
        has failed with that error. A crash may make it run again for at most one batch.
        """
        raise PluginError(f"{self.context.module} has a batch_size of {self.batch_size}, but no push_batch")

    def was_delivered(self, passenger: Passenger, key: str) -> bool | Awaitable[bool | None] | None:
        """Whether the target has the passenger; None when the pusher cannot tell, which is the default.

        Asked when the process died during a push, or OutcomeUnknown was raised. `key` is `delivery_key(passenger)`.
        """
        return None

    def delivery_key(self, passenger: Passenger) -> str:
        """A key of this delivery, the same each time this pusher delivers this passenger: a UUID."""
        return delivery_key(passenger.internal_id, self.context.step or self.context.module)

    @property
    def can_tell(self) -> bool:
        """Whether it has a `was_delivered` of its own."""
        return type(self).was_delivered is not Pusher.was_delivered
