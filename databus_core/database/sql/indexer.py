"""Indexes behind the work of others: in a thread of its own, a little at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sqlalchemy import exc

from databus_core.database.sql.search_source import Batch, SearchSource
from databus_core.database.sql.search_text import SearchText
from databus_core.database.sql.store import Store
from databus_core.errors import DatabusError
from databus_core.model.query import MUCH_WAITS

GATHER_SECONDS = 0.2
"""A trip changes its passengers several times within a moment; they are indexed once."""
SHARE = 1 / 20
"""Part of the time that indexing takes while others use the database."""
QUIET_SECONDS = 0.5
"""Without a use for so long, nobody is taken to use it."""
TELL_SECONDS = 2.0
"""How often whoever watches is told that there is progress."""
AGAIN_SECONDS = 10.0
"""After a failure, of which whoever uses the database hears on his own."""


class Indexer:
    """Works from its making until it is closed; a kill loses nothing, as what waits is known to the database."""

    def __init__(
        self,
        store: Store,
        text: SearchText,
        source: SearchSource,
        shrink: Callable[[], None],
        on_indexed: Callable[[], None],
    ) -> None:
        """`shrink` is called when room has become free, `on_indexed` as DatabaseContext says."""
        self._shrink = shrink
        self._on_indexed = on_indexed
        self._indexed = 0
        """Entries, since nothing waited."""
        self._told_at = time.monotonic()
        self._store = store
        self._text = text
        self._source = source
        self._closing = threading.Event()
        text.waiting.set()
        self._thread = threading.Thread(target=self._work, name="databus-sql-indexer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finish the present batch; the rest waits until the database is opened again."""
        self._closing.set()
        self._text.waiting.set()
        self._thread.join()

    # In the thread ----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._closing.is_set():
            self._text.waiting.wait()
            self._text.waiting.clear()
            if self._closing.wait(GATHER_SECONDS):
                return
            try:
                self._index_all()
            except (exc.SQLAlchemyError, DatabusError, OSError):
                self._closing.wait(AGAIN_SECONDS)
                self._text.waiting.set()

    def _index_all(self) -> None:
        uses = self._text.uses
        while not self._closing.is_set():
            begun = time.monotonic()
            batch = self._source.next_batch()
            if batch is not None:
                self._index(batch)
                self._tell(TELL_SECONDS)
            elif not self._text.substrings.step() and not self._tidied():
                self._tell(0)
                self._indexed = 0
                return
            if self._text.uses != uses:
                uses = self._text.uses
                self._rest((time.monotonic() - begun) * (1 / SHARE - 1))

    def _tell(self, seconds: float) -> None:
        """Tell of progress if it is much, and was told of so long ago."""
        if self._indexed >= MUCH_WAITS and time.monotonic() - self._told_at >= seconds:
            self._told_at = time.monotonic()
            self._on_indexed()

    def _tidied(self) -> bool:
        """Make room if there is any to be had; answers whether that may go on."""
        was_tidying = self._text.is_tidying
        if self._text.tidy():
            return True
        if was_tidying:
            self._shrink()
        return False

    def _rest(self, seconds: float) -> None:
        """Leave the database to others, but not longer than they use it."""
        until = time.monotonic() + seconds
        uses = -1
        while uses != self._text.uses and time.monotonic() < until and not self._closing.is_set():
            uses = self._text.uses
            self._closing.wait(min(QUIET_SECONDS, max(0.0, until - time.monotonic())))

    def _index(self, batch: Batch) -> None:
        index = self._text.index
        self._indexed += len(batch.keys)
        rows = self._source.words(batch.keys, index.longest, index.mark)
        self._store.write(lambda connection: self._text.keep(connection, rows, batch.until, batch.changes))
