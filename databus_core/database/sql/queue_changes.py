"""The rows that are to be written of entries: all of a new one, of a changed one those in which it differs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from databus_core.database.sql.codec import (
    STEP_COLUMNS,
    STEP_IDENTITY,
    STEP_OUTCOME,
    TIMES,
    EntryFacts,
    Progress,
    StepFacts,
    entry_columns,
    entry_facts,
    format_number,
    progress_of,
    step_columns,
    steps_facts,
    titles_differ,
)
from databus_core.database.sql.queue_stored import AttachmentFacts, Stored
from databus_core.database.sql.queue_tally import Counted, counted
from databus_core.database.sql.space import content_size, rows_size
from databus_core.database.sql.statement import Differences
from databus_core.model.queue_entry import QueueEntry

Row: TypeAlias = "tuple[Any, ...]"

_ERROR = STEP_COLUMNS.index("error")
_STATUS, _FAILING, _DUE_AT = 0, 2, 9
"""Where PROGRESS_COLUMNS has them."""


class NewRows:
    """Every row of entries that were not there."""

    def __init__(self, client_id: int) -> None:
        self._client_id = client_id
        self.entries: list[Row] = []
        self.steps: list[Row] = []
        self.attachments: list[Row] = []
        self.counted: list[Counted] = []
        # Entries that are seated together mostly have the same steps, which are made into columns once.
        self._steps: list[StepFacts] = []
        self._step_rows: list[Row] = []
        self._progress: Progress | None = None

    def add(
        self, key: int, seat: str, entry: QueueEntry, content_ids: Iterator[int], new_contents: dict[int, int]
    ) -> Stored:
        """One entry; answers what is stored of it then.

        `new_contents`: bytes of the contents that nobody had; they count for the first who has them.
        """
        facts = entry_facts(entry)
        columns = entry_columns(facts)
        progress = self._add_steps(key, steps_facts(entry), columns[1])
        attachments, size = _attachments(entry, content_ids), rows_size(facts, self._steps)
        for _, _, content_id in attachments:
            if content_id in new_contents:
                size += content_size(new_contents.pop(content_id))
        stored = Stored(key, facts, columns, self._steps, progress, attachments, size)
        names = entry.internal_id, seat, entry.source_system, entry.external_id
        self.entries.append((key, self._client_id, *names, *columns, *progress, size))
        self.attachments += _attachment_rows(stored)
        self.counted.append(_counted(stored))
        return stored

    def _add_steps(self, key: int, steps: list[StepFacts], pulled_at: int) -> Progress:
        if steps != self._steps:
            self._steps, self._progress = steps, None
            self._step_rows = [(number, *step_columns(step)) for number, step in enumerate(steps)]
        self.steps += [(key, *row) for row in self._step_rows]
        known = self._progress
        if known is not None:
            return (*known[:_DUE_AT], pulled_at, *known[_DUE_AT + 1 :])
        progress = progress_of(steps, pulled_at)
        # Those that are due at once differ in nothing else.
        self._progress = progress if progress[_DUE_AT] == pulled_at else None
        return progress


class Changes:
    """The rows in which entries differ from what is stored."""

    def __init__(self) -> None:
        self.entries = Differences()
        """By all their columns that may change."""
        self.progress = Differences()
        """Entries in which nothing differs but their steps: by PROGRESS_COLUMNS."""
        self.finished_steps: list[Row] = []
        """Their outcomes, with the keys of those of which nothing else differs."""
        self.changed_steps: list[Row] = []
        self.other_steps: list[tuple[int]] = []
        """Entries whose steps are replaced by new ones."""
        self.new_steps: list[Row] = []
        self.other_attachments: list[tuple[int]] = []
        """Entries whose attachments are replaced by new ones."""
        self.new_attachments: list[Row] = []
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
        facts, steps = entry_facts(entry), steps_facts(entry)
        if facts != stored.facts or len(steps) != len(stored.steps):
            self._note_entry(stored, facts, steps)
        elif steps != stored.steps:
            self._note_progress(stored, steps)
        if (attachments := _attachments(entry, content_ids)) != stored.attachments:
            self._note_attachments(stored, attachments)

    def _note_progress(self, stored: Stored, steps: list[StepFacts]) -> None:
        """Nothing but what came of its steps is different, as mostly."""
        was, before = _counted(stored), stored.progress
        stored.progress = after = progress_of(steps, stored.columns[1])
        if after[TIMES:] == before[TIMES:]:
            self.progress.add_alike(before[:TIMES], after[:TIMES], stored.id)
        else:
            self.progress.add(before, after, stored.id)
        self._note_steps(stored, steps)
        self._recount(was, _counted(stored))

    def _note_entry(self, stored: Stored, facts: EntryFacts, steps: list[StepFacts]) -> None:
        was, before = _counted(stored), (*stored.columns, *stored.progress, stored.size)
        stored.size += rows_size(facts, steps) - rows_size(stored.facts, stored.steps)
        if titles_differ(stored.facts, facts):
            self.searched.append(stored.id)
        stored.facts, stored.columns = facts, entry_columns(facts)
        stored.progress = progress_of(steps, stored.columns[1])
        self.entries.add(before, (*stored.columns, *stored.progress, stored.size), stored.id)
        self._note_steps(stored, steps)
        self._recount(was, _counted(stored))

    def _recount(self, was: Counted, now: Counted) -> None:
        if now != was:
            self.no_longer.append(was)
            self.counted.append(now)

    def _note_steps(self, stored: Stored, after: list[StepFacts]) -> None:
        before, stored.steps = stored.steps, after
        if len(after) != len(before):
            self._replace_steps(stored.id, after)
            return
        for number, step in enumerate(after):
            was = before[number]
            if step == was:
                after[number] = was  # no need to keep both
                continue
            if step[:STEP_IDENTITY] != was[:STEP_IDENTITY]:
                self._replace_steps(stored.id, after)
                return
            if step[STEP_OUTCOME:] == was[STEP_OUTCOME:]:
                columns = step_columns(step)
                self.finished_steps.append((*columns[STEP_IDENTITY:STEP_OUTCOME], stored.id, number))
            else:
                self.changed_steps.append((*step_columns(step)[STEP_IDENTITY:], stored.id, number))
                if step[_ERROR] != was[_ERROR]:
                    self.searched.append(stored.id)

    def _replace_steps(self, key: int, after: list[StepFacts]) -> None:
        self.searched.append(key)
        self.other_steps.append((key,))
        self.new_steps += [(key, number, *step_columns(step)) for number, step in enumerate(after)]

    def _note_attachments(self, stored: Stored, after: list[AttachmentFacts]) -> None:
        had, has = ({content_id for _, _, content_id in each} for each in (stored.attachments, after))
        self.dropped |= had - has
        self.affected |= had ^ has
        self.searched.append(stored.id)
        stored.attachments = after
        self.other_attachments.append((stored.id,))
        self.new_attachments += _attachment_rows(stored)


def _counted(stored: Stored) -> Counted:
    columns, progress = stored.columns, stored.progress
    return counted(columns[0], columns[1], progress[_STATUS], progress[_FAILING], stored.size)


def _attachments(entry: QueueEntry, content_ids: Iterator[int]) -> list[AttachmentFacts]:
    return [(each.name, each.format, content_id) for each, content_id in zip(entry.attachments, content_ids)]  # noqa: B905


def _attachment_rows(stored: Stored) -> list[Row]:
    return [
        (stored.id, number, name, format_number(fmt), content_id)
        for number, (name, fmt, content_id) in enumerate(stored.attachments)
    ]
