"""Copying a client with everything it has from one database to another; doing it twice doubles nothing."""

from __future__ import annotations

from collections.abc import Callable

from databus_core.errors import DatabaseError
from databus_core.model.log import Log
from databus_core.model.query import PAGE, LogQuery, Query
from databus_core.plugins.database import Database

Progress = Callable[[int, int], None]
"""Told, in the export's thread, how many passengers of how many are copied."""


def export_client(source: Database, target: Database, client_id: str, progress: Progress) -> int:
    """Copy configuration, backups, passengers with their ids, states and attachments, logs and last trips.

    Both databases are open, the target for writing. Answers how many passengers were new in the target; those that
    it has already are brought to the source's state. Raises DatabaseError.
    """
    if client_id not in target.client_ids():
        target.create_client(client_id)
    target.write_configuration(client_id, source.configuration(client_id))
    _copy_backups(source, target, client_id)
    copied = _copy_queue(source, target, client_id, progress)
    _copy_logs(source, target, client_id)
    for trip in source.last_trips(client_id).values():
        target.record_trip(client_id, trip)
    return copied


def _copy_queue(source: Database, target: Database, client_id: str, progress: Progress) -> int:
    offset = copied = 0
    while True:
        page = source.queue_rows(Query(client_id=client_id, descending=False, offset=offset))
        entries = [source.entry(client_id, row.internal_id) for row in page.rows]
        new = target.seat(client_id, entries)
        copied += sum(new)
        present = [entry for entry, is_new in zip(entries, new, strict=True) if not is_new]
        for entry in present:
            known = target.known(client_id, entry.source_system, entry.external_id)
            if known not in {entry.internal_id, ""}:
                raise DatabaseError(
                    f"{target} has {entry} already under the id {known}; it is another passenger there."
                )
        target.update(client_id, [e for e in present if target.known(client_id, e.source_system, e.external_id)])
        offset += len(page.rows)
        progress(offset, page.total)
        if not page.rows or offset >= page.total:
            return copied


def _copy_logs(source: Database, target: Database, client_id: str) -> None:
    present = _log_ids(target, client_id)
    offset = 0
    while True:
        page = source.log_rows(LogQuery(client_id=client_id, offset=offset))
        for row in page.rows:
            if row.id in present:
                continue
            log = Log(client_id, row.client_passenger, id=row.id, started_at=row.started_at)
            log.finished_at, log.worst = row.finished_at, row.worst
            start = 0
            while True:
                lines = source.log_entries(client_id, row.id, start, 10 * PAGE)
                target.append_log(log, lines.rows)
                start += len(lines.rows)
                if not lines.rows or start >= lines.total:
                    break
            target.finish_log(log)
        offset += len(page.rows)
        if not page.rows or offset >= page.total:
            return


def _log_ids(database: Database, client_id: str) -> set[str]:
    total = database.log_rows(LogQuery(client_id=client_id, limit=1)).total
    return {row.id for row in database.log_rows(LogQuery(client_id=client_id, limit=max(1, total))).rows}


def _copy_backups(source: Database, target: Database, client_id: str) -> None:
    present = {(b.node, target.backup_text(client_id, b.id)) for b in target.backups(client_id)}
    for backup in reversed(source.backups(client_id)):
        text = source.backup_text(client_id, backup.id)
        if (backup.node, text) not in present:
            target.add_backup(client_id, backup.node, text)
