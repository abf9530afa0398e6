"""What an attempt came to, written on its step by the retry policy of its plug-in."""

from __future__ import annotations

import random
from typing import TypeVar, cast

from databus_core.engine.bus import Bus
from databus_core.engine.retry import is_permanent, next_attempt_at
from databus_core.errors import PermanentError, PluginError
from databus_core.model.client import ClientPassenger
from databus_core.model.clock import now
from databus_core.model.outcome import LeaveOut, NotYet
from databus_core.model.queue_entry import QueueStatus, Step
from databus_core.plugins.plugin import Plugin

OutcomeT = TypeVar("OutcomeT")


class Attempts:
    """Of the steps of one client passenger."""

    def __init__(self, route: ClientPassenger) -> None:
        self._route = route
        self._chance = random.Random()  # noqa: S311 - spreads waits, keeps no secret

    def done(self, step: Step, note: str = "") -> None:
        """It was done."""
        step.attempts += 1
        step.finish(note)

    def failed(self, step: Step, error: str, cause: BaseException | None = None) -> bool:
        """It failed: it is tried again, or when no attempt is left (or none would help) a person decides.

        Answers whether none would help, by the kind of the error.
        """
        step.attempts += 1
        policy = self._route.retry_of(self._route.reference(step.name))
        failed_at = now()
        again_at = next_attempt_at(policy, step.attempts, failed_at, self._chance.random())
        permanent = isinstance(cause, PermanentError) or is_permanent(policy, cause)
        if permanent or again_at is None:
            step.give_up(error)
        else:
            step.fail(error, again_at if again_at > failed_at else None)
        return permanent

    def not_begun(self, kind: type[Plugin], step: Step, bus: Bus) -> bool:
        """Its plug-in is missing, or in quarantine, or the passenger cannot be boarded; answers whether that is news.

        A plug-in in quarantine is not called, which is no attempt.
        """
        why = bus.why_not_begun(kind, step)
        if step.name not in bus.ticket.quarantined:
            self.failed(step, why)
            return True
        is_news = step.error != why
        if is_news:
            step.fail(why)
        return is_news

    def not_yet(self, step: Step, outcome: NotYet) -> bool:
        """It waits, which is no attempt and no error; answers whether that is news."""
        if step.status is QueueStatus.INCOMPLETE and step.note == outcome.reason and not step.error:
            return False
        step.reopen(outcome.reason)
        return True


def checked(outcome: OutcomeT, *allowed: type[object]) -> OutcomeT:
    """What a plug-in answered. Raises PluginError when it is not what the contract allows."""
    if outcome is not None and not isinstance(outcome, allowed):
        names = ", ".join(each.__name__ for each in allowed)
        raise PluginError(f"it answered {shown(outcome)}; allowed are None, {names}")
    if isinstance(outcome, (NotYet, LeaveOut)) and not isinstance(cast("object", outcome.reason), str):
        raise PluginError(f"it answered {shown(outcome)}, whose reason is no text")
    return outcome


def shown(answer: object) -> str:
    """Anything in a few words, also when it cannot be shown."""
    try:
        return f"{answer!r:.80}"
    except Exception:  # noqa: BLE001 - it is somebody else's class
        return f"an object of the class {type(answer).__name__}"
