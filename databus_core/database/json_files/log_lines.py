"""Lines of a log file: `[2026-11-23T09:28:00.751503][module][info] message`.

Further lines of a message begin with a tab; in old files they begin with anything that is no header. A log that this
engine writes begins with a line of the module MARKER that says whose trip it is, and ends with one that says it is
complete: people read them, `Database.log_entries` leaves them out.
"""

from __future__ import annotations

import json
import re
from datetime import datetime

from databus_core.model.clock import format_local, now, parse_time
from databus_core.model.log import LogEntry, MessageType

MARKER = "databus.trip"
HEADER = re.compile(
    rb"\[(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?)\]\[([^\]]*)\]\[(info|warning|error)\] ?(.*)", re.DOTALL
)
_BEGINS = re.compile(r'(?:Log of (".*")|Trip of (".*") begins)$')
_OVER = "Log is complete"
_OVER_BEFORE = "Trip is over"
"""Logs of before have other marks, which said what the trip itself says in the next line."""


def line(at: datetime, module: str, type_: MessageType, message: str) -> bytes:
    """One entry as the file has it, with its line end; whatever is in it, it stays one entry."""
    module = module.replace("]", ")").replace("\n", " ")
    message = message.replace("\n", "\n\t")
    return f"[{format_local(at)}][{module}][{type_.value}] {message}\n".encode(errors="backslashreplace")


def entry_line(entry: LogEntry) -> bytes:
    """One entry as the file has it."""
    module = entry.module if entry.module != MARKER else f"{MARKER} "
    return line(entry.at, module, entry.type, entry.message)


def first_line(client_passenger: str, at: datetime) -> bytes:
    """The mark at the beginning of a log."""
    return line(at, MARKER, MessageType.INFO, f"Log of {json.dumps(client_passenger, ensure_ascii=False)}")


def last_line(at: datetime | None) -> bytes:
    """The mark at the end of a log."""
    return line(at or now(), MARKER, MessageType.INFO, _OVER)


def passenger_of(message: str) -> str | None:
    """The client passenger, if this is the mark at the beginning."""
    match = _BEGINS.match(message)
    return str(json.loads(match[1] or match[2])) if match else None


def is_over(message: str) -> bool:
    """Whether this is the mark at the end."""
    return message in {_OVER, _OVER_BEFORE}


def header_time(text: bytes, default: datetime) -> datetime:
    """The time of a header; a text that looks like a time and is none is the default."""
    try:
        return parse_time(text.decode())
    except (ValueError, OverflowError):
        return default
