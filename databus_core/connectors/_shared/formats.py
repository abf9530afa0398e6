"""Formats that connectors of several systems agree on."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import BinaryIO

from databus_core.model.attachment import AttachmentFormat

EXCEL_EXTENSIONS = ("xlsx", "xlsm", "xlsb", "xls")
XML_EXTENSIONS = ("xml",)
TEXT_EXTENSIONS = (
    *("txt", "csv", "tsv", "xml", "json", "html", "htm", "md", "log", "ini", "sql", "yaml", "yml", "svg", "asc"),
    *("eml", "ics", "edi", "edifact", "hl7", "x12"),
)

CHUNK = 1 << 16


def matches(name: str, extensions: Iterable[str]) -> bool:
    """Whether the name ends in one of the extensions (with or without a dot, in any case); none given means any."""
    wanted = {extension.lower().lstrip(".") for extension in extensions}
    return not wanted or PurePosixPath(name).suffix.lower().lstrip(".") in wanted


def format_of(name: str, stream: BinaryIO) -> AttachmentFormat:
    """Text when the name says so and all of the content is UTF-8 without NUL; read to its end only then."""
    if not matches(name, TEXT_EXTENSIONS):
        return AttachmentFormat.BINARY
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := stream.read(CHUNK):
            if "\0" in decoder.decode(chunk):
                return AttachmentFormat.BINARY
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return AttachmentFormat.BINARY
    return AttachmentFormat.TEXT
