"""Whether a database may be used: it opens, it closes, and it closes only behind the last one inside."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from databus_core.errors import ClosedError


class Gate:
    """Safe to use from several threads."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._changed = threading.Condition()
        self._is_open = False
        self._inside = 0

    @property
    def is_open(self) -> bool:
        """Whether one may enter."""
        return self._is_open

    def open(self) -> None:
        """Let everybody in."""
        with self._changed:
            self._is_open = True

    def close(self) -> None:
        """Let nobody in any more, and return when nobody is inside."""
        with self._changed:
            self._is_open = False
            self._changed.wait_for(lambda: not self._inside)

    @contextmanager
    def passed(self) -> Generator[None]:
        """Be inside. Raises ClosedError."""
        with self._changed:
            if not self._is_open:
                raise ClosedError(f"The database in {self._name} is not open.")
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                if not self._inside:
                    self._changed.notify_all()
