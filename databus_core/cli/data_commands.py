"""The commands about a ticket's folder and its data as a whole: made, checked, copied, restored."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from databus_core.cli import terminal
from databus_core.cli.app import (
    TICKET,
    ClientArgument,
    OtherTicketOption,
    TicketArgument,
    TicketOption,
    app,
    named_ticket,
)
from databus_core.cli.terminal import errors_in_words, fail, say
from databus_core.engine.check import problems_with
from databus_core.engine.control import command
from databus_core.engine.dispatcher import Dispatcher
from databus_core.engine.factories import Factories
from databus_core.engine.new_ticket import SQL_MODULE, make_ticket, sql_arguments
from databus_core.engine.restore import restore_database
from databus_core.engine.stop_signals import on_stop_signals
from databus_core.errors import ExportStopped
from databus_core.model.ticket import DispatcherTicket
from databus_core.new_folder import make_ticket_folder


@app.command()
def export(
    client: ClientArgument,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="DATABASE",
            help="Where to: a ticket, which names its database; or an address such as sqlite:///copy.sqlite, or "
            "postgresql://user@host:5432/databus.",
        ),
    ],
    ticket_file: TicketOption = TICKET,
) -> None:
    """Copy a client with its queue, logs and configuration to another database.

    A running dispatcher does it, and pauses meanwhile. Ctrl-C stops it; the next export goes on from there.
    """
    with errors_in_words():
        ticket = DispatcherTicket.load(ticket_file)
        module, arguments, folder = _destination(to)
        holder = Factories(ticket).database(terminal.warn).holder()
        if holder is not None and holder.control:
            say(f"{holder.program} copies ...")
            where = {"database_module": module, "database_arguments": arguments, "folder": str(folder)}
            copied = command(holder.control, "export", patience=None, client_id=client, **where)["copied"]
        else:
            dispatcher = Dispatcher(ticket, program="databus export")
            copied = asyncio.run(_export(dispatcher, client, module, arguments, folder))
        say(f"{client} is copied; {copied:,} passenger{' was' if copied == 1 else 's were'} new there.")


def _destination(to: str) -> tuple[str, dict[str, Any], Path]:
    """Module and arguments of a database, and the folder where its relative paths start."""
    if "://" not in to and Path(to).is_file():
        ticket = DispatcherTicket.load(to)
        return ticket.database_module, ticket.database_arguments, ticket.folder
    return SQL_MODULE, sql_arguments(to, "--to"), Path.cwd()


async def _export(dispatcher: Dispatcher, client: str, module: str, arguments: dict[str, Any], folder: Path) -> int:
    """In this process; a signal stops it behind the page at hand."""
    await dispatcher.start(paused=True)
    try:
        with terminal.progress_bar("passengers") as progress:
            work = asyncio.ensure_future(dispatcher.export(client, module, arguments, progress, folder))

            def stop() -> None:
                work.cancel()

            with on_stop_signals(stop):
                return await work
    except asyncio.CancelledError:
        raise ExportStopped("The export was stopped. The next one goes on from there.") from None
    finally:
        await dispatcher.shut_down()


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to make, or one without a ticket.")],
    demo: Annotated[bool, typer.Option("--demo", help="With the demo: sample mails, orders and texts.")] = False,
    database: Annotated[
        str,
        typer.Option(
            help="Where the data shall be: sqlite, or the address of a server, such as "
            "postgresql://user@host:5432/databus; JSON files in the folder without it."
        ),
    ] = "",
) -> None:
    """Make a folder with a ticket and what it needs."""
    with errors_in_words():
        if database:
            ticket = make_ticket(folder, demo=demo, database=database, report=terminal.warn)
        else:
            ticket = make_ticket_folder(folder, demo=demo)
    say(f"Made {ticket}. Next: databus gui {ticket}")


@app.command()
def check(ticket_argument: TicketArgument = None, ticket_file: OtherTicketOption = None) -> None:
    """List every problem of ticket, configurations and plug-ins.

    Changes nothing, and may be used beside a running dispatcher.
    """
    count = 0
    with errors_in_words():
        ticket = named_ticket(ticket_argument, ticket_file) or TICKET
        for problem in problems_with(ticket, lambda remark: say(f"· {remark}")):
            terminal.warn(f"✗ {problem}")
            count += 1
    if count:
        fail(f"{count} problem{'s' if count > 1 else ''}.")
    say("✓ Everything is in order.")


@app.command()
def restore(
    ticket_file: TicketOption = TICKET,
    backup: Annotated[
        Path | None, typer.Option("--backup", metavar="FILE", help="Another backup than the newest good one.")
    ] = None,
    only_list: Annotated[bool, typer.Option("--list", help="List the backups; restore none.")] = False,
) -> None:
    """Put a backup of the database in its place, while no dispatcher runs; the database is kept beside it."""
    with errors_in_words():
        ticket = DispatcherTicket.load(ticket_file)
        if only_list:
            terminal.print_backups(Factories(ticket).database(terminal.warn).database_backups())
        else:
            terminal.say_restored(restore_database(ticket, backup, terminal.warn))
