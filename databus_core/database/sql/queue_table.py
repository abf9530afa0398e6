"""Writing the queue: seating, changing and removing passengers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection, func, select

from databus_core.database.sql.codec import (
    DETAIL_COLUMNS,
    MICROSECONDS_OF_DAY,
    PLACE_COLUMNS,
    PROGRESS_COLUMNS,
    STANDING_COLUMNS,
    STEP_COLUMNS,
    STEP_IDENTITY,
    EntryFacts,
    Progress,
    StepFacts,
    day_of,
    detail_columns,
    entry_facts,
    entry_facts_of,
    format_number,
    format_of,
    place_columns,
    progress_of,
    seat_of,
    step_columns,
    step_facts_of,
    steps_facts,
)
from databus_core.database.sql.content import Contents, NewContent, StoredContent, staged
from databus_core.database.sql.search_text import SearchText
from databus_core.database.sql.space import EntrySpace, content_size, inherited, moved, rows_size
from databus_core.database.sql.statement import Among, deleting, inserting, updating
from databus_core.database.sql.store import Store, fetched, in_bunches
from databus_core.database.sql.tables import OPEN
from databus_core.errors import AttachmentError, NotFoundError
from databus_core.model.attachment import AttachmentFormat
from databus_core.model.queue_entry import QueueEntry

REMEMBERED = 5000
"""Entries whose stored state is kept in memory: they need not be read before they are changed."""

AttachmentFacts: TypeAlias = "tuple[str, AttachmentFormat, int]"
"""Name, format, row of the content."""


@dataclass(slots=True)
class Stored:
    """An entry as its rows have it, or will have it when the running transaction ends."""

    id: int
    facts: EntryFacts
    steps: list[StepFacts]
    progress: Progress
    attachments: list[AttachmentFacts]
    size: int


Counted: TypeAlias = "tuple[str, int, int, int, int]"
"""What a tally counts an entry by: client passenger, day of the pull, status, failing; and its bytes."""


class QueueTable:
    """The queue of every client. What it remembers was written, or is being written, by the one thread that writes."""

    def __init__(self, store: Store, contents: Contents, search: SearchText) -> None:
        self._store = store
        self._contents = contents
        self._search = search
        self._space = EntrySpace(store)
        self._remembered: dict[tuple[int, str], Stored] = {}
        tables, dialect = store.tables, store.dialect
        self._entry, self._step, self._attachment = tables.entry, tables.step, tables.attachment
        self._purged, self._tally = tables.purged, tables.tally
        self._insert = inserting(
            self._entry, dialect, "id", "client_id", "internal_id", "seat", "source_system", "external_id",
            *PLACE_COLUMNS, *PROGRESS_COLUMNS, *DETAIL_COLUMNS, "size",
        )  # fmt: skip
        # A database rewrites every index that has one of the columns, changed or not: so each group has a statement.
        self._change_place = updating(self._entry, dialect, PLACE_COLUMNS, ["id"])
        self._change_standing = updating(self._entry, dialect, PROGRESS_COLUMNS, ["id"])
        self._change_progress = updating(self._entry, dialect, PROGRESS_COLUMNS[_STANDING:], ["id"])
        self._change_details = updating(self._entry, dialect, DETAIL_COLUMNS, ["id"])
        self._change_size = updating(self._entry, dialect, ["size"], ["id"])
        self._insert_step = inserting(self._step, dialect, "queue_entry_id", "position", *STEP_COLUMNS)
        self._change_step = updating(self._step, dialect, STEP_COLUMNS[_IDENTITY:], ["queue_entry_id", "position"])
        self._insert_attachment = inserting(
            self._attachment, dialect, "queue_entry_id", "position", "name", "format", "content_id"
        )
        self._seated = Among(self._entry.c.client_id, self._entry.c.seat, dialect)
        self._had = Among(self._purged.c.client_id, self._purged.c.seat, dialect)
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
        self._search.used()
        for entry, contents, attachments in zip(entries, taken, seated, strict=True):
            if attachments is not None:
                self._let_read(entry, contents, attachments)
        return [attachments is not None for attachments in seated]

    def _seat(
        self,
        connection: Connection,
        client_id: int,
        entries: Sequence[QueueEntry],
        taken: Sequence[Sequence[StoredContent | NewContent]],
    ) -> list[list[AttachmentFacts] | None]:
        """Answers the attachments of those that are seated now."""
        seats = [seat_of(entry.source_system, entry.external_id) for entry in entries]
        known = self._known(connection, client_id, seats)
        new: list[int] = []
        unneeded: list[int] = []
        for position, seat in enumerate(seats):
            if seat in known:
                unneeded += staged(taken[position])
            else:
                known.add(seat)
                new.append(position)
        seated: list[list[AttachmentFacts] | None] = [None] * len(entries)
        rows: list[tuple[object, ...]] = []
        steps: list[tuple[object, ...]] = []
        attachments: list[tuple[object, ...]] = []
        counted: list[Counted] = []
        kept = self._contents.keep(connection, [each for position in new for each in taken[position]])
        content_ids = iter(kept.ids)
        for key, position in enumerate(new, self._store.number(connection, self._entry, len(new))):
            entry = entries[position]
            stored = _new(key, entry, content_ids, kept.new)
            seated[position] = stored.attachments
            rows.append((
                key, client_id, entry.internal_id, seats[position], entry.source_system, entry.external_id,
                *place_columns(stored.facts), *stored.progress, *detail_columns(stored.facts), stored.size,
            ))  # fmt: skip
            steps += [(key, number, *step_columns(step)) for number, step in enumerate(stored.steps)]
            attachments += _attachment_rows(stored)
            counted.append(_counted(stored))
            self._remember(client_id, entry.internal_id, stored)
        self._insert.run(connection, rows)
        self._insert_step.run(connection, steps)
        self._insert_attachment.run(connection, attachments)
        self._add_up(connection, client_id, counted, [])
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
        taken: list[list[StoredContent | NewContent]] = []
        try:
            for entry in entries:
                taken.append([self._contents.take_in(attachment) for attachment in entry.attachments])  # noqa: PERF401
            stored = self._store.write(lambda connection: self._update(connection, client_id, entries, taken))
        except BaseException:
            self._contents.give_up([content for contents in taken for content in contents])
            raise
        self._search.used()
        for entry, contents, attachments in zip(entries, taken, stored, strict=True):
            self._let_read(entry, contents, attachments)

    def _update(
        self,
        connection: Connection,
        client_id: int,
        entries: Sequence[QueueEntry],
        taken: Sequence[Sequence[StoredContent | NewContent]],
    ) -> list[list[AttachmentFacts]]:
        """Answers the attachments of each."""
        present = self.stored(connection, client_id, [entry.internal_id for entry in entries])
        if len(present) < len(entries) and len(entries) > 1:
            # One is named twice, and what comes later counts, or one is not there.
            pairs = zip(entries, taken, strict=True)
            return [self._update(connection, client_id, [entry], [contents])[0] for entry, contents in pairs]
        kept = self._contents.keep(connection, [content for contents in taken for content in contents])
        content_ids = iter(kept.ids)
        changes = _Changes()
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
        self._change_place.run(connection, changes.places)
        self._change_standing.run(connection, changes.standings)
        self._change_progress.run(connection, changes.progress)
        self._change_details.run(connection, changes.details)
        self._change_size.run(connection, changes.sizes)
        self._change_step.run(connection, changes.steps)
        self._delete_steps.run(connection, changes.other_steps)
        self._insert_step.run(connection, changes.new_steps)
        owners = self._space.owners(connection, changes.affected)
        self._delete_attachments.run(connection, changes.other_attachments)
        self._insert_attachment.run(connection, changes.new_attachments)
        self._add_up(connection, client_id, changes.counted, changes.no_longer)
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

    def _let_read(
        self,
        entry: QueueEntry,
        contents: Sequence[StoredContent | NewContent],
        attachments: Sequence[AttachmentFacts],
    ) -> None:
        """From now on the entry's attachments read from the database."""
        for attachment, content, (_, _, content_id) in zip(entry.attachments, contents, attachments, strict=True):
            if isinstance(content, NewContent):
                attachment.content = self._contents.stored(content_id, content.size)

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
        counted: list[Counted] = []
        purged: list[tuple[int, str, str]] = []
        for _, internal_id, seat, fingerprint, name, pulled_at, status, failing, size in found:
            purged.append((client_id, seat, fingerprint))
            counted.append((name, pulled_at // MICROSECONDS_OF_DAY, status, failing, size))
            self._remembered.pop((client_id, internal_id), None)
        rows = [(key,) for key in keys]
        self._insert_purged.run(connection, purged)
        self._search.drop(connection, keys)
        self._delete_attachments.run(connection, rows)
        self._delete_steps.run(connection, rows)
        self._delete.run(connection, rows)
        self._contents.discard(connection, contents)
        self._add_up(connection, client_id, [], counted)
        self._shift(connection, inherited(contents, self._space.owners(connection, contents)))
        return len(keys)

    # What is stored ---------------------------------------------------------------------------------------------

    def stored(self, connection: Connection, client_id: int, internal_ids: Sequence[str]) -> dict[str, Stored]:
        """The present rows of entries, by internal id; those that are not there are left out."""
        found: dict[str, Stored] = {}
        missing: list[str] = []
        for internal_id in internal_ids:
            if (stored := self._remembered.get((client_id, internal_id))) is not None:
                found[internal_id] = stored
            else:
                missing.append(internal_id)
        for some in in_bunches(missing):
            for internal_id, stored in self._read(connection, client_id, some).items():
                found[internal_id] = stored
                self._remember(client_id, internal_id, stored)
        return found

    def _read(self, connection: Connection, client_id: int, internal_ids: Sequence[str]) -> dict[str, Stored]:
        entry, step, attachment = self._entry.c, self._step.c, self._attachment.c
        columns = ("id", "internal_id", *PLACE_COLUMNS, *DETAIL_COLUMNS, *PROGRESS_COLUMNS, "size")
        rows = fetched(
            connection,
            select(*(entry[name] for name in columns)).where(
                entry.client_id == client_id, entry.internal_id.in_(internal_ids)
            ),
        )
        keys = [row[0] for row in rows]
        steps: defaultdict[int, list[StepFacts]] = defaultdict(list)
        for row in fetched(
            connection,
            select(step.queue_entry_id, *(step[name] for name in STEP_COLUMNS))
            .where(step.queue_entry_id.in_(keys))
            .order_by(step.queue_entry_id, step.position),
        ):
            steps[row[0]].append(step_facts_of(row[1:]))
        attachments: defaultdict[int, list[AttachmentFacts]] = defaultdict(list)
        for key, name, fmt, content_id in fetched(
            connection,
            select(attachment.queue_entry_id, attachment.name, attachment.format, attachment.content_id)
            .where(attachment.queue_entry_id.in_(keys))
            .order_by(attachment.queue_entry_id, attachment.position),
        ):
            attachments[key].append((name, format_of(fmt), content_id))
        return {
            row[1]: Stored(
                row[0], entry_facts_of(row[2:4], row[4:9]), steps[row[0]], row[9:-1], attachments[row[0]], row[-1]
            )
            for row in rows
        }

    def _remember(self, client_id: int, internal_id: str, stored: Stored) -> None:
        remembered = self._remembered
        remembered[client_id, internal_id] = stored
        if len(remembered) > REMEMBERED:
            del remembered[next(iter(remembered))]

    # Tallies ----------------------------------------------------------------------------------------------------

    def _add_up(
        self, connection: Connection, client_id: int, counted: Iterable[Counted], no_longer: Iterable[Counted]
    ) -> None:
        changes = Counter(counted)
        changes.subtract(no_longer)
        days: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)
        for (name, day, status, failing, size), number in changes.items():
            kind = "incomplete" if status == OPEN else "complete"
            days[name, day][kind] += number
            days[name, day][f"{kind}_size"] += number * size
            days[name, day]["failing"] += number if failing else 0
        self._add_to_tally(connection, client_id, days)

    def _shift(self, connection: Connection, differences: Mapping[int, int]) -> None:
        """Contents count for other entries than before."""
        for shift in self._space.shift(connection, differences):
            if (stored := self._remembered.get((shift.client_id, shift.internal_id))) is not None:
                stored.size += shift.size
            column = "incomplete_size" if shift.status == OPEN else "complete_size"
            day = shift.client_passenger, shift.day
            self._add_to_tally(connection, shift.client_id, {day: Counter({column: shift.size})})

    def _add_to_tally(
        self, connection: Connection, client_id: int, days: Mapping[tuple[str, int], Counter[str]]
    ) -> None:
        table = self._tally
        for (name, day), numbers in days.items():
            key = (table.c.client_id == client_id, table.c.client_passenger == name, table.c.day == day)
            added = {column: table.c[column] + number for column, number in numbers.items()}
            if not connection.execute(table.update().where(*key).values(added)).rowcount:
                row = {"client_id": client_id, "client_passenger": name, "day": day}
                zero = dict.fromkeys(_TALLIED, 0)
                connection.execute(table.insert(), row | zero | numbers)


_TALLIED = ("complete", "incomplete", "failing", "complete_size", "incomplete_size")


class _Changes:
    """The rows in which entries differ from what is stored."""

    def __init__(self) -> None:
        self.places: list[tuple[object, ...]] = []
        self.standings: list[tuple[object, ...]] = []
        self.progress: list[tuple[object, ...]] = []
        self.details: list[tuple[object, ...]] = []
        self.sizes: list[tuple[int, int]] = []
        self.steps: list[tuple[object, ...]] = []
        self.other_steps: list[tuple[int]] = []
        self.new_steps: list[tuple[object, ...]] = []
        self.other_attachments: list[tuple[int]] = []
        self.new_attachments: list[tuple[object, ...]] = []
        self.dropped: set[int] = set()
        """Contents that an attachment referred to."""
        self.affected: set[int] = set()
        """Contents that an attachment refers to, or no more."""
        self.counted: list[Counted] = []
        self.no_longer: list[Counted] = []
        self.searched: list[int] = []
        """Entries of which a search finds something else than before."""

    def note(self, stored: Stored, entry: QueueEntry, content_ids: Iterator[int]) -> None:
        """How one entry is now; `stored` says the same afterwards."""
        facts, steps, progress, counted = stored.facts, stored.steps, stored.progress, False
        was = _counted(stored)
        if (now := entry_facts(entry)) != facts:
            stored.facts = now
            counted = self._note_facts(stored.id, facts, now)
        if (now := steps_facts(entry)) != steps:
            stored.steps = now
            self._note_steps(stored.id, steps, now)
            if _errors(now) != _errors(steps):
                self.searched.append(stored.id)
        if (more := rows_size(stored.facts, stored.steps) - rows_size(facts, steps)) != 0:
            stored.size += more
            self.sizes.append((stored.size, stored.id))
            counted = True
        if stored.steps is not steps or counted:
            stored.progress = progress_of(stored.steps, entry.pulled_at)
            if stored.progress[:_STANDING] != progress[:_STANDING]:
                self.standings.append((*stored.progress, stored.id))
                counted = True
            elif stored.progress != progress:
                self.progress.append((*stored.progress[_STANDING:], stored.id))
        if counted:
            self.no_longer.append(was)
            self.counted.append(_counted(stored))
        if (now := _attachments(entry, content_ids)) != stored.attachments:
            before, after = ({content_id for _, _, content_id in facts} for facts in (stored.attachments, now))
            self.dropped |= before - after
            self.affected |= before ^ after
            stored.attachments = now
            self.searched.append(stored.id)
            self.other_attachments.append((stored.id,))
            self.new_attachments += _attachment_rows(stored)

    def _note_facts(self, key: int, before: EntryFacts, after: EntryFacts) -> bool:
        """Answers whether the tally must know."""
        details, place = detail_columns(after), place_columns(after)
        if details != detail_columns(before):
            self.details.append((*details, key))
        if place == place_columns(before):
            return False
        self.places.append((*place, key))
        return True

    def _note_steps(self, key: int, before: list[StepFacts], after: list[StepFacts]) -> None:
        if len(after) == len(before):
            for number, step in enumerate(after):
                old = before[number]
                if step == old:
                    continue
                if step[:_IDENTITY] != old[:_IDENTITY]:
                    break
                self.steps.append((*step_columns(step)[_IDENTITY:], key, number))
            else:
                return
        self.other_steps.append((key,))
        self.new_steps += [(key, number, *step_columns(step)) for number, step in enumerate(after)]


_STANDING, _IDENTITY = len(STANDING_COLUMNS), len(STEP_IDENTITY)


def _errors(steps: Sequence[StepFacts]) -> list[str]:
    return [error for _, _, _, _, _, error, *_ in steps if error]


def _new(key: int, entry: QueueEntry, content_ids: Iterator[int], new: dict[int, int]) -> Stored:
    """`new`: bytes of the contents that nobody had; they count for the first who has them."""
    facts, steps, attachments = entry_facts(entry), steps_facts(entry), _attachments(entry, content_ids)
    size = rows_size(facts, steps)
    for _, _, content_id in attachments:
        if content_id in new:
            size += content_size(new.pop(content_id))
    return Stored(key, facts, steps, progress_of(steps, entry.pulled_at), attachments, size)


def _attachments(entry: QueueEntry, content_ids: Iterator[int]) -> list[AttachmentFacts]:
    return [(attachment.name, attachment.format, next(content_ids)) for attachment in entry.attachments]


def _attachment_rows(stored: Stored) -> list[tuple[object, ...]]:
    return [
        (stored.id, number, name, format_number(fmt), content_id)
        for number, (name, fmt, content_id) in enumerate(stored.attachments)
    ]


def _counted(stored: Stored) -> Counted:
    facts, progress = stored.facts, stored.progress
    return facts[0], day_of(facts[1]), progress[0], progress[2], stored.size
