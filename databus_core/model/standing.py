"""How far passengers have come, in the words that people filter by."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from databus_core.model.query import Query
from databus_core.model.queue_entry import QueueStatus


class Standing(StrEnum):
    """Which passengers of a queue."""

    WAITING = "waiting"
    """Incomplete, and nothing went wrong."""
    FAILING = "failing"
    """Incomplete with an error, whether it is tried again or not."""
    DECISION = "decision"
    """Failed or unknown: nothing more is done before a person decides."""
    FAILED = "failed"
    """A step is out of attempts."""
    UNKNOWN = "unknown"
    """The process died inside a push, and nobody can tell whether the target has it."""
    INCOMPLETE = "incomplete"
    """Whatever is not complete."""
    COMPLETE = "complete"

    def into(self, query: Query) -> Query:
        """The query for only these."""
        if self is Standing.DECISION:
            return replace(query, status=QueueStatus.INCOMPLETE, has_error=True, needs_decision=True)
        if self in {Standing.WAITING, Standing.FAILING}:
            return replace(query, status=QueueStatus.INCOMPLETE, has_error=self is Standing.FAILING)
        return replace(query, status=QueueStatus(self.value))
