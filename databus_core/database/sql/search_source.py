"""Reads what entries are found by: ids, titles, errors, names and contents of attachments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from databus_core.database.sql.codec import json_or
from databus_core.database.sql.content import CHUNK, Contents
from databus_core.database.sql.documents import LARGEST, is_document, text_of
from databus_core.database.sql.readable import READ, text_in
from databus_core.database.sql.search_words import indexed
from databus_core.database.sql.store import Store, fetched
from databus_core.database.sql.tables import Tables
from databus_core.model.passenger import title_in

ENTRIES = 200
BYTES = 1 << 18
"""So many entries, and so much of their attachments (or one entry), are indexed at once: nobody who wants to write
waits longer for it than for the disk."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some of the entries that wait."""

    keys: list[int] = field(default_factory=list[int])
    until: int | None = None
    """All entries up to this key are indexed when this is."""
    changes: list[int] = field(default_factory=list[int])
    """Notes of changes that need no attention then."""


@dataclass(frozen=True, slots=True)
class _Attached:
    entry: int
    name: str
    content: int
    size: int


class SearchSource:
    """Reads in the indexer's thread."""

    def __init__(self, store: Store, contents: Contents, remark: Callable[[str], None]) -> None:
        """`remark` is told, once, of an attachment that cannot be looked through."""
        self._remark = remark
        self._remarked: set[int] = set()
        """Contents."""
        self._store = store
        self._contents = contents
        self._tables: Tables = store.tables

    def next_batch(self) -> Batch | None:
        """What is to be indexed next: changed entries, then new ones; None when none waits."""
        entry, change, progress = self._tables.entry.c, self._tables.search_change.c, self._tables.search_progress.c
        with self._store.reading() as connection:
            notes = fetched(connection, select(change.id, change.queue_entry_id).order_by(change.id).limit(ENTRIES))
            until: int = connection.execute(select(progress.indexed_until)).scalar() or 0
            changed = sorted({key for _, key in notes if key <= until})
            if notes:
                keys = self._few(connection, changed)
                # What is behind the progress will be read with its changes.
                return Batch(keys, None, [number for number, key in notes if key in keys or key > until])
            query = select(entry.id).where(entry.id > until).order_by(entry.id).limit(ENTRIES)
            keys = self._few(connection, list(connection.execute(query).scalars()))
            return Batch(keys, keys[-1]) if keys else None

    def _few(self, connection: Connection, keys: Sequence[int]) -> list[int]:
        """The first of these, as many as are indexed at once."""
        if not keys:
            return []
        sizes: defaultdict[int, int] = defaultdict(int)
        for each in self._attached(connection, keys):
            sizes[each.entry] += min(each.size, READ)
        total = 0
        for number, key in enumerate(keys):
            total += sizes[key]
            if number and total > BYTES:
                return list(keys[:number])
        return list(keys)

    def _attached(self, connection: Connection, keys: Sequence[int]) -> Iterable[_Attached]:
        attachment, content = self._tables.attachment.c, self._tables.content.c
        query = (
            select(attachment.queue_entry_id, attachment.name, attachment.content_id, content.size)
            .join(self._tables.content, content.id == attachment.content_id)
            .where(attachment.queue_entry_id.in_(keys))
            .order_by(attachment.queue_entry_id, attachment.position)
        )
        return [_Attached(*row) for row in fetched(connection, query)]

    def words(self, keys: Sequence[int], longest: int, mark: str) -> list[tuple[int, int, str]]:
        """Key, client and words of each of the entries that are there."""
        entry, step = self._tables.entry.c, self._tables.step.c
        texts: defaultdict[int, list[str]] = defaultdict(list)
        with self._store.reading() as connection:
            rows = fetched(
                connection,
                select(
                    entry.id, entry.client_id, entry.internal_id, entry.external_id, entry.source_system,
                    entry.properties,
                ).where(entry.id.in_(keys)),
            )  # fmt: skip
            errors = select(step.queue_entry_id, step.error).where(step.queue_entry_id.in_(keys), step.error != "")
            for key, error in fetched(connection, errors.order_by(step.queue_entry_id, step.position)):
                texts[key].append(error)
            attached = self._attached(connection, keys)
            small = self._small(connection, {each.content for each in attached if each.size <= CHUNK})
        names = {key: internal_id for key, _, internal_id, *_ in rows}
        for each in attached:
            data = small[each.content] if each.content in small else self._beginning(each)
            texts[each.entry] += [each.name, self._text(each, data, names.get(each.entry, ""))]
        return [
            (key, client, indexed([*ids, title_in(json_or(properties, {})), *texts[key]], longest, mark))
            for key, client, *ids, properties in rows
        ]

    def _text(self, attached: _Attached, data: bytes, passenger: str) -> str:
        try:
            return text_of(attached.name, data)
        except Exception as error:  # noqa: BLE001 - what libraries raise on broken files is theirs; the indexer goes on
            if attached.content not in self._remarked:
                self._remarked.add(attached.content)
                self._remark(
                    f"Attachment {attached.name!r:.200} of passenger {passenger} cannot be looked through: "
                    f"{str(error) or type(error).__name__:.200}. A search finds it by its name only."
                )
            return text_in(data)

    def _small(self, connection: Connection, content_ids: set[int]) -> dict[int, bytes]:
        content = self._tables.content.c
        query = select(content.id, content.data).where(content.id.in_(content_ids), content.data.is_not(None))
        found: Sequence[tuple[Any, ...]] = fetched(connection, query) if content_ids else []
        return {content_id: bytes(data) for content_id, data in found}

    def _beginning(self, attached: _Attached) -> bytes:
        """What of a content is looked at; nothing when it is gone, of which a change is noted."""
        try:
            with self._contents.stored(attached.content, attached.size).open() as stream:
                data = stream.read(READ)
                whole = attached.size <= LARGEST and is_document(attached.name, data)
                return data + stream.read(LARGEST - len(data)) if whole else data
        except OSError:
            return b""
