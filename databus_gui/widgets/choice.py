"""A box of a few choices that a text stands for."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox

from databus_gui.i18n import tr


class ChoiceBox(QComboBox):
    """Says `changed` when a person chooses another one."""

    changed = Signal()

    def __init__(self, what: str, choices: Mapping[str, str]) -> None:
        """`what` says what is chosen, "When it was pulled"; each choice has its value and its English text."""
        super().__init__()
        self.setAccessibleName(what)
        self.setToolTip(what)
        self.setPlaceholderText(tr("As typed"))
        for value, text in choices.items():
            self.addItem(tr(text), value)
        self.currentIndexChanged.connect(self._on_chosen)

    @property
    def value(self) -> str:
        """The chosen one; empty when what was given to `choose` is none of them."""
        return self.currentData() or ""

    def choose(self, value: str) -> None:
        """Choose without saying so; what is none of the choices shows as typed elsewhere."""
        with QSignalBlocker(self):
            self.setCurrentIndex(self.findData(value))

    def _on_chosen(self, number: int) -> None:
        if number >= 0:
            self.changed.emit()
