"""What is known of plug-ins that crashed."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from databus_core.database.sql.codec import stored_time, time_of
from databus_core.database.sql.store import Store, fetched
from databus_core.model.plugin_state import PluginState


class PluginTable:
    """Every client's; a plug-in that never crashed has no row."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._table = store.tables.plugin_state

    def states(self, client_id: int) -> dict[str, PluginState]:
        """See Database.plugin_states."""
        table = self._table.c
        columns = (table.step, table.doing, table.crashes, table.last_crash, table.quarantined_at)
        query = select(*columns).where(table.client_id == client_id)
        with self._store.reading() as connection:
            return {
                step: PluginState(step, doing, crashes, last, None if since is None else time_of(since))
                for step, doing, crashes, last, since in fetched(connection, query)
            }

    def write(self, client_id: int, step: str, state: PluginState | None) -> None:
        """See Database.write_plugin_state."""
        table = self._table.c

        def work(connection: Connection) -> None:
            connection.execute(delete(self._table).where(table.client_id == client_id, table.step == step))
            if state is not None:
                since = state.quarantined_at
                row = {
                    "id": self._store.number(connection, self._table),
                    "client_id": client_id,
                    "step": step,
                    "doing": state.doing,
                    "crashes": state.crashes,
                    "last_crash": state.last_crash,
                    "quarantined_at": None if since is None else stored_time(since),
                }
                connection.execute(insert(self._table), row)

        self._store.write(work)
