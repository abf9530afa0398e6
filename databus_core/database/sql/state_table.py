"""The small documents that the engine keeps for a client."""

from __future__ import annotations

import orjson
from sqlalchemy import Connection, delete, insert, select

from databus_core.database.sql.store import Store, fetched
from databus_core.model.passenger import Json


class StateTable:
    """Of every client."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._state = store.tables.state

    def all(self, client_id: int) -> dict[str, Json]:
        """See Database.states."""
        state = self._state.c
        query = select(state.name, state.document).where(state.client_id == client_id)
        with self._store.reading() as connection:
            return {name: orjson.loads(document) for name, document in fetched(connection, query)}

    def write(self, client_id: int, name: str, document: Json) -> None:
        """See Database.write_state."""
        state = self._state
        values = {"client_id": client_id, "name": name, "document": orjson.dumps(document).decode()}

        def work(connection: Connection) -> None:
            connection.execute(delete(state).where(state.c.client_id == client_id, state.c.name == name))
            if document is not None:
                connection.execute(insert(state), values)

        self._store.write(work)
