"""What is known of a client's plug-ins that crashed, in a file that people can read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from databus_core.database.json_files.durable import write_atomically
from databus_core.model.clock import format_time, parse_time
from databus_core.model.plugin_state import PluginState


class PluginStates:
    """Safe to use from several threads."""

    def __init__(self, file: Path, report: Callable[[str], None]) -> None:
        self._file = file
        self._report = report
        self._lock = threading.Lock()

    def read(self) -> dict[str, PluginState]:
        """See Database.plugin_states."""
        try:
            document = orjson.loads(self._file.read_bytes())
            return {step: _state(step, state) for step, state in document.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self._report(f"{self._file}: {error}. Which plug-ins crashed is forgotten.")
            return {}

    def write(self, step: str, state: PluginState | None) -> None:
        """See Database.write_plugin_state."""
        with self._lock:
            states = {name: each for name, each in self.read().items() if name != step}
            if state is not None:
                states[step] = state
            document = {name: _document(each) for name, each in states.items()}
            write_atomically(self._file, orjson.dumps(document, option=orjson.OPT_INDENT_2))


def _document(state: PluginState) -> dict[str, Any]:
    since = state.quarantined_at
    return {
        "doing": state.doing,
        "crashes": state.crashes,
        "last_crash": state.last_crash,
        "quarantined_at": None if since is None else format_time(since),
    }


def _state(step: str, document: dict[str, Any]) -> PluginState:
    since = document["quarantined_at"]
    return PluginState(
        step=step,
        doing=str(document["doing"]),
        crashes=int(document["crashes"]),
        last_crash=str(document["last_crash"]),
        quarantined_at=None if since is None else parse_time(since),
    )
