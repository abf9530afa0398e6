"""Writing the rows of entries: their own, and those of their steps and attachments."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from databus_core.database.sql.codec import ENTRY_COLUMNS, PROGRESS_COLUMNS, STEP_COLUMNS, STEP_IDENTITY, STEP_OUTCOME
from databus_core.database.sql.queue_changes import Changes, NewRows
from databus_core.database.sql.statement import Inserting, Updates, deleting, updating
from databus_core.database.sql.store import Store

_CHANGING = (*ENTRY_COLUMNS, *PROGRESS_COLUMNS, "size")
_STEP_KEY = ("queue_entry_id", "position")


class QueueRows:
    """The tables `queue_entry`, `queue_step` and `attachment`."""

    def __init__(self, store: Store) -> None:
        entry, step, attachment = store.tables.entry, store.tables.step, store.tables.attachment
        dialect = store.dialect
        self._insert = Inserting(
            entry, dialect, "id", "client_id", "internal_id", "seat", "source_system", "external_id", *_CHANGING
        )
        self._change = Updates(entry, dialect, _CHANGING)
        self._change_progress = Updates(entry, dialect, PROGRESS_COLUMNS)
        self._delete = deleting(entry, dialect, "id")
        self._insert_step = Inserting(step, dialect, *_STEP_KEY, *STEP_COLUMNS)
        self._finish_step = updating(step, dialect, STEP_COLUMNS[STEP_IDENTITY:STEP_OUTCOME], _STEP_KEY)
        self._change_step = updating(step, dialect, STEP_COLUMNS[STEP_IDENTITY:], _STEP_KEY)
        self._delete_steps = deleting(step, dialect, "queue_entry_id")
        self._insert_attachment = Inserting(
            attachment, dialect, "queue_entry_id", "position", "name", "format", "content_id"
        )
        self._delete_attachments = deleting(attachment, dialect, "queue_entry_id")

    def insert(self, connection: Connection, new: NewRows) -> None:
        """Store new entries."""
        self._insert.run(connection, new.entries)
        self._insert_step.run(connection, new.steps)
        self._insert_attachment.run(connection, new.attachments)

    def change(self, connection: Connection, changes: Changes) -> None:
        """Store what is different."""
        self._change.run(connection, changes.entries)
        self._change_progress.run(connection, changes.progress)
        self._finish_step.run(connection, changes.finished_steps)
        self._change_step.run(connection, changes.changed_steps)
        self._delete_steps.run(connection, changes.other_steps)
        self._insert_step.run(connection, changes.new_steps)
        self._delete_attachments.run(connection, changes.other_attachments)
        self._insert_attachment.run(connection, changes.new_attachments)

    def delete(self, connection: Connection, keys: Sequence[int]) -> None:
        """Delete entries with all that is theirs but the contents of attachments."""
        rows = [(key,) for key in keys]
        self._delete_attachments.run(connection, rows)
        self._delete_steps.run(connection, rows)
        self._delete.run(connection, rows)
