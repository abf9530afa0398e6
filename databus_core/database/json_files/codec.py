"""`passenger.json`: a queue entry as a document that people can read, and back."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from sys import intern
from typing import Any, TypeVar, cast

import orjson

from databus_core.database.json_files.content import StoredContent
from databus_core.errors import DatabaseError
from databus_core.model.attachment import Attachment, AttachmentFormat
from databus_core.model.clock import format_time, parse_time
from databus_core.model.queue_entry import QueueEntry, QueueStatus, Step, StepKind

Document = dict[str, Any]
ChoiceT = TypeVar("ChoiceT", bound=StrEnum)

_OPTIONS = (
    orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
)
_STEP_KEYS = {"name", "status", "state", "attempts", "error", "error_at", "note", "completed_at", "next_attempt_at"}
_ATTACHMENT_KEYS = {"name", "format", "file"}
_INCOMPLETE, _COMPLETE = QueueStatus.INCOMPLETE, QueueStatus.COMPLETE
_PLAIN = frozenset({_INCOMPLETE, _COMPLETE})
"""What `status` says; `state` says more of what is incomplete, so that `status` keeps the values that it always had."""
_KEYS = {
    "external_id", "internal_id", "source_system", "client_passenger", "passenger_module", "puller_module",
    "puller_notified", "notification", "pull_datetime", "attachments", "properties", "log_guids",
    "processor_statuses", "pusher_statuses",
}  # fmt: skip


def encode(entry: QueueEntry, files: Iterable[str]) -> bytes:
    """The document of an entry whose attachments are in these files. Raises DatabaseError for what is no JSON value."""
    unknown = {key: value for key, value in entry.unknown.items() if key not in _KEYS}
    notification = _step_details(entry.notification) | _extra(entry, "notification", entry.notification.name)
    document: Document = {
        "external_id": entry.external_id,
        "internal_id": entry.internal_id,
        "source_system": entry.source_system,
        **({"client_passenger": entry.client_passenger} if entry.client_passenger != entry.passenger_module else {}),
        "passenger_module": entry.passenger_module,
        "puller_module": entry.notification.module,
        "puller_notified": entry.puller_notified,
        **({"notification": notification} if notification else {}),
        "pull_datetime": format_time(entry.pulled_at),
        "attachments": [
            {"name": attachment.name, "format": attachment.format.value}
            | ({"file": file} if file != attachment.name else {})
            | _extra(entry, "attachments", attachment.name)
            for attachment, file in zip(entry.attachments, files, strict=True)
        ],
        **({"properties": entry.properties} if entry.properties else {}),
        "log_guids": entry.log_ids,
        "processor_statuses": _step_documents(entry, "processor", entry.processors),
        "pusher_statuses": _step_documents(entry, "pusher", entry.pushers),
        **unknown,
    }
    try:
        return orjson.dumps(document, option=_OPTIONS)
    except TypeError as error:
        raise DatabaseError(f"Passenger {entry!s:.200} cannot be stored as JSON: {error}") from error


def _step_documents(entry: QueueEntry, kind: str, steps: Iterable[Step]) -> list[Document]:
    return [
        {f"{kind}_module": step.module, "status": (_COMPLETE if step.complete else _INCOMPLETE).value}
        | _step_details(step)
        | _extra(entry, f"{kind}_statuses", step.name)
        for step in steps
    ]


def _step_details(step: Step) -> Document:
    details: Document = {}
    if step.name != step.module:
        details["name"] = step.name
    if step.status not in _PLAIN:
        details["state"] = step.status.value
    if step.attempts:
        details["attempts"] = step.attempts
    if step.error:
        details["error"] = step.error
    if step.error_at:
        details["error_at"] = format_time(step.error_at)
    if step.note:
        details["note"] = step.note
    if step.completed_at:
        details["completed_at"] = format_time(step.completed_at)
    if step.next_attempt_at:
        details["next_attempt_at"] = format_time(step.next_attempt_at)
    return details


def _extra(entry: QueueEntry, section: str, name: str) -> Document:
    """Unknown keys of one step or attachment: they travel in `entry.unknown` under the known key of their list."""
    return entry.unknown.get(section, {}).get(name, {}) if entry.unknown else {}


def decode(data: bytes, attachment_folder: Path) -> QueueEntry:
    """The entry of a document. Raises ValueError that names the key and its value."""
    try:
        document: object = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        as_text(data)
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    if not isinstance(document, dict):
        raise _no_object(document)
    return _Reader(cast("Document", document), attachment_folder).entry()


def as_text(data: bytes) -> str:
    """A document's text, without a byte order mark. Raises ValueError that names the place that is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise ValueError(f"line {line}, column {column}: byte {data[error.start]:#04x} is not UTF-8") from error


class _Reader:
    """Reads one document; keeps what it does not know."""

    def __init__(self, document: Document, attachment_folder: Path) -> None:
        self._document = document
        self._attachment_folder = attachment_folder
        self._unknown = {key: value for key, value in document.items() if key not in _KEYS}

    def entry(self) -> QueueEntry:
        document = self._document
        passenger_module = _value(document, "passenger_module", str)
        return QueueEntry(
            client_passenger=intern(_value(document, "client_passenger", str, passenger_module)),
            passenger_module=passenger_module,
            external_id=_value(document, "external_id", str),
            source_system=intern(_value(document, "source_system", str)),
            internal_id=_value(document, "internal_id", str),
            notification=self._notification(),
            processors=self._steps("processor_statuses", "processor_module", StepKind.PROCESSOR),
            pushers=self._steps("pusher_statuses", "pusher_module", StepKind.PUSHER),
            attachments=[self._attachment(item, where) for item, where in _items(document, "attachments")],
            properties=_value(document, "properties", dict, {}),
            log_ids=_texts(document, "log_guids"),
            pulled_at=_time(document, "pull_datetime"),
            unknown=self._unknown,
        )

    def _notification(self) -> Step:
        document = self._document
        module = _value(document, "puller_module", str)
        notified = _value(document, "puller_notified", bool)
        status = QueueStatus.COMPLETE if notified else QueueStatus.INCOMPLETE
        details: Document = _value(document, "notification", dict, {})
        return self._step(StepKind.NOTIFICATION, module, status, details, "notification", _STEP_KEYS)

    def _steps(self, section: str, module_key: str, kind: StepKind) -> list[Step]:
        steps: list[Step] = []
        for item, where in _items(self._document, section):
            module = _value(item, module_key, str, where=where)
            status = _choice(item, "status", QueueStatus, where, _PLAIN)
            steps.append(self._step(kind, module, status, item, section, _STEP_KEYS | {module_key}, where))
        return steps

    def _step(
        self, kind: StepKind, module: str, status: QueueStatus, details: Document, section: str, known: set[str],
        where: str = "notification.",
    ) -> Step:  # fmt: skip
        step = Step(kind, module, _value(details, "name", str, module, where), status)
        if len(details) > 2 or section == "notification":
            if "state" in details:
                step.status = _choice(details, "state", QueueStatus, where)
            step.attempts = _value(details, "attempts", int, 0, where)
            step.error = _value(details, "error", str, "", where)
            step.error_at = _time(details, "error_at", where) if "error_at" in details else None
            step.note = _value(details, "note", str, "", where)
            step.completed_at = _time(details, "completed_at", where) if "completed_at" in details else None
            step.next_attempt_at = _time(details, "next_attempt_at", where) if "next_attempt_at" in details else None
            self._keep(section, step.name, details, known)
        return step

    def _attachment(self, item: Document, where: str) -> Attachment:
        name = _value(item, "name", str, where=where)
        file = _value(item, "file", str, name, where)
        if file in {"", ".", ".."} or "/" in file or "\\" in file or "\0" in file:
            raise ValueError(f"{where}{'file' if 'file' in item else 'name'}: {file!r:.80} is no file name")
        self._keep("attachments", name, item, _ATTACHMENT_KEYS)
        return Attachment(
            name, _choice(item, "format", AttachmentFormat, where), StoredContent(self._attachment_folder, file)
        )

    def _keep(self, section: str, name: str, item: Document, known: set[str]) -> None:
        if not item.keys() <= known:
            extra = {key: value for key, value in item.items() if key not in known}
            self._unknown.setdefault(section, {})[name] = extra


def _value(document: Document, key: str, kind: type[Any], default: Any = ..., where: str = "") -> Any:
    value = document.get(key, default)
    if type(value) is not kind:
        if value is ...:
            raise ValueError(f"{where}{key} is missing")
        raise _no_kind(value, kind, f"{where}{key}: ")
    return value


def _choice(
    document: Document, key: str, kind: type[ChoiceT], where: str, allowed: Collection[ChoiceT] = ()
) -> ChoiceT:
    """One of the values of `kind`, or of those that are allowed."""
    text = _value(document, key, str, where=where)
    for member in allowed or kind:
        if member.value == text:
            return member
    names = " or ".join(repr(member.value) for member in kind if not allowed or member in allowed)
    raise ValueError(f"{where}{key}: {text!r:.80} is not {names}")


def _time(document: Document, key: str, where: str = "") -> datetime:
    text = _value(document, key, str, where=where)
    try:
        return parse_time(text)
    except (ValueError, OverflowError):
        raise ValueError(f"{where}{key}: {text!r:.80} is no time (ISO 8601)") from None


def _items(document: Document, key: str) -> Iterable[tuple[Document, str]]:
    for number, item in enumerate(_value(document, key, list)):
        if not isinstance(item, dict):
            raise _no_object(item, f"{key}[{number}]: ")
        yield cast("Document", item), f"{key}[{number}]."


def _texts(document: Document, key: str) -> list[str]:
    texts: list[object] = _value(document, key, list, [])
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise _no_kind(text, str, f"{key}[{number}]: ")
    return cast("list[str]", texts)


_KINDS: dict[type[Any], str] = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    list: "a list",
    dict: "an object",
}


def _no_kind(value: object, kind: type[Any], where: str) -> ValueError:
    return ValueError(f"{where}{value!r:.80} is not {_KINDS[kind]}")


def _no_object(value: object, where: str = "") -> ValueError:
    return _no_kind(value, dict, where)
