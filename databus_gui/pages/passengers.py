"""The client passengers: when each travels, how it went, what is in its queue."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QHideEvent, QShowEvent
from PySide6.QtWidgets import QLabel

from databus_core.engine.breaker import Breaker
from databus_core.engine.guard import breakers_of
from databus_core.engine.roster import TimetableRow
from databus_core.engine.storage import Storage
from databus_core.model.client import ROOT, ClientPassenger
from databus_core.model.clock import now
from databus_core.model.log import MessageType
from databus_core.model.missed import MissedTrips
from databus_core.model.passenger import Json
from databus_core.model.plugin_state import PluginState
from databus_core.model.query import QueueCounts, Rows
from databus_core.model.route_state import RoutePause
from databus_core.model.space import Space
from databus_core.plugins.observer import Change, DispatcherState
from databus_gui.i18n import count, tr
from databus_gui.pages.page import Page
from databus_gui.slots import async_slot
from databus_gui.tables.model import Column, Mark, PageRequest, TableModel
from databus_gui.tables.view import TableView
from databus_gui.theme import Meaning, icon
from databus_gui.widgets.long_text import clipped
from databus_gui.widgets.schedule_words import schedule_details
from databus_gui.widgets.words import ago, countdown, duration, local_time, local_time_with_zone
from databus_gui.widgets.words import size as size_in_words

SECOND_MS = 1000

_WORST = {
    MessageType.INFO: ("fine", Mark("mdi6.check-circle", Meaning.GOOD)),
    MessageType.WARNING: ("warnings", Mark("mdi6.alert", Meaning.CAUTION)),
    MessageType.ERROR: ("errors", Mark("mdi6.alert-circle", Meaning.BAD)),
}
_PAUSE_ACTIONS = {
    RoutePause.EVERYTHING: ("mdi6.pause", "Pause"),
    RoutePause.INTAKE: ("mdi6.pause-octagon-outline", "Pause only the intake"),
    RoutePause.NONE: ("mdi6.play", "Resume"),
}
_PAUSE_SAID = {
    RoutePause.EVERYTHING: ("1 client passenger is paused", "{n} client passengers are paused"),
    RoutePause.INTAKE: ("1 client passenger pulls nothing any more", "{n} client passengers pull nothing any more"),
    RoutePause.NONE: ("1 client passenger is resumed", "{n} client passengers are resumed"),
}
_LINKS = {"waiting": "waiting", "failing": "failing", "complete": "complete"}
"""Column key -> what the queue page calls these passengers."""


@dataclass(frozen=True, slots=True)
class PassengerRow:
    """One client passenger with the numbers of its queue."""

    timetable: TimetableRow
    counts: QueueCounts
    space: Space
    missed: tuple[MissedTrips, ...] = ()
    """Its ledger, what was noticed last first."""
    quarantined: tuple[PluginState, ...] = ()
    """Its plug-ins that are called no more, because they crashed too often."""
    breakers: Mapping[str, Breaker] = field(default_factory=dict[str, Breaker])
    """The open ones, by pusher."""

    @property
    def route(self) -> tuple[str, str]:
        """Client id and name."""
        return self.timetable.client_id, self.timetable.client_passenger.name

    @property
    def waiting(self) -> int:
        """Passengers that are under way without an error."""
        return self.counts.incomplete - self.counts.failing


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the database says of one client's passengers, by their names."""

    counts: dict[str, QueueCounts]
    space: dict[str, Space]
    missed: list[MissedTrips]
    states: dict[str, Json]


class PassengersPage(Page):
    """The table of client passengers; `root` sees those of every client."""

    name = "passengers"
    title = "Passengers"
    icon = "mdi6.bus-clock"
    refreshes_on = frozenset(
        {Change.QUEUE, Change.LOGS, Change.TRIPS, Change.CLIENTS, Change.CUSTOMIZING, Change.TICKET}
    )

    def build(self) -> None:
        self.model = TableModel(
            self._columns(), self._fetch, lambda row: "/".join(row.route), parent=self, order="passenger"
        )
        self.model.failed.connect(self.show_error)
        self.table = TableView(self.model, self.name, self.session.settings)
        self.table.setAccessibleName(tr("Client passengers"))
        self.table.row_actions = self._row_actions
        self.table.row_activated.connect(self.expedite)
        self.table.row_chosen.connect(self.chosen)
        self.table.selectionModel().selectionChanged.connect(self.chosen)
        self.table.link_clicked.connect(self._on_link)
        self.table.empty_text = tr(
            "This client has no passengers yet.\nDescribe them on the page Customizing, in the document Configuration."
        )
        self.body.addWidget(self.table)
        self.whole_size = QLabel()
        self.whole_size.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.whole_size.setToolTip(tr("With every client, with its indexes, and with what is free in it."))
        self.body.addWidget(self.whole_size)
        self._clock = QTimer(self, interval=SECOND_MS)
        self._clock.timeout.connect(self._on_second)
        signals = self.session.signals
        signals.trip_started.connect(self.request_refresh)
        signals.trip_complete.connect(self.request_refresh)
        signals.breaker_changed.connect(self.request_refresh)
        signals.state_changed.connect(self._on_state)

    def _columns(self) -> list[Column[PassengerRow]]:
        return [
            Column(key="client", title=tr("Client"), text=lambda row: row.route[0], width=90, sort_key="client"),
            Column(
                key="passenger", title=tr("Passenger"), text=lambda row: self.session.names.short(row.route[1]),
                width=170, stretch=True, sort_key="passenger", tooltip=lambda row: row.route[1],
                copied=lambda row: row.route[1],
            ),
            Column(
                key="state", title=tr("State"), text=lambda row: self._state(row)[0], width=132,
                mark=lambda row: self._state(row)[1], tooltip=self._state_tip,
            ),
            Column(
                key="result", title=tr("Last result"), text=_result, width=95, mark=_result_mark, tooltip=_result_tip,
                link=lambda row: row.timetable.last_trip is not None,
            ),
            Column(
                key="failing", title=tr("Failing"), text=lambda row: f"{row.counts.failing:,}", width=70, right=True,
                link=lambda row: row.counts.failing > 0, sort_key="failing", mark=_failing_mark,
            ),
            Column(
                key="waiting", title=tr("Waiting"), text=lambda row: f"{row.waiting:,}", width=75, right=True,
                link=lambda row: row.waiting > 0, sort_key="waiting", tooltip=_waiting_tip,
            ),
            Column(
                key="complete", title=tr("Complete"), text=lambda row: f"{row.counts.complete:,}", width=85, right=True,
                link=lambda row: row.counts.complete > 0, sort_key="complete",
            ),
            Column(
                key="size", title=tr("Size"), text=lambda row: size_in_words(row.space.total), width=80, right=True,
                sort_key="size", tooltip=_size_tip,
            ),
            Column(key="next", title=tr("Next trip"), text=self._next, width=95, tooltip=self._next_tip),
            Column(key="last", title=tr("Last trip"), text=_last, width=95, tooltip=_last_tip, sort_key="last"),
            Column(
                key="schedule", title=tr("Schedule"), text=_schedule, width=200, sort_key="schedule",
                tooltip=self._schedule_tip, prose=True,
            ),
        ]  # fmt: skip

    # Data -------------------------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        self.table.setColumnHidden(0, self.session.client_id != ROOT)
        await self.model.refresh()

    async def _fetch(self, request: PageRequest) -> Rows[PassengerRow]:
        everything = self.session.client_id == ROOT
        rows = [
            row for row in self.session.dispatcher.timetable() if everything or row.client_id == self.session.client_id
        ]
        clients = sorted({row.client_id for row in rows})

        def read(storage: Storage) -> tuple[dict[str, _Stored], int]:
            database = storage.database
            stored = {
                each: _Stored(
                    database.queue_counts(each), database.space(each), database.missed(each), database.states(each)
                )
                for each in clients
            }
            return stored, database.whole_size()

        stored, whole = await self.session.read(read)
        quarantined = {client_id: await self.session.dispatcher.quarantined(client_id) for client_id in clients}
        found = [_row(row, stored[row.client_id], quarantined[row.client_id]) for row in rows]
        self.whole_size.setText(tr("The whole database takes {size}.", size=size_in_words(whole)))
        found.sort(key=lambda row: self._sort_value(row, request.order), reverse=request.descending)
        return Rows(found[request.offset : request.offset + request.limit], len(found))

    def _sort_value(self, row: PassengerRow, order: str) -> tuple[object, ...]:
        trip = row.timetable.last_trip
        values: dict[str, object] = {
            "client": row.route[0].lower(),
            "schedule": _frequency(row),
            "last": 0.0 if trip is None else trip.started_at.timestamp(),
            "waiting": row.waiting,
            "failing": row.counts.failing,
            "complete": row.counts.complete,
            "size": row.space.total,
        }
        name = (self.session.names.short(row.route[1]).lower(), row.route[0].lower())
        return (values[order], *name) if order in values else name

    def concerns(self, client_id: str) -> bool:
        return self.session.client_id == ROOT or super().concerns(client_id)

    def _on_second(self) -> None:
        self.model.repaint("next", "last", "state")

    def _on_state(self) -> None:
        self.model.repaint("next", "state")  # also when it is stopped, and nothing can be read again
        self.request_refresh()

    def _state(self, row: PassengerRow) -> tuple[str, Mark]:
        if row.timetable.running and self.session.dispatcher.state is not DispatcherState.STOPPED:
            return tr("travelling"), Mark("mdi6.bus-side", Meaning.GOOD)
        if row.quarantined:
            return tr("quarantine"), Mark("mdi6.shield-alert", Meaning.BAD)
        if row.timetable.pause is not RoutePause.NONE:
            word = tr("paused" if row.timetable.pause is RoutePause.EVERYTHING else "intake paused")
            return word, Mark("mdi6.pause-circle", Meaning.CAUTION)
        if row.breakers:
            return tr("breaker open"), Mark("mdi6.power-plug-off-outline", Meaning.CAUTION)
        if self._due_at(row) is None:
            return tr("at rest"), Mark("mdi6.pause-circle-outline", Meaning.WAITING)
        return tr("scheduled"), Mark("mdi6.clock-outline", Meaning.WAITING)

    def _state_tip(self, row: PassengerRow) -> str:
        """Which plug-ins are in quarantine; which pushers are spared, since when and why."""
        spared = (
            tr(
                "{pusher} is spared since {since}, tried again from {at} on: {error}",
                pusher=self.session.names.short(name),
                since=local_time(breaker.opened_at),
                at=local_time(breaker.try_at),
                error=clipped(breaker.error),
            )
            for name, breaker in row.breakers.items()
        )
        return "\n".join([*(f"{state}." for state in row.quarantined), *spared])

    def _next(self, row: PassengerRow) -> str:
        due_at = self._due_at(row)
        return "–" if row.timetable.running or due_at is None else countdown(due_at)

    def _next_tip(self, row: PassengerRow) -> str:
        due_at = self._due_at(row)
        if due_at is not None:
            return local_time_with_zone(due_at)
        if row.timetable.pause is RoutePause.EVERYTHING:
            return tr("It is paused until somebody resumes it.")
        return tr("Nothing departs while the dispatcher rests.")

    def _schedule_tip(self, row: PassengerRow) -> str:
        timing = row.timetable.client_passenger.timing
        return schedule_details(timing, now(), self._due_at(row), row.missed)

    def _due_at(self, row: PassengerRow) -> datetime | None:
        """When it departs by itself. The row may be older than the dispatcher's state."""
        return row.timetable.next_due_at if self.session.dispatcher.state is DispatcherState.RUNNING else None

    # Acting -----------------------------------------------------------------------------------------------------

    def routes(self) -> list[tuple[str, str]]:
        return [row.route for row in self.table.chosen_rows()]

    @async_slot
    async def expedite(self) -> None:
        """Let the chosen client passengers depart now."""
        routes = self.routes()
        for client_id, name in routes:
            await self.session.dispatcher.expedite(client_id, name)
        if routes:
            self.session.say(count(len(routes), "1 client passenger departs", "{n} client passengers depart"))
            self.request_refresh()

    @async_slot
    async def set_pause(self, pause: RoutePause) -> None:
        """Let the chosen client passengers rest, over a restart, or travel again."""
        routes, dispatcher = self.routes(), self.session.dispatcher
        for client_id, name in routes:
            if pause is RoutePause.NONE:
                await dispatcher.resume_route(client_id, name)
            else:
                await dispatcher.pause_route(client_id, name, intake_only=pause is RoutePause.INTAKE)
        self.session.say(count(len(routes), *_PAUSE_SAID[pause]))

    def _pause_actions(self) -> list[QAction]:
        """Pausing and resuming, each where it would change one of those chosen."""
        pauses = {row.timetable.pause for row in self.table.chosen_rows()}
        actions: list[QAction] = []
        for pause, (sign, text) in _PAUSE_ACTIONS.items():
            action = QAction(icon(sign), tr(text), self.table)
            action.setEnabled(self.session.ready and bool(pauses - {pause}))
            action.triggered.connect(lambda _=False, pause=pause: self.set_pause(pause))
            actions.append(action)
        return actions

    def _row_actions(self) -> list[QAction]:
        expedite = QAction(icon("mdi6.bus-side"), tr("Expedite"), self.table)
        chosen = self.table.chosen_rows()
        travels = any(row.timetable.pause is not RoutePause.EVERYTHING for row in chosen)
        expedite.setEnabled(travels and self.session.dispatcher.state is DispatcherState.RUNNING)
        expedite.triggered.connect(self.expedite)
        log = QAction(icon("mdi6.text-box-outline"), tr("Show the last log"), self.table)
        log.triggered.connect(lambda: self._open_log(self.table.current_row()))
        queue = QAction(icon("mdi6.tray-full"), tr("Show the queue"), self.table)
        queue.triggered.connect(lambda: self._open_queue(self.table.current_row(), "all"))
        row = self.table.current_row()
        log.setEnabled(row is not None and row.timetable.last_trip is not None)
        releases = [] if row is None else [self._release_action(row, state.step) for state in row.quarantined]
        return [expedite, *self._pause_actions(), queue, log, *releases]

    def _release_action(self, row: PassengerRow, step: str) -> QAction:
        name = self.session.names.short(step)
        action = QAction(icon("mdi6.shield-check"), tr("Release {step} from quarantine", step=name), self.table)
        action.triggered.connect(lambda: self.release(row.route[0], step))
        return action

    @async_slot
    async def release(self, client_id: str, step: str) -> None:
        """Let a plug-in be called again that crashed too often."""
        await self.session.dispatcher.release(client_id, step)
        self.session.say(tr("{step} is called again from the next trip on", step=self.session.names.short(step)))
        self.request_refresh()

    def _open_queue(self, row: PassengerRow | None, key: str) -> None:
        if row is not None:
            client_id, name = row.route
            self.session.open("queue", client_id=client_id, client_passenger=name, show=_LINKS.get(key))

    def _on_link(self, row: PassengerRow, key: str) -> None:
        if key == "result":
            self._open_log(row)
        else:
            self._open_queue(row, key)

    def _open_log(self, row: PassengerRow | None) -> None:
        if row is not None and row.timetable.last_trip is not None:
            self.session.open("logs", client_id=row.route[0], log_id=row.timetable.last_trip.log_id)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._clock.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._clock.stop()


def _row(row: TimetableRow, stored: _Stored, quarantined: Mapping[str, PluginState]) -> PassengerRow:
    name = row.client_passenger.name
    missed = tuple(each for each in stored.missed if each.client_passenger == name)
    counts, space = stored.counts.get(name, QueueCounts()), stored.space.get(name, Space())
    quarantined_ones = _of(row.client_passenger, quarantined)
    return PassengerRow(row, counts, space, missed, quarantined_ones, breakers_of(stored.states, name))


def _of(passenger: ClientPassenger, quarantined: Mapping[str, PluginState]) -> tuple[PluginState, ...]:
    """Those of the client's plug-ins in quarantine that this client passenger has."""
    listed = (*passenger.pullers, *passenger.processors, *passenger.pushers)
    return tuple(quarantined[each.step_name] for each in listed if each.step_name in quarantined)


def _schedule(row: PassengerRow) -> str:
    return row.timetable.client_passenger.timing.in_words()


def _frequency(row: PassengerRow) -> tuple[float, str]:
    """Intervals by their length, then what goes by the clock."""
    timing = row.timetable.client_passenger.timing
    return math.inf if timing.interval is None else timing.interval.total_seconds(), timing.in_words()


def _last(row: PassengerRow) -> str:
    trip = row.timetable.last_trip
    return tr("never") if trip is None else ago(trip.started_at)


def _last_tip(row: PassengerRow) -> str:
    trip = row.timetable.last_trip
    if trip is None:
        return tr("This client passenger has not travelled yet.")
    took = duration(trip.finished_at - trip.started_at)
    return tr("{at}, took {time}", at=local_time_with_zone(trip.started_at), time=took)


def _result(row: PassengerRow) -> str:
    trip = row.timetable.last_trip
    return "" if trip is None else tr(_WORST[trip.worst][0])


def _result_mark(row: PassengerRow) -> Mark | None:
    trip = row.timetable.last_trip
    return None if trip is None else _WORST[trip.worst][1]


def _result_tip(row: PassengerRow) -> str:
    trip = row.timetable.last_trip
    if trip is None:
        return ""
    return tr(
        "On the last trip {seated} were seated and {pushed} delivered; {failed} steps failed.\nA click shows its log.",
        seated=trip.seated,
        pushed=trip.pushed,
        failed=trip.failed,
    )


def _waiting_tip(row: PassengerRow) -> str:
    oldest = row.counts.oldest_incomplete_at
    return "" if oldest is None else tr("The oldest one was pulled {time}.", time=ago(oldest))


def _size_tip(row: PassengerRow) -> str:
    return tr(
        "Completed passengers take {complete}, the others {incomplete}, logs {logs}.\n"
        "What equal attachments have in common counts for the oldest passenger that has it.",
        complete=size_in_words(row.space.complete),
        incomplete=size_in_words(row.space.incomplete),
        logs=size_in_words(row.space.logs),
    )


def _failing_mark(row: PassengerRow) -> Mark | None:
    return Mark("mdi6.alert-circle", Meaning.BAD) if row.counts.failing else None
