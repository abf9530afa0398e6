"""The logs of trips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from databus_core.database.sql.codec import MESSAGE_TYPES, stored_time, stored_time_or_none, time_of, time_or_none
from databus_core.database.sql.retention import Surplus, newest_log
from databus_core.database.sql.space import LogTally, log_size
from databus_core.database.sql.statement import Inserting, updating
from databus_core.database.sql.store import Store, contains, fetched, in_bunches
from databus_core.errors import NotFoundError
from databus_core.model.log import Log, LogEntry
from databus_core.model.query import LogQuery, LogRow, Rows


@dataclass(slots=True)
class _Row:
    """A log as its row has it, without its lines."""

    id: int
    length: int
    worst: int
    size: int


class LogTable:
    """The logs of every client."""

    def __init__(self, store: Store) -> None:
        self._store = store
        tables = store.tables
        self._log, self._module, self._entry = tables.log, tables.log_module, tables.log_entry
        self._insert_entry = Inserting(self._entry, store.dialect)
        self._change = updating(self._log, store.dialect, ("length", "worst", "size"), ["id"])
        self._running: set[tuple[int, str]] = set()
        self._rows: dict[tuple[int, str], _Row] = {}
        self._modules: dict[str, int] = {}
        self._tally = LogTally(store)
        self._surplus = Surplus(store.tables)

    def forget(self) -> None:
        """What was written last was undone: read it anew."""
        self._rows.clear()
        self._modules.clear()
        self._tally.forget()

    # Writing ----------------------------------------------------------------------------------------------------

    def append(self, client_id: int, log: Log, entries: Sequence[LogEntry]) -> None:
        """See Database.append_log."""
        self._store.write(lambda connection: self._append(connection, client_id, log, entries))

    def _append(self, connection: Connection, client_id: int, log: Log, entries: Sequence[LogEntry]) -> None:
        self._running.add((client_id, log.id))
        row = self._row(connection, client_id, log)
        modules = {name: self._module_id(connection, name) for name in {entry.module for entry in entries}}
        messages = [entry.message for entry in entries]
        together = "".join(messages)
        if "\0" in together or not together.isascii():  # looked at once: most logs are plain
            messages = list(map(_text, messages))
        lines = [
            (row.id, position, stored_time(entry.at), modules[entry.module], _SEVERITIES[entry.type], message)
            for position, (entry, message) in enumerate(zip(entries, messages, strict=True), row.length)
        ]
        self._insert_entry.run(connection, lines)
        size = sum(map(len, map(itemgetter(5), lines)))
        row.length += len(lines)
        row.worst = max(row.worst, max(map(itemgetter(4), lines), default=0))
        row.size += size
        self._change.run(connection, [(row.length, row.worst, row.size, row.id)])
        self._tally.add(connection, client_id, log.client_passenger, 0, log_size(len(lines), size, begun=False))

    def _row(self, connection: Connection, client_id: int, log: Log) -> _Row:
        key = client_id, log.id
        if key not in self._rows:
            table = self._log.c
            query = select(table.id, table.length, table.worst, table.size).where(
                table.client_id == client_id, table.log_id == log.id
            )
            found = connection.execute(query).first()
            self._rows[key] = _Row(*found) if found else self._begin(connection, client_id, log)
        return self._rows[key]

    def _begin(self, connection: Connection, client_id: int, log: Log) -> _Row:
        row = _Row(self._store.number(connection, self._log), 0, 0, 0)
        connection.execute(
            insert(self._log),
            {
                "id": row.id,
                "client_id": client_id,
                "log_id": log.id,
                "client_passenger": log.client_passenger,
                "started_at": stored_time(log.started_at),
                "finished_at": None,
                "worst": row.worst,
                "length": row.length,
                "size": row.size,
            },
        )
        self._tally.add(connection, client_id, log.client_passenger, 1, log_size(0, 0))
        return row

    def _module_id(self, connection: Connection, name: str) -> int:
        number = self._modules.get(name)
        if number is not None:
            return number
        if not self._modules:
            table = self._module.c
            self._modules.update((known, key) for key, known in connection.execute(select(table.id, table.name)))
        if name not in self._modules:
            number = self._store.number(connection, self._module)
            connection.execute(insert(self._module), {"id": number, "name": name})
            self._modules[name] = number
        return self._modules[name]

    def finish(self, client_id: int, log: Log) -> None:
        """See Database.finish_log."""

        def work(connection: Connection) -> None:
            table = self._log
            found = update(table).where(table.c.client_id == client_id, table.c.log_id == log.id)
            connection.execute(found, {"finished_at": stored_time_or_none(log.finished_at)})
            self._rows.pop((client_id, log.id), None)

        self._store.write(work)
        self._running.discard((client_id, log.id))

    def remove(self, client_id: int, before: datetime, client_passenger: str | None) -> int:
        """See Database.remove_logs. A log whose process died counts as finished."""
        table = self._log.c
        query = select(table.id, table.log_id).where(
            table.client_id == client_id, table.started_at < stored_time(before)
        )
        with self._store.reading() as connection:
            if client_passenger is not None:
                newest = newest_log(connection, self._log, client_id, client_passenger) if client_passenger else 0
                query = query.where(table.client_passenger == client_passenger, table.id != newest)
            found = [key for key, log_id in connection.execute(query) if (client_id, log_id) not in self._running]
        self._remove_all(found)
        return len(found)

    def remove_surplus(self, client_id: int, client_passenger: str, count: int | None, size: int | None) -> int:
        """See Database.remove_surplus_logs."""
        with self._store.reading() as connection:
            found = self._surplus.logs(connection, (client_id, client_passenger), count, size, self._running)
        self._remove_all(found)
        return len(found)

    def _remove_all(self, keys: Sequence[int]) -> None:
        for some in in_bunches(keys):
            self._store.write(lambda connection, some=some: self._remove(connection, some))

    def _remove(self, connection: Connection, keys: Sequence[int]) -> None:
        self._tally.take_away(connection, keys)
        connection.execute(delete(self._entry).where(self._entry.c.trip_log_id.in_(keys)))
        connection.execute(delete(self._log).where(self._log.c.id.in_(keys)))

    # Reading ----------------------------------------------------------------------------------------------------

    def rows(self, client_id: int, query: LogQuery) -> Rows[LogRow]:
        """See Database.log_rows."""
        table = self._log.c
        conditions: list[ColumnElement[bool]] = [table.client_id == client_id]
        if query.client_passenger:
            conditions.append(table.client_passenger == query.client_passenger)
        if query.worst is not None:
            conditions.append(table.worst >= query.worst.severity)
        if query.started_from is not None:
            conditions.append(table.started_at >= stored_time(query.started_from))
        if query.started_until is not None:
            conditions.append(table.started_at < stored_time(query.started_until))
        if query.text:
            conditions.append(or_(contains(table.log_id, query.text), contains(table.client_passenger, query.text)))
        names = ("log_id", "client_passenger", "started_at", "finished_at", "worst", "length", "size")
        page = (
            select(*(table[name] for name in names))
            .where(*conditions)
            .order_by(table.started_at.desc(), table.log_id.desc())
            .offset(query.offset or None)
            .limit(query.limit)
        )
        with self._store.reading() as connection:
            rows = [
                LogRow(
                    log_id, name, time_of(started_at), time_or_none(finished_at), MESSAGE_TYPES[worst], length,
                    log_size(length, size),
                )
                for log_id, name, started_at, finished_at, worst, length, size in fetched(connection, page)
            ]  # fmt: skip
            total = connection.execute(select(func.count()).select_from(self._log).where(*conditions)).scalar() or 0
        return Rows(rows, total)

    def entries(self, client_id: int, log_id: str, offset: int, limit: int | None) -> Rows[LogEntry]:
        """See Database.log_entries."""
        log, entry, module = self._log.c, self._entry.c, self._module.c
        found = select(log.id, log.length).where(log.client_id == client_id, log.log_id == log_id)
        with self._store.reading() as connection:
            row = connection.execute(found).first()
            if row is None:
                raise NotFoundError(f"There is no log {log_id!r:.200}.")
            page = (
                select(entry.at, module.name, entry.type, entry.message)
                .join(self._module, module.id == entry.log_module_id)
                .where(entry.trip_log_id == row.id, entry.position >= offset)
                .order_by(entry.position)
            )
            if limit is not None:
                page = page.where(entry.position < offset + limit)
            found_lines = fetched(connection, page)
        rows = [LogEntry(time_of(at), name, MESSAGE_TYPES[type_], message) for at, name, type_, message in found_lines]
        return Rows(rows, row.length)


_SEVERITIES = {type_: number for number, type_ in MESSAGE_TYPES.items()}


def _text(message: str) -> str:
    """A message that every database can store: no half surrogates, no NUL."""
    if "\0" in message:
        message = message.replace("\0", "\u2400")
    return message if message.isascii() else message.encode(errors="backslashreplace").decode()
