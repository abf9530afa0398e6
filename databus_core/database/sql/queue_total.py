"""How many rows match, without counting them where the tallies know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal_column, select

from databus_core.database.sql.codec import MICROSECONDS_OF_DAY, stored_time
from databus_core.database.sql.tables import OPEN, Tables
from databus_core.model.query import Query
from databus_core.model.queue_entry import DECISION_NEEDED, QueueStatus

_OPEN: ColumnElement[int] = literal_column(str(OPEN))
_FAILING: ColumnElement[int] = literal_column("1")
"""Written into the statement: with a parameter in their place, no partial index would be used."""
_NONE: ColumnElement[int] = literal_column("0")


class QueueTotal:
    """Numbers of one client's entries."""

    def __init__(self, tables: Tables, client_id: int) -> None:
        self._entry, self._tally = tables.entry, tables.tally
        self._client = client_id

    def of(self, connection: Connection, query: Query, conditions: Sequence[ColumnElement[bool]]) -> int:
        """How many rows match but for the text: whole days from the tallies, as far as these tell, the rest counted."""
        decision = query.needs_decision or query.status in DECISION_NEEDED
        if decision or query.source_system or query.id or query.attempts or query.open_step or query.error:
            return self.counted(connection, conditions)
        begin = stored_time(query.pulled_from) if query.pulled_from else None
        end = stored_time(query.pulled_until) if query.pulled_until else None
        first_day = None if begin is None else -(-begin // MICROSECONDS_OF_DAY)
        end_day = None if end is None else end // MICROSECONDS_OF_DAY
        pulled_at = self._entry.c.pulled_at
        spans: list[list[ColumnElement[bool]]] = []
        if begin is not None and end is not None and (begin >= end or first_day >= end_day):  # type: ignore[operator]
            return self._of_span(connection, query, [pulled_at >= begin, pulled_at < end])
        if first_day is not None and begin != first_day * MICROSECONDS_OF_DAY:
            spans.append([pulled_at >= begin, pulled_at < first_day * MICROSECONDS_OF_DAY])
        if end_day is not None and end != end_day * MICROSECONDS_OF_DAY:
            spans.append([pulled_at >= end_day * MICROSECONDS_OF_DAY, pulled_at < end])
        return self._tallied(connection, query, first_day, end_day) + sum(
            self._of_span(connection, query, span) for span in spans
        )

    def _of_span(self, connection: Connection, query: Query, span: Sequence[ColumnElement[bool]]) -> int:
        """How many rows of that time match. Each count reads nothing but an index: those that are complete, say, are
        all without the open ones."""
        entry = self._entry.c
        conditions = [entry.client_id == self._client, *span]
        if query.client_passenger:
            conditions.append(entry.client_passenger == query.client_passenger)
        kinds: dict[str, list[ColumnElement[bool]]] = {
            "all": [],
            "open": [entry.status == _OPEN],
            "failing": [entry.failing == _FAILING],
        }
        return sum(
            sign * self.counted(connection, [*conditions, *kinds[kind]]) for kind, sign in _addends(query).items()
        )

    def _tallied(self, connection: Connection, query: Query, first_day: int | None, end_day: int | None) -> int:
        tally = self._tally.c
        kinds: dict[str, ColumnElement[int]] = {
            "all": tally.complete + tally.incomplete,
            "open": tally.incomplete,
            "failing": tally.failing,
        }
        number = sum((sign * kinds[kind] for kind, sign in _addends(query).items()), start=_NONE)
        query_sum: Select[Any] = select(func.sum(number)).where(tally.client_id == self._client)
        if query.client_passenger:
            query_sum = query_sum.where(tally.client_passenger == query.client_passenger)
        if first_day is not None:
            query_sum = query_sum.where(tally.day >= first_day)
        if end_day is not None:
            query_sum = query_sum.where(tally.day < end_day)
        return int(connection.execute(query_sum).scalar() or 0)

    def counted(self, connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> int:
        """How many rows match, counted."""
        return connection.execute(select(func.count()).select_from(self._entry).where(*conditions)).scalar() or 0


def _addends(query: Query) -> dict[str, int]:
    """What a query's status and error come to: numbers of all, open and failing rows to be added or subtracted."""
    if query.status is QueueStatus.COMPLETE:
        return {} if query.has_error else {"all": 1, "open": -1}
    if query.has_error:
        return {"failing": 1}
    found = {"all" if query.status is None else "open": 1}
    return found if query.has_error is None else found | {"failing": -1}
