"""The parts of an e-mail as the parser found them: which hold content, what content, and under which name."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import errors, message_from_bytes
from typing import cast

from databus_core.connectors.email.header import Mail, as_sent, decode, header, readable
from databus_core.errors import DatabusError

_TELLING = ("From", "Sender", "To", "Date", "Subject", "Message-ID")
"""A mail has at least one of these headers."""

_LOSING = (
    errors.CloseBoundaryNotFoundDefect,
    errors.StartBoundaryNotFoundDefect,
    errors.NoBoundaryInMultipartDefect,
    errors.InvalidBase64LengthDefect,
)
"""What the parser finds when content is missing: the mail is cut off, or its parts cannot be told apart."""

_BARE_NEWLINE = re.compile(rb"(?<!\r)\n")

_MOST_PARTS = 1000
_MOST_LEVELS = 20

_SUFFIXES = {
    "text/plain": ".txt",
    "text/html": ".html",
    "text/xml": ".xml",
    "image/jpeg": ".jpg",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
_MIME_TYPES = mimetypes.MimeTypes()
"""The standard library's own list: what the system adds differs from machine to machine."""

_BROKEN = (ValueError, LookupError, TypeError, AttributeError)
"""What the standard library raises on parameters that no mail program should write."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part with content: a leaf, or a mail within the mail."""

    message: Mail
    nested: bool
    """Whether it belongs to a mail within the mail."""
    data: bytes
    """Its content, decoded; a mail within the mail as it was sent."""

    @property
    def type(self) -> str:
        """The content type, in lower case."""
        return self.message.get_content_type()

    @property
    def file_name(self) -> str:
        """The name that the mail gives it; empty when it gives none."""
        try:
            name = self.message.get_filename("")
        except _BROKEN:
            return ""
        return readable(decode(as_sent(name), None))

    @property
    def name(self) -> str:
        """The name that the mail gives it, or one made of what it is."""
        if self.file_name:
            return self.file_name
        if self.type == "message/rfc822":
            subject = next((header(child, "Subject") for child in _children(self.message)), "")
            return f"{subject.replace('/', ' ') or 'message'}.eml"
        return f"attachment{_SUFFIXES.get(self.type) or _MIME_TYPES.guess_extension(self.type) or '.bin'}"

    @property
    def attached(self) -> bool:
        """Whether the mail presents it as a file and not as its own text."""
        return bool(self.file_name) or self.message.get_content_disposition() == "attachment"

    @property
    def text(self) -> str:
        """The content as text, by the character set that the part names if that fits."""
        try:
            charset = self.message.get_content_charset()
        except _BROKEN:
            charset = None
        return decode(self.data, charset)


def read_message(raw: bytes, origin: str) -> Mail:
    """The parsed message. Raises DatabusError when the bytes are no e-mail."""
    if not raw.strip():
        raise unreadable(origin, "it is empty")
    message = _parsed(raw.removeprefix(b"\xef\xbb\xbf"), origin)
    if not any(header(message, name) for name in _TELLING):
        raise unreadable(origin, f"it has none of the headers {', '.join(_TELLING)}")
    return message


def _parsed(raw: bytes, origin: str) -> Mail:
    try:
        message = message_from_bytes(raw)
    except RecursionError as error:
        raise _too_deep(origin) from error
    level = [message]
    for _ in range(_MOST_LEVELS + 1):
        level = [child for part in level for child in _children(part)]
    if level:
        raise _too_deep(origin)
    return message


def _too_deep(origin: str) -> DatabusError:
    return unreadable(origin, f"its parts are nested more than {_MOST_LEVELS} levels deep")


def parts(message: Mail, origin: str) -> Iterator[Part]:
    """Every part that holds content, in the order of the mail; a mail within the mail comes before its own parts.

    Raises DatabusError, at the latest at the end, when content is missing or the structure is beyond all bounds.
    """
    for number, part in enumerate(_parts(message, origin, level=0, nested=False)):
        if number >= _MOST_PARTS:
            raise unreadable(origin, f"it has more than {_MOST_PARTS} parts")
        yield part
    _refuse_losses(message, origin)


def unreadable(origin: str, why: str) -> DatabusError:
    """The error for a mail that cannot be read."""
    return DatabusError(f"{origin} is not a readable e-mail: {why}")


def _parts(message: Mail, origin: str, *, level: int, nested: bool) -> Iterator[Part]:
    if level > _MOST_LEVELS:
        raise _too_deep(origin)
    if message.get_content_maintype() == "multipart" and message.is_multipart():
        for child in _children(message):
            yield from _parts(child, origin, level=level + 1, nested=nested)
        return
    yield Part(message, nested, _content(message))
    if message.get_content_type() == "message/rfc822":
        for child in _inner(message, origin):
            yield from _parts(child, origin, level=level + 1, nested=True)


def _children(message: Mail) -> list[Mail]:
    return cast("list[Mail]", message.get_payload()) if message.is_multipart() else []


def _inner(message: Mail, origin: str) -> list[Mail]:
    """The mails within a part. Some programs encode them, against the standard: the parser leaves these alone."""
    return [_parsed(_content(message), origin)] if _encoding(message) else _children(message)


def _content(message: Mail) -> bytes:
    if not message.is_multipart():
        payload = message.get_payload(decode=True)
        return payload if isinstance(payload, bytes) else b""
    sent = b"".join(_original(child) for child in _children(message))
    if b"\r\n" in sent:
        sent = _BARE_NEWLINE.sub(b"\r\n", sent)
    if _encoding(message) == "quoted-printable":
        return quopri.decodestring(sent)
    if _encoding(message) == "base64":
        try:
            return base64.b64decode(sent)
        except (binascii.Error, ValueError):
            return sent
    return sent


def _encoding(message: Mail) -> str:
    encoding = header(message, "Content-Transfer-Encoding").lower()
    return encoding if encoding in {"base64", "quoted-printable", "x-uuencode"} else ""


def _original(message: Mail) -> bytes:
    """The message as it was sent. The standard generators fold headers anew and fail on malformed ones."""
    head = "".join(f"{name}: {value}\n" for name, value in message.raw_items())
    return as_sent(head) + b"\n" + _original_body(message)


def _original_body(message: Mail) -> bytes:
    if not message.is_multipart():
        return as_sent(str(message.get_payload())) if _encoding(message) else _content(message)
    if message.get_content_maintype() != "multipart":
        return b"".join(_original(child) for child in _children(message))
    boundary = as_sent(f"--{message.get_boundary()}")
    pieces = [as_sent(message.preamble)] if message.preamble else []
    pieces += [boundary + b"\n" + _original(child) for child in _children(message)]
    return b"\n".join([*pieces, boundary + b"--" + as_sent(message.epilogue or "")])


def _refuse_losses(message: Mail, origin: str) -> None:
    for part in message.walk():
        for defect in part.defects:
            if isinstance(defect, _LOSING):
                why = " ".join((type(defect).__doc__ or type(defect).__name__).split()).rstrip(".")
                raise unreadable(origin, f"content is missing ({why})")
