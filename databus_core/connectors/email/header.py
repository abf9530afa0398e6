"""Header values of e-mails as people should read them, however badly they are encoded.

Not the standard library's modern policy: it raises on many malformed headers, and one of them must not cost a mail.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from datetime import UTC, datetime
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from typing import TypeAlias

Mail: TypeAlias = "Message[str, str]"

_WORD = re.compile(r"=\?([^?\s]*)\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(?==\?)")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")

_REALLY = {
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "gb2312": "gb18030",
    "ks_c_5601-1987": "cp949",
}
"""What mail programs mean when they name these character sets."""


def decode(data: bytes, charset: str | None) -> str:
    """Text from bytes: by the named character set, else UTF-8, else as Western Windows text; never fails."""
    name = (charset or "utf-8").strip().lower()
    for candidate in (_REALLY.get(name, name), "utf-8"):
        try:
            text = data.decode(candidate)
            text.encode()  # some encodings give halves of characters, which nobody can store
        except (LookupError, ValueError):
            continue
        return text
    return data.decode("cp1252", "replace")


def as_sent(text: str) -> bytes:
    """The bytes that the standard parser made the text of."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def header(message: Mail, name: str) -> str:
    """The first header of that name, decoded, on one line; empty when there is none."""
    return next(iter(headers(message, name)), "")


def headers(message: Mail, name: str) -> list[str]:
    """Every header of that name, decoded, each on one line."""
    return [readable(value) for value in raw_headers(message, name)]


def raw_headers(message: Mail, name: str) -> list[str]:
    """Every header of that name, its encoded words left as they are, on one line; bytes beyond ASCII decoded."""
    found = [value for key, value in message.raw_items() if key.lower() == name.lower()]
    return [_one_line(decode(as_sent(str(value)), None)) for value in found]


def _one_line(text: str) -> str:
    return _CONTROLS.sub(" ", text).strip()


def readable(text: str) -> str:
    """The text with its encoded words (RFC 2047) decoded; those that are none stay as they are."""
    pieces: list[tuple[bytes, str]] = []
    result = ""
    position = 0
    joined = _BETWEEN_WORDS.sub(r"\1", text)
    for match in _WORD.finditer(joined):
        data = _word_bytes(match[2], match[3])
        if data is None:
            continue
        if match.start() > position:
            result += _text_of(pieces) + joined[position : match.start()]
            pieces = []
        pieces.append((data, match[1].partition("*")[0].lower()))
        position = match.end()
    return _one_line(result + _text_of(pieces) + joined[position:])


def _text_of(pieces: list[tuple[bytes, str]]) -> str:
    """Neighbours of one character set are decoded together: a character may be split between them."""
    text, data, charset = "", b"", ""
    for piece, of in pieces:
        if of != charset:
            text += decode(data, charset)
            data, charset = b"", of
        data += piece
    return text + decode(data, charset)


def _word_bytes(encoding: str, encoded: str) -> bytes | None:
    data = encoded.encode("utf-8", "replace")
    if encoding in "qQ":
        return quopri.decodestring(data, header=True)
    try:
        return base64.b64decode(data + b"=" * (-len(data) % 4))
    except (binascii.Error, ValueError):
        return None


def addresses(message: Mail, *names: str) -> list[str]:
    """The addresses in these headers, `Name <address>` or just the address.

    Split before encoded words are decoded: a decoded name may hold a comma.
    """
    found: list[str] = []
    for name, address in getaddresses([value for key in names for value in raw_headers(message, key)]):
        decoded = readable(name)
        if decoded or address:
            found.append(f"{decoded} <{address}>" if decoded and address else decoded or address)
    return found


def moment(message: Mail) -> datetime | None:
    """The Date header in UTC; a time without zone is taken as UTC; None when there is none that can be read."""
    text = header(message, "Date")
    try:
        found = parsedate_to_datetime(text)
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if 1900 <= found.year <= 9000 else None
