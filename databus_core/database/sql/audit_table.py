"""What people did by hand: rows are added, never changed, and removed when they are old."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from databus_core.database.sql.codec import stored_time, time_of
from databus_core.database.sql.store import Store, fetched
from databus_core.model.audit import AuditRecord
from databus_core.model.query import Rows


class AuditTable:
    """The audits of every client."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._audit = store.tables.audit

    def append(self, client_id: int, records: Sequence[AuditRecord]) -> None:
        """See Database.append_audit."""

        def work(connection: Connection) -> None:
            first = self._store.number(connection, self._audit, len(records))
            rows = [
                {
                    "id": key,
                    "client_id": client_id,
                    "at": stored_time(record.at),
                    "who": record.who,
                    "what": record.what,
                    "done_on": record.on,
                }
                for key, record in enumerate(records, first)
            ]
            if rows:
                connection.execute(insert(self._audit), rows)

        self._store.write(work)

    def rows(self, client_id: int, offset: int, limit: int) -> Rows[AuditRecord]:
        """See Database.audit_rows."""
        audit = self._audit.c
        of_client = audit.client_id == client_id
        page = (
            select(audit.at, audit.who, audit.what, audit.done_on)
            .where(of_client)
            .order_by(audit.at.desc(), audit.id.desc())
            .offset(offset or None)
            .limit(limit)
        )
        with self._store.reading() as connection:
            records = [AuditRecord(time_of(at), who, what, on) for at, who, what, on in fetched(connection, page)]
            total = connection.execute(select(func.count()).select_from(self._audit).where(of_client)).scalar() or 0
        return Rows(records, total)

    def remove(self, client_id: int, before: datetime) -> int:
        """See Database.remove_audit."""
        audit = self._audit.c
        old = delete(self._audit).where(audit.client_id == client_id, audit.at < stored_time(before))
        return self._store.write(lambda connection: connection.execute(old).rowcount)
