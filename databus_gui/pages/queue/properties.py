"""What a passenger's properties say to a person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from databus_core.model.passenger import FILE_MARK, Json
from databus_gui.i18n import tr
from databus_gui.widgets.long_text import clipped
from databus_gui.widgets.words import breakable, local_time

_INTERNALS = {"fingerprint"}


def says_something(value: Json) -> bool:
    """Whether there is anything to show of it."""
    return value not in (None, "", [], {})


class Properties(QWidget):
    """The facts, one a line; what only plug-ins need under "More"."""

    unfolded = Signal(bool)
    """A person wants to see all of them, or no longer does."""

    def __init__(self, properties: Mapping[str, Json], *, everything: bool) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        internals = {key: value for key, value in properties.items() if _internal(key, value)}
        for key, value in properties.items():
            if key not in internals and says_something(value):
                column.addWidget(_fact(key, value))
        if not internals:
            return
        self._rest = QWidget()
        rest = QVBoxLayout(self._rest)
        rest.setContentsMargins(0, 0, 0, 0)
        for key, value in internals.items():
            rest.addWidget(_fact(key, value))
        self._more = QPushButton()
        self._more.setObjectName("link")
        self._more.setCheckable(True)
        self._more.setCursor(Qt.CursorShape.PointingHandCursor)
        self._more.toggled.connect(self._unfold)
        self._more.toggled.connect(self.unfolded)
        column.addWidget(self._more, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._rest)
        self._more.setChecked(everything)
        self._unfold(everything)

    def _unfold(self, everything: bool) -> None:
        self._rest.setVisible(everything)
        self._more.setText(tr("Less") if everything else tr("More"))


def _internal(key: str, value: Json) -> bool:
    return key in _INTERNALS or (isinstance(value, str) and FILE_MARK.fullmatch(value) is not None)


def _fact(key: str, value: Json) -> QLabel:
    said = in_words(key, value)
    name = key.replace("_", " ").strip()
    label = QLabel(f"{name[:1].upper()}{name[1:]}: {breakable(clipped(said))}", wordWrap=True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setToolTip(clipped(f"{key}: {json.dumps(value, ensure_ascii=False, indent=2)}"))
    return label


def in_words(key: str, value: Json) -> str:
    """A value as a person reads it: lists joined, times on the person's own clock."""
    if isinstance(value, str):
        moment = _moment(value) if key.endswith("_at") else None
        return value if moment is None else local_time(moment)
    if isinstance(value, bool):
        return tr("yes") if value else tr("no")
    if isinstance(value, list):
        return ", ".join(in_words(key, each) for each in value)
    return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
