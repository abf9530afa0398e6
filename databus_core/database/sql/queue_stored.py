"""Entries as they are stored, remembered: so most need not be read before they are changed."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from sqlalchemy import Connection, select

from databus_core.database.sql.codec import (
    ENTRY_COLUMNS,
    PROGRESS_COLUMNS,
    STEP_COLUMNS,
    EntryColumns,
    EntryFacts,
    Progress,
    StepFacts,
    entry_facts_of,
    format_of,
    step_facts_of,
)
from databus_core.database.sql.store import Store, fetched, in_bunches
from databus_core.model.attachment import AttachmentFormat

REMEMBERED = 5000
"""Entries whose stored state is kept in memory."""

AttachmentFacts: TypeAlias = "tuple[str, AttachmentFormat, int]"
"""Name, format, row of the content."""


@dataclass(slots=True)
class Stored:
    """An entry as its rows have it, or will have it when the running transaction ends."""

    id: int
    facts: EntryFacts
    columns: EntryColumns
    steps: list[StepFacts]
    progress: Progress
    attachments: list[AttachmentFacts]
    size: int
    """Its bytes, see space.py."""


class StoredEntries:
    """Entries of every client. To be used by whoever has the turn to write: what it remembers is what was written."""

    def __init__(self, store: Store) -> None:
        self._tables = store.tables
        self._remembered: OrderedDict[tuple[int, str], Stored] = OrderedDict()

    def forget_all(self) -> None:
        """What was written last was undone: read it anew."""
        self._remembered.clear()

    def forget(self, client_id: int, internal_id: str) -> None:
        """That entry is removed."""
        self._remembered.pop((client_id, internal_id), None)

    def shift(self, client_id: int, internal_id: str, size: int) -> None:
        """That entry takes so many bytes more."""
        if (stored := self._remembered.get((client_id, internal_id))) is not None:
            stored.size += size

    def remember(self, client_id: int, internal_id: str, stored: Stored) -> None:
        """That entry is written; whoever changes `stored` from now on, writes that as well."""
        remembered = self._remembered
        remembered[client_id, internal_id] = stored
        if len(remembered) > REMEMBERED:
            remembered.popitem(last=False)  # a plain dict would look for its first one behind all that are gone

    def of(self, connection: Connection, client_id: int, internal_ids: Sequence[str]) -> dict[str, Stored]:
        """Entries by internal id; those that are not there are left out."""
        found: dict[str, Stored] = {}
        missing: list[str] = []
        remembered = self._remembered
        for internal_id in internal_ids:
            if (stored := remembered.get((client_id, internal_id))) is not None:
                found[internal_id] = stored
            else:
                missing.append(internal_id)
        for some in in_bunches(missing):
            for internal_id, stored in self._read(connection, client_id, some).items():
                found[internal_id] = stored
                self.remember(client_id, internal_id, stored)
        return found

    def _read(self, connection: Connection, client_id: int, internal_ids: Sequence[str]) -> dict[str, Stored]:
        entry, step, attachment = self._tables.entry.c, self._tables.step.c, self._tables.attachment.c
        rows = fetched(
            connection,
            select(
                entry.id, entry.internal_id, *(entry[name] for name in (*ENTRY_COLUMNS, *PROGRESS_COLUMNS, "size"))
            ).where(entry.client_id == client_id, entry.internal_id.in_(internal_ids)),
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
        found: dict[str, Stored] = {}
        for row in rows:
            key: int = row[0]
            columns, progress = cast("EntryColumns", row[2:_PROGRESS]), cast("Progress", row[_PROGRESS:-1])
            facts = entry_facts_of(columns)
            found[row[1]] = Stored(key, facts, columns, steps[key], progress, attachments[key], row[-1])
        return found


_PROGRESS = 2 + len(ENTRY_COLUMNS)
"""Where the columns of that begin, behind two keys."""
