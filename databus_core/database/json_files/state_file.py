"""The small documents that the engine keeps for a client, all in one file."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

import orjson

from databus_core.database.json_files.durable import write_atomically
from databus_core.files import replace
from databus_core.model.clock import file_time
from databus_core.model.passenger import Json


class StateFile:
    """Safe to use from several threads."""

    def __init__(self, file: Path, report: Callable[[str], None], *, writable: bool) -> None:
        self._file = file
        self._report = report
        self._writable = writable
        self._lock = threading.Lock()
        self._states: dict[str, Json] | None = None

    def all(self) -> dict[str, Json]:
        """See Database.states."""
        with self._lock:
            return dict(self._read())

    def write(self, name: str, document: Json) -> None:
        """See Database.write_state."""
        with self._lock:
            states = {other: kept for other, kept in self._read().items() if other != name}
            if document is not None:
                states[name] = document
            write_atomically(self._file, orjson.dumps(states, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
            self._states = states

    def _read(self) -> dict[str, Json]:
        if self._states is None or not self._writable:  # who only reads sees what the holder writes
            self._states = self._stored()
        return self._states

    def _stored(self) -> dict[str, Json]:
        try:
            document: object = orjson.loads(self._file.read_bytes())
            if not isinstance(document, dict):
                raise ValueError("it is no JSON object")  # noqa: TRY004 - as what is no JSON at all
            return cast("dict[str, Json]", document)
        except FileNotFoundError:
            return {}
        except ValueError as error:
            self._report(f"{self._file}: {error}. Pauses and the states of breakers are forgotten.")
            if self._writable:
                replace(self._file, self._file.with_name(f"{self._file.name}.damaged-{file_time()}"))
            return {}
