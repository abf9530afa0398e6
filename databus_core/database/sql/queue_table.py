"""Writing the queue: seating, changing and removing passengers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from sqlalchemy import Connection, func, select

from databus_core.database.sql.codec import seat_of
from databus_core.database.sql.content import Contents, NewContent, StoredContent, staged
from databus_core.database.sql.queue_changes import Changes, NewRows
from databus_core.database.sql.queue_rows import QueueRows
from databus_core.database.sql.queue_stored import AttachmentFacts, StoredEntries
from databus_core.database.sql.queue_tally import Counted, QueueTally, counted
from databus_core.database.sql.search_text import SearchText
from databus_core.database.sql.space import EntrySpace, inherited, moved
from databus_core.database.sql.statement import Among, inserting
from databus_core.database.sql.store import Store, fetched, in_bunches
from databus_core.errors import AttachmentError, NotFoundError
from databus_core.model.queue_entry import QueueEntry

Taken: TypeAlias = "Sequence[Sequence[StoredContent | NewContent]]"
"""For each entry the contents of its attachments."""


class QueueTable:
    """The queue of every client."""

    def __init__(self, store: Store, contents: Contents, search: SearchText) -> None:
        self._store = store
        self._contents = contents
        self._search = search
        self._rows = QueueRows(store)
        self._stored = StoredEntries(store)
        self._tally = QueueTally(store)
        self._space = EntrySpace(store)
        tables, dialect = store.tables, store.dialect
        self._entry, self._attachment, purged = tables.entry, tables.attachment, tables.purged
        self._seated = Among(self._entry.c.client_id, self._entry.c.seat, dialect)
        self._had = Among(purged.c.client_id, purged.c.seat, dialect)
        self._insert_purged = inserting(purged, dialect, "client_id", "seat", "fingerprint")

    def forget(self) -> None:
        """What was written last was undone: read it anew."""
        self._stored.forget_all()

    # Seating ----------------------------------------------------------------------------------------------------

    def seat(self, client_id: int, entries: Sequence[QueueEntry]) -> list[bool]:
        """See Database.seat."""
        taken = self._taken_in(entries)
        try:
            seated = self._store.write(lambda connection: self._seat(connection, client_id, entries, taken))
        except BaseException:
            self._give_up(taken)
            raise
        self._search.used()
        self._let_read(entries, taken, seated)
        return [attachments is not None for attachments in seated]

    def _seat(
        self, connection: Connection, client_id: int, entries: Sequence[QueueEntry], taken: Taken
    ) -> list[list[AttachmentFacts] | None]:
        """Answers the attachments of those that are seated now."""
        seats = [seat_of(entry.source_system, entry.external_id) for entry in entries]
        known = self._known(connection, client_id, seats)
        places: list[int] = []
        unneeded: list[int] = []
        for place, seat in enumerate(seats):
            if seat in known:
                unneeded += staged(taken[place])
            else:
                known.add(seat)
                places.append(place)
        seated: list[list[AttachmentFacts] | None] = [None] * len(entries)
        new = NewRows(client_id)
        kept = self._contents.keep(connection, [each for place in places for each in taken[place]])
        content_ids = iter(kept.ids)
        for key, place in enumerate(places, self._store.number(connection, self._entry, len(places))):
            stored = new.add(key, seats[place], entries[place], content_ids, kept.new)
            seated[place] = stored.attachments
            self._stored.remember(client_id, entries[place].internal_id, stored)
        self._rows.insert(connection, new)
        self._tally.change(connection, client_id, new.counted, [])
        if unneeded:
            self._contents.discard(connection, unneeded)
        return seated

    def _known(self, connection: Connection, client_id: int, seats: Sequence[str]) -> set[str]:
        """Those of the seats that somebody has, or had."""
        known = self._seated.found(connection, client_id, seats)
        return known | self._had.found(connection, client_id, seats)

    # Changing ---------------------------------------------------------------------------------------------------

    def update(self, client_id: int, entries: Sequence[QueueEntry]) -> None:
        """See Database.update."""
        taken = self._taken_in(entries)
        try:
            stored = self._store.write(lambda connection: self._update(connection, client_id, entries, taken))
        except BaseException:
            self._give_up(taken)
            raise
        self._search.used()
        self._let_read(entries, taken, stored)

    def _update(
        self, connection: Connection, client_id: int, entries: Sequence[QueueEntry], taken: Taken
    ) -> list[list[AttachmentFacts]]:
        """Answers the attachments of each."""
        present = self._stored.of(connection, client_id, [entry.internal_id for entry in entries])
        if len(present) < len(entries) and len(entries) > 1:
            # One is named twice, and what comes later counts, or one is not there.
            pairs = zip(entries, taken, strict=True)
            return [self._update(connection, client_id, [entry], [contents])[0] for entry, contents in pairs]
        kept = self._contents.keep(connection, [content for contents in taken for content in contents])
        content_ids = iter(kept.ids)
        changes = Changes()
        attachments: list[list[AttachmentFacts]] = []
        for entry, contents in zip(entries, taken, strict=True):
            stored = present.get(entry.internal_id)
            if stored is None:
                raise NotFoundError(f"Passenger {entry} is not in the queue.")
            before = stored.attachments
            changes.note(stored, entry, content_ids)
            if stored.attachments is not before:
                self._check_attachments(connection, entry, before, contents)
            attachments.append(stored.attachments)
        owners = self._space.owners(connection, changes.affected)
        self._rows.change(connection, changes)
        self._tally.change(connection, client_id, changes.counted, changes.no_longer)
        if changes.affected:
            self._shift(connection, moved(owners, self._space.owners(connection, changes.affected)))
        self._search.note(connection, changes.searched)
        if changes.dropped:
            self._contents.discard(connection, changes.dropped)
        return attachments

    def _check_attachments(
        self,
        connection: Connection,
        entry: QueueEntry,
        before: Sequence[AttachmentFacts],
        contents: Sequence[StoredContent | NewContent],
    ) -> None:
        own = {content_id for _, _, content_id in before}
        foreign = {content.id for content in contents if isinstance(content, StoredContent)} - own
        if foreign and foreign - self._contents.present(connection, foreign):
            raise AttachmentError(f"An attachment of {entry} is of a passenger that is no longer in the queue.")

    # Attachments ------------------------------------------------------------------------------------------------

    def _taken_in(self, entries: Sequence[QueueEntry]) -> Taken:
        """Their contents, read in the caller's thread before the transaction begins."""
        taken: list[list[StoredContent | NewContent]] = []
        take_in = self._contents.take_in
        try:
            for entry in entries:
                contents: list[StoredContent | NewContent] = []
                taken.append(contents)
                for attachment in entry.attachments:
                    contents.append(take_in(attachment))  # noqa: PERF401 - those before one that fails are given up
        except BaseException:
            self._give_up(taken)
            raise
        return taken

    def _give_up(self, taken: Taken) -> None:
        self._contents.give_up([content for contents in taken for content in contents])

    def _let_read(
        self, entries: Sequence[QueueEntry], taken: Taken, stored: Sequence[Sequence[AttachmentFacts] | None]
    ) -> None:
        """From now on the attachments of those that are stored read from the database."""
        self._contents.let_read(
            (attachment, content, facts[2])
            for entry, contents, attachments in zip(entries, taken, stored, strict=True)
            if attachments is not None
            for attachment, content, facts in zip(entry.attachments, contents, attachments, strict=True)
            if isinstance(content, NewContent)
        )

    # Removing ---------------------------------------------------------------------------------------------------

    def remove(self, client_id: int, internal_ids: Iterable[str]) -> int:
        """See Database.remove. Many are removed in several transactions, so that others get their turn."""
        removed = 0
        for some in in_bunches(list(internal_ids)):
            removed += self._store.write(lambda connection, some=some: self._remove(connection, client_id, some))
        self._search.used()
        return removed

    def _remove(self, connection: Connection, client_id: int, internal_ids: Sequence[str]) -> int:
        entry, attachment = self._entry.c, self._attachment.c
        found = fetched(
            connection,
            select(
                entry.id, entry.internal_id, entry.seat, entry.fingerprint,
                entry.client_passenger, entry.pulled_at, entry.status, entry.failing, entry.size,
            ).where(entry.client_id == client_id, entry.internal_id.in_(internal_ids)),
        )  # fmt: skip
        keys = [row[0] for row in found]
        having = (
            select(attachment.content_id, func.min(attachment.queue_entry_id))
            .where(attachment.queue_entry_id.in_(keys))
            .group_by(attachment.content_id)
        )
        contents: dict[int, int] = dict(fetched(connection, having))  # type: ignore[arg-type]
        no_longer: list[Counted] = []
        purged: list[tuple[int, str, str]] = []
        for _, internal_id, seat, fingerprint, name, pulled_at, status, failing, size in found:
            purged.append((client_id, seat, fingerprint))
            no_longer.append(counted(name, pulled_at, status, failing, size))
            self._stored.forget(client_id, internal_id)
        self._insert_purged.run(connection, purged)
        self._search.drop(connection, keys)
        self._rows.delete(connection, keys)
        self._contents.discard(connection, contents)
        self._tally.change(connection, client_id, [], no_longer)
        self._shift(connection, inherited(contents, self._space.owners(connection, contents)))
        return len(keys)

    def _shift(self, connection: Connection, differences: Mapping[int, int]) -> None:
        """Contents count for other entries than before."""
        for shift in self._space.shift(connection, differences):
            self._stored.shift(shift.client_id, shift.internal_id, shift.size)
            self._tally.shift(connection, shift)
