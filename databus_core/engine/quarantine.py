"""Plug-ins that crashed, and those among them that are called no more until a person releases them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from databus_core.engine.calls import CallUnderWay
from databus_core.errors import NotFoundError
from databus_core.model.clock import now
from databus_core.model.passenger import Json
from databus_core.model.plugin_state import PluginState
from databus_core.model.queue_entry import short_name
from databus_core.plugins.database import Database, ignored

_PREFIX = "crashes/"


class Quarantine:
    """Every client's plug-ins that crashed, over a database that this process holds. Safe to use from any thread."""

    def __init__(self, database: Database, crashes: int, on_change: Callable[[str], None] = ignored) -> None:
        """A plug-in that crashes so often in a row is put into quarantine; `on_change` is told the client then."""
        self._database = database
        self._crashes = crashes
        self._on_change = on_change
        self._states: dict[str, dict[str, PluginState]] = {}
        self._lock = threading.RLock()

    def of(self, client_id: str) -> dict[str, PluginState]:
        """The client's plug-ins in quarantine, by step name. Raises DatabaseError."""
        with self._lock:
            states = self._known(client_id)
            return {step: state for step, state in states.items() if state.quarantined_at is not None}

    def reasons(self, client_id: str) -> dict[str, str]:
        """Why they are not called, in words."""
        return {step: str(state) for step, state in self.of(client_id).items()}

    def crashed(self, client_id: str, under_way: CallUnderWay, how: str) -> PluginState:
        """A plug-in took its process with it; answers what is known of it now. Raises DatabaseError."""
        call = under_way.call
        with self._lock:
            before = self._known(client_id).get(call.step)
            in_a_row = before.crashes if before and before.doing == call.doing and not under_way.came_back else 0
            state = PluginState(call.step, call.doing, in_a_row + 1, how)
            if state.crashes >= self._crashes:
                state = replace(state, quarantined_at=now())
            self._write(client_id, call.step, state)
        if state.quarantined_at is not None:
            self._on_change(client_id)
        return state

    def came_back(self, client_id: str, calls: set[tuple[str, str]]) -> None:
        """Plug-ins came back from these calls: who crashed in one before does not crash each time."""
        with self._lock:
            for state in list(self._known(client_id).values()):
                if (state.step, state.doing) in calls and state.quarantined_at is None:
                    self._write(client_id, state.step, None)

    def release(self, client_id: str, step: str) -> str:
        """A person lets a plug-in be called again; answers its step's name. Raises NotFoundError.

        `step` is its step's name, or the last part of it where that is one plug-in's only.
        """
        with self._lock:
            names = list(self.of(client_id))
            meant = [name for name in names if name == step] or [name for name in names if short_name(name) == step]
            if len(meant) != 1:
                known = ", ".join(meant or names) or "none"
                raise NotFoundError(f"Client {client_id!r} has no plug-in {step!r} in quarantine; there are: {known}.")
            self._write(client_id, meant[0], None)
        self._on_change(client_id)
        return meant[0]

    def _known(self, client_id: str) -> dict[str, PluginState]:
        if client_id not in self._states:
            self._states[client_id] = crashed_in(self._database.states(client_id))
        return self._states[client_id]

    def _write(self, client_id: str, step: str, state: PluginState | None) -> None:
        self._database.write_state(client_id, f"{_PREFIX}{step}", None if state is None else state.document())
        if state is None:
            self._known(client_id).pop(step, None)
        else:
            self._known(client_id)[step] = state


def crashed_in(documents: Mapping[str, Json]) -> dict[str, PluginState]:
    """The plug-ins of a client that crashed, by step name, of its small documents."""
    states = [PluginState.of(document) for name, document in documents.items() if name.startswith(_PREFIX)]
    return {state.step: state for state in states if state is not None}


def quarantined_in(documents: Mapping[str, Json]) -> dict[str, PluginState]:
    """Those of them that are in quarantine."""
    return {step: state for step, state in crashed_in(documents).items() if state.quarantined_at is not None}
