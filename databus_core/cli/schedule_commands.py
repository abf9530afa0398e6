"""The commands about schedules: what is due when, what rests, what was missed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from databus_core.cli import terminal
from databus_core.cli.app import (
    TICKET,
    ClientArgument,
    JsonOption,
    PassengerArgument,
    TicketOption,
    app,
    opened,
    tell_dispatcher,
)
from databus_core.cli.terminal import errors_in_words, print_table, say
from databus_core.engine.route_states import reckoned_from, set_pause
from databus_core.errors import DatabaseHeldError
from databus_core.model.clock import format_local, now
from databus_core.model.holder import Holder
from databus_core.model.missed import MissedTrips
from databus_core.model.route_state import RoutePause
from databus_core.model.ticket import DispatcherTicket
from databus_core.model.timing import Timing

NEXT_TIMES = 5


@app.command()
def pause(
    client: ClientArgument,
    passenger: PassengerArgument,
    intake: Annotated[
        bool, typer.Option("--intake", help="Only pull nothing; what is seated is processed and pushed.")
    ] = False,
    ticket_file: TicketOption = TICKET,
) -> None:
    """Let a client passenger rest until it is resumed, also over a restart; a trip of it that runs goes on."""
    with errors_in_words():
        ticket = DispatcherTicket.load(ticket_file)
        what = RoutePause.INTAKE if intake else RoutePause.EVERYTHING
        _pause(ticket, client, passenger, what, "pause_route", intake_only=intake)
        say(f"{client} / {passenger} {'pulls nothing any more' if intake else 'is paused'}.")


@app.command()
def resume(client: ClientArgument, passenger: PassengerArgument, ticket_file: TicketOption = TICKET) -> None:
    """Let a paused client passenger travel again by its schedule."""
    with errors_in_words():
        ticket = DispatcherTicket.load(ticket_file)
        _pause(ticket, client, passenger, RoutePause.NONE, "resume_route")
        say(f"{client} / {passenger} is resumed.")


def _pause(
    ticket: DispatcherTicket, client: str, passenger: str, what: RoutePause, verb: str, **arguments: Any
) -> None:
    """In the database, or by the dispatcher that works on it."""
    try:
        with opened(ticket, Holder(f"databus {verb.partition('_')[0]}")) as storage:
            set_pause(storage, client, passenger, what)
    except DatabaseHeldError:
        tell_dispatcher(ticket, verb, client_id=client, client_passenger=passenger, **arguments)


@dataclass(frozen=True, slots=True)
class RouteSchedule:
    """When one client passenger departs."""

    client_passenger: str
    schedule: str
    missed: str
    pause: RoutePause
    next_times: list[datetime]


@app.command()
def schedule(client: ClientArgument, as_json: JsonOption = False, ticket_file: TicketOption = TICKET) -> None:
    """List when a client's passengers depart: in words, whether they are paused, and the next five times."""
    with errors_in_words(), opened(DispatcherTicket.load(ticket_file), None) as storage:
        configuration, _ = storage.customizing.client(client)
        states, last_trips = storage.database.route_states(client), storage.database.last_trips(client)
    rows: list[RouteSchedule] = []
    for passenger in configuration.passengers:
        timing, state = passenger.timing, states.get(passenger.name)
        pause = RoutePause.NONE if state is None else state.pause
        after = reckoned_from(passenger, last_trips, states)
        times = [] if pause is RoutePause.EVERYTHING else _next_times(timing, after)
        rows.append(RouteSchedule(passenger.name, timing.in_words(), timing.missed_in_words(), pause, times))
    if as_json:
        terminal.print_json(rows)
    else:
        _print_schedules(rows)


def _next_times(timing: Timing, after: datetime | None) -> list[datetime]:
    """The next departures, or those of a dispatcher that would start now; see `reckoned_from`."""
    moment = now()
    first = timing.first_at(moment) if after is None else timing.next_after(after)
    if first is not None and first < moment:
        first = moment if timing.make_up else timing.passed(first, moment)[1]
    return [] if first is None else [first, *timing.next_times(first, NEXT_TIMES - 1)]


def _print_schedules(rows: list[RouteSchedule]) -> None:
    table = Table("Passenger", "Schedule", Column("State", no_wrap=True), Column("Next times", no_wrap=True))
    states = {RoutePause.NONE: "", RoutePause.INTAKE: "intake paused", RoutePause.EVERYTHING: "paused"}
    for row in rows:
        times = "\n".join(format_local(at)[:19] for at in row.next_times)
        table.add_row(*map(escape, (row.client_passenger, f"{row.schedule}; {row.missed}", states[row.pause], times)))
    print_table(table, f"{len(rows)} client passenger{'' if len(rows) == 1 else 's'}")


@app.command()
def missed(client: ClientArgument, as_json: JsonOption = False, ticket_file: TicketOption = TICKET) -> None:
    """List the trips of a client that were missed, why, and how many were made up for; the newest first."""
    with errors_in_words(), opened(DispatcherTicket.load(ticket_file), None) as storage:
        rows = storage.database.missed(client)
    if as_json:
        terminal.print_json(rows)
    else:
        _print_missed(rows)


def _print_missed(rows: list[MissedTrips]) -> None:
    table = Table("Noticed", "Passenger", "Due since", "Trips", "Why", "Made up for")
    for row in rows:
        noticed, due = (format_local(at)[:19] for at in (row.noticed_at, row.first_due_at))
        table.add_row(noticed, escape(row.client_passenger), due, f"{row.count:,}", row.why, f"{row.made_up:,}")
    print_table(table, f"{len(rows)} gap{'' if len(rows) == 1 else 's'}")
