"""The commands that show what was done and what it takes: logs, audit, space."""

from __future__ import annotations

from typing import Annotated

import typer

from databus_core.cli import terminal
from databus_core.cli.app import (
    TICKET,
    ClientArgument,
    JsonOption,
    TicketOption,
    app,
    opened,
)
from databus_core.cli.terminal import errors_in_words, say
from databus_core.model.query import LogQuery
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.database import Database


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
