"""The puller of the second demo: new binary attachments on every trip."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

from databus_core.model.attachment import Attachment
from databus_core.model.identity import new_id
from databus_core.model.passenger import Passenger
from databus_core.plugins.puller import Puller

PASSENGERS_PER_TRIP = 2
LENGTH = 1024


class BinaryDemoPuller(Puller):
    """Makes its passengers up, so each one is new."""

    pull_has_no_side_effect = True

    def pull(self) -> Iterator[Passenger]:
        """Two passengers with 1 KiB of random bytes each."""
        for number in range(1, PASSENGERS_PER_TRIP + 1):
            passenger = self.context.passenger_class(external_id=new_id(), source_system="demo 2")
            passenger.attach(Attachment.binary(f"noise_{number}.bin", secrets.token_bytes(LENGTH)))
            yield passenger

    def notify_passengers_seated(self, passengers: Sequence[Passenger]) -> None:
        """A real puller would now tell its source system to forget them."""
        self.log.info(f"{len(passengers)} passengers are seated")
