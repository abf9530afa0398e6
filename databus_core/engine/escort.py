"""Who goes along with one trip, on the dispatcher's loop: ends it when a limit is exceeded, or somebody wants it."""

from __future__ import annotations

import asyncio
from functools import partial

from databus_core.engine.ride import Ending
from databus_core.engine.threads import in_daemon_thread
from databus_core.engine.trip import Arrival, Trip

LOOK_SECONDS = 0.1
"""How often a trip with limits is looked at."""

PATIENCE = 2.0
"""How long a trip that was ended may take to write its log, before that is done for it."""


class Escort:
    """Used on the dispatcher's loop only."""

    def __init__(self, trip: Trip, name: str, *, limited: bool) -> None:
        """`limited`: whether the trip has limits that must be watched."""
        self._trip = trip
        self._name = name
        self._limited = limited
        self._halting: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    def halt(self, who: str) -> None:
        """End the trip soon."""
        if not self._halting.done():
            self._halting.set_result(self._trip.halting(who))

    async def conduct(self) -> Arrival:
        """The whole trip. Cancelled, it leaves it. Raises DatabaseError as Trip does."""
        conducting = asyncio.ensure_future(in_daemon_thread(self._trip.conduct, self._name))
        try:
            ending = await self._reason_to_end(conducting)
        except asyncio.CancelledError:
            ending = self._trip.leaving()
        if ending is not None:
            await in_daemon_thread(partial(self._trip.stop, ending), f"{self._name} ends")
            await asyncio.wait({conducting}, timeout=PATIENCE)
        if not conducting.done():
            conducting.cancel()
            return await in_daemon_thread(self._trip.leave, f"{self._name} is left")
        return conducting.result()

    async def _reason_to_end(self, conducting: asyncio.Future[Arrival]) -> Ending | None:
        """Wait until the trip is over, or must be ended."""
        seconds = LOOK_SECONDS if self._limited else None
        while not conducting.done():
            await asyncio.wait({conducting, self._halting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if not conducting.done():
                ending = self._halting.result() if self._halting.done() else self._trip.excess()
                if ending is not None:
                    return ending
        return None
