"""What waits in the source systems, seen without consuming it."""

from __future__ import annotations

from typing import Any, cast

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSplitter,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from databus_core.engine.peek import PEEK_LIMIT, PeekedPassenger, PullerPeek
from databus_core.errors import AttachmentError, DatabusError
from databus_core.model.attachment import Attachment
from databus_core.model.client import Client
from databus_core.plugins.observer import Change
from databus_gui.i18n import count, tr
from databus_gui.names import ShortNames
from databus_gui.pages.page import Page
from databus_gui.slots import async_slot, start
from databus_gui.theme import Meaning, icon
from databus_gui.widgets.attachments import AttachmentRow
from databus_gui.widgets.box import Box
from databus_gui.widgets.empty_state import EmptyState
from databus_gui.widgets.long_text import clipped

ITEM_ROLE = Qt.ItemDataRole.UserRole
ERROR_SHOWN = 4000
"""Letters of what one puller has to say."""


class PeekPage(Page):
    """Asks the pullers of one client passenger. `open(client_passenger=...)` chooses it."""

    name = "peek"
    title = "Peek"
    icon = "mdi6.eye-outline"
    refreshes_on = frozenset({Change.CUSTOMIZING, Change.CLIENTS, Change.TICKET})

    def build(self) -> None:
        self._asked_client = ""
        self._asked = 0
        self.passenger = QComboBox()
        self.passenger.setAccessibleName(tr("Client passenger"))
        self.passenger.setMinimumWidth(320)
        self.passenger.currentIndexChanged.connect(self._on_other)
        self.button = QPushButton(icon("mdi6.eye-outline"), tr("Peek"))
        self.button.clicked.connect(self.peek)
        self._invitation = tr("See what waits in the source systems; nothing is consumed.")
        self._hint = tr(
            "Nobody has asked yet.\nPeek asks the pullers of the chosen client passenger what waits for them."
        )
        self.said = QLabel(self._invitation, wordWrap=True)
        self.said.setProperty("meaning", Meaning.MUTED.value)
        self.busy = QProgressBar(textVisible=False, maximum=0)
        self.busy.setFixedHeight(4)
        line = QHBoxLayout()
        line.addWidget(self.passenger)
        line.addWidget(self.button)
        line.addWidget(self.said, 1)
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels([tr("Waiting"), tr("Source system"), tr("Attachments"), tr("State")])
        self.tree.setAccessibleName(tr("What waits, by puller"))
        self.tree.setAlternatingRowColors(True)
        self.empty = EmptyState(self.tree, self.session)
        for column, width in enumerate((300, 120, 200)):
            self.tree.setColumnWidth(column, width)
        self.tree.currentItemChanged.connect(self._on_item_chosen)
        self.attachments = Box(tr("Attachments"))
        self.errors = Box(tr("Errors"))
        below = QWidget()
        column = QVBoxLayout(below)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.errors)
        column.addWidget(self.attachments)
        column.addStretch(1)
        self._below = scrolled = QScrollArea(widgetResizable=True)
        scrolled.hide()
        scrolled.setWidget(below)
        scrolled.setFrameShape(QScrollArea.Shape.NoFrame)
        divided = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        divided.addWidget(self.tree)
        divided.addWidget(scrolled)
        divided.setSizes([390, 180])
        self.body.addLayout(line)
        self.body.addWidget(self.busy)
        self.body.addWidget(divided, 1)
        self._set_busy(busy=False)

    # Choosing ---------------------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        client_id = self.session.client_id
        chosen = self._name
        client = self.session.dispatcher.clients.get(client_id, Client())
        with QSignalBlocker(self.passenger):
            self.passenger.clear()
            for passenger in client.passengers:
                self._offer(passenger.name)
            self.passenger.setCurrentIndex(max(self.passenger.findData(chosen), 0))
        self.passenger.setToolTip(self._name)
        if client_id != self._asked_client or chosen not in {"", self._name}:
            self._asked_client = client_id
            self._on_other()
        self.passenger.setEnabled(self.passenger.count() > 0)
        self._set_busy(busy=not self.busy.isHidden())
        if not self.passenger.count():
            self._show_nothing(tr("This client has no passengers yet."))

    def open(self, **what: object) -> None:
        passenger = str(what.get("client_passenger", ""))
        if passenger and self.passenger.findData(passenger) < 0:
            self._offer(passenger)
        if passenger:
            self.passenger.setCurrentIndex(self.passenger.findData(passenger))

    def routes(self) -> list[tuple[str, str]]:
        return [(self.session.client_id, self._name)] if self._name else []

    @property
    def _name(self) -> str:
        """The chosen client passenger; empty where there is none."""
        return self.passenger.currentData() or ""

    def _offer(self, name: str) -> None:
        self.passenger.addItem(self.session.names.short(name), name)
        self.passenger.setItemData(self.passenger.count() - 1, name, Qt.ItemDataRole.ToolTipRole)

    def _on_other(self) -> None:
        """What is shown was asked for another client passenger; an answer that is on its way is dropped."""
        self._asked += 1
        self.passenger.setToolTip(self._name)
        self._set_busy(busy=False)
        self._show_nothing(self._invitation)
        self.chosen.emit()

    def _show_nothing(self, sentence: str) -> None:
        self.tree.clear()
        self.attachments.clear()
        self.errors.clear()
        self._below.hide()
        self.said.setText(sentence)
        one_client = tr("This page asks the sources of one client, now of root. There are none.")
        if self.passenger.count() or not self.empty.say_one_client(one_client):
            self.empty.say(self._hint if self.passenger.count() and self.busy.isHidden() else "")

    # Peeking ----------------------------------------------------------------------------------------------------

    def peek(self) -> None:
        """Ask the pullers; the page may be left meanwhile."""
        self._asked += 1
        self.error_bar.clear()
        self._set_busy(busy=True)
        self._show_nothing(tr("Asking the source systems …"))
        start(self, self._peek(self.session.client_id, self._name, self._asked))

    async def _peek(self, client_id: str, name: str, question: int) -> None:
        pullers: list[PullerPeek] | None = None
        try:
            pullers = await self.session.dispatcher.peek(client_id, name)
        except DatabusError:
            if question == self._asked:  # otherwise nobody waits for it any more
                raise
        finally:
            if question == self._asked:
                self._set_busy(busy=False)
                if pullers is None:
                    self._show_nothing(self._invitation)
        if pullers is not None and question == self._asked:
            self._show(pullers)

    def _set_busy(self, *, busy: bool) -> None:
        self.busy.setVisible(busy)
        self.button.setEnabled(not busy and self.passenger.count() > 0)

    def _show(self, pullers: list[PullerPeek]) -> None:
        self.empty.say("")
        for puller in pullers:
            self.tree.addTopLevelItem(_puller_item(puller, self.session.names))
        self.tree.expandAll()
        self.said.setText(_summary(pullers))
        failed = [puller for puller in pullers if puller.offered and puller.error]
        for puller in failed:
            self.errors.body.addWidget(_error(f"{self.session.names.short(puller.puller)}: {puller.error}"))
        self.errors.setVisible(bool(failed))
        seen = any(puller.items for puller in pullers)
        self.attachments.setVisible(seen)
        self._below.setVisible(seen or bool(failed))
        for item in _items(self.tree):
            if item.childCount():
                self.tree.setCurrentItem(cast("QTreeWidgetItem", item.child(0)))
                break

    @async_slot
    async def _on_item_chosen(self, item: QTreeWidgetItem | None) -> None:
        self.attachments.clear()
        shown: Any = item.data(0, ITEM_ROLE) if item is not None else None
        if not isinstance(shown, PeekedPassenger):
            return
        attachments = shown.passenger.attachments
        sizes = await self.session.read(lambda _: [_size(attachment) for attachment in attachments])
        if item is not self.tree.currentItem():
            return
        self.attachments.clear()
        for attachment, size in zip(attachments, sizes, strict=True):
            self.attachments.body.addWidget(AttachmentRow(self.session, self.show_error, attachment, size))
        if not attachments:
            self.attachments.body.addWidget(QLabel(tr("This passenger has no attachments.")))


def _summary(pullers: list[PullerPeek]) -> str:
    if not pullers:
        return tr("This client passenger has no pullers.")
    waiting = sum(len(puller.items) for puller in pullers)
    new = sum(item.known is None for puller in pullers for item in puller.items)
    errors = sum(len(puller.error.splitlines()) for puller in pullers if puller.offered)
    if waiting:
        said = count(waiting, "1 passenger waits", "{n} passengers wait") + tr(", {n} of them new", n=f"{new:,}")
    else:
        said = tr("0 new") if errors else tr("Nothing waits")
    told = count(errors, "; 1 error, which stands below", "; {n} errors, which stand below") if errors else ""
    return f"{said}{told}."


def _error(text: str) -> QLabel:
    label = QLabel(clipped(text, ERROR_SHOWN), wordWrap=True, textFormat=Qt.TextFormat.PlainText)
    label.setProperty("meaning", Meaning.BAD.value)
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    return label


def _items(tree: QTreeWidget) -> list[QTreeWidgetItem]:
    return [item for number in range(tree.topLevelItemCount()) if (item := tree.topLevelItem(number)) is not None]


def _puller_item(puller: PullerPeek, names: ShortNames) -> QTreeWidgetItem:
    item = QTreeWidgetItem([names.short(puller.puller), "", "", ""])
    item.setIcon(0, icon("mdi6.tray-arrow-down"))
    item.setToolTip(0, puller.puller)
    font = item.font(0)
    font.setBold(True)
    item.setFont(0, font)
    if not puller.offered:
        _say(item, tr("cannot be peeked at: {why}", why=puller.error), "mdi6.eye-off-outline", Meaning.CAUTION)
    elif puller.error:
        _say(item, puller.error, "mdi6.alert-circle", Meaning.BAD)
    elif puller.more:
        _say(
            item, tr("more than {n} wait; the first ones are shown", n=f"{PEEK_LIMIT:,}"), "mdi6.alert", Meaning.CAUTION
        )
    else:
        said = count(len(puller.items), "1 waits", "{n} wait") if puller.items else tr("nothing waits")
        _say(item, said, "mdi6.check-circle", Meaning.GOOD)
    for peeked in puller.items:
        item.addChild(_passenger_item(peeked))
    return item


def _passenger_item(peeked: PeekedPassenger) -> QTreeWidgetItem:
    passenger = peeked.passenger
    names = ", ".join(attachment.name for attachment in passenger.attachments)
    item = QTreeWidgetItem([passenger.external_id, passenger.source_system, names, ""])
    item.setData(0, ITEM_ROLE, peeked)
    for column, text in enumerate((passenger.external_id, passenger.source_system, names)):
        item.setToolTip(column, text)
    if peeked.known is None:
        _say(item, tr("new"), "mdi6.new-box", Meaning.ACCENT)
    elif peeked.known:
        _say(item, tr("already seated"), "mdi6.seat-passenger", Meaning.GOOD)
        item.setToolTip(3, tr("Internal id {id}", id=peeked.known))
    else:
        _say(item, tr("seated before and purged"), "mdi6.history", Meaning.WAITING)
    return item


def _say(item: QTreeWidgetItem, text: str, sign: str, meaning: Meaning) -> None:
    item.setText(3, text)
    item.setToolTip(3, text)
    item.setIcon(3, icon(sign, meaning))


def _size(attachment: Attachment) -> int | None:
    try:
        return attachment.size
    except AttachmentError:
        return None
