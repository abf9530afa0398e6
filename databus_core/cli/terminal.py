"""What the commands print: progress of trips, tables, JSON, and errors in words."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NoReturn

import orjson
import rich.progress
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from databus_core.engine.peek import PeekedPassenger, PullerPeek
from databus_core.engine.roster import TimetableRow
from databus_core.engine.traffic import RunningTrip
from databus_core.errors import DatabaseDamagedError, DatabusError
from databus_core.model.audit import AuditRecord
from databus_core.model.byte_size import size_text
from databus_core.model.client import Client, ClientPassenger
from databus_core.model.clock import format_local, now
from databus_core.model.database_backup import DatabaseBackup, Restored
from databus_core.model.holder import Holder
from databus_core.model.log import Log, LogEntry, MessageType
from databus_core.model.query import LogRow, QueueRow
from databus_core.model.queue_entry import QueueEntry, Step, short_name
from databus_core.model.route_state import RoutePause
from databus_core.model.space import Space
from databus_core.plugins.observer import DispatcherObserver, DispatcherState

HAD_ERRORS = 1
COULD_NOT_RUN = 2

LENGTH_OF_ID = 36
MIB = 1 << 20

WIDTH_OF_QUEUE = 150
"""Columns that all of a queue needs to be readable."""

WIDTH_OF_PIPE = 250
"""Columns of a table that goes to a file or another program."""

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

_COLOURS = {MessageType.INFO: "green", MessageType.WARNING: "yellow", MessageType.ERROR: "red"}


def say(message: str) -> None:
    """A line on stdout."""
    out.print(escape(message))


def warn(message: str) -> None:
    """A line on stderr."""
    err.print(escape(message), style="red")


def fail(message: object) -> NoReturn:
    """Say on stderr why the command cannot run, and end it."""
    warn(str(message))
    raise typer.Exit(COULD_NOT_RUN)


@contextmanager
def errors_in_words() -> Generator[None]:
    """Databus's own errors end the command with a sentence, never with a traceback."""
    try:
        yield
    except DatabaseDamagedError as error:
        fail(f"{error}{_way_back(error)}")
    except DatabusError as error:
        fail(error)


def _way_back(error: DatabaseDamagedError) -> str:
    """Which command restores the backup, where one does."""
    if error.backup is None or error.ticket is None:
        return ""
    command = shlex.join(["databus", "restore", "--ticket", str(error.ticket)])
    return f"\nTo restore that backup: {command}\nThe present file is kept beside it."


class Progress(DispatcherObserver):
    """Tells what happens on trips: one line at the end of each, and at once what is not well."""

    def __init__(self, greeting: str = "") -> None:
        """`greeting` is said once, when the dispatcher is ready."""
        self._greeting = greeting
        self._running: list[Log] = []

    def state_changed(self, state: DispatcherState) -> None:
        """That it runs, and later what its end waits for."""
        if self._greeting and state in {DispatcherState.RUNNING, DispatcherState.PAUSED}:
            say(self._greeting)
            self._greeting = ""
        if state is DispatcherState.STOPPING and self._running:
            count = len(self._running)
            what = "1 trip ({}) is being finished; Ctrl-C again leaves it."
            if count > 1:
                what = f"{count} trips ({{}}) are being finished; Ctrl-C again leaves them."
            say(f"Stopping: {what.format(', '.join(map(_route, self._running)))}")

    def trip_started(self, client: Client, client_passenger: ClientPassenger, log: Log) -> None:
        """From now on it is waited for."""
        self._running.append(log)

    def trip_complete(self, client: Client, client_passenger: ClientPassenger, log: Log) -> None:
        """One line a trip."""
        self._running.remove(log)
        summary = log.last.message if log.last else "nothing was logged"
        line = escape(f"{_route(log)}: {summary}")
        out.print(f"{_clock(log.finished_at or now())} [{_COLOURS[log.worst]}]{log.worst.value:7}[/] {line}")

    def log_appended(self, log: Log, entries: Sequence[LogEntry]) -> None:
        """Warnings and errors as they come, with their first line; the log has the rest."""
        for entry in entries:
            if entry.type is not MessageType.INFO:
                first_line = entry.message.partition("\n")[0]
                line = escape(f"{_route(log)}: {first_line}")
                err.print(f"{_clock(entry.at)} [{_COLOURS[entry.type]}]{entry.type.value:7}[/] {line}")

    def plugins_changed(self, files: Sequence[str], problems: Sequence[str]) -> None:
        """What of the plug-in folder trips get from now on, and what they do not."""
        time, names = _clock(now()), ", ".join(files)
        if problems:
            if files:
                say(f"{time} changed in the plug-in folder: {names}")
            for problem in problems:
                warn(f"{time} {problem}")
        else:
            say(f"{time} plug-ins renewed: {names}" if files else f"{time} the plug-ins work again")

    def failed(self, message: str) -> None:
        """What belongs to no trip."""
        warn(message)


def travelling(timetable: Sequence[TimetableRow]) -> list[tuple[str, str]]:
    """The routes of a timetable but for those that are paused, which is said."""
    routes: list[tuple[str, str]] = []
    for row in timetable:
        if row.pause is RoutePause.EVERYTHING:
            say(f"{row.client_id} / {row.client_passenger.name} is paused.")
        else:
            routes.append((row.client_id, row.client_passenger.name))
    return routes


def say_left(trips: Sequence[RunningTrip]) -> None:
    """Which trips did not end in the time that they had."""
    if trips:
        warn(f"Left: {', '.join(_route(trip.log) for trip in trips)}.")


def _route(log: Log) -> str:
    return f"{log.client_id} / {log.client_passenger}"


@contextmanager
def progress_bar(what: str) -> Generator[Callable[[int, int], None]]:
    """A bar, where there is a terminal; the function inside says how many of how many are done, from any thread."""
    with rich.progress.Progress(
        *rich.progress.Progress.get_default_columns(),
        rich.progress.MofNCompleteColumn(),
        console=err,
        disable=not err.is_terminal,
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _clock(moment: datetime) -> str:
    return format_local(moment)[:19]


def print_json(value: object) -> None:
    """Any of Databus's records, or a list of them, as JSON."""
    out.print_json(orjson.dumps(value, default=_jsonable).decode())


def _jsonable(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, LogEntry):
        return value._asdict()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def entry_document(entry: QueueEntry, why: str) -> dict[str, Any]:
    """A queue entry as JSON values: everything but the attachments' contents; and why it is not delivered."""
    return {
        "internal_id": entry.internal_id,
        "client_passenger": entry.client_passenger,
        "source_system": entry.source_system,
        "external_id": entry.external_id,
        "status": entry.status,
        "why": why,
        "pulled_at": entry.pulled_at,
        "puller_notified": entry.puller_notified,
        "steps": [_step_document(step) for step in entry.steps()],
        "attachments": [{"name": a.name, "format": a.format, "size": a.size} for a in entry.attachments],
        "properties": entry.properties,
        "log_ids": entry.log_ids,
    }


def _step_document(step: Step) -> dict[str, Any]:
    return {field.name: getattr(step, field.name) for field in dataclasses.fields(step)}


def print_queue(rows: Sequence[QueueRow], total: int) -> None:
    """A table of passengers; where there is no room for all of it, a line for each with what matters most."""
    table = _narrow_queue(rows) if _console().width < WIDTH_OF_QUEUE else _queue(rows)
    print_table(table, f"{total} passenger{'' if total == 1 else 's'}")


def _queue(rows: Sequence[QueueRow]) -> Table:
    table = Table("Pulled", "Passenger", "Source", "External id", "Status", "Error", _whole("Internal id"))
    for row in rows:
        error = f"{row.failing_step}: {row.error}" if row.error else ""
        cells = (row.client_passenger, row.source_system, row.external_id, row.status, error, row.internal_id)
        table.add_row(format_local(row.pulled_at)[:19], *map(escape, cells))
    return table


def _narrow_queue(rows: Sequence[QueueRow]) -> Table:
    table = Table(Column("Pulled", no_wrap=True), "External id", "Status or error", _whole("Internal id"), box=None)
    for row in rows:
        state = f"{short_name(row.failing_step)}: {row.error}" if row.error else row.status
        cut = [Text(cell, no_wrap=True, overflow="ellipsis") for cell in (row.external_id, state)]
        table.add_row(format_local(row.pulled_at)[5:16], *cut, row.internal_id)
    return table


BROKEN_OFF = "broken off"
"""A trip whose process died."""


def ending(row: LogRow, holder: Holder | None) -> str:
    """When the trip ended, or why it has not; `holder` works on the database now."""
    if row.finished_at is not None:
        return format_local(row.finished_at)[:19]
    return "running" if holder is not None and holder.since <= row.started_at else BROKEN_OFF


def print_logs(rows: Sequence[LogRow], total: int, holder: Holder | None) -> None:
    """A table of logs."""
    table = Table("Started", "Ended", "Passenger", "Worst", "Lines", _whole("Log id"))
    for row in rows:
        cells = (ending(row, holder), row.client_passenger, row.worst, str(row.length), row.id)
        table.add_row(format_local(row.started_at)[:19], *map(escape, cells))
    print_table(table, f"{total} log{'' if total == 1 else 's'}")


def print_log(entries: Sequence[LogEntry]) -> None:
    """The lines of one log."""
    for entry in entries:
        line = f"{format_local(entry.at)} {entry.type.value:7} {entry.module}: {entry.message}"
        out.print(escape(line), style="" if entry.type is MessageType.INFO else _COLOURS[entry.type])


def space_document(found: Mapping[str, Mapping[str, Space]], whole: int) -> dict[str, Any]:
    """Bytes by client and client passenger, and of the whole database, as JSON values."""
    clients = {
        client: {
            name: {"complete": s.complete, "incomplete": s.incomplete, "logs": s.logs} for name, s in taken.items()
        }
        for client, taken in found.items()
    }
    return {"clients": clients, "whole": whole}


def print_space(found: Mapping[str, Mapping[str, Space]], place: str, whole: int) -> None:
    """A table of client passengers, those that take most first."""
    headers = [
        Column(header, justify="right", no_wrap=True) for header in ("Complete", "Incomplete", "Logs", "Together")
    ]
    table = Table("Client", "Passenger", *headers)
    rows = [(client, name, space) for client, taken in found.items() for name, space in taken.items()]
    for client, name, space in sorted(rows, key=lambda row: -row[2].total):
        sizes = map(size_text, (space.complete, space.incomplete, space.logs, space.total))
        table.add_row(escape(client), escape(name), *sizes)
    print_table(table, f"The whole database in {place} takes {size_text(whole)}.")


def print_backups(backups: Sequence[DatabaseBackup]) -> None:
    """A table of a database's backups."""
    if not backups:
        say("There are no backups.")
        return
    table = Table(Column("Made", no_wrap=True), "MiB", Column("File", no_wrap=True), box=None)
    for backup in backups:
        table.add_row(str(backup), f"{backup.size / MIB:,.1f}", escape(str(backup.file)))
    print_table(table, f"{len(backups)} backup{'' if len(backups) == 1 else 's'}")


def say_restored(restored: Restored) -> None:
    """What is in the place of the database now, and where that is which was there."""
    say(f"Restored {restored.backup.file}: the database is as it was at {restored.backup}.")
    if restored.kept is not None:
        say(f"What was there before is kept as {restored.kept}.")


def print_audit(records: Sequence[AuditRecord], total: int) -> None:
    """A table of what people did."""
    table = Table(Column("Time", no_wrap=True), "Who", "What", "On")
    for record in records:
        table.add_row(format_local(record.at)[:19], *map(escape, (record.who, record.what, record.on)))
    print_table(table, f"{total} record{'' if total == 1 else 's'}")


def peek_document(peek: PullerPeek) -> dict[str, Any]:
    """What a puller shows, as JSON values."""
    items = [
        {
            "source_system": item.passenger.source_system,
            "external_id": item.passenger.external_id,
            "state": _standing(item),
            "internal_id": item.known or None,
            "attachments": [attachment.name for attachment in item.passenger.attachments],
        }
        for item in peek.items
    ]
    return {"puller": peek.puller, "offered": peek.offered, "error": peek.error, "more": peek.more, "items": items}


def _standing(item: PeekedPassenger) -> str:
    return "new" if item.known is None else "seated" if item.known else "seated before"


def print_peek(peeks: Sequence[PullerPeek]) -> None:
    """What waits, by puller."""
    for peek in peeks:
        out.print(f"[bold]{escape(peek.puller)}[/bold]: {escape(_how_many(peek))}")
        if peek.error and peek.offered:
            warn(f"  {peek.error}")
        for item in peek.items:
            names = ", ".join(attachment.name for attachment in item.passenger.attachments) or "no attachments"
            say(f"  {_standing(item):13} {item.passenger.source_system} - {item.passenger.external_id} ({names})")


def _how_many(peek: PullerPeek) -> str:
    if not peek.offered:
        return f"peeking is not offered: {peek.error}"
    count = f"{len(peek.items)}{' and more' if peek.more else ''} waiting"
    return f"{count} of what could be read" if peek.error else count


def _whole(header: str) -> Column:
    """A column of ids: they are typed into other commands, so they are never cut."""
    return Column(header, no_wrap=True, min_width=LENGTH_OF_ID)


def _console() -> Console:
    # `out.print(width=...)` would never be wider than the 80 columns that rich takes a pipe for.
    return out if out.is_terminal else Console(width=WIDTH_OF_PIPE, soft_wrap=True, highlight=False)


def print_table(table: Table, summary: str) -> None:
    """A table, and a line below it."""
    _console().print(table, soft_wrap=False)
    say(summary)
