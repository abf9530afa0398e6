"""The dialog that changes many passengers: it counts first, then asks, and tells what came of it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from databus_core.engine.bulk import Frozen
from databus_core.engine.by_hand import BulkResult
from databus_core.engine.storage import Storage
from databus_core.errors import DatabusError
from databus_gui.i18n import count, tr
from databus_gui.pages.queue.bulk import Deed
from databus_gui.session import Session
from databus_gui.slots import async_slot, start
from databus_gui.theme import Meaning
from databus_gui.widgets.long_text import TextReader

WIDTH, LIST_HEIGHT = 520, 180
REFUSED_SHOWN = 1000
"""Passengers that could not be changed and are listed."""


class BulkDialog(QDialog):
    """Finds which passengers it is about, asks, does it with progress, and tells what came of it."""

    def __init__(self, session: Session, deed: Deed, find: Callable[[Storage], Frozen], parent: QWidget) -> None:
        """`find` freezes the passengers, in a worker thread."""
        super().__init__(parent)
        self._session, self._deed, self._find = session, deed, find
        self._frozen: Frozen | None = None
        self._stopped = self._working = False
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(deed.title)
        self.setMinimumWidth(WIDTH)
        self._lay_out()
        start(self, self._look())

    def _lay_out(self) -> None:
        self.question = _label()
        self.danger = _label(Meaning.BAD)
        self.ask_word = _label()
        self.word = QLineEdit()
        self.word.setAccessibleName(tr("Word that confirms it"))
        self.word.textChanged.connect(self._enable)
        self.progress = QProgressBar()
        self.refused = TextReader()
        self.refused.setMinimumHeight(LIST_HEIGHT)
        self.refused.setAccessibleName(tr("Passengers that could not be changed"))
        self.buttons = QDialogButtonBox()
        self.do = QPushButton(self._deed.title)
        self.do.setAutoDefault(False)
        self.do.clicked.connect(self._on_do)
        self.close_button = self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.buttons.addButton(self.do, QDialogButtonBox.ButtonRole.ActionRole)
        self.close_button.setDefault(True)
        self.buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        parts = (self.question, self.danger, self.ask_word, self.word, self.progress, self.refused, self.buttons)
        for part in parts:
            column.addWidget(part)
        for part in (self.danger, self.ask_word, self.word, self.refused):
            part.hide()
        self.question.setText(tr("Looking for the passengers …"))
        self.progress.setRange(0, 0)
        self._enable()

    async def _look(self) -> None:
        frozen = self._frozen = await self._session.read(self._find)
        self.progress.hide()
        if not frozen.ids:
            self._tell(tr("There is none any more."))
            return
        dangers = self._deed.dangers(frozen)
        self.question.setText(self._deed.question(frozen))
        if dangers:
            self.danger.setText("\n".join(dangers))
            self.ask_word.setText(tr("Type “{word}” to go on.", word=self._deed.word))
            for part in (self.danger, self.ask_word, self.word):
                part.show()
            self.word.setFocus()
        self._enable()

    def _enable(self) -> None:
        said = self.word.isHidden() or self.word.text().strip().casefold() == self._deed.word.casefold()
        self.do.setEnabled(self._frozen is not None and bool(self._frozen.ids) and not self._working and said)

    @async_slot
    async def _on_do(self) -> None:
        frozen = self._frozen
        if frozen is None or self._working:
            return
        self._working = True
        self._enable()
        for part in (self.danger, self.ask_word, self.word):
            part.hide()
        self.progress.setRange(0, len(frozen.ids))
        self.progress.show()
        try:
            result = await self._session.dispatcher.change_passengers(
                frozen, self._deed.change(), deed=self._deed.deed, go_on=self._go_on
            )
        finally:
            self.progress.hide()
        self._tell(_outcome(result, len(frozen.ids)))
        if result.refused:
            lines = [f"{key}: {why}" for key, why in list(result.refused.items())[:REFUSED_SHOWN]]
            self.refused.show_text("\n".join(lines))
            self.refused.show()

    def _go_on(self, result: BulkResult) -> bool:
        self.progress.setValue(result.total)
        return not self._stopped

    def _tell(self, outcome: str) -> None:
        """It is over."""
        self._working = False
        self._frozen = None
        self.question.setText(outcome)
        self.do.hide()
        self.close_button.setText(tr("Close"))
        self._enable()

    def show_error(self, error: DatabusError) -> None:
        """What kept all of it from being done."""
        self.progress.hide()
        self._tell(str(error))

    def reject(self) -> None:
        """Cancel: what is under way stops after the passengers that are being changed, and then says how far it is."""
        self._stopped = True
        if not self._working:
            super().reject()


def _label(meaning: Meaning | None = None) -> QLabel:
    label = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if meaning is not None:
        label.setProperty("meaning", meaning.value)
    return label


def _outcome(result: BulkResult, wanted: int) -> str:
    said = [count(result.changed, "{n} passenger was changed.", "{n} passengers were changed.")]
    if result.unchanged:
        said.append(count(result.unchanged, "{n} was so already.", "{n} were so already."))
    if result.refused:
        said.append(count(len(result.refused), "{n} could not be changed:", "{n} could not be changed:"))
    if result.total < wanted:
        said.insert(0, tr("Cancelled."))
        said.append(count(wanted - result.total, "{n} was left as it was.", "{n} were left as they were."))
    return " ".join(said)
