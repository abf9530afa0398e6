"""A child process, in which trips are driven one after the other: without a database and without a window."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
import threading
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TextIO, cast

from databus_core.engine.board import Board, PostedCalls
from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.channel import Channel
from databus_core.engine.factories import Factories
from databus_core.engine.far_trip import Outcome, drive_here
from databus_core.engine.making import problems_of_making
from databus_core.engine.ride import Order
from databus_core.model.problem import Problem
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.generation import Generation

CHILD_ARGUMENT = "--databus-child"
"""Makes the packaged program a child: with the number of its end of the channel behind it."""

NICENESS = 5
"""A window, and the dispatcher, come before the work of plug-ins."""

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a child must know before its first trip."""

    ticket: DispatcherTicket
    plugins: Generation
    """The only ones that it ever has."""
    board: Path
    parent: int
    """The parent's process id."""


def main(handle: int) -> None:
    """Work for the parent until it is gone. `handle` is this end of the channel."""
    _take_streams()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _parent_decides)  # not SIG_IGN, which the programs that plug-ins start would inherit
    channel = Channel(_connection(handle))
    worker = _Worker(channel)
    channel.handlers = {"begin": worker.begin, "drive": worker.drive, "try": worker.try_plugins}
    channel.serve()
    os._exit(0)  # plug-ins may have left threads, for which nobody waits


class _Worker:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._factory: Factories | None = None
        self._board: Board | None = None

    def begin(self, setup: Setup) -> None:
        """Raises TicketError when the ticket's factories cannot be used."""
        _serve(setup.parent)
        setup.plugins.put_in_force()
        self._factory = Factories(setup.ticket)
        self._board = Board(setup.board)

    def drive(self, order: Order) -> Outcome:
        factory, calls = self._ready()
        return drive_here(order, self._channel, factory, calls)

    def try_plugins(self, bus_ticket: BusTicket) -> list[Problem]:
        """See problems_of_making."""
        factory, calls = self._ready()
        return list(problems_of_making(replace(bus_ticket, calls=calls), factory))

    def _ready(self) -> tuple[Factories, PostedCalls]:
        if self._factory is None or self._board is None:
            raise RuntimeError("A child must begin before it works.")
        return self._factory, PostedCalls(self._board)


def _connection(handle: int) -> Connection:
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection

        return cast("Connection", PipeConnection(handle))
    return Connection(handle)


def _take_streams() -> None:
    """What plug-ins print goes to the trip's log, line by line; what they read is empty. The real standard input is
    open as long as the parent lives."""
    lifeline = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    for stream in (sys.stdout, sys.stderr):
        cast("Any", stream).reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    faulthandler.enable(cast("TextIO", sys.stderr))
    threading.Thread(target=_end_with, args=(lifeline,), name="databus-lifeline", daemon=True).start()


def _end_with(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    os._exit(1)


def _serve(parent: int) -> None:
    """Give way to the parent, and end with it.

    A plug-in that keeps Python's lock would keep the thread at the lifeline from ending the process.
    """
    if sys.platform != "win32":  # there, the parent has said so
        os.nice(NICENESS)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _parent_decides(_number: int, _frame: object) -> None:
    """A signal to the whole group of processes: the dispatcher lets its trips finish, or ends them."""
