"""Parts of filter bars: chips, a box of names, a box of dates, a search line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from PySide6.QtCore import QSignalBlocker, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QLineEdit, QPushButton, QSizePolicy, QWidget

from databus_core.model.clock import now
from databus_gui.i18n import tr
from databus_gui.names import ShortNames
from databus_gui.theme import Meaning, icon

SEARCH_MS = 300
"""A search begins when nothing was typed for so long."""
NAME_SHOWN = 16
"""Letters of a name that a closed NameBox shows."""
ROUNDED = 4
"""Pixels by which Qt takes a chosen chip's word for narrower than it draws it."""
_DATES = (
    ("Any time", None),
    ("Last hour", timedelta(hours=1)),
    ("Today", timedelta(0)),
    ("Last 7 days", timedelta(days=7)),
    ("Last 30 days", timedelta(days=30)),
)


@dataclass(frozen=True, slots=True)
class Chip:
    """One of several choices."""

    value: Any
    text: str
    icon: str
    meaning: Meaning = Meaning.TEXT


class _ChipButton(QPushButton):
    """As wide as its text when it is chosen: Qt does not ask for the weight that a style sheet gives a state."""

    def sizeHint(self) -> QSize:
        chosen = QFont(self.font())
        chosen.setWeight(QFont.Weight.DemiBold)
        chosen_width = QFontMetrics(chosen).horizontalAdvance(self.text())
        wider = chosen_width + ROUNDED - self.fontMetrics().horizontalAdvance(self.text())
        return super().sizeHint() + QSize(max(0, wider), 0)


class Chips(QWidget):
    """Choices of which exactly one is chosen."""

    changed = Signal()

    def __init__(self, chips: Sequence[Chip]) -> None:
        super().__init__()
        self._chips = chips
        self.group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for number, chip in enumerate(chips):
            button = _ChipButton(icon(chip.icon, chip.meaning), tr(chip.text))
            button.setCheckable(True)
            button.setObjectName("chip")
            button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
            self.group.addButton(button, number)
            row.addWidget(button)
        self.group.button(0).setChecked(True)
        self.group.idClicked.connect(self.changed)

    @property
    def value(self) -> Any:
        """The chosen value."""
        return self._chips[self.group.checkedId()].value

    def choose(self, value: object) -> None:
        """Choose a value, or none when no chip has it, without saying so."""
        self.group.setExclusive(False)  # else one cannot be taken back
        for number, chip in enumerate(self._chips):
            self.group.button(number).setChecked(chip.value == value)
        self.group.setExclusive(True)


class NameBox(QComboBox):
    """One client passenger, or none in particular. What is chosen stays chosen when other names are offered."""

    changed = Signal()

    def __init__(self, nothing: str, names: ShortNames) -> None:
        super().__init__()
        self._nothing, self._names = nothing, names
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(NAME_SHOWN)
        self.setMaximumWidth(260)
        self.setAccessibleName(tr("Client passenger"))
        self.addItem(nothing, None)
        self.currentIndexChanged.connect(self._on_chosen)

    @property
    def name(self) -> str | None:
        """The chosen name, None for any."""
        return self.currentData()

    def choose(self, name: str | None) -> None:
        """Choose a name without saying so."""
        with QSignalBlocker(self):
            if name is not None and self.findData(name) < 0:
                self._add(name)
            self.setCurrentIndex(0 if name is None else self.findData(name))
        self.setToolTip(name or "")

    def offer(self, names: Sequence[str]) -> None:
        """Offer these names."""
        chosen = self.name
        shown = [(self.itemText(number), self.itemData(number)) for number in range(1, self.count())]
        if shown == [(self._names.short(name), name) for name in names]:
            return  # an open list would close
        with QSignalBlocker(self):
            self.clear()
            self.addItem(self._nothing, None)
            for name in names:
                self._add(name)
        self.choose(chosen)
        self.view().setMinimumWidth(self.view().sizeHintForColumn(0))

    def _add(self, name: str) -> None:
        self.addItem(self._names.short(name), name)
        self.setItemData(self.count() - 1, name, Qt.ItemDataRole.ToolTipRole)

    def _on_chosen(self) -> None:
        self.setToolTip(self.name or "")
        self.changed.emit()


class DateBox(QComboBox):
    """Since when, or at any time."""

    changed = Signal()

    def __init__(self, what: str) -> None:
        """`what` says what happened then: "When it was pulled"."""
        super().__init__()
        self.setAccessibleName(what)
        self.setToolTip(what)
        for text, since in _DATES:
            self.addItem(tr(text), since)
        self.currentIndexChanged.connect(self.changed)

    @property
    def since(self) -> datetime | None:
        """The chosen moment, None for any."""
        span: timedelta | None = self.currentData()
        if span is None:
            return None
        if span:
            return now() - span
        return now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)

    def clear_choice(self) -> None:
        """Choose any time without saying so."""
        with QSignalBlocker(self):
            self.setCurrentIndex(0)


class SearchLine(QLineEdit):
    """Says `changed` when nobody has typed for a moment, or on Enter."""

    changed = Signal()

    def __init__(self, hint: str) -> None:
        super().__init__(placeholderText=hint, clearButtonEnabled=True)
        self.setAccessibleName(tr("Search"))
        self.setMinimumWidth(140)
        self._pause = QTimer(self, singleShot=True, interval=SEARCH_MS)
        self._pause.timeout.connect(self.changed)
        self.textEdited.connect(self._on_edited)
        self.returnPressed.connect(self._on_return)

    @property
    def words(self) -> str:
        """What is looked for."""
        return self.text().strip()

    def set_faulty(self, faulty: bool) -> None:
        """Show, by its colour, whether what is typed can be understood; somebody else says why not."""
        if faulty != bool(self.property("faulty")):
            self.setProperty("faulty", faulty)
            self.style().polish(self)

    def _on_edited(self) -> None:
        self._pause.start()

    def _on_return(self) -> None:
        self._pause.stop()
        self.changed.emit()
