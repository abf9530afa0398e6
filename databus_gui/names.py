"""Modules as people call them: the ends of their dotted names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

PARTS = 2
"""Parts of a dotted name that are shown at least: the last one alone is often only "puller" or "passenger"."""

_DOTTED = re.compile(r"[^\W\d]\w*(?:[.:][^\W\d]\w*)+")


class ShortNames:
    """Shows `databus_core.connectors.demo.passenger_1` as `demo.passenger_1`, and more of it where that fits two names.

    It knows the names that it has learned or shown. What is no dotted name ("orders by mail") is shown as it is.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        self._fitting: defaultdict[str, int] = defaultdict(int)
        """How many names end so."""
        self.learn(names)

    def learn(self, names: Iterable[str]) -> None:
        """Tell these names apart from now on."""
        for name in {*names} - self._known:
            self._known.add(name)
            for end in _ends(name):
                self._fitting[end] += 1

    def short(self, name: str) -> str:
        """The shortest end that says which name it is."""
        self.learn([name])
        return next((end for end in _ends(name) if self._fitting[end] == 1), name)


def _ends(name: str) -> list[str]:
    """What the name may be shown as, shortest first; the last one is the name itself."""
    if not _DOTTED.fullmatch(name):
        return [name]
    starts = [0, *(dot.end() for dot in re.finditer("[.:]", name))]
    return [name[start:] for start in starts[-PARTS::-1]]
