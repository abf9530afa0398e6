"""What observers hear of a breaker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BreakerChange:
    """The breaker of a pusher has opened or closed."""

    pusher: str
    """Name of the pusher's step."""
    opened: bool
    reason: str
    """A sentence for a person."""
    client_id: str = ""
    """Whose; known to whoever hears of it from the dispatcher."""
