"""The commands about passengers: where each stands, why, what a person sets, what waits in the source."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any

import typer

from databus_core.cli import terminal
from databus_core.cli.app import (
    TICKET,
    ClientArgument,
    IdArgument,
    JsonOption,
    PassengerArgument,
    TicketOption,
    app,
    opened,
    tell_dispatcher,
)
from databus_core.cli.reasons import Reasons
from databus_core.cli.terminal import HAD_ERRORS, errors_in_words, say
from databus_core.engine.audit import doer, note
from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.factories import Factories
from databus_core.engine.peek import peek as peek_sources
from databus_core.errors import DatabaseHeldError
from databus_core.model.holder import Holder
from databus_core.model.query_line import parse_query_line, with_term
from databus_core.model.queue_entry import QueueStatus
from databus_core.model.standing import Standing
from databus_core.model.ticket import DispatcherTicket


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
