"""Reading the queue: one entry, what is open, numbers."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import BindParameter, ColumnElement, Connection, Row, bindparam, func, literal_column, or_, select

from databus_core.database.sql.codec import (
    STEP_COLUMNS,
    format_of,
    json_or,
    step_of,
    stored_time,
    time_of,
    time_or_none,
)
from databus_core.database.sql.content import Contents
from databus_core.database.sql.store import Store, fetched
from databus_core.database.sql.tables import COMPLETE, OPEN
from databus_core.errors import DamagedError, NotFoundError
from databus_core.model.attachment import Attachment
from databus_core.model.passenger import property_key
from databus_core.model.query import QueueCounts
from databus_core.model.queue_entry import QueueEntry, Step, StepKind

READ_AT_ONCE = 100
"""Entries of a trip."""
LATEST = (1 << 63) - 1
"""No time is later."""

_OPEN: ColumnElement[int] = literal_column(str(OPEN))
_COMPLETE: ColumnElement[int] = literal_column(str(COMPLETE))
"""Written into the statement: with a parameter in their place, no partial index would be used."""


class QueueView:
    """The queues of every client as they are stored."""

    def __init__(self, store: Store, contents: Contents) -> None:
        self._store = store
        self._contents = contents
        tables = store.tables
        self._entry, self._tally, self._content = tables.entry, tables.tally, tables.content
        entry, step, attachment = tables.entry.c, tables.step.c, tables.attachment.c
        keys: BindParameter[int] = bindparam("keys", expanding=True)
        self._select_key = select(entry.id).where(
            entry.client_id == bindparam("client"), entry.internal_id == bindparam("internal_id")
        )
        self._select_entries = select(tables.entry).where(entry.id.in_(keys))
        self._select_steps = (
            select(step.queue_entry_id, *(step[name] for name in STEP_COLUMNS))
            .where(step.queue_entry_id.in_(keys))
            .order_by(step.queue_entry_id, step.position)
        )
        self._select_attachments = (
            select(
                attachment.queue_entry_id,
                attachment.name,
                attachment.format,
                attachment.content_id,
                self._content.c.size,
            )
            .join(self._content, self._content.c.id == attachment.content_id)
            .where(attachment.queue_entry_id.in_(keys))
            .order_by(attachment.queue_entry_id, attachment.position)
        )
        self._select_due = (
            select(entry.id)
            .where(
                entry.client_id == bindparam("client"),
                entry.client_passenger == bindparam("name"),
                entry.status == _OPEN,
                # What was seated before the clock was set back is not put off by that.
                or_(entry.due_at <= bindparam("moment"), entry.due_at <= entry.pulled_at),
            )
            .order_by(entry.pulled_at, entry.internal_id)
        )
        self._select_next_attempt = select(func.min(entry.due_at)).where(
            entry.client_id == bindparam("client"),
            entry.client_passenger == bindparam("name"),
            entry.status == _OPEN,
            entry.due_at > bindparam("after"),
            entry.due_at > entry.pulled_at,
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
        self._select_open_keys = (
            select(entry.id)
            .where(
                entry.client_id == bindparam("client"),
                entry.client_passenger == bindparam("name"),
                entry.status == _OPEN,
            )
            .order_by(entry.pulled_at, entry.internal_id)
        )
        self._select_properties = select(entry.id, entry.internal_id, entry.properties).where(entry.id.in_(keys))
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
            parameters = {"client": client_id, "internal_id": internal_id}
            key = connection.execute(self._select_key, parameters).scalar()
            found = self._entries(connection, [] if key is None else [key])
        if not found:
            raise NotFoundError(f"There is no passenger {internal_id!r:.200} in the queue.")
        if isinstance(found[0], DamagedError):
            raise found[0]
        return found[0]

    def due(
        self, client_id: int, client_passenger: str, moment: datetime | None
    ) -> Iterator[QueueEntry | DamagedError]:
        """See Database.due."""
        latest = LATEST if moment is None else stored_time(moment)
        parameters = {"client": client_id, "name": client_passenger, "moment": latest}
        with self._store.reading() as connection:
            keys = array("q", connection.execute(self._select_due, parameters).scalars())
        for start in range(0, len(keys), READ_AT_ONCE):
            with self._store.reading() as connection:
                entries = self._entries(connection, keys[start : start + READ_AT_ONCE].tolist())
            yield from entries

    def open_keys(self, client_id: int, client_passenger: str, name: str) -> Iterator[list[tuple[str, bytes]]]:
        """See Database.open_keys; some at a time."""
        with self._store.reading() as connection:
            parameters = {"client": client_id, "name": client_passenger}
            keys = array("q", connection.execute(self._select_open_keys, parameters).scalars())
        for start in range(0, len(keys), READ_AT_ONCE):
            some = keys[start : start + READ_AT_ONCE].tolist()
            with self._store.reading() as connection:
                rows = {row.id: row for row in connection.execute(self._select_properties, {"keys": some})}
            yield [(rows[key].internal_id, _property_key(rows[key].properties, name)) for key in some if key in rows]

    def next_attempt_at(self, client_id: int, client_passenger: str, after: datetime | None) -> datetime | None:
        """See Database.next_attempt_at."""
        earliest = -LATEST if after is None else stored_time(after)
        parameters = {"client": client_id, "name": client_passenger, "after": earliest}
        with self._store.reading() as connection:
            return time_or_none(connection.execute(self._select_next_attempt, parameters).scalar())

    def _entries(self, connection: Connection, keys: Sequence[int]) -> list[QueueEntry | DamagedError]:
        """The entries of these rows, in this order; those that are gone are left out."""
        parameters = {"keys": keys}
        rows = {row.id: row for row in connection.execute(self._select_entries, parameters)} if keys else {}
        if not rows:
            return []
        steps: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for key, *values in fetched(connection, self._select_steps, parameters):
            steps[key].append(tuple(values))
        attachments: defaultdict[int, list[Attachment]] = defaultdict(list)
        for key, name, fmt, content_id, size in fetched(connection, self._select_attachments, parameters):
            attachments[key].append(Attachment(name, format_of(fmt), self._contents.stored(content_id, size)))
        return [_entry_or_error(rows[key], steps[key], attachments[key]) for key in keys if key in rows]

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


def _entry_or_error(
    row: Row[Any], steps: list[tuple[Any, ...]], attachments: list[Attachment]
) -> QueueEntry | DamagedError:
    """The entry, or why what is stored of it is none: one that cannot be read harms no other."""
    try:
        return _entry(row, [step_of(values) for values in steps], attachments)
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        return DamagedError(f"Passenger {row.internal_id} cannot be read: {error}.")


def _entry(row: Row[Any], steps: list[Step], attachments: list[Attachment]) -> QueueEntry:
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


def _property_key(stored: str, name: str) -> bytes:
    return property_key(orjson.loads(stored) if stored else {}, name)
