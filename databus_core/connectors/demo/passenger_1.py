"""The passenger of the first demo: a text."""

from __future__ import annotations

from databus_core.model.passenger import Passenger


class TextDemoPassenger(Passenger):
    """Carries one text attachment."""

    __slots__ = ()
