"""Writing the queue: seating, changing and removing passengers."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias, cast

from sqlalchemy import Connection, select

from databus_core.database.sql.codec import (
    INDEXED,
    MICROSECONDS_OF_DAY,
    STEP_COLUMNS,
    EntryValues,
    StepValues,
    entry_values,
    format_number,
    seat_of,
    step_values,
)
from databus_core.database.sql.content import Contents, NewContent, StoredContent, staged
from databus_core.database.sql.statement import deleting, inserting, updating
from databus_core.database.sql.store import Store, fetched, in_bunches
from databus_core.database.sql.tables import OPEN
from databus_core.errors import AttachmentError, NotFoundError
from databus_core.model.attachment import Attachment
from databus_core.model.queue_entry import QueueEntry

REMEMBERED = 5000
"""Entries whose stored state is kept in memory: they need not be read before they are changed."""

AttachmentValues: TypeAlias = "tuple[str, int, int]"
"""Name, format, row of the content."""


class Stored(NamedTuple):
    """An entry as its rows have it."""

    id: int
    values: EntryValues
    steps: list[StepValues]
    attachments: list[AttachmentValues]


Tallied: TypeAlias = "Counter[tuple[str, int, str]]"
"""By client passenger, day and column of the tally: how many more."""


class QueueTable:
    """The queue of every client. What it remembers was written, or is being written, by the one thread that writes."""

    def __init__(self, store: Store, contents: Contents) -> None:
        self._store = store
        self._contents = contents
        self._remembered: OrderedDict[tuple[int, str], Stored] = OrderedDict()
        tables, dialect = store.tables, store.dialect
        self._entry, self._step, self._attachment = tables.entry, tables.step, tables.attachment
        self._purged, self._tally = tables.purged, tables.tally
        values, rest = EntryValues._fields, EntryValues._fields[INDEXED:]
        identity = ("id", "client_id", "internal_id", "seat", "source_system", "external_id")
        self._insert = inserting(self._entry, dialect, *identity, *values)
        self._change = updating(self._entry, dialect, values, ["id"])
        self._change_rest = updating(self._entry, dialect, rest, ["id"])
        self._insert_step = inserting(self._step, dialect, "queue_entry_id", "position", *STEP_COLUMNS)
        self._change_step = updating(self._step, dialect, STEP_COLUMNS, ["queue_entry_id", "position"])
        self._insert_attachment = inserting(
            self._attachment, dialect, "queue_entry_id", "position", "name", "format", "content_id"
        )
        self._insert_purged = inserting(self._purged, dialect, "client_id", "seat", "fingerprint")
        self._delete_steps = deleting(self._step, dialect, "queue_entry_id")
        self._delete_attachments = deleting(self._attachment, dialect, "queue_entry_id")
        self._delete = deleting(self._entry, dialect, "id")

    def forget(self) -> None:
        """What was written last was undone: read it anew."""
        self._remembered.clear()

    # Seating ----------------------------------------------------------------------------------------------------

    def seat(self, client_id: int, entries: Sequence[QueueEntry]) -> list[bool]:
        """See Database.seat."""
        taken: list[list[StoredContent | NewContent]] = []
        try:
            for entry in entries:
                taken.append([self._contents.take_in(attachment) for attachment in entry.attachments])  # noqa: PERF401
            seated = self._store.write(lambda connection: self._seat(connection, client_id, entries, taken))
        except BaseException:
            self._contents.give_up([content for contents in taken for content in contents])
            raise
        for entry, stored in zip(entries, seated, strict=True):
            if stored is not None:
                self._let_read(entry, stored)
        return [stored is not None for stored in seated]

    def _seat(
        self,
        connection: Connection,
        client_id: int,
        entries: Sequence[QueueEntry],
        taken: Sequence[Sequence[StoredContent | NewContent]],
    ) -> list[Stored | None]:
        seats = [seat_of(entry.source_system, entry.external_id) for entry in entries]
        known = self._known(connection, client_id, seats)
        seated: list[Stored | None] = []
        rows: list[tuple[object, ...]] = []
        steps: list[tuple[object, ...]] = []
        attachments: list[tuple[object, ...]] = []
        tally: Tallied = Counter()
        unneeded: list[int] = []
        for entry, seat, contents in zip(entries, seats, taken, strict=True):
            if seat in known:
                seated.append(None)
                unneeded += staged(contents)
                continue
            known.add(seat)
            stored = self._new(connection, entry, contents)
            identity = (stored.id, client_id, entry.internal_id, seat, entry.source_system, entry.external_id)
            rows.append((*identity, *stored.values))
            steps += [(stored.id, number, *step) for number, step in enumerate(stored.steps)]
            attachments += [(stored.id, number, *each) for number, each in enumerate(stored.attachments)]
            _count(tally, stored.values, 1)
            self._remember(client_id, entry.internal_id, stored)
            seated.append(stored)
        self._insert.run(connection, rows)
        self._insert_step.run(connection, steps)
        self._insert_attachment.run(connection, attachments)
        self._add_up(connection, client_id, tally)
        if unneeded:
            self._contents.discard(connection, unneeded)
        return seated

    def _new(self, connection: Connection, entry: QueueEntry, contents: Sequence[StoredContent | NewContent]) -> Stored:
        steps = step_values(entry)
        content_ids = self._contents.keep(connection, contents) if contents else []
        return Stored(
            self._store.number(connection, self._entry),
            entry_values(entry, steps),
            steps,
            _attachment_values(entry.attachments, content_ids),
        )

    def _known(self, connection: Connection, client_id: int, seats: Sequence[str]) -> set[str]:
        """Those of the seats that somebody has, or had."""
        known: set[str] = set()
        for table in (self._entry, self._purged):
            for some in in_bunches(seats):
                query = select(table.c.seat).where(table.c.client_id == client_id, table.c.seat.in_(some))
                known.update(connection.execute(query).scalars())
        return known

    # Changing ---------------------------------------------------------------------------------------------------

    def update(self, client_id: int, entries: Sequence[QueueEntry]) -> None:
        """See Database.update."""
        taken: list[list[StoredContent | NewContent]] = []
        try:
            for entry in entries:
                taken.append([self._contents.take_in(attachment) for attachment in entry.attachments])  # noqa: PERF401
            stored = self._store.write(lambda connection: self._update(connection, client_id, entries, taken))
        except BaseException:
            self._contents.give_up([content for contents in taken for content in contents])
            raise
        for entry, each in zip(entries, stored, strict=True):
            self._let_read(entry, each)

    def _update(
        self,
        connection: Connection,
        client_id: int,
        entries: Sequence[QueueEntry],
        taken: Sequence[Sequence[StoredContent | NewContent]],
    ) -> list[Stored]:
        present = self.stored(connection, client_id, [entry.internal_id for entry in entries])
        changes = _Changes()
        after: list[Stored] = []
        for entry, contents in zip(entries, taken, strict=True):
            before = present.get(entry.internal_id)
            if before is None:
                raise NotFoundError(f"Passenger {entry} is not in the queue.")
            stored = self._changed(connection, entry, before, contents)
            changes.note(before, stored)
            present[entry.internal_id] = stored
            self._remember(client_id, entry.internal_id, stored)
            after.append(stored)
        self._change.run(connection, changes.rows)
        self._change_rest.run(connection, changes.rests)
        self._change_step.run(connection, changes.steps)
        self._delete_steps.run(connection, changes.other_steps)
        self._insert_step.run(connection, changes.new_steps)
        self._delete_attachments.run(connection, changes.other_attachments)
        self._insert_attachment.run(connection, changes.new_attachments)
        self._add_up(connection, client_id, changes.tally)
        if changes.dropped:
            self._contents.discard(connection, changes.dropped)
        return after

    def _changed(
        self,
        connection: Connection,
        entry: QueueEntry,
        before: Stored,
        contents: Sequence[StoredContent | NewContent],
    ) -> Stored:
        own = {content_id for _, _, content_id in before.attachments}
        foreign = {content.id for content in contents if isinstance(content, StoredContent)} - own
        if foreign and foreign - self._contents.present(connection, foreign):
            raise AttachmentError(f"An attachment of {entry} is of a passenger that is no longer in the queue.")
        steps = step_values(entry)
        content_ids = self._contents.keep(connection, contents) if contents else []
        return Stored(before.id, entry_values(entry, steps), steps, _attachment_values(entry.attachments, content_ids))

    def _let_read(self, entry: QueueEntry, stored: Stored) -> None:
        """From now on the entry's attachments read from the database."""
        for attachment, (_, _, content_id) in zip(entry.attachments, stored.attachments, strict=True):
            content = attachment.content
            if not (isinstance(content, StoredContent) and content.id == content_id):
                attachment.content = self._contents.stored(content_id, content.size)

    # Removing ---------------------------------------------------------------------------------------------------

    def remove(self, client_id: int, internal_ids: Iterable[str]) -> int:
        """See Database.remove. Many are removed in several transactions, so that others get their turn."""
        removed = 0
        for some in in_bunches(list(internal_ids)):
            removed += self._store.write(lambda connection, some=some: self._remove(connection, client_id, some))
        return removed

    def _remove(self, connection: Connection, client_id: int, internal_ids: Sequence[str]) -> int:
        entry, attachment = self._entry.c, self._attachment.c
        found = fetched(
            connection,
            select(entry.id, entry.internal_id, entry.seat, *(entry[name] for name in EntryValues._fields)).where(
                entry.client_id == client_id, entry.internal_id.in_(internal_ids)
            ),
        )
        keys = [row[0] for row in found]
        contents = set(
            connection.execute(select(attachment.content_id).where(attachment.queue_entry_id.in_(keys))).scalars()
        )
        tally: Tallied = Counter()
        purged: list[tuple[int, str, str]] = []
        for _, internal_id, seat, *columns in found:
            values = EntryValues(*columns)
            purged.append((client_id, seat, values.fingerprint))
            _count(tally, values, -1)
            self._remembered.pop((client_id, internal_id), None)
        rows = [(key,) for key in keys]
        self._insert_purged.run(connection, purged)
        self._delete_attachments.run(connection, rows)
        self._delete_steps.run(connection, rows)
        self._delete.run(connection, rows)
        self._contents.discard(connection, contents)
        self._add_up(connection, client_id, tally)
        return len(keys)

    # What is stored ---------------------------------------------------------------------------------------------

    def stored(self, connection: Connection, client_id: int, internal_ids: Sequence[str]) -> dict[str, Stored]:
        """The present rows of entries, by internal id; those that are not there are left out."""
        found = {
            internal_id: stored
            for internal_id in internal_ids
            if (stored := self._remembered.get((client_id, internal_id))) is not None
        }
        for some in in_bunches([internal_id for internal_id in internal_ids if internal_id not in found]):
            found.update(self._read(connection, client_id, some))
        return found

    def _read(self, connection: Connection, client_id: int, internal_ids: Sequence[str]) -> dict[str, Stored]:
        entry, step, attachment = self._entry.c, self._step.c, self._attachment.c
        rows = fetched(
            connection,
            select(entry.id, entry.internal_id, *(entry[name] for name in EntryValues._fields)).where(
                entry.client_id == client_id, entry.internal_id.in_(internal_ids)
            ),
        )
        keys = [row[0] for row in rows]
        steps: defaultdict[int, list[StepValues]] = defaultdict(list)
        for key, *values in fetched(
            connection,
            select(step.queue_entry_id, *(step[name] for name in STEP_COLUMNS))
            .where(step.queue_entry_id.in_(keys))
            .order_by(step.queue_entry_id, step.position),
        ):
            steps[key].append(cast("StepValues", tuple(values)))
        attachments: defaultdict[int, list[AttachmentValues]] = defaultdict(list)
        for key, *values in fetched(
            connection,
            select(attachment.queue_entry_id, attachment.name, attachment.format, attachment.content_id)
            .where(attachment.queue_entry_id.in_(keys))
            .order_by(attachment.queue_entry_id, attachment.position),
        ):
            attachments[key].append(cast("AttachmentValues", tuple(values)))
        return {
            internal_id: Stored(key, EntryValues(*values), steps[key], attachments[key])
            for key, internal_id, *values in rows
        }

    def _remember(self, client_id: int, internal_id: str, stored: Stored) -> None:
        remembered = self._remembered
        remembered[client_id, internal_id] = stored
        remembered.move_to_end((client_id, internal_id))
        if len(remembered) > REMEMBERED:
            remembered.popitem(last=False)

    # Tallies ----------------------------------------------------------------------------------------------------

    def _add_up(self, connection: Connection, client_id: int, changes: Tallied) -> None:
        table = self._tally
        days: defaultdict[tuple[str, int], dict[str, int]] = defaultdict(dict)
        for (name, day, column), number in changes.items():
            if number:
                days[name, day][column] = number
        for (name, day), numbers in days.items():
            key = (table.c.client_id == client_id, table.c.client_passenger == name, table.c.day == day)
            added = {column: table.c[column] + number for column, number in numbers.items()}
            if not connection.execute(table.update().where(*key).values(added)).rowcount:
                row = {"client_id": client_id, "client_passenger": name, "day": day}
                zero = dict.fromkeys(_TALLIED, 0)
                connection.execute(table.insert(), row | zero | numbers)


_TALLIED = ("complete", "incomplete", "failing")


class _Changes:
    """The rows in which entries differ from what is stored."""

    def __init__(self) -> None:
        self.rows: list[tuple[object, ...]] = []
        """Those of which an index must know."""
        self.rests: list[tuple[object, ...]] = []
        self.steps: list[tuple[object, ...]] = []
        self.other_steps: list[tuple[int]] = []
        self.new_steps: list[tuple[object, ...]] = []
        self.other_attachments: list[tuple[int]] = []
        self.new_attachments: list[tuple[object, ...]] = []
        self.dropped: set[int] = set()
        """Contents that an attachment referred to."""
        self.tally: Tallied = Counter()

    def note(self, before: Stored, after: Stored) -> None:
        """One entry."""
        key = before.id
        if after.values.indexed != before.values.indexed:
            self.rows.append((*after.values, key))
            _count(self.tally, before.values, -1)
            _count(self.tally, after.values, 1)
        elif after.values != before.values:
            self.rests.append((*after.values[INDEXED:], key))
        if len(after.steps) != len(before.steps):
            self.other_steps.append((key,))
            self.new_steps += [(key, number, *step) for number, step in enumerate(after.steps)]
        else:
            for number, (old, new) in enumerate(zip(before.steps, after.steps, strict=True)):
                if old != new:
                    self.steps.append((*new, key, number))
        if after.attachments != before.attachments:
            self.other_attachments.append((key,))
            self.new_attachments += [(key, number, *each) for number, each in enumerate(after.attachments)]
            self.dropped |= {each[2] for each in before.attachments} - {each[2] for each in after.attachments}


def _count(tally: Tallied, values: EntryValues, number: int) -> None:
    name, day = values.client_passenger, values.pulled_at // MICROSECONDS_OF_DAY
    tally[name, day, "incomplete" if values.status == OPEN else "complete"] += number
    if values.failing:
        tally[name, day, "failing"] += number


def _attachment_values(attachments: Sequence[Attachment], content_ids: Sequence[int]) -> list[AttachmentValues]:
    return [
        (attachment.name, format_number(attachment.format), content_id)
        for attachment, content_id in zip(attachments, content_ids, strict=True)
    ]
