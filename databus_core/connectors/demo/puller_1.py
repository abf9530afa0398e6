"""The puller of the first demo: new texts on every trip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from databus_core.model.attachment import Attachment
from databus_core.model.identity import new_id
from databus_core.model.passenger import Passenger
from databus_core.plugins.puller import Puller

PASSENGERS_PER_TRIP = 2


class TextDemoPuller(Puller):
    """Makes its passengers up, so each one is new."""

    pull_has_no_side_effect = True

    def pull(self) -> Iterator[Passenger]:
        """Two passengers with a text each."""
        for number in range(1, PASSENGERS_PER_TRIP + 1):
            passenger = self.context.passenger_class(external_id=new_id(), source_system="demo 1")
            passenger.attach(Attachment.text(f"greeting_{number}.txt", f"Grüße von Passagier {number}\n"))
            yield passenger

    def notify_passengers_seated(self, passengers: Sequence[Passenger]) -> None:
        """A real puller would now tell its source system to forget them."""
        self.log.info(f"{len(passengers)} passengers are seated")
