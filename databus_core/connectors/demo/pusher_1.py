"""The pusher of the first demo: delivers texts into the log."""

from __future__ import annotations

from databus_core.model.passenger import Passenger
from databus_core.plugins.pusher import Pusher

SHOWN = 60
"""How many characters of a text the log gets."""


class TextDemoPusher(Pusher):
    """The log is its target system: there is one everywhere."""

    def push(self, passenger: Passenger) -> None:
        """One line per attachment."""
        for attachment in passenger.attachments:
            text = attachment.read_text().strip()
            self.log.info(f"Delivered {attachment.name} of {passenger}: {text[:SHOWN]!r}")
