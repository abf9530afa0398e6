"""Where a driver drives: in a thread of this process, or in a child process. A trip does not care."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from databus_core.engine.access import Access
from databus_core.engine.bus import Tally
from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.calls import Calls, CallUnderWay
from databus_core.engine.channel import ChannelClosed
from databus_core.engine.driver import Driver
from databus_core.engine.queue import Queue, Seats
from databus_core.errors import DatabusError
from databus_core.model.breaker_change import BreakerChange
from databus_core.model.log import Log
from databus_core.plugins.database import Database
from databus_core.plugins.factory import Factory


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a driver is to do."""

    bus_ticket: BusTicket
    driver_module: str
    log: Log


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a trip ended before its driver was done."""

    error: str
    """In words, for the log."""
    call: CallUnderWay | None = None
    """The plug-in call that is to blame, if one is."""
    why: str = ""
    """What that call did wrong: "its process was ended by SIGSEGV"."""
    crashed: bool = False
    """Whether that counts as a crash of the plug-in."""


@dataclass(frozen=True, slots=True)
class Hears:
    """Who is told what a driver does; from any thread."""

    changed: Callable[[], None]
    """The queue has changed."""
    announced: Callable[[BreakerChange], None]
    """A breaker has opened or closed."""


class Ride(Protocol):
    """One driver at work."""

    @property
    def tally(self) -> Tally:
        """What was done so far."""
        ...

    @property
    def came_back(self) -> set[tuple[str, str]]:
        """See Calls."""
        ...

    def drive(self, order: Order) -> Ending | None:
        """Drive in this thread, to the end. Answers why it did not come so far."""
        ...

    def under_way(self) -> Sequence[CallUnderWay]:
        """The plug-in calls that have not come back."""
        ...

    def memory(self) -> int:
        """How many bytes of memory it takes for itself; 0 when that cannot be told."""
        ...

    def stop(self) -> bool:
        """End it, from another thread; answers whether that ends the plug-in under way, too."""
        ...


def drive(
    order: Order,
    factory: Factory,
    database: Database,
    seats: Seats,
    hears: Hears,
    take_tally: Callable[[Tally], None],
) -> Ending | None:
    """Let the driver that the order names drive here; whatever it raises is in the ending, but for ChannelClosed."""
    ticket = order.bus_ticket
    try:
        queue = factory.create(Queue, ticket.client_passenger.queue, database, ticket.client_id, seats)
        told = hears.changed, hears.announced
        driver = factory.create(Driver, order.driver_module, ticket, queue, factory, order.log, *told)
        take_tally(driver.tally)
        driver.drive()
    except ChannelClosed:
        raise
    except DatabusError as raised:
        return Ending(f"The trip ended early: {raised}")
    except BaseException:  # noqa: BLE001 - one trip must not end the dispatcher
        return Ending(f"The trip crashed\n{traceback.format_exc().rstrip()}")
    return None


class ThreadRide:
    """In the thread that calls `drive`. It cannot be ended: stopped, it is left, and has no way to the data."""

    def __init__(self, factory: Factory, access: Access, hears: Hears) -> None:
        self.tally = Tally()
        self._factory = factory
        self._access = access
        self._hears = hears
        self._calls = Calls()

    @property
    def came_back(self) -> set[tuple[str, str]]:
        """See Ride."""
        return self._calls.came_back

    def drive(self, order: Order) -> Ending | None:
        """See Ride."""
        order = replace(order, bus_ticket=replace(order.bus_ticket, calls=self._calls))
        access = self._access
        return drive(order, self._factory, access.database, access.seats, self._hears, self._take_tally)

    def _take_tally(self, tally: Tally) -> None:
        self.tally = tally

    def under_way(self) -> Sequence[CallUnderWay]:
        """See Ride."""
        return self._calls.under_way()

    def memory(self) -> int:
        """It shares that of this process."""
        return 0

    def stop(self) -> bool:
        """See Ride."""
        return False
