"""The `databus` command itself, and what its commands have in common: options, the opened data, the dispatcher."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from databus_core import __version__
from databus_core.cli import terminal
from databus_core.cli.terminal import fail, say
from databus_core.engine.control import Reply, command
from databus_core.engine.factories import Factories
from databus_core.engine.storage import Storage
from databus_core.model.holder import Holder
from databus_core.model.ticket import DispatcherTicket

app = typer.Typer(
    name="databus",
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
)
TICKET = Path("ticket.json")
TicketOption = Annotated[
    Path, typer.Option("--ticket", "-t", help="Ticket file.", show_default="ticket.json in the current folder")
]
TicketArgument = Annotated[
    Path | None, typer.Argument(metavar="TICKET", help="Ticket file; the same as --ticket.", show_default=False)
]
OtherTicketOption = Annotated[
    Path | None, typer.Option("--ticket", "-t", help="Ticket file.", show_default="ticket.json in the current folder")
]
ClientArgument = Annotated[str, typer.Argument(metavar="CLIENT", help="Id of a client.")]
PassengerArgument = Annotated[
    str,
    typer.Argument(metavar="PASSENGER", help="Name of one of the client's passengers, as its configuration has it."),
]
SafeOption = Annotated[
    bool, typer.Option("--safe", help="Open everything, but drive nothing: for when a plug-in brings down the rest.")
]
IdArgument = Annotated[
    str, typer.Argument(metavar="INTERNAL_ID", help="Internal id of a passenger, as `databus queue` shows it.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@contextmanager
def opened(ticket: DispatcherTicket, holder: Holder | None) -> Generator[Storage]:
    """The ticket's storage: for reading beside a running dispatcher, or held for writing."""
    factories = Factories(ticket)
    database = factories.opened(holder, terminal.warn)
    try:
        yield Storage(database, ticket, factories)
    finally:
        database.close()


@app.callback(invoke_without_command=True)
def databus(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    smoke_test: Annotated[bool, typer.Option("--smoke-test", help="The same as `databus gui --smoke-test`.")] = False,
) -> None:
    """Moves passengers (mails, orders, files) between systems.

    Without a command it opens the desktop app. `databus COMMAND --help` tells more of a command.

    Exit codes: 0 fine, 1 trips had errors or a source could not be read, 2 could not run or found problems.
    """
    if version:
        say(f"databus {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        desktop = next((each for each in app.registered_commands if each.name == "gui"), None)
        if desktop is None or desktop.callback is None:
            say(context.get_help())
            raise typer.Exit
        desktop.callback(smoke_test=smoke_test)


def named_ticket(argument: Path | None, option: Path | None) -> Path | None:
    """The ticket that is named in one way or the other; ends the command when both are used."""
    if argument is not None and option is not None:
        fail(f"Two tickets are named, {argument} and {option}; one is allowed.")
    return argument or option


def tell_dispatcher(ticket: DispatcherTicket, verb: str, **arguments: Any) -> Reply:
    """Send a command to the dispatcher that holds the ticket's database; answers its reply."""
    database = Factories(ticket).database(terminal.warn)
    holder = database.holder()
    if holder is None or not holder.control:
        fail(f"No dispatcher runs on {database}. Start one with `databus run` or the desktop app.")
    return command(holder.control, verb, **arguments)
