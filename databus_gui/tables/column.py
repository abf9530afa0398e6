"""Columns of a table: what they are called, and how a row fills their cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont

from databus_gui.theme import Meaning, colour, icon

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Mark:
    """A sign beside a cell's word: colour never stands alone."""

    icon: str
    meaning: Meaning


@dataclass(frozen=True, kw_only=True)
class Column(Generic[RowT]):
    """One column: what it is called and how a row fills it."""

    key: str
    """Name under which its width is remembered."""
    title: str
    text: Callable[[RowT], str]
    width: int = 120
    right: bool = False
    """Whether it stands at the right, as numbers do."""
    tooltip: Callable[[RowT], str] | None = None
    copied: Callable[[RowT], str] | None = None
    """What goes to the clipboard where `text` is only a short form of it."""
    sort_key: str = ""
    """What PageRequest.order is when the table is sorted by this column; empty: it cannot be."""
    mark: Callable[[RowT], Mark | None] | None = None
    """Icon and colour of the cell, for states."""
    link: Callable[[RowT], bool] | None = None
    """Whether a click on the cell leads somewhere: it looks so, and the view emits `link_clicked`."""
    prose: bool = False
    """Whether its texts are sentences: of those that do not fit the beginning is shown, of names both ends."""
    stretch: bool = False
    """Whether it takes the room that the others leave, `width` at least; without such a one the last column does."""
    hidden: bool = False
    """Whether a person must choose it before it is shown."""


def to_copy(column: Column[RowT], row: RowT) -> str:
    """What a cell gives to the clipboard."""
    return column.copied(row) if column.copied else column.text(row)


def dress(column: Column[RowT], row: RowT, role: int) -> Any:
    """Icon, colour and font of a cell."""
    if role == Qt.ItemDataRole.DecorationRole:
        mark = column.mark(row) if column.mark else None
        return None if mark is None else icon(mark.icon, mark.meaning)
    if role == Qt.ItemDataRole.ForegroundRole:
        mark = column.mark(row) if column.mark else None
        meaning = mark.meaning if mark else Meaning.ACCENT if column.link and column.link(row) else None
        return None if meaning is None else colour(meaning)
    if role == Qt.ItemDataRole.FontRole and column.link and column.link(row):
        font = QFont()
        font.setUnderline(True)
        return font
    return None


def alignment(column: Column[Any]) -> Qt.AlignmentFlag:
    """Where the texts of a column stand."""
    side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
