"""Workbooks that would end the whole process: found before the reader sees them.

The reader (calamine) makes room for every cell between the first and the last one of a sheet. A file of 5 KB with a
cell at the far end asks for 500 GB, and what the operating system refuses, the reader answers by aborting the process.
So sheets are looked through first, by an XML parser, and only formats in which that is possible are read.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from xml.parsers import expat

from databus_core.connectors._shared.formats import CHUNK
from databus_core.errors import AttachmentError

MOST_BYTES = 100 << 20
"""A workbook may unzip to this many bytes."""

MOST_CELLS = 20_000_000
"""A sheet may span this many cells, empty ones counted."""

_OTHER_FORMATS = {"xl/workbook.bin", "content.xml", "mimetype"}
"""Members of .xlsb and OpenDocument files."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
_PLACE = re.compile(r"([A-Z]{0,3})([1-9][0-9]{0,6})")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)


def refuse_bombs(name: str, data: bytes) -> None:
    """Raises AttachmentError when the workbook is none that can be looked through, or one that is too large."""
    if not data.startswith(b"PK"):
        raise AttachmentError(
            f"Excel attachment {name!r} cannot be read: it is no .xlsx or .xlsm inside; save it as one"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if _OTHER_FORMATS.intersection(archive.namelist()):
                raise AttachmentError(
                    f"Excel attachment {name!r} cannot be read: it is no .xlsx or .xlsm inside; save it as one"
                )
            left = MOST_BYTES
            for info in archive.infolist():
                content = _member(name, archive, info, left)
                left -= len(content)
                if b"sheetData" in content or content.startswith(_UTF16):
                    _look_through(name, info.filename, content)
    except _BROKEN as error:
        raise AttachmentError(f"Excel attachment {name!r} cannot be read: {error}") from error


def _member(name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo, left: int) -> bytes:
    content = bytearray()
    with archive.open(info) as stream:
        while chunk := stream.read(CHUNK):
            content += chunk
            if len(content) > left:
                raise AttachmentError(f"Excel attachment {name!r} unzips to more than {MOST_BYTES} bytes")
    return bytes(content)


def _look_through(name: str, member: str, content: bytes) -> None:
    span = _Span()
    try:
        if content.startswith(_UTF16):
            raise ValueError("it is in UTF-16, which no Excel writes")
        span.parse(content)
    except (expat.ExpatError, ValueError) as error:
        raise AttachmentError(
            f"Excel attachment {name!r} cannot be read: {member} in it is damaged: {error}"
        ) from error
    if span.cells > MOST_CELLS:
        raise AttachmentError(
            f"Excel attachment {name!r} spans {span.cells} cells in {member}; {MOST_CELLS} are allowed. "
            "Delete the cells far outside of the table."
        )


class _Span:
    """How far the cells of a sheet reach."""

    def __init__(self) -> None:
        self._rows = self._columns = 0
        self._row_elements = self._cells_of_row = 0

    @property
    def cells(self) -> int:
        return max(self._rows, self._row_elements) * self._columns

    def parse(self, xml: bytes) -> None:
        """Raises ExpatError or ValueError when it is not well-formed, or has a place that is none."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._element
        parser.StartDoctypeDeclHandler = self._doctype
        parser.Parse(xml, True)

    def _doctype(self, *_: object) -> None:
        raise ValueError("it has a document type, which no Excel writes")

    def _element(self, element: str, attributes: dict[str, str]) -> None:
        kind = element.rpartition(":")[2]
        if kind == "row":
            self._row_elements += 1
            self._cells_of_row = 0
        elif kind == "c":
            self._cells_of_row += 1
        else:
            return
        place = attributes.get("r", "1")
        found = _PLACE.fullmatch(place)
        if found is None:
            raise ValueError(f"{place!r:.40} is no place in a sheet")
        column = 0
        for letter in found[1]:
            column = column * 26 + ord(letter) - ord("A") + 1
        self._columns = max(self._columns, column, self._cells_of_row)
        self._rows = max(self._rows, int(found[2]))
