"""The passengers that were here and are removed: a source that offers one of them again offers nothing new."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import orjson

from databus_core.database.json_files.durable import append_line
from databus_core.model.clock import format_time, now
from databus_core.model.query import QueueRow


class Remembered:
    """A file with one line of JSON per removed passenger. A torn line, which a crash leaves, is passed over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Digests and not texts: 10 million passengers of the past must fit into memory.
        self._fingerprints: dict[bytes, str] = {}
        with suppress(FileNotFoundError), path.open("rb") as lines:
            for line in lines:
                with suppress(ValueError, TypeError, KeyError):
                    passenger = orjson.loads(line)
                    digest = _digest(passenger["source_system"], passenger["external_id"])
                    self._fingerprints[digest] = passenger.get("fingerprint", "")

    def __contains__(self, key: tuple[str, str]) -> bool:
        return bool(self._fingerprints) and _digest(*key) in self._fingerprints

    def fingerprint(self, source_system: str, external_id: str) -> str:
        """The fingerprint that the passenger had; empty for one that had none, or never was here."""
        return self._fingerprints.get(_digest(source_system, external_id), "")

    def add(self, rows: Iterable[QueueRow]) -> None:
        """Remember passengers durably, before they are removed."""
        rows, at = list(rows), format_time(now())
        lines = [
            orjson.dumps(
                {
                    "source_system": row.source_system,
                    "external_id": row.external_id,
                    "internal_id": row.internal_id,
                    "removed_at": at,
                }
                | ({"fingerprint": row.fingerprint} if row.fingerprint else {}),
                option=orjson.OPT_APPEND_NEWLINE,
            )
            for row in rows
        ]
        append_line(self._path, b"".join(lines))
        self._fingerprints.update({_digest(row.source_system, row.external_id): row.fingerprint for row in rows})


def _digest(source_system: str, external_id: str) -> bytes:
    return blake2b(f"{source_system}\0{external_id}".encode(), digest_size=16).digest()
