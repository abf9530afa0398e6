"""The filters of a query, but for its text."""

from __future__ import annotations

from typing import TypeAlias

from sqlalchemy import ColumnElement, exists, literal_column, or_

from databus_core.database.sql.codec import KINDS, STATUS_NUMBERS, stored_time
from databus_core.database.sql.store import contains
from databus_core.database.sql.tables import COMPLETE, OPEN, Tables
from databus_core.model.query import Query
from databus_core.model.queue_entry import QueueStatus

_PLAIN = {QueueStatus.INCOMPLETE, QueueStatus.COMPLETE}

Conditions: TypeAlias = "list[ColumnElement[bool]]"


class Filters:
    """Of one client's entries."""

    def __init__(self, tables: Tables, client_id: int, query: Query) -> None:
        self._entry, self._step = tables.entry, tables.step
        self._client_id = client_id
        self._query = query

    def conditions(self, *, led: bool = False) -> Conditions:
        """All of them; `led` by another condition, which the database is to begin with and not with the client."""
        return [*self.indexed(led=led), *self.unindexed()]

    def indexed(self, *, led: bool = False) -> Conditions:
        """Those that an index of the entries knows."""
        entry, query = self._entry.c, self._query
        conditions: Conditions = [(entry.client_id + 0 if led else entry.client_id) == self._client_id]
        if query.client_passenger:
            conditions.append(entry.client_passenger == query.client_passenger)
        if query.status is not None:
            # Written into the statement: with a parameter in their place, no partial index would be used.
            status = COMPLETE if query.status is QueueStatus.COMPLETE else OPEN
            conditions.append(entry.status == literal_column(str(status)))
        if query.needs_decision or query.status not in (None, *_PLAIN):
            # Whoever needs a decision has an error: there is an index of these.
            conditions.append(entry.failing == literal_column("1"))
        if query.has_error is not None:
            conditions.append(entry.failing == literal_column(str(int(query.has_error))))
        if query.pulled_from is not None:
            conditions.append(entry.pulled_at >= stored_time(query.pulled_from))
        if query.pulled_until is not None:
            conditions.append(entry.pulled_at < stored_time(query.pulled_until))
        return conditions

    def unindexed(self) -> Conditions:
        """The others."""
        entry, query = self._entry.c, self._query
        conditions: Conditions = []
        if query.status is not None and query.status not in _PLAIN:
            conditions.append(entry.decision == STATUS_NUMBERS[query.status])
        if query.needs_decision:
            conditions.append(entry.decision != 0)
        if query.source_system:
            conditions.append(entry.source_system == query.source_system)
        if query.id:
            conditions.append(or_(entry.internal_id == query.id, entry.external_id == query.id))
        if query.attempts:
            conditions.append(entry.attempts >= query.attempts)
        if query.error:
            conditions.append(contains(entry.error, query.error))
        if query.open_step:
            conditions.append(self._has_open_step(query))
        return conditions

    def _has_open_step(self, query: Query) -> ColumnElement[bool]:
        step = self._step.c
        open_step = exists().where(
            step.queue_entry_id == self._entry.c.id,
            step.status != STATUS_NUMBERS[QueueStatus.COMPLETE],
            contains(step.name, query.open_step),
        )
        kind = query.open_step_kind
        return open_step if kind is None else open_step.where(step.kind == KINDS.index(kind))
