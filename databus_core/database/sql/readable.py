"""The text in an attachment's bytes, whatever they are called: what a person would search for."""

from __future__ import annotations

import codecs
import html
import re

READ = 1 << 20
"""Bytes of an attachment that are looked at. Longer ones are exports of whole systems: their words find everything, and
indexing them would keep the one writer for seconds."""

_DECLARED = re.compile(rb"""(?:encoding|charset)\s*=\s*["']?([A-Za-z0-9_-]{2,20})""")
_DECLARED_WITHIN = 1024
_SINGLE_BYTE = re.compile(r"iso-?8859-?\d{1,2}|latin-?\d|windows-?125\d|cp\d{3,4}|koi8-[ru]", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x19\x7f]")
"""What no text has, not even EDI's, whose separators begin at 1C, nor a file of DOS, which ends with 1A."""
_ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def text_in(data: bytes) -> str:
    """The first READ bytes as text; empty when they are none. References of XML and HTML and escapes of JSON are the
    characters that they stand for."""
    text = _decoded(data[:READ])
    if _CONTROL.search(text):
        return ""
    begin = text.lstrip()[:1]
    if begin == "<":
        return html.unescape(text)
    return _ESCAPED.sub(_character, text) if begin in {"{", "["} and "\\u" in text else text


def _decoded(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _without_the_end(data[len(mark) :], encoding, "replace")
    try:
        return _without_the_end(data, "utf-8", "strict")
    except UnicodeDecodeError:
        return data.decode(_single_byte_encoding(data), "replace")


def _without_the_end(data: bytes, encoding: str, errors: str) -> str:
    """A character that was cut in two is left out."""
    return codecs.getincrementaldecoder(encoding)(errors).decode(data)


def _single_byte_encoding(data: bytes) -> str:
    """The declared one, else that of Western Europe, in which every byte is a character."""
    declared = _DECLARED.search(data, 0, _DECLARED_WITHIN)
    name = declared[1].decode() if declared else ""
    if not _SINGLE_BYTE.fullmatch(name):
        return "latin-1"
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "latin-1"


def _character(escaped: re.Match[str]) -> str:
    character = chr(int(escaped[1], 16))
    return " " if "\ud800" <= character <= "\udfff" or _CONTROL.match(character) else character
