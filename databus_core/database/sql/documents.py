"""The text in attachments of which text is only a part: workbooks, archives, mails.

They come from anywhere. Nothing is unpacked but as a stream with an end, and no cell makes room for those before it, so
a small file cannot ask for much.
"""

from __future__ import annotations

import email
import io
import re
import zipfile
from collections.abc import Iterator
from email.header import decode_header, make_header
from email.message import Message
from fnmatch import fnmatchcase
from xml.parsers import expat

from databus_core.database.sql.readable import READ, text_in

LARGEST = 16 << 20
"""Bytes of a document, which has to be read as a whole; larger ones are found by their names only."""
UNPACKED = 8 << 20
"""Bytes that are unpacked of one document; what comes behind them is not looked at."""
_AT_ONCE = 1 << 16
_MOST_NAMES = 10_000
"""Names in an archive."""
_MOST_PARTS = 200
"""Parts of a mail."""

_ZIP = b"PK\x03\x04"
_FIRST_HEADER = re.compile(
    rb"(?:received|return-path|delivered-to|message-id|mime-version|date|from|to|subject|content-type)[ \t]*:",
    re.IGNORECASE,
)
_HEADERS = ("From", "To", "Cc", "Subject", "Message-ID")

_WITH_TEXT = (
    "xl/sharedStrings.xml", "xl/worksheets/*.xml", "word/document.xml", "ppt/slides/*.xml", "content.xml",
)  # fmt: skip
"""Members of documents of Office (.xlsx, .docx, .pptx) and OpenDocument that hold what a person reads."""
_ENDING_A_TEXT = {"si", "is", "v", "p", "h", "tab", "br"}
"""Elements behind which another word begins; inside of them a word may be spread over several."""


def is_document(name: str, begin: bytes) -> bool:
    """Whether an attachment of that name that begins so has to be read as a whole."""
    return begin.startswith(_ZIP) or _is_mail(name, begin)


def text_of(name: str, data: bytes) -> str:
    """What a person would search for in an attachment; empty when there is none.

    Raises whatever the libraries that read these formats raise, for a file that is damaged.
    """
    if data.startswith(_ZIP):
        return " ".join(_packed(data))
    return " ".join(_in_mail(data)) if _is_mail(name, data) else text_in(data)


def _is_mail(name: str, data: bytes) -> bool:
    return name.lower().endswith(".eml") or _FIRST_HEADER.match(data) is not None


# Archives -----------------------------------------------------------------------------------------------------------


def _packed(data: bytes) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()[:_MOST_NAMES]
        readable = [name for name in names if any(fnmatchcase(name, pattern) for pattern in _WITH_TEXT)]
        if not readable:
            yield from names
        left = UNPACKED
        for name in readable:
            parser = _TextParser()
            with archive.open(name) as member:
                while left > 0 and (piece := member.read(min(_AT_ONCE, left))):
                    left -= len(piece)
                    parser.feed(piece)
            yield parser.text


class _TextParser:
    """Gathers the text of a part of a document."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._refers = False
        self._parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._on_start
        parser.EndElementHandler = self._on_end
        parser.CharacterDataHandler = self._on_text
        parser.StartDoctypeDeclHandler = self._on_doctype
        self._is_wanted = True

    def feed(self, piece: bytes) -> None:
        """Raises ExpatError for what is no XML."""
        self._parser.Parse(piece)

    @property
    def text(self) -> str:
        return "".join(self._texts)

    def _on_start(self, element: str, attributes: dict[str, str]) -> None:
        kind = element.rpartition(":")[2]
        if kind == "c":
            self._refers = attributes.get("t") == "s"  # its value is the number of a shared text
        self._is_wanted = kind != "f" and not (kind == "v" and self._refers)

    def _on_end(self, element: str) -> None:
        self._is_wanted = True
        if element.rpartition(":")[2] in _ENDING_A_TEXT:
            self._texts.append(" ")

    def _on_text(self, text: str) -> None:
        if self._is_wanted:
            self._texts.append(text)

    def _on_doctype(self, *_: object) -> None:
        raise ValueError("it has a document type, which no program for documents writes")


# Mails --------------------------------------------------------------------------------------------------------------


def _in_mail(data: bytes) -> Iterator[str]:
    message = email.message_from_bytes(data)
    left = UNPACKED
    for number, part in enumerate(message.walk()):
        if number >= _MOST_PARTS or left <= 0:
            return
        yield from _headers(part)
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            text = text_in(content[:READ]) if part.get_content_maintype() == "text" else _attached(part, content)
            left -= len(text)
            yield text


def _headers(part: Message) -> Iterator[str]:
    for name in _HEADERS:
        for value in part.get_all(name, []):
            yield str(make_header(decode_header(str(value))))
    yield part.get_filename() or ""


def _attached(part: Message, content: bytes) -> str:
    return text_of(part.get_filename() or "", content)
