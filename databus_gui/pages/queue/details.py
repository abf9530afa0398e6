"""Everything about one passenger of the queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from databus_core.engine.inquiry import Inquiry
from databus_core.engine.storage import Storage
from databus_core.engine.why import Hindrances, why_not_delivered
from databus_core.errors import AttachmentError, DatabusError, NotFoundError
from databus_core.model.client import Client
from databus_core.model.passenger import title_in
from databus_core.model.query import LogQuery, LogRow
from databus_core.model.queue_entry import DECISION_NEEDED, QueueEntry, QueueStatus, Step
from databus_gui.i18n import tr
from databus_gui.pages.queue.properties import Properties, says_something
from databus_gui.pages.queue.step_row import StepRow
from databus_gui.session import Session
from databus_gui.slots import async_slot
from databus_gui.theme import Meaning, icon
from databus_gui.widgets.attachments import AttachmentRow
from databus_gui.widgets.box import Box
from databus_gui.widgets.words import ago, breakable, local_time

SECOND_MS = 1000
LOGS_SHOWN = 20
"""Newest logs of a passenger that are listed."""


@dataclass(frozen=True, slots=True)
class _Found:
    entry: QueueEntry
    hindrances: Hindrances
    sizes: list[int | None]
    """Bytes of each attachment; None where its content is lost."""
    logs: list[tuple[str, LogRow | None]]


class Details(QScrollArea):
    """The panel beside the table."""

    def __init__(self, session: Session, show_error: Callable[[DatabusError], None]) -> None:
        super().__init__(widgetResizable=True)
        self._session = session
        self.show_error = show_error
        self._client_id = ""
        self._internal_id = ""
        self._shown: _Found | None = None
        self._everything = False
        """Whether the properties that only plug-ins need are unfolded."""
        self._step_rows: list[StepRow] = []
        self._in_hand: str | None = None
        """The step that a person is setting."""
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(330)
        self.setAccessibleName(tr("Details of the passenger"))
        self._lay_out()
        self._clock = QTimer(self, interval=SECOND_MS)
        self._clock.timeout.connect(self._tell_times)
        self.clear()

    def _lay_out(self) -> None:
        self._content = QWidget()
        column = QVBoxLayout(self._content)
        column.setContentsMargins(4, 0, 4, 0)
        selectable = Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        self._head = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        font = self._head.font()
        font.setBold(True)
        font.setPointSizeF(font.pointSizeF() * 1.15)
        self._head.setFont(font)
        self._copy = QToolButton(autoRaise=True)
        self._copy.setIcon(icon("mdi6.content-copy"))
        self._copy.setToolTip(tr("Copy the external id"))
        self._copy.setAccessibleName(self._copy.toolTip())
        self._copy.clicked.connect(self._copy_id)
        title = QHBoxLayout()
        title.addWidget(self._head, 1)
        title.addWidget(self._copy, 0, Qt.AlignmentFlag.AlignTop)
        self._ids = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText, textInteractionFlags=selectable)
        self._ids.setObjectName("hint")
        for label in (self._head, self._ids):
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._sentence = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText, textInteractionFlags=selectable)
        self._steps = Box(tr("Steps"))
        self._attachments = Box(tr("Attachments"))
        self._properties = Box(tr("Properties"))
        self._logs = Box(tr("Logs"))
        self._boxes = (self._steps, self._attachments, self._properties, self._logs)
        column.addLayout(title)
        for widget in (self._sentence, self._ids, *self._boxes):
            column.addWidget(widget)
        column.addStretch(1)
        self.setWidget(self._content)

    # What the page uses -----------------------------------------------------------------------------------------

    @property
    def internal_id(self) -> str:
        """The passenger that is shown; empty for none."""
        return self._internal_id

    def clear(self) -> None:
        """Show no passenger."""
        self._internal_id, self._shown, self._in_hand, self._step_rows = "", None, None, []
        self._head.clear()
        self._copy.hide()
        self._ids.clear()
        self._say(tr("Choose a passenger to see its steps, attachments and logs."))
        for box in self._boxes:
            box.clear()
            box.hide()

    async def show_entry(self, internal_id: str) -> None:
        """Show that passenger of the looked-at client. Raises DatabusError."""
        if (internal_id, self._session.client_id) != (self._internal_id, self._client_id):
            self._internal_id, self._client_id = internal_id, self._session.client_id
            self._shown = self._in_hand = None
            self.verticalScrollBar().setValue(0)
        await self.refresh()

    async def refresh(self) -> None:
        """Read the passenger again; where it is purged meanwhile, say so."""
        client_id, internal_id = self._client_id, self._internal_id
        if not internal_id:
            return
        try:
            client = self._session.dispatcher.clients.get(client_id, Client())
            found = await self._session.read(lambda storage: _find(storage, client_id, client, internal_id))
        except NotFoundError:
            if internal_id == self._internal_id:
                self.clear()
                self._say(tr("This passenger is no longer in the queue."))
            return
        if internal_id == self._internal_id and found != self._shown:
            self._shown = found
            self._show_in_place(found)

    def _show_in_place(self, found: _Found) -> None:
        """Of the same passenger, what is in sight stays in sight, and the keyboard where it was."""
        bar, content, place = self.verticalScrollBar(), self._content, self.verticalScrollBar().value()
        step = next((row.step.name for row in self._step_rows if row.button.hasFocus()), self._in_hand)
        self._in_hand = None
        focus = QApplication.focusWidget()
        if focus is not None and content.isAncestorOf(focus):
            self.setFocus()  # what has it goes, and Qt would bring the next widget to sight
        self._show(found)
        content.resize(content.width(), content.heightForWidth(content.width()))
        bar.setRange(0, max(0, content.height() - self.viewport().height()))
        bar.setValue(place)
        row = next((row for row in self._step_rows if row.step.name == step), None)
        if row is not None and self.hasFocus():
            row.button.setFocus()

    # ------------------------------------------------------------------------------------------------------------

    def _show(self, found: _Found) -> None:
        entry, names = found.entry, self._session.names
        self._head.setText(breakable(title_in(entry.properties) or entry.external_id))
        self._copy.show()
        self._ids.setToolTip(entry.client_passenger)
        failing = entry.failing
        self._sentence.setToolTip(failing.name if failing is not None else "")
        self._ids.clear()
        self._tell_times()
        self._step_rows = [StepRow(step, names) for step in entry.steps()]
        for row in self._step_rows:
            row.status_wanted.connect(self._take_in_hand)
            row.status_wanted.connect(self._set_step)
        self._fill(self._steps, self._step_rows)
        rows = [
            AttachmentRow(self._session, self.show_error, attachment, size)
            for attachment, size in zip(entry.attachments, found.sizes, strict=True)
        ]
        self._fill(self._attachments, rows)
        self._fill(
            self._properties, [self._facts(entry)] if any(map(says_something, entry.properties.values())) else []
        )
        self._fill(self._logs, [self._log_link(log_id, row) for log_id, row in found.logs])

    def _tell_times(self) -> None:
        """Say, and say again as time goes by, how long ago things were."""
        if self._shown is None:
            return
        entry, names = self._shown.entry, self._session.names
        ids = tr(
            "From {source}, for {passenger}\nPulled {at}\nExternal id {external}\nInternal id {id}",
            source=entry.source_system,
            passenger=names.short(entry.client_passenger),
            at=f"{local_time(entry.pulled_at)} ({ago(entry.pulled_at)})",
            external=entry.external_id,
            id=entry.internal_id,
        )
        if not self._ids.hasSelectedText():  # a person copies from it
            self._ids.setText(ids)
        around = self._session.dispatcher.circumstances(self._client_id, entry.client_passenger)
        around = replace(around, hindrances=self._shown.hindrances)
        self._say(why_not_delivered(entry, around, names.short), needs_decision=entry.status in DECISION_NEEDED)

    def _say(self, sentence: str, *, needs_decision: bool = False) -> None:
        """At the top, where a person looks first."""
        meaning = Meaning.BAD.value if needs_decision else None
        if self._sentence.property("meaning") != meaning:
            self._sentence.setProperty("meaning", meaning)
            self._sentence.style().polish(self._sentence)
        if not self._sentence.hasSelectedText():  # a person copies from it
            self._sentence.setText(breakable(sentence))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._tell_times()
        self._clock.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._clock.stop()

    def _fill(self, box: Box, widgets: Sequence[QWidget]) -> None:
        box.clear()
        for widget in widgets:
            box.body.addWidget(widget)
            widget.show()  # now: until Qt does it later, it would have no height and the panel nothing to scroll to
        box.setVisible(bool(widgets))

    def _facts(self, entry: QueueEntry) -> Properties:
        facts = Properties(entry.properties, everything=self._everything)
        facts.unfolded.connect(self._on_unfolded)
        return facts

    def _on_unfolded(self, everything: bool) -> None:
        self._everything = everything

    def _log_link(self, log_id: str, row: LogRow | None) -> QPushButton:
        sign, meaning = {
            0: ("mdi6.check-circle", Meaning.GOOD),
            1: ("mdi6.alert", Meaning.CAUTION),
            2: ("mdi6.alert-circle", Meaning.BAD),
        }[row.worst.severity if row else 0]
        text = f"{local_time(row.started_at)}  {tr(row.worst.value)}" if row else tr("{id} (purged)", id=log_id)
        link = QPushButton(icon(sign, meaning) if row else icon("mdi6.text-box-remove-outline", Meaning.MUTED), text)
        link.setObjectName("link")
        link.setEnabled(row is not None)
        link.setToolTip(log_id)
        link.setCursor(Qt.CursorShape.PointingHandCursor)
        link.clicked.connect(lambda: self._session.open("logs", client_id=self._client_id, log_id=log_id))
        return link

    def _copy_id(self) -> None:
        if self._shown is not None:
            QGuiApplication.clipboard().setText(self._shown.entry.external_id)
            self._session.say(tr("The external id is on the clipboard."))

    def _take_in_hand(self, step: Step) -> None:
        """Its button goes; Qt would give the keyboard to the next one, and bring that to sight."""
        self._in_hand = step.name
        self.setFocus()

    @async_slot
    async def _set_step(self, step: Step, status: QueueStatus) -> None:
        client_id, internal_id = self._client_id, self._internal_id
        try:
            await self._session.dispatcher.set_step(client_id, internal_id, step.name, status)
        finally:
            self._shown = None
            await self.refresh()


def _find(storage: Storage, client_id: str, client: Client, internal_id: str) -> _Found:
    entry = storage.database.entry(client_id, internal_id)
    hindrances = Inquiry(storage.database, client_id, client).hindrances(entry)
    sizes: list[int | None] = []
    for attachment in entry.attachments:
        try:
            sizes.append(attachment.size)
        except AttachmentError:
            sizes.append(None)
    logs: list[tuple[str, LogRow | None]] = []
    for log_id in reversed(entry.log_ids[-LOGS_SHOWN:]):
        found = storage.database.log_rows(LogQuery(client_id=client_id, text=log_id, limit=1)).rows
        logs.append((log_id, found[0] if found else None))
    return _Found(entry, hindrances, sizes, logs)
