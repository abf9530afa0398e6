"""Fields made of other fields: objects, lists, and what may be left unset."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from typing import cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QPushButton, QToolButton, QVBoxLayout

from databus_core.model.passenger import Json
from databus_gui.forms.field import WIDE, Field, FormContext
from databus_gui.forms.fitting import Fitting
from databus_gui.forms.row import Row
from databus_gui.forms.schema import Kind, Schema
from databus_gui.forms.section import Section
from databus_gui.i18n import tr
from databus_gui.theme import icon

FOLDED_GROUP = "advanced"
OTHER_KEYS = Schema(
    {"type": "object", "description": "Keys that this form does not know; they are kept."}, name="other_keys"
)
LONGEST_LIST = 200
"""Longer lists are edited as JSON: a widget for each item would make the window slow."""


class ObjectField(Field):
    """Named values, in sections by their group; keys that the schema does not know are kept and shown as JSON."""

    room = WIDE

    def __init__(self, schema: Schema, context: FormContext) -> None:
        super().__init__(schema, context)
        self._order: list[str] = []
        self._sections: dict[str, Section] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        self._rows: dict[str | int, Row] = {}
        for part in sorted(schema.properties, key=lambda part: (bool(part.group), part.group == FOLDED_GROUP)):
            row = self._rows[part.name] = self._row(part)
            self._place(part.group, row)
        self._others: Row | None = None

    def _row(self, schema: Schema) -> Row:
        row = Row(schema, self.context)
        row.edited.connect(self.edited)
        return row

    def _place(self, group: str, row: Row) -> None:
        if not group:
            self._layout.addWidget(row)
            return
        if group not in self._sections:
            self._sections[group] = Section(tr(group[:1].upper() + group[1:]), unfolded=group != FOLDED_GROUP)
            self._layout.addWidget(self._sections[group])
        self._sections[group].add(row)

    @classmethod
    def serves(cls, schema: Schema, value: Json) -> bool:
        return schema.kind is Kind.OBJECT and isinstance(value, dict)

    def value(self) -> Json:
        """The document: the keys it was loaded with in their order, then the new ones."""
        values = self._other_values()
        values |= {str(name): row.value() for name, row in self._rows.items() if row.written}
        names = [*self._order, *(str(name) for name in self._rows), *values]
        return {name: values[name] for name in dict.fromkeys(names) if name in values}

    def set_value(self, value: Json) -> None:
        document = cast("dict[str, Json]", value)
        self._order = list(document)
        for name, row in self._rows.items():
            if name in document:
                row.load(document[str(name)])
            else:
                row.load_nothing()
        self._show_others({key: inner for key, inner in document.items() if key not in self._rows})

    def _show_others(self, others: dict[str, Json]) -> None:
        if others and self._others is None:
            self._others = self._row(OTHER_KEYS)
            self._layout.addWidget(self._others)
        if self._others is not None:
            self._others.load(others)
            self._others.setVisible(bool(others))

    def _other_values(self) -> dict[str, Json]:
        others = self._others.value() if self._others is not None else None
        return dict(others) if isinstance(others, dict) else {}

    def rows(self) -> Mapping[str | int, Row]:
        rows = dict(self._rows)
        if self._others is not None:
            rows |= dict.fromkeys((key for key in self._other_values() if key not in rows), self._others)
        return rows

    def reveal(self, part: str | int) -> None:
        for section in self._sections.values():
            if section.isAncestorOf(self.rows()[part]):
                section.fold(True)


class ListItem(QFrame):
    """One item of a list, with buttons to move and remove it."""

    moved = Signal(int)
    """By how many places."""
    removed = Signal()

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.row = row
        boxed = row.fitting.field.room == WIDE
        if boxed:
            self.setObjectName("box")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(*((8, 4, 4, 4) if boxed else (0, 0, 0, 0)))
        layout.setSpacing(2)
        layout.addWidget(row, 1)
        self.up = self._button(layout, "mdi6.arrow-up", tr("Move up (Alt+Up)"))
        self.down = self._button(layout, "mdi6.arrow-down", tr("Move down (Alt+Down)"))
        self.remove = self._button(layout, "mdi6.close", tr("Remove"))
        self.up.clicked.connect(lambda: self.moved.emit(-1))
        self.down.clicked.connect(lambda: self.moved.emit(1))
        self.remove.clicked.connect(self.removed.emit)
        for key, places in ((Qt.Key.Key_Up, -1), (Qt.Key.Key_Down, 1)):
            shortcut = QShortcut(QKeySequence(Qt.Modifier.ALT | key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda by=places: self.moved.emit(by))

    def _button(self, layout: QHBoxLayout, name: str, text: str) -> QToolButton:
        button = QToolButton(autoRaise=True)
        button.setIcon(icon(name))
        button.setToolTip(text)
        button.setAccessibleName(text)
        layout.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        return button


class ListField(Field):
    """Values in an order: add, remove, move."""

    room = WIDE

    def __init__(self, schema: Schema, context: FormContext) -> None:
        super().__init__(schema, context)
        self.items: list[ListItem] = []
        self.add_button = QPushButton(icon("mdi6.plus"), tr("Add"))
        self.add_button.clicked.connect(self.add)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._layout.addWidget(self.add_button, 0, Qt.AlignmentFlag.AlignLeft)
        self.setFocusProxy(self.add_button)

    @classmethod
    def serves(cls, schema: Schema, value: Json) -> bool:
        return schema.kind is Kind.LIST and isinstance(value, list) and len(value) <= LONGEST_LIST

    def value(self) -> Json:
        return [item.row.value() for item in self.items]

    def set_value(self, value: Json) -> None:
        for item in self.items:
            self._drop(item)
        self.items.clear()
        for inner in cast("list[Json]", value):
            self._append(inner)
        self._label()

    def _append(self, value: Json) -> ListItem:
        row = Row(self.schema.item, self.context, titled=False)
        row.load(value)
        row.edited.connect(self.edited)
        item = ListItem(row)
        item.moved.connect(functools.partial(self.move_item, item))
        item.removed.connect(lambda: self.remove(item))
        self._layout.insertWidget(len(self.items), item)
        self.items.append(item)
        return item

    def add(self) -> None:
        """A new item below the others."""
        item = self._append(self.schema.item.default)
        self._changed()
        item.row.fitting.setFocus()

    def remove(self, item: ListItem) -> None:
        """Take the item out of the list."""
        self.items.remove(item)
        self._drop(item)
        self._changed()
        self.add_button.setFocus()

    def move_item(self, item: ListItem, places: int) -> None:
        """Put the item so many places further down, as far as there are places."""
        old = self.items.index(item)
        new = min(max(old + places, 0), len(self.items) - 1)
        if new == old:
            return
        self.items.insert(new, self.items.pop(old))
        self._layout.removeWidget(item)
        self._layout.insertWidget(new, item)
        self._changed()

    def _drop(self, item: ListItem) -> None:
        self._layout.removeWidget(item)
        item.hide()
        item.deleteLater()

    def _changed(self) -> None:
        self._label()
        self.edited.emit()

    def _label(self) -> None:
        for index, item in enumerate(self.items):
            item.up.setEnabled(index > 0)
            item.down.setEnabled(index < len(self.items) - 1)
            item.setAccessibleName(tr("{title}, item {n}", title=tr(self.schema.title), n=index + 1))

    def rows(self) -> Mapping[str | int, Row]:
        return {index: item.row for index, item in enumerate(self.items)}


class OptionalField(Field):
    """A value that may be left unset: a box to tick, and the value beside it."""

    def __init__(self, schema: Schema, context: FormContext) -> None:
        super().__init__(schema, context)
        self._present = copy.copy(schema)
        self._present.nullable = False
        self._fitting: Fitting | None = None
        self.box = QCheckBox(tr("not set"))
        self.box.setToolTip(tr("Tick to set a value"))
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self.box, 0, Qt.AlignmentFlag.AlignTop)
        self._layout.addStretch(0)
        self.setFocusProxy(self.box)
        self.box.clicked.connect(self._on_clicked)

    @classmethod
    def serves(cls, schema: Schema, value: Json) -> bool:
        del value
        return schema.nullable

    def _on_clicked(self, checked: bool) -> None:
        self.set_value(self._present.blank if checked else None, ticked=checked)
        if checked and self._fitting is not None:
            self._fitting.setFocus()
        self.edited.emit()

    def value(self) -> Json:
        return self._fitting.value() if self._fitting is not None and self.box.isChecked() else None

    def set_value(self, value: Json, *, ticked: bool = False) -> None:
        shown = ticked or value is not None
        self.box.setChecked(shown)
        self.box.setText("" if shown else tr("not set"))
        if shown and self._fitting is None:  # made late: a model may hold itself, and that never ends
            self._fitting = Fitting(self._present, self.context, value)
            self._fitting.edited.connect(self.edited)
            self._layout.insertWidget(1, self._fitting, 1)
        elif self._fitting is not None:
            self._fitting.setVisible(shown)
            if shown:
                self._fitting.set_value(value)

    def rows(self) -> Mapping[str | int, Row]:
        return self._fitting.field.rows() if self._fitting is not None and self.box.isChecked() else {}

    def reveal(self, part: str | int) -> None:
        if self._fitting is not None:
            self._fitting.field.reveal(part)

    def flaw(self) -> str:
        return self._fitting.field.flaw() if self._fitting is not None and self.box.isChecked() else ""
