"""A short drive through everything, to see whether this installation works."""

from __future__ import annotations

import asyncio

from databus_core.engine.roster import TimetableRow
from databus_core.model.log import MessageType
from databus_gui.main_window import MainWindow
from databus_gui.pages import PAGES

SECONDS = 120
"""Time limit."""
PAGE_SECONDS = 0.4
"""How long each page is in sight."""


class SmokeTestError(Exception):
    """Something did not work; the text says what."""


async def smoke_test(window: MainWindow) -> None:
    """Drive each client passenger once and look at each page. Raises SmokeTestError, TimeoutError, DatabusError."""
    dispatcher = window.session.dispatcher
    async with asyncio.timeout(SECONDS):
        rows = dispatcher.timetable()
        if not rows:
            raise SmokeTestError("The ticket has no client passengers.")
        for row in rows:
            await dispatcher.drive(row.client_id, row.client_passenger.name)
        for row in dispatcher.timetable():
            _check(row)
        for page_class in PAGES:
            page = window.show_page(page_class.name)
            await asyncio.sleep(PAGE_SECONDS)
            if page.error_bar.text:
                raise SmokeTestError(f"Page {page_class.name}: {page.error_bar.text}")
        if window.unexpected.details:
            raise SmokeTestError(window.unexpected.details)


def _check(row: TimetableRow) -> None:
    """A trip may find something that cannot be read, as the demo's damaged mail, but must not fail at what it found."""
    trip = row.last_trip
    what = f"{row.client_id} / {row.client_passenger.name}"
    if trip is None:
        raise SmokeTestError(f"{what} did not travel.")
    if trip.failed or (trip.worst is MessageType.ERROR and not trip.pushed):
        raise SmokeTestError(f"{what}: {trip.pushed} delivered, {trip.failed} failed; log {trip.log_id} says why.")
