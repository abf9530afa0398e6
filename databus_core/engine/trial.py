"""Trying plug-ins in a child process before a trip gets them: whatever they do there, the dispatcher goes on."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Sequence

from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.channel import ChannelClosed
from databus_core.engine.child_process import ChildProcess
from databus_core.engine.threads import in_daemon_thread
from databus_core.engine.timetable import Route
from databus_core.errors import DispatcherError, TicketError
from databus_core.model.client import ClientPassenger
from databus_core.model.problem import Problem
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.generation import Generation

TRIAL_SECONDS = 60.0
"""How long the plug-ins of one client passenger may take to be made."""

Found = Sequence[Problem]
"""What problems_of_making found."""


class Trials:
    """What was found when a generation of plug-ins was tried, for one ticket. Used on the dispatcher's loop only."""

    def __init__(self, ticket: DispatcherTicket) -> None:
        self._ticket = ticket.model_copy(update={"dispatcher_observer": None})  # it may be an object of this process
        self._known: dict[tuple[str, Route], tuple[ClientPassenger, Found]] = {}
        """For the configuration that it was tried with, by package and route."""
        self._trying = asyncio.Lock()

    async def of(self, plugins: Generation, bus_tickets: Sequence[BusTicket]) -> list[Found]:
        """For each of these trips; those that were tried before are not tried again.

        Raises DispatcherError when they cannot be tried.
        """
        async with self._trying:
            new = [each for each in bus_tickets if self._remembered(plugins, each) is None]
            if new:
                trial = functools.partial(_tried, self._ticket, plugins, new)
                for each, found in zip(new, await in_daemon_thread(trial, "databus-trial"), strict=True):
                    self._known[_key(plugins, each)] = each.client_passenger, found
        return [self._remembered(plugins, each) or () for each in bus_tickets]

    def keep(self, packages: set[str]) -> None:
        """Forget all others."""
        self._known = {key: known for key, known in self._known.items() if key[0] in packages}

    def _remembered(self, plugins: Generation, bus_ticket: BusTicket) -> Found | None:
        passenger, found = self._known.get(_key(plugins, bus_ticket), (None, ()))
        return found if passenger == bus_ticket.client_passenger else None


def _key(plugins: Generation, bus_ticket: BusTicket) -> tuple[str, Route]:
    return plugins.package, Route(bus_ticket.client_id, bus_ticket.client_passenger.name)


def _tried(ticket: DispatcherTicket, plugins: Generation, bus_tickets: Sequence[BusTicket]) -> list[Found]:
    """Blocks. Where plug-ins end their process, a new one goes on behind them."""
    found: list[Found] = []
    while len(found) < len(bus_tickets):
        try:
            child = ChildProcess(ticket, plugins)
        except TicketError as error:  # a factory or the driver is one of the plug-ins
            return [(Problem((), str(error)),)] * len(bus_tickets)
        except (OSError, ChannelClosed) as error:
            raise DispatcherError(f"Plug-ins cannot be tried, because no process could be started: {error}") from error
        alive = True
        while alive and len(found) < len(bus_tickets):
            problems, alive = _tried_in(child, bus_tickets[len(found)])
            found.append(problems)
        child.end()
    return found


def _tried_in(child: ChildProcess, bus_ticket: BusTicket) -> tuple[Found, bool]:
    """What was found, and whether the process is still there."""
    begun = time.monotonic()
    patience = threading.Timer(TRIAL_SECONDS, child.kill)
    patience.start()
    try:
        return tuple(child.channel.call("try", bus_ticket)), True
    except ChannelClosed:
        calls = child.board.read()
        why = child.wait()
        if time.monotonic() - begun >= TRIAL_SECONDS:
            why = f"it took longer than {TRIAL_SECONDS:.0f} seconds"
        what = calls[0].call.step if calls else "its plug-ins"
        return (Problem((), f"Making {what} failed: {why}"),), False
    finally:
        patience.cancel()
