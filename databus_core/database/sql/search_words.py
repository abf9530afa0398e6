"""Words as they are indexed and looked for: the same in every database, whatever its own idea of a word is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from databus_core.model.query import terms

LONGEST_WORD = 64
"""Characters of a word; longer ones are found by these. What is longer is no word but encoded data."""

SHORTEST_PART = 3
"""Characters by which any part of a word is found: trigrams have so many."""

PIECE = 1 << 15
"""Characters that are taken apart at once: no other thread of Python runs meanwhile."""

_WORD = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![^\W_])|[^\W_]+")
"""A UUID is one word: its parts are no words, and some of them would begin with every small number."""
_SPACE = re.compile(r"\s")


def words_in(text: str) -> list[str]:
    """Runs of letters and digits, in small letters; a UUID without its hyphens."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    else:
        text = text.lower()
    return [word.replace("-", "")[:LONGEST_WORD] for word in _WORD.findall(text)]


def indexed(texts: Iterable[str], longest: int, mark: str = "") -> str:
    """The words of the texts, each between spaces and behind the mark; as many as have `longest` bytes together."""
    words = (word for text in texts for piece in _pieces(text) for word in words_in(piece))
    line = "".join(f" {mark}{word}" for word in words) + " "
    if len(line) * 4 <= longest:
        return line
    encoded = line.encode()
    if len(encoded) <= longest:
        return line
    return encoded[: encoded.rindex(b" ", 0, longest) + 1].decode()


def _pieces(text: str) -> Iterator[str]:
    begin = 0
    while len(text) - begin > PIECE and (space := _SPACE.search(text, begin + PIECE)):
        yield text[begin : space.start()]
        begin = space.end()
    yield text[begin:]


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that follow one another."""

    words: tuple[str, ...]
    whole: bool
    """The last word is meant whole; otherwise it may go on."""

    def pattern(self, mark: str = "") -> str:
        """What LIKE finds it by; words have no characters that mean something to it."""
        line = "".join(f" {mark}{word}" for word in self.words)
        return f"%{line} %" if self.whole else f"%{line}%"

    @property
    def may_be_part(self) -> bool:
        """Whether it is long enough to be found inside of words, and not meant as whole ones."""
        return not self.whole and len(" ".join(self.words)) >= SHORTEST_PART

    def part_pattern(self) -> str:
        """What LIKE finds it by where it may begin inside of a word."""
        return f"%{' '.join(self.words)}%" if self.may_be_part else self.pattern()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a text asks for."""

    phrases: tuple[Phrase, ...]
    others: tuple[str, ...]
    """Texts without a letter or digit, of which no index knows."""
    terms: tuple[str, ...]
    """All of it, as it was written."""

    @classmethod
    def by(cls, text: str) -> Wanted:
        """What a person who typed this looks for."""
        phrases: list[Phrase] = []
        others: list[str] = []
        wanted = terms(text)
        for term in wanted:
            words = tuple(words_in(term.text))
            if words:
                phrases.append(Phrase(words, term.quoted))
            else:
                others.append(term.text)
        return cls(tuple(phrases), tuple(others), tuple(term.text for term in wanted))
