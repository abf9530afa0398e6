"""Why passengers are not delivered, for the command line: what is stored, and what a running dispatcher is about."""

from __future__ import annotations

from dataclasses import replace

from databus_core.engine.control import command
from databus_core.engine.inquiry import Inquiry
from databus_core.engine.storage import Storage
from databus_core.engine.why import Circumstances, why_not_delivered
from databus_core.model.clock import now, parse_time
from databus_core.model.queue_entry import QueueEntry
from databus_core.plugins.observer import DispatcherState


class Reasons:
    """About the passengers of one client; a dispatcher is asked once for each client passenger."""

    def __init__(self, storage: Storage, client_id: str) -> None:
        """Raises DatabaseError."""
        self._client_id = client_id
        configuration, _ = storage.customizing.client(client_id)
        self._inquiry = Inquiry(storage.database, client_id, configuration)
        holder = storage.database.holder()
        self._control = holder.control if holder is not None else ""
        self._circumstances: dict[str, Circumstances] = {}

    def why(self, entry: QueueEntry) -> str:
        """One sentence. Raises DatabaseError, DispatcherError when a dispatcher runs and does not answer."""
        name = entry.client_passenger
        if name not in self._circumstances:
            self._circumstances[name] = self._ask(name)
        return why_not_delivered(entry, replace(self._circumstances[name], hindrances=self._inquiry.hindrances(entry)))

    def _ask(self, client_passenger: str) -> Circumstances:
        if not self._control:
            return Circumstances(moment=now(), state=DispatcherState.STOPPED)
        client_id = self._client_id
        said = command(self._control, "circumstances", client_id=client_id, client_passenger=client_passenger)
        due_at = said["next_due_at"]
        return Circumstances(
            moment=now(),
            state=DispatcherState(said["state"]),
            paused=said["paused"],
            is_travelling=said["is_travelling"],
            next_due_at=parse_time(due_at) if due_at else None,
        )
