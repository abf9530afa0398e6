"""The commands. The desktop app adds one more to them: `gui`."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from databus_core import __version__
from databus_core.cli import terminal
from databus_core.cli.reasons import Reasons
from databus_core.cli.terminal import HAD_ERRORS, Progress, errors_in_words, fail, say, say_left
from databus_core.engine.audit import doer, note
from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.check import problems_with
from databus_core.engine.control import Reply, command
from databus_core.engine.dispatcher import Dispatcher
from databus_core.engine.error_watch import ErrorWatch
from databus_core.engine.factories import Factories
from databus_core.engine.new_ticket import SQL_MODULE, make_ticket, sql_arguments
from databus_core.engine.peek import peek as peek_sources
from databus_core.engine.quarantine import Quarantine
from databus_core.engine.restore import restore_database
from databus_core.engine.stop_signals import on_stop_signals
from databus_core.engine.storage import Storage
from databus_core.errors import DatabaseHeldError, ExportStopped
from databus_core.garbage import collect_seldom
from databus_core.model.holder import Holder
from databus_core.model.query import LogQuery
from databus_core.model.query_line import parse_query_line, with_term
from databus_core.model.queue_entry import QueueStatus
from databus_core.model.standing import Standing
from databus_core.model.ticket import DispatcherTicket
from databus_core.new_folder import make_ticket_folder
from databus_core.plugins.database import Database

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


def named_ticket(argument: Path | None, option: Path | None) -> Path | None:
    """The ticket that is named in one way or the other; ends the command when both are used."""
    if argument is not None and option is not None:
        fail(f"Two tickets are named, {argument} and {option}; one is allowed.")
    return argument or option


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


def tell_dispatcher(ticket: DispatcherTicket, verb: str, **arguments: Any) -> Reply:
    """Send a command to the dispatcher that holds the ticket's database; answers its reply."""
    database = Factories(ticket).database(terminal.warn)
    holder = database.holder()
    if holder is None or not holder.control:
        fail(f"No dispatcher runs on {database}. Start one with `databus run` or the desktop app.")
    return command(holder.control, verb, **arguments)


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


class Wanted(StrEnum):
    """What a person can set a step to."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"


@app.command()
def queue(
    client: ClientArgument,
    asked: Annotated[
        str,
        typer.Argument(
            metavar="[QUERY]",
            help="Which passengers, as in the window's Queue page: 'source:erp pusher:sap error:timeout age:>2h'.",
        ),
    ] = "",
    status: Annotated[
        Standing | None,
        typer.Option(
            help="Only passengers of which every step is complete, or some are not (incomplete); of these, those with "
            "no error (waiting), with a step that has one (failing), is out of attempts (failed), or has an unknown "
            "outcome (unknown); decision: the last two, about which a person decides."
        ),
    ] = None,
    as_json: JsonOption = False,
    ticket_file: TicketOption = TICKET,
) -> None:
    """List a client's passengers, newest first. As JSON each says why it is not delivered."""
    with errors_in_words(), opened(DispatcherTicket.load(ticket_file), None) as storage:
        database = storage.database
        if status is not None:
            asked = with_term(asked, "status", status)
        configured, _ = storage.customizing.client(client)
        names = {*(passenger.name for passenger in configured.passengers), *database.queue_counts(client)}
        query = replace(parse_query_line(asked, client, sorted(names)), limit=1)
        total = database.queue_rows(query).total
        page = database.queue_rows(replace(query, limit=max(1, total)))
        if as_json:
            entries = [database.entry(client, row.internal_id) for row in page.rows]
            reasons = Reasons(storage, client)
            terminal.print_json([terminal.entry_document(entry, reasons.why(entry)) for entry in entries])
        else:
            terminal.print_queue(page.rows, page.total)


@app.command()
def why(client: ClientArgument, internal_id: IdArgument, ticket_file: TicketOption = TICKET) -> None:
    """Say in one sentence why a passenger is not delivered; a running dispatcher is asked what it is about to do."""
    with errors_in_words(), opened(DispatcherTicket.load(ticket_file), None) as storage:
        say(Reasons(storage, client).why(storage.database.entry(client, internal_id)))


@app.command(name="queue-set")
def queue_set(
    client: ClientArgument,
    internal_id: IdArgument,
    step: Annotated[
        str,
        typer.Argument(metavar="STEP", help="Name of a step, as `databus queue --json` shows it, or its last part."),
    ],
    status: Annotated[
        Wanted,
        typer.Argument(metavar="STATUS", help="Whether nothing is left to do, or it is tried again."),
    ],
    ticket_file: TicketOption = TICKET,
) -> None:
    """Set one step of one passenger by hand; a running dispatcher is told to do it.

    A step set to incomplete has all its attempts again; a running dispatcher tries it at once, beside the schedule.
    """
    with errors_in_words():
        ticket = DispatcherTicket.load(ticket_file)
        request: dict[str, Any] = {
            "internal_id": internal_id,
            "step_name": step,
            "status": QueueStatus(status),
            "who": "command line",
        }
        try:
            with opened(ticket, Holder("databus queue-set")) as storage:
                storage.queue(client).set_step(**request)
                deed = f"set a step {status}"
                note(storage.database, doer("databus queue-set"), deed, f"{step} of {internal_id}", client)
        except DatabaseHeldError:
            tell_dispatcher(ticket, "set_step", client_id=client, **request)
        say(f"{step} of {internal_id} is {status.value} now.")


@app.command()
def logs(
    client: ClientArgument,
    log_id: Annotated[str, typer.Argument(metavar="LOG_ID", help="A log's id; without it, the logs are listed.")] = "",
    as_json: JsonOption = False,
    ticket_file: TicketOption = TICKET,
) -> None:
    """List a client's logs, newest first, or show one."""
    with errors_in_words(), opened(DispatcherTicket.load(ticket_file), None) as storage:
        if log_id:
            _show_log(storage.database, client, log_id, as_json=as_json)
            return
        total = storage.database.log_rows(LogQuery(client_id=client, limit=1)).total
        page = storage.database.log_rows(LogQuery(client_id=client, limit=max(1, total)))
        if as_json:
            terminal.print_json(page.rows)
        else:
            terminal.print_logs(page.rows, page.total, storage.database.holder())


def _show_log(database: Database, client_id: str, log_id: str, *, as_json: bool) -> None:
    entries = database.log_entries(client_id, log_id).rows
    if as_json:
        terminal.print_json(entries)
        return
    terminal.print_log(entries)
    row = next(row for row in database.log_rows(LogQuery(client_id=client_id, text=log_id)).rows if row.id == log_id)
    if terminal.ending(row, database.holder()) == terminal.BROKEN_OFF:
        say("The trip was broken off: its process ended before it.")


@app.command()
def space(
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="Id of a client; all of them without it.")] = "",
    as_json: JsonOption = False,
    ticket_file: TicketOption = TICKET,
) -> None:
    """Show how much space each client passenger takes, in bytes with --json, and the whole database."""
    with errors_in_words(), opened(DispatcherTicket.load(ticket_file), None) as storage:
        database = storage.database
        found = {each: database.space(each) for each in ([client] if client else database.client_ids())}
        whole = database.whole_size()
    if as_json:
        terminal.print_json(terminal.space_document(found, whole))
    else:
        terminal.print_space(found, str(database), whole)


@app.command()
def audit(client: ClientArgument, as_json: JsonOption = False, ticket_file: TicketOption = TICKET) -> None:
    """List what people did by hand, newest first; what belongs to no client is listed with root."""
    with errors_in_words(), opened(DispatcherTicket.load(ticket_file), None) as storage:
        total = storage.database.audit_rows(client, limit=1).total
        page = storage.database.audit_rows(client, limit=max(1, total))
    if as_json:
        terminal.print_json(page.rows)
    else:
        terminal.print_audit(page.rows, page.total)


@app.command()
def peek(
    client: ClientArgument,
    passenger: PassengerArgument,
    as_json: JsonOption = False,
    ticket_file: TicketOption = TICKET,
) -> None:
    """Show what waits in the source systems of a client passenger, without consuming it."""
    with errors_in_words():
        ticket = DispatcherTicket.load(ticket_file)
        with opened(ticket, None) as storage:
            configuration, _ = storage.customizing.client(client)
            bus_ticket = BusTicket.issue(client, configuration, passenger, ticket.folder)
            shown = peek_sources(bus_ticket, storage.database, Factories(ticket))
    if as_json:
        terminal.print_json([terminal.peek_document(each) for each in shown])
    else:
        terminal.print_peek(shown)
    if any(each.offered and each.error for each in shown):
        raise typer.Exit(HAD_ERRORS)
