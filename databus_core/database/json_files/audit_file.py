"""What people did by hand: `audit.jsonl`, a line of JSON for each deed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import orjson

from databus_core.database.json_files.durable import append_line, write_atomically
from databus_core.model.audit import AuditRecord
from databus_core.model.clock import format_time, parse_time
from databus_core.model.query import Rows


class AuditFile:
    """Safe to use from several threads. A torn line, which a crash leaves, is passed over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def append(self, records: Sequence[AuditRecord]) -> None:
        """See Database.append_audit."""
        if records:
            with self._lock:
                append_line(self._path, _lines(records))

    def rows(self, offset: int, limit: int) -> Rows[AuditRecord]:
        """See Database.audit_rows."""
        records = sorted(self._records(), key=lambda record: record.at)
        records.reverse()
        return Rows(records[offset : offset + limit], len(records))

    def remove(self, before: datetime) -> int:
        """See Database.remove_audit."""
        with self._lock:
            records = list(self._records())
            kept = [record for record in records if record.at >= before]
            if len(kept) < len(records):
                write_atomically(self._path, _lines(kept))
        return len(records) - len(kept)

    def _records(self) -> Iterator[AuditRecord]:
        with suppress(FileNotFoundError), self._path.open("rb") as lines:
            for line in lines:
                with suppress(ValueError, TypeError, KeyError):
                    found = orjson.loads(line)
                    yield AuditRecord(parse_time(found["at"]), found["who"], found["what"], found["on"])


def _lines(records: Iterable[AuditRecord]) -> bytes:
    return b"".join(
        orjson.dumps(
            {"at": format_time(record.at), "who": record.who, "what": record.what, "on": record.on},
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for record in records
    )
