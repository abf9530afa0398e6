"""What is done while nothing travels: a client is exported, another ticket is put into force."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress

from databus_core.engine.export import Progress, export_client
from databus_core.engine.factories import Factories
from databus_core.engine.station import Station
from databus_core.engine.storage import Storage
from databus_core.errors import DatabusError, DispatcherError, ExportStopped
from databus_core.model.holder import Holder
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.database import Database


async def export(
    station: Station, client_id: str, target: Database, holder: Holder, progress: Progress | None = None
) -> int:
    """Copy a client to a database that is not open yet; see Dispatcher.export. Cancelled, it returns when the copying
    has let go of both databases."""
    stopped = threading.Event()

    def copy(storage: Storage) -> int:
        target.open(holder)
        with closing(target):
            return export_client(storage.database, target, client_id, progress or _no_progress, stopped.is_set)

    copying = asyncio.ensure_future(station.read(copy))
    try:
        return await asyncio.shield(copying)
    except asyncio.CancelledError:
        stopped.set()
        with suppress(ExportStopped):
            await copying
        raise


async def change_ticket(station: Station, ticket: DispatcherTicket, begin: Callable[[], Awaitable[None]]) -> None:
    """Close the database, put the other ticket into force with its own, and save it; `begin` takes over what is there.

    Raises DatabusError when that cannot be done. The old ticket is then in force again, with its database, or where
    that cannot be opened any more either, with none.
    """
    old = station.ticket
    Factories(ticket)
    try:
        await station.close_database()
        await station.open_database(ticket)
        await begin()
        await station.save_ticket()
    except BaseException as error:  # also when it is cancelled half way
        await _return_to(old, station, begin, error)
        raise


async def _return_to(
    old: DispatcherTicket, station: Station, begin: Callable[[], Awaitable[None]], why: BaseException
) -> None:
    station.take(old)
    try:
        await station.close_database()
        await station.open_database(old)
        await begin()
    except DatabusError as error:
        with suppress(DatabusError):  # it has failed already
            await station.close_database()
        raise DispatcherError(
            f"{str(why) or 'The change of the ticket was broken off.'}\n"
            "The ticket before is in force again, but its database cannot be opened any more, and so the dispatcher "
            f"has stopped; start it again when that is mended: {error}"
        ) from error


def _no_progress(done: int, total: int) -> None:
    """Nobody wants to know."""
