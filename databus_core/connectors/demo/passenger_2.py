"""The passenger of the second demo: some bytes."""

from __future__ import annotations

from databus_core.model.passenger import Passenger


class BinaryDemoPassenger(Passenger):
    """Carries one binary attachment."""

    __slots__ = ()
