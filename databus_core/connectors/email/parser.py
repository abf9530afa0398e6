"""From the bytes of an e-mail (RFC 5322, an `.eml` file) to an Email."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from databus_core.connectors._shared.formats import format_of
from databus_core.connectors.email.header import Mail, addresses, header, moment, raw_headers
from databus_core.connectors.email.passenger import HTML_BODY, TEXT_BODY, Email
from databus_core.connectors.email.structure import Part, parts, read_message
from databus_core.model.attachment import Attachment, BytesContent, Content, unique_name
from databus_core.model.passenger import Json, Passenger

P = TypeVar("P", bound=Passenger)

Store = Callable[[bytes, int], Content]
"""Keeps the bytes of the part of that number, counted as `parts` gives them: in memory, or somewhere else."""

_BODIES = {"text/plain": TEXT_BODY, "text/html": HTML_BODY}
_LONGEST_ID = 500
_HEADERS_END = re.compile(rb"\r?\n\r?\n")


def in_memory(data: bytes, _number: int) -> Content:
    """The simplest way to keep a part."""
    return BytesContent(data)


def parse_email(
    raw: bytes, *, origin: str, source_system: str, passenger_class: type[P] = Email, store: Store = in_memory
) -> P:
    """The e-mail as a passenger: bodies first, then every other part in the order of the mail.

    A mail within the mail becomes an attachment `.eml`, and what is attached to it is attached to this one, too.
    `origin` names the mail in errors: its file. Raises DatabusError when it is not an e-mail, or not all of it.
    """
    message = read_message(raw, origin)
    passenger = passenger_class(external_id=_external_id(message, raw), source_system=source_system)
    passenger.properties.update(_facts(message))
    passenger.origin, passenger.fingerprint = origin, _fingerprint(message, raw)
    for attachment in _attachments(parts(message, origin), store):
        passenger.attach(attachment)
    return passenger


def _attachments(found: Iterable[Part], store: Store) -> list[Attachment]:
    bodies: dict[str, Attachment] = {}
    others: list[Attachment] = []
    for number, part in enumerate(found):
        body = None if part.nested or part.attached else _BODIES.get(part.type)
        if body and body not in bodies:
            bodies[body] = Attachment.text(body, part.text)
        elif part.nested and not part.attached and part.type in _BODIES:
            continue  # the text of a mail within the mail: it is in that mail's own attachment
        else:
            name = unique_name(part.name, set(_BODIES.values()))
            fmt = format_of(name, io.BytesIO(part.data))
            others.append(Attachment(name, fmt, store(part.data, number)))
    written = [body for body in bodies.values() if body.size]
    return sorted(written, key=lambda body: body.name, reverse=True) + others


def _external_id(message: Mail, raw: bytes) -> str:
    message_id = header(message, "Message-ID")
    if message_id and len(message_id) <= _LONGEST_ID:
        return message_id
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _fingerprint(message: Mail, raw: bytes) -> str:
    """The same for each copy of a mail, whichever way it came: each way adds headers, and may change line ends.

    Kept with each seated mail: a change of it would make mails that stay in a folder new ones.
    """
    told = "\n".join(value for name in ("Date", "From", "Subject") for value in raw_headers(message, name))
    body = _HEADERS_END.split(raw, 1)[-1].replace(b"\r\n", b"\n").strip()
    return f"sha256:{hashlib.sha256(told.encode() + body).hexdigest()[:32]}"


def _facts(message: Mail) -> dict[str, Json]:
    facts = Email(external_id="", source_system="")
    facts.subject = header(message, "Subject")
    facts.sender = next(iter(addresses(message, "From", "Sender")), "")
    facts.recipients = addresses(message, "To", "Cc")
    facts.sent_at = moment(message)
    facts.message_id = header(message, "Message-ID")
    return facts.properties
