"""What of the client passengers of a client rests, and the ledger of trips that were missed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from databus_core.database.json_files.durable import append_line, write_atomically
from databus_core.files import replace
from databus_core.model.clock import format_time, now, parse_time
from databus_core.model.missed import Absence, MissedTrips
from databus_core.model.route_state import RoutePause, RouteState
from databus_core.plugins.database import DatabaseContext


class RouteFiles:
    """Two small files, read whenever they are asked for. Safe to use from several threads."""

    def __init__(self, states: Path, ledger: Path, context: DatabaseContext, *, writable: bool) -> None:
        self._states, self._ledger = states, ledger
        self._context = context
        self._writable = writable
        self._lock = threading.Lock()

    # Pauses -----------------------------------------------------------------------------------------------------

    def states(self) -> dict[str, RouteState]:
        """See Database.route_states."""
        with self._lock:
            return self._read_states()

    def write_state(self, state: RouteState) -> None:
        """See Database.write_route_state."""
        with self._lock:
            states = self._read_states() | {state.client_passenger: state}
            document = {
                name: {"pause": each.pause.value, "since": format_time(each.since)} for name, each in states.items()
            }
            write_atomically(self._states, orjson.dumps(document, option=orjson.OPT_INDENT_2))

    def _read_states(self) -> dict[str, RouteState]:
        try:
            document = orjson.loads(self._states.read_bytes())
            return {
                name: RouteState(name, RoutePause(state["pause"]), parse_time(state["since"]))
                for name, state in document.items()
            }
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self._context.report(f"{self._states}: {error}. Which of the client's passengers are paused is forgotten.")
            if self._writable:
                aside = f"{self._states.name}.damaged-{now().astimezone():%Y-%m-%dT%H-%M-%S.%f}"
                replace(self._states, self._states.with_name(aside))
            return {}

    # Ledger -----------------------------------------------------------------------------------------------------

    def append_missed(self, missed: Sequence[MissedTrips]) -> None:
        """See Database.append_missed."""
        if missed:
            with self._lock:
                append_line(self._ledger, b"".join(map(_line, missed)))

    def missed(self) -> list[MissedTrips]:
        """See Database.missed."""
        with self._lock:
            rows = self._read_ledger()
        return sorted(rows, key=lambda row: (row.noticed_at, row.first_due_at, row.client_passenger), reverse=True)

    def remove_missed(self, before: datetime) -> int:
        """See Database.remove_missed."""
        with self._lock:
            rows = list(self._read_ledger())
            kept = [row for row in rows if row.noticed_at >= before]
            if len(kept) < len(rows):
                write_atomically(self._ledger, b"".join(map(_line, kept)))
            return len(rows) - len(kept)

    def _read_ledger(self) -> Iterable[MissedTrips]:
        """A torn line, which a crash leaves, is passed over; of lines about the same trips the last one counts."""
        rows: dict[tuple[str, datetime], MissedTrips] = {}
        with suppress(FileNotFoundError), self._ledger.open("rb") as lines:
            for line in lines:
                with suppress(ValueError, TypeError, KeyError):
                    row = _row(orjson.loads(line))
                    rows[row.client_passenger, row.first_due_at] = row
        return rows.values()


def _line(row: MissedTrips) -> bytes:
    document = {
        "client_passenger": row.client_passenger,
        "first_due_at": format_time(row.first_due_at),
        "noticed_at": format_time(row.noticed_at),
        "why": row.why.value,
        "count": row.count,
        "made_up": row.made_up,
    }
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def _row(document: dict[str, Any]) -> MissedTrips:
    return MissedTrips(
        str(document["client_passenger"]),
        parse_time(document["first_due_at"]),
        parse_time(document["noticed_at"]),
        Absence(document["why"]),
        int(document["count"]),
        int(document["made_up"]),
    )
