"""Reading the queue: one entry, what is open, pages of rows, numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, literal_column, or_, select

from databus_core.database.sql.codec import (
    MICROSECONDS_OF_DAY,
    ROW_COLUMNS,
    STEP_COLUMNS,
    format_of,
    json_or,
    row_of,
    step_of,
    stored_time,
    time_of,
)
from databus_core.database.sql.content import Contents
from databus_core.database.sql.store import Store, contains, fetched
from databus_core.database.sql.tables import COMPLETE, OPEN
from databus_core.errors import NotFoundError
from databus_core.model.attachment import Attachment
from databus_core.model.query import Query, QueueCounts, QueueOrder, QueueRow, Rows
from databus_core.model.queue_entry import QueueEntry, QueueStatus, StepKind

_OPEN: ColumnElement[int] = literal_column(str(OPEN))
_COMPLETE: ColumnElement[int] = literal_column(str(COMPLETE))
_FAILING: ColumnElement[int] = literal_column("1")
_NONE: ColumnElement[int] = literal_column("0")
"""Written into the statement: with a parameter in their place, no partial index would be used."""


class QueueView:
    """The queues of every client as they are stored."""

    def __init__(self, store: Store, contents: Contents) -> None:
        self._store = store
        self._contents = contents
        tables = store.tables
        self._entry, self._tally, self._content = tables.entry, tables.tally, tables.content
        entry, step, attachment = tables.entry.c, tables.step.c, tables.attachment.c
        self._select_entry = select(tables.entry).where(
            entry.client_id == bindparam("client"), entry.internal_id == bindparam("internal_id")
        )
        self._select_steps = (
            select(*(step[name] for name in STEP_COLUMNS))
            .where(step.queue_entry_id == bindparam("key"))
            .order_by(step.position)
        )
        self._select_attachments = (
            select(attachment.name, attachment.format, attachment.content_id, self._content.c.size)
            .join(self._content, self._content.c.id == attachment.content_id)
            .where(attachment.queue_entry_id == bindparam("key"))
            .order_by(attachment.position)
        )
        self._select_open = (
            select(entry.internal_id)
            .where(
                entry.client_id == bindparam("client"),
                entry.client_passenger == bindparam("name"),
                entry.status == _OPEN,
            )
            .order_by(entry.pulled_at, entry.internal_id)
        )
        self._select_known = select(entry.internal_id, entry.fingerprint).where(
            entry.client_id == bindparam("client"), entry.seat == bindparam("seat")
        )
        purged = tables.purged.c
        self._select_purged = select(purged.fingerprint).where(
            purged.client_id == bindparam("client"), purged.seat == bindparam("seat")
        )

    def known(self, client_id: int, seat: str) -> tuple[str, str] | None:
        """Internal id (empty for one that is purged) and fingerprint of who has, or had, that seat."""
        parameters = {"client": client_id, "seat": seat}
        with self._store.reading() as connection:
            seated = connection.execute(self._select_known, parameters).first()
            if seated is not None:
                return seated.internal_id, seated.fingerprint
            purged = connection.execute(self._select_purged, parameters).first()
            return None if purged is None else ("", purged.fingerprint)

    def entry(self, client_id: int, internal_id: str) -> QueueEntry:
        """See Database.entry."""
        with self._store.reading() as connection:
            row = connection.execute(self._select_entry, {"client": client_id, "internal_id": internal_id}).first()
            if row is None:
                raise NotFoundError(f"There is no passenger {internal_id!r:.200} in the queue.")
            steps = [step_of(values) for values in fetched(connection, self._select_steps, {"key": row.id})]
            attachments = [
                Attachment(name, format_of(fmt), self._contents.stored(content_id, size))
                for name, fmt, content_id, size in fetched(connection, self._select_attachments, {"key": row.id})
            ]
        processors = [step for step in steps[1:] if step.kind is StepKind.PROCESSOR]
        return QueueEntry(
            client_passenger=row.client_passenger,
            passenger_module=row.passenger_module,
            external_id=row.external_id,
            source_system=row.source_system,
            internal_id=row.internal_id,
            notification=steps[0],
            processors=processors,
            pushers=steps[1 + len(processors) :],
            attachments=attachments,
            properties=json_or(row.properties, {}),
            log_ids=json_or(row.log_ids, []),
            pulled_at=time_of(row.pulled_at),
            unknown=json_or(row.unknown, {}),
        )

    def open_ids(self, client_id: int, client_passenger: str) -> list[str]:
        """See Database.open_ids."""
        with self._store.reading() as connection:
            return list(
                connection.execute(self._select_open, {"client": client_id, "name": client_passenger}).scalars()
            )

    def completed_ids(self, client_id: int, client_passenger: str | None, before: datetime | None) -> list[str]:
        """See Database.completed_ids."""
        entry = self._entry.c
        query = select(entry.internal_id).where(entry.client_id == client_id, entry.status == _COMPLETE)
        if client_passenger is not None:
            query = query.where(entry.client_passenger == client_passenger)
        if before is not None:
            query = query.where(entry.done_at < stored_time(before))
        with self._store.reading() as connection:
            return list(connection.execute(query.order_by(entry.pulled_at, entry.internal_id)).scalars())

    # Pages ------------------------------------------------------------------------------------------------------

    def rows(self, client_id: int, query: Query) -> Rows[QueueRow]:
        """See Database.queue_rows."""
        conditions = self._conditions(client_id, query)
        page = select(*(self._entry.c[name] for name in ROW_COLUMNS)).where(*conditions)
        if query.after is not None:
            page = page.where(self._behind(query, query.after))
        page = page.order_by(*self._order(query)).offset(query.offset or None).limit(query.limit)
        with self._store.reading() as connection:
            rows = [row_of(values) for values in fetched(connection, page)] if query.limit else []
            return Rows(rows, self._total(connection, client_id, query, conditions))

    def _conditions(self, client_id: int, query: Query) -> list[ColumnElement[bool]]:
        entry = self._entry.c
        conditions = [entry.client_id == client_id]
        if query.client_passenger:
            conditions.append(entry.client_passenger == query.client_passenger)
        if query.status is not None:
            conditions.append(entry.status == (_COMPLETE if query.status is QueueStatus.COMPLETE else _OPEN))
        if query.has_error is not None:
            conditions.append(entry.failing == literal_column(str(int(query.has_error))))
        if query.source_system:
            conditions.append(entry.source_system == query.source_system)
        if query.pulled_from is not None:
            conditions.append(entry.pulled_at >= stored_time(query.pulled_from))
        if query.pulled_until is not None:
            conditions.append(entry.pulled_at < stored_time(query.pulled_until))
        if query.text:
            texts = (entry.internal_id, entry.external_id, entry.source_system, entry.error)
            conditions.append(or_(*(contains(text, query.text) for text in texts)))
        return conditions

    def _keys(self, query: Query) -> list[ColumnElement[Any]]:
        """What rows are sorted by; the last ones make it unique."""
        entry = self._entry.c
        place: list[ColumnElement[Any]] = [entry.pulled_at, entry.internal_id]
        by: dict[QueueOrder, ColumnElement[Any]] = {
            QueueOrder.EXTERNAL_ID: entry.external_id,
            QueueOrder.SOURCE_SYSTEM: entry.source_system,
            QueueOrder.CLIENT_PASSENGER: entry.client_passenger,
            QueueOrder.STATUS: -entry.status,  # in the order of the words, "complete" before "incomplete"
        }
        return [by[query.order], *place] if query.order in by else place

    def _order(self, query: Query) -> list[ColumnElement[Any]]:
        return [key.desc() if query.descending else key.asc() for key in self._keys(query)]

    def _behind(self, query: Query, row: QueueRow) -> ColumnElement[bool]:
        """Whether a row comes after that one in the query's order."""
        values: list[Any] = [stored_time(row.pulled_at), row.internal_id]
        first: dict[QueueOrder, Any] = {
            QueueOrder.EXTERNAL_ID: row.external_id,
            QueueOrder.SOURCE_SYSTEM: row.source_system,
            QueueOrder.CLIENT_PASSENGER: row.client_passenger,
            QueueOrder.STATUS: -(COMPLETE if row.status is QueueStatus.COMPLETE else OPEN),
        }
        if query.order in first:
            values.insert(0, first[query.order])
        return _later(self._keys(query), values, descending=query.descending)

    # Numbers ----------------------------------------------------------------------------------------------------

    def counts(self, client_id: int) -> dict[str, QueueCounts]:
        """See Database.queue_counts."""
        tally, entry = self._tally.c, self._entry.c
        sums = (
            select(
                tally.client_passenger,
                func.sum(tally.complete).label("complete"),
                func.sum(tally.incomplete).label("incomplete"),
                func.sum(tally.failing).label("failing"),
            )
            .where(tally.client_id == client_id)
            .group_by(tally.client_passenger)
        )
        oldest = select(func.min(entry.pulled_at)).where(
            entry.client_id == client_id, entry.client_passenger == bindparam("name"), entry.status == _OPEN
        )
        with self._store.reading() as connection:
            counts: dict[str, QueueCounts] = {}
            for name, complete, incomplete, failing in connection.execute(sums).all():
                if complete or incomplete:
                    at = connection.execute(oldest, {"name": name}).scalar() if incomplete else None
                    counts[name] = QueueCounts(
                        int(complete), int(incomplete), int(failing), None if at is None else time_of(at)
                    )
            return counts

    def _total(
        self, connection: Connection, client_id: int, query: Query, conditions: Sequence[ColumnElement[bool]]
    ) -> int:
        """How many rows match: whole days from the tallies, as far as these tell, and the rest counted."""
        if query.text or query.source_system:
            return self._count(connection, conditions)
        begin = stored_time(query.pulled_from) if query.pulled_from else None
        end = stored_time(query.pulled_until) if query.pulled_until else None
        first_day = None if begin is None else -(-begin // MICROSECONDS_OF_DAY)
        end_day = None if end is None else end // MICROSECONDS_OF_DAY
        pulled_at = self._entry.c.pulled_at
        spans: list[list[ColumnElement[bool]]] = []
        if begin is not None and end is not None and (begin >= end or first_day >= end_day):  # type: ignore[operator]
            return self._counted(connection, client_id, query, [pulled_at >= begin, pulled_at < end])
        if first_day is not None and begin != first_day * MICROSECONDS_OF_DAY:
            spans.append([pulled_at >= begin, pulled_at < first_day * MICROSECONDS_OF_DAY])
        if end_day is not None and end != end_day * MICROSECONDS_OF_DAY:
            spans.append([pulled_at >= end_day * MICROSECONDS_OF_DAY, pulled_at < end])
        return self._tallied(connection, client_id, query, first_day, end_day) + sum(
            self._counted(connection, client_id, query, span) for span in spans
        )

    def _counted(
        self, connection: Connection, client_id: int, query: Query, span: Sequence[ColumnElement[bool]]
    ) -> int:
        """How many rows of that time match. Each count reads nothing but an index: those that are complete, say, are
        all without the open ones."""
        entry = self._entry.c
        conditions = [entry.client_id == client_id, *span]
        if query.client_passenger:
            conditions.append(entry.client_passenger == query.client_passenger)
        kinds: dict[str, list[ColumnElement[bool]]] = {
            "all": [],
            "open": [entry.status == _OPEN],
            "failing": [entry.failing == _FAILING],
        }
        return sum(
            sign * self._count(connection, [*conditions, *kinds[kind]]) for kind, sign in _addends(query).items()
        )

    def _tallied(
        self, connection: Connection, client_id: int, query: Query, first_day: int | None, end_day: int | None
    ) -> int:
        tally = self._tally.c
        kinds: dict[str, ColumnElement[int]] = {
            "all": tally.complete + tally.incomplete,
            "open": tally.incomplete,
            "failing": tally.failing,
        }
        number = sum((sign * kinds[kind] for kind, sign in _addends(query).items()), start=_NONE)
        query_sum: Select[Any] = select(func.sum(number)).where(tally.client_id == client_id)
        if query.client_passenger:
            query_sum = query_sum.where(tally.client_passenger == query.client_passenger)
        if first_day is not None:
            query_sum = query_sum.where(tally.day >= first_day)
        if end_day is not None:
            query_sum = query_sum.where(tally.day < end_day)
        return int(connection.execute(query_sum).scalar() or 0)

    def _count(self, connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> int:
        return connection.execute(select(func.count()).select_from(self._entry).where(*conditions)).scalar() or 0


def _addends(query: Query) -> dict[str, int]:
    """What a query's status and error come to: numbers of all, open and failing rows to be added or subtracted."""
    if query.status is QueueStatus.COMPLETE:
        return {} if query.has_error else {"all": 1, "open": -1}
    if query.has_error:
        return {"failing": 1}
    found = {"all" if query.status is None else "open": 1}
    return found if query.has_error is None else found | {"failing": -1}


def _later(keys: Sequence[ColumnElement[Any]], values: Sequence[Any], *, descending: bool) -> ColumnElement[bool]:
    """Whether a row with these keys comes after the one with these values: at the first key in which they differ."""
    key, value = keys[0], values[0]
    beyond = key < value if descending else key > value
    if len(keys) == 1:
        return beyond
    further = and_(key == value, _later(keys[1:], values[1:], descending=descending))
    # The first bound follows from the others, but only so do databases see where in an index to begin.
    return and_(key <= value if descending else key >= value, or_(beyond, further))
