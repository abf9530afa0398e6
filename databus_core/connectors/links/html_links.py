"""The links in an HTML text."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit


def links(html: str) -> list[str]:
    """The addresses that the text links to by http or https, each once, in order, spelled as they are."""
    finder = _Finder()
    finder.feed(html)
    finder.close()
    found: list[str] = []
    for reference in finder.references:
        try:
            address = urldefrag(urljoin(finder.base, reference)).url
            wanted = urlsplit(address).scheme.lower() in {"http", "https"}
        except ValueError:  # a malformed address leads nowhere
            continue
        if wanted and address not in found:
            found.append(address)
    return found


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.references: list[str] = []
        self.base = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        reference = next((value for key, value in attrs if key == "href" and value), "").strip()
        if tag in {"a", "area"} and reference:
            self.references.append(reference)
        elif tag == "base" and not self.base:
            self.base = reference

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """`<![...>` is a comment in HTML; the standard parser raises AssertionError at some of them.

        https://github.com/python/cpython/issues/77057
        """
        return self.rawdata.find(">", i) + 1 or -1
