"""The pusher of the second demo: delivers attachments of any format into the log."""

from __future__ import annotations

from databus_core.model.passenger import Passenger
from databus_core.plugins.pusher import Pusher


class BinaryDemoPusher(Pusher):
    """The log is its target system: there is one everywhere."""

    def push(self, passenger: Passenger) -> None:
        """One line per attachment."""
        for attachment in passenger.attachments:
            self.log.info(f"Delivered {attachment.name} of {passenger}: {attachment.size} bytes")
