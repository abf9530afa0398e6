"""Copying a client with everything it has from one database to another; doing it twice doubles nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from databus_core.errors import DatabaseError, ExportStopped
from databus_core.model.audit import AuditRecord
from databus_core.model.log import Log
from databus_core.model.query import PAGE, LogQuery, LogRow, Query, QueueRow
from databus_core.model.queue_entry import QueueEntry
from databus_core.plugins.database import Database

Progress = Callable[[int, int], None]
"""Told, in the export's thread, how many passengers of how many are dealt with."""

LINES_AT_ONCE = 1000


def never() -> bool:
    """For an export that nobody stops."""
    return False


def export_client(
    source: Database, target: Database, client_id: str, progress: Progress, stopped: Callable[[], bool] = never
) -> int:
    """Copy configuration, backups, passengers with their ids, states and attachments, logs, audit, last trips, what is
    paused, and the ledger of missed trips.

    Both databases are open, the target for writing. Answers how many passengers were new in the target; those that
    it has already are brought to the source's state, and passed over where they have it: after a stop or a crash the
    next export goes on where this one ended. `stopped` is asked between two pages. Raises DatabaseError, ExportStopped.
    """
    if client_id not in target.client_ids():
        target.create_client(client_id)
    target.write_configuration(client_id, source.configuration(client_id))
    _copy_backups(source, target, client_id)
    copied = _copy_queue(source, target, client_id, progress, stopped)
    _copy_logs(source, target, client_id, stopped)
    _copy_audit(source, target, client_id)
    for trip in source.last_trips(client_id).values():
        target.record_trip(client_id, trip)
    _copy_schedules(source, target, client_id)
    return copied


def _copy_queue(
    source: Database, target: Database, client_id: str, progress: Progress, stopped: Callable[[], bool]
) -> int:
    done = copied = 0
    after: QueueRow | None = None
    while True:
        page = source.queue_rows(Query(client_id=client_id, descending=False, after=after))
        if not page.rows:
            progress(done, max(done, page.total))
            return copied
        copied += _copy_passengers(source, target, client_id, page.rows)
        after = page.rows[-1]
        done += len(page.rows)
        progress(done, page.total)
        _check(stopped, done, page.total)


def _copy_passengers(source: Database, target: Database, client_id: str, rows: Sequence[QueueRow]) -> int:
    new: list[QueueEntry] = []
    changed: list[QueueEntry] = []
    for row in rows:
        known = target.known(client_id, row.source_system, row.external_id)
        if known is None:
            new.append(source.entry(client_id, row.internal_id))
        elif known == row.internal_id:
            entry = source.entry(client_id, row.internal_id)
            if not _same(entry, target.entry(client_id, row.internal_id)):
                changed.append(entry)
        elif known:
            raise DatabaseError(
                f"{target} has {row.source_system} - {row.external_id} already, as passenger {known}; here it is "
                f"{row.internal_id}. Two databases that each took it in cannot be made one."
            )
    target.seat(client_id, new)
    target.update(client_id, changed)
    return len(new)


def _same(one: QueueEntry, other: QueueEntry) -> bool:
    """Whether both say the same. Contents are told apart by their sizes: whoever changes one completes a step, too."""

    def facts(entry: QueueEntry) -> tuple[object, ...]:
        attachments = [(each.name, each.format, each.size) for each in entry.attachments]
        return dataclasses.replace(entry, attachments=[]), attachments

    return facts(one) == facts(other)


def _copy_logs(source: Database, target: Database, client_id: str, stopped: Callable[[], bool]) -> None:
    present = {row.id: row for row in _logs(target, client_id)}
    for row in _logs(source, client_id):
        there = present.get(row.id)
        if there is None or there.length < row.length or there.finished_at != row.finished_at:
            _copy_log(source, target, client_id, row, 0 if there is None else there.length)
        _check(stopped, 0, 0)


def _copy_log(source: Database, target: Database, client_id: str, row: LogRow, start: int) -> None:
    """Append the lines from that one on."""
    log = Log(client_id, row.client_passenger, id=row.id, started_at=row.started_at)
    log.finished_at, log.worst = row.finished_at, row.worst
    while True:
        lines = source.log_entries(client_id, row.id, start, LINES_AT_ONCE)
        target.append_log(log, lines.rows)
        start += len(lines.rows)
        if not lines.rows or start >= lines.total:
            break
    target.finish_log(log)


def _logs(database: Database, client_id: str) -> list[LogRow]:
    rows: list[LogRow] = []
    while True:
        page = database.log_rows(LogQuery(client_id=client_id, offset=len(rows), limit=10 * PAGE))
        rows += page.rows
        if not page.rows:
            return rows


def _check(stopped: Callable[[], bool], done: int, total: int) -> None:
    if stopped():
        so_far = f" after {done:,} of {total:,} passengers" if total else ""
        raise ExportStopped(f"The export was stopped{so_far}. The next one goes on from there.")


def _copy_schedules(source: Database, target: Database, client_id: str) -> None:
    """What is paused, and the ledger of missed trips."""
    for state in source.route_states(client_id).values():
        target.write_route_state(client_id, state)
    target.append_missed(client_id, source.missed(client_id))


def _copy_backups(source: Database, target: Database, client_id: str) -> None:
    present = {(b.node, target.backup_text(client_id, b.id)) for b in target.backups(client_id)}
    for backup in reversed(source.backups(client_id)):
        text = source.backup_text(client_id, backup.id)
        if (backup.node, text) not in present:
            target.add_backup(client_id, backup.node, text)


def _copy_audit(source: Database, target: Database, client_id: str) -> None:
    present = set(_audit(target, client_id))
    target.append_audit(client_id, [record for record in reversed(_audit(source, client_id)) if record not in present])


def _audit(database: Database, client_id: str) -> list[AuditRecord]:
    total = database.audit_rows(client_id, limit=1).total
    return database.audit_rows(client_id, limit=max(1, total)).rows
