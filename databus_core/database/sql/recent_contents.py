"""Small contents that were just stored, in memory: what is seated is mostly processed and pushed at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

ROOM = 4 << 20
"""Bytes of all that are kept; those that were stored first go first."""


class RecentContents:
    """By their rows. Safe to use from several threads."""

    def __init__(self) -> None:
        self._data: OrderedDict[int, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def keep(self, contents: Iterable[tuple[int, bytes]]) -> None:
        """They are stored now."""
        with self._lock:
            for content_id, data in contents:
                self._remove(content_id)
                self._data[content_id] = data
                self._size += len(data)
            while self._size > ROOM:
                _, gone = self._data.popitem(last=False)
                self._size -= len(gone)

    def get(self, content_id: int) -> bytes | None:
        """Its bytes, if they are here."""
        return self._data.get(content_id)

    def forget(self, content_ids: Iterable[int]) -> None:
        """They are stored no more, or may not be."""
        with self._lock:
            for content_id in content_ids:
                self._remove(content_id)

    def _remove(self, content_id: int) -> None:
        data = self._data.pop(content_id, None)
        self._size -= len(data) if data is not None else 0
