"""The columns of the queue's table."""

from __future__ import annotations

from databus_core.model.query import QueueOrder, QueueRow
from databus_core.model.queue_entry import QueueStatus
from databus_gui.i18n import tr
from databus_gui.names import ShortNames
from databus_gui.tables.column import Column, Mark
from databus_gui.theme import Meaning
from databus_gui.widgets.words import ago, local_time, local_time_with_zone


def columns(names: ShortNames) -> list[Column[QueueRow]]:
    """All of them, in the order in which they are shown at first."""
    return [
        Column(
            key="pulled", title=tr("Pulled"), text=lambda row: local_time(row.pulled_at), width=154,
            sort_key=QueueOrder.PULLED_AT,
            tooltip=lambda row: f"{ago(row.pulled_at)}\n{local_time_with_zone(row.pulled_at)}",
        ),
        Column(
            key="status", title=tr("Status"), text=_status, width=108, mark=_status_mark,
            sort_key=QueueOrder.STATUS,
        ),
        Column(
            key="title", title=tr("Title"), text=lambda row: row.title or row.external_id, width=150,
            stretch=True, prose=True, tooltip=_title,
        ),
        Column(
            key="external_id", title=tr("External id"), text=lambda row: row.external_id, width=150,
            sort_key=QueueOrder.EXTERNAL_ID, hidden=True,
        ),
        Column(
            key="error", title=tr("Error"), width=130, prose=True, tooltip=_error, copied=_error,
            text=lambda row: _in_a_line(names.short(row.failing_step), row.error),
        ),
        Column(
            key="source", title=tr("Source"), text=lambda row: row.source_system, width=110,
            sort_key=QueueOrder.SOURCE_SYSTEM, hidden=True,
        ),
        Column(
            key="passenger", title=tr("Passenger"), text=lambda row: names.short(row.client_passenger),
            width=140, sort_key=QueueOrder.CLIENT_PASSENGER, tooltip=lambda row: row.client_passenger,
            copied=lambda row: row.client_passenger,
        ),
        Column(
            key="steps", title=tr("Steps"), text=lambda row: f"{row.steps_done}/{row.steps_total}", width=55,
            right=True,
        ),
        Column(
            key="attempts", title=tr("Attempts"), text=lambda row: f"{row.attempts}", width=75, right=True,
            hidden=True,
        ),
        Column(
            key="next_attempt", title=tr("Next attempt"), text=_next_attempt, width=154, hidden=True,
        ),
        Column(
            key="internal_id", title=tr("Internal id"), text=lambda row: row.internal_id, width=260, hidden=True,
        ),
    ]  # fmt: skip


def _title(row: QueueRow) -> str:
    return f"{row.title}\n{row.external_id}" if row.title else row.external_id


_COMPLETE = ("complete", Mark("mdi6.check-circle", Meaning.GOOD))
_FAILED = ("failed", Mark("mdi6.close-octagon", Meaning.BAD))
_UNKNOWN = ("unknown", Mark("mdi6.help-circle", Meaning.BAD))
_FAILING = ("failing", Mark("mdi6.alert-circle", Meaning.BAD))
_WAITING = ("waiting", Mark("mdi6.clock-outline", Meaning.WAITING))


def _standing(row: QueueRow) -> tuple[str, Mark]:
    sure = {QueueStatus.COMPLETE: _COMPLETE, QueueStatus.FAILED: _FAILED, QueueStatus.UNKNOWN: _UNKNOWN}
    return sure.get(row.status) or (_FAILING if row.error else _WAITING)


def _status(row: QueueRow) -> str:
    return tr(_standing(row)[0])


def _status_mark(row: QueueRow) -> Mark:
    return _standing(row)[1]


def _next_attempt(row: QueueRow) -> str:
    """When it is tried again; empty for what was never tried, is complete, or needs a decision."""
    return local_time(row.due_at) if row.error and row.due_at != row.pulled_at else ""


def _error(row: QueueRow) -> str:
    return _in_a_line(row.failing_step, row.error)


def _in_a_line(step: str, error: str) -> str:
    return f"{step}: {' '.join(error.split())}" if error else ""
