"""The commands that let passengers travel, and those that stop or hold what does harm."""

from __future__ import annotations

import asyncio
from typing import Annotated, NoReturn

import typer

from databus_core.cli import terminal
from databus_core.cli.app import (
    TICKET,
    ClientArgument,
    OtherTicketOption,
    PassengerArgument,
    SafeOption,
    TicketArgument,
    TicketOption,
    app,
    named_ticket,
    opened,
    tell_dispatcher,
)
from databus_core.cli.terminal import HAD_ERRORS, Progress, errors_in_words, fail, say, say_left
from databus_core.engine.dispatcher import Dispatcher
from databus_core.engine.error_watch import ErrorWatch
from databus_core.engine.quarantine import Quarantine
from databus_core.engine.stop_signals import on_stop_signals
from databus_core.errors import DatabaseHeldError
from databus_core.garbage import collect_seldom
from databus_core.model.holder import Holder
from databus_core.model.ticket import DispatcherTicket


@app.command()
def run(
    ticket_argument: TicketArgument = None,
    ticket_file: OtherTicketOption = None,
    once: Annotated[bool, typer.Option("--once", help="Drive every client passenger one time, then exit.")] = False,
    safe: SafeOption = False,
) -> None:
    """Run the dispatcher without a window, until Ctrl-C.

    Ctrl-C lets the running trips finish; a second one leaves those that do not end in the ticket's grace time.
    """
    if once and safe:
        fail("--once drives and --safe does not; one of them is allowed.")
    with errors_in_words():
        run_headless(DispatcherTicket.load(named_ticket(ticket_argument, ticket_file) or TICKET), once=once, safe=safe)


def run_headless(ticket: DispatcherTicket, *, once: bool = False, safe: bool = False) -> NoReturn:
    """Run a ticket with progress on the terminal, and end the command with the right exit code."""
    runs = "is open, and nothing is driven (--safe)" if safe else "runs"
    progress = Progress("" if once else f"{ticket.system_alias} {runs}. Press Ctrl-C to stop.")
    dispatcher = Dispatcher(ticket, progress, program="databus run")
    if once:
        watch = ErrorWatch()
        dispatcher.add_observer(watch)
        collect_seldom()
        asyncio.run(_drive(dispatcher))
        say_left(dispatcher.left)
        if not dispatcher.timetable():
            say("Nothing travels: no client has a passenger that can be driven.")
        if dispatcher.configuration_problems:
            fail("Not everything in the configurations could be used.")
        raise typer.Exit(HAD_ERRORS if watch.seen else 0)
    collect_seldom()
    exit_code = dispatcher.run(paused=safe)
    say_left(dispatcher.left)
    raise typer.Exit(exit_code)


async def _drive(dispatcher: Dispatcher, *wanted: tuple[str, str]) -> None:
    """One trip of each route, or of every one; a signal lets the running one finish, a second one leaves it."""
    stopping: list[asyncio.Task[None]] = []

    def stop() -> None:
        stopping.append(asyncio.create_task(dispatcher.shut_down(leave=bool(stopping))))

    with on_stop_signals(stop):
        await dispatcher.start(paused=True)
        try:
            for route in wanted or terminal.travelling(dispatcher.timetable()):
                if not stopping:
                    await dispatcher.drive(*route)
        except asyncio.CancelledError:
            if not stopping:
                raise
        finally:
            await dispatcher.shut_down()


@app.command()
def drive(client: ClientArgument, passenger: PassengerArgument, ticket_file: TicketOption = TICKET) -> None:
    """Make one trip of one client passenger here and now, while no dispatcher runs."""
    with errors_in_words():
        ticket = DispatcherTicket.load(ticket_file)
        watch = ErrorWatch()
        dispatcher = Dispatcher(ticket, Progress(), watch, program="databus drive")
        try:
            asyncio.run(_drive(dispatcher, (client, passenger)))
        except DatabaseHeldError as error:
            fail(f"{error} There, `databus expedite` does the same.")
        say_left(dispatcher.left)
        raise typer.Exit(HAD_ERRORS if watch.seen else 0)


@app.command()
def expedite(client: ClientArgument, passenger: PassengerArgument, ticket_file: TicketOption = TICKET) -> None:
    """Let the running dispatcher (desktop app or `databus run`) make one trip of one client passenger now."""
    with errors_in_words():
        ticket = DispatcherTicket.load(ticket_file)
        tell_dispatcher(ticket, "expedite", client_id=client, client_passenger=passenger)
        say(f"{client} / {passenger} departs.")


@app.command()
def halt(client: ClientArgument, passenger: PassengerArgument, ticket_file: TicketOption = TICKET) -> None:
    """End the trip of one client passenger that is under way in the running dispatcher.

    What the trip had not stored is done again on its next trip.
    """
    with errors_in_words():
        ticket = DispatcherTicket.load(ticket_file)
        tell_dispatcher(ticket, "halt", client_id=client, client_passenger=passenger, who="command line")
        say(f"The trip of {client} / {passenger} is halted.")


@app.command()
def release(
    client: ClientArgument,
    step: Annotated[
        str,
        typer.Argument(
            metavar="STEP",
            help="Name of a plug-in's step, or its last part; without it, what is in quarantine is listed.",
        ),
    ] = "",
    ticket_file: TicketOption = TICKET,
) -> None:
    """Let a plug-in be called again that is in quarantine, because it crashed too often."""
    with errors_in_words():
        ticket = DispatcherTicket.load(ticket_file)
        if not step:
            with opened(ticket, None) as storage:
                states = Quarantine(storage.database, ticket.crashes_until_quarantine).of(client)
            for state in states.values():
                say(f"{state}.")
            if not states:
                say(f"Client {client} has no plug-in in quarantine.")
            return
        try:
            with opened(ticket, Holder("databus release")) as storage:
                released = Quarantine(storage.database, ticket.crashes_until_quarantine).release(client, step)
        except DatabaseHeldError:
            released = tell_dispatcher(ticket, "release", client_id=client, step=step)["step"]
        say(f"{released} is called again from the next trip on.")
