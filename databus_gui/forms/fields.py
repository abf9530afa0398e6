"""Fields of one value: text, number, choice, yes or no, and the like."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QValidator
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QCompleter,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from databus_core.model.passenger import Json
from databus_gui.forms.field import SHORT, WIDE, Field, FormContext, without_wheel
from databus_gui.forms.schema import Kind, Schema, same
from databus_gui.i18n import tr

LONGEST_NUMBER = 4000
"""Digits; Python refuses to read longer ones from text."""
UNTYPEABLE = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories that a line of text would silently change or hide."""


def alone(field: QWidget, *widgets: QWidget) -> QHBoxLayout:
    """Lay the widgets out in one line without margins; the first takes the room."""
    layout = QHBoxLayout(field)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    layout.setStretch(0, 1)
    field.setFocusProxy(widgets[0])
    return layout


def _typeable(value: Json) -> bool:
    return isinstance(value, str) and not any(unicodedata.category(char) in UNTYPEABLE for char in value)


class TextField(Field):
    """One line of text."""

    def __init__(self, schema: Schema, context: FormContext) -> None:
        super().__init__(schema, context)
        self.edit = QLineEdit()
        self.edit.setMaxLength(1_000_000)
        self._line = alone(self, self.edit)
        self.edit.textEdited.connect(self._say_edited)

    @classmethod
    def serves(cls, schema: Schema, value: Json) -> bool:
        return schema.kind is Kind.TEXT and _typeable(value)

    def value(self) -> Json:
        return self.edit.text()

    def set_value(self, value: Json) -> None:
        self.edit.setText(str(value))
        self.edit.setCursorPosition(0)


class LinesField(Field):
    """Text of several lines."""

    room = WIDE

    def __init__(self, schema: Schema, context: FormContext) -> None:
        super().__init__(schema, context)
        self.edit = QPlainTextEdit(tabChangesFocus=True)
        self.edit.setFixedHeight(self.edit.fontMetrics().lineSpacing() * 6)
        alone(self, self.edit)
        self._text = ""
        self.edit.textChanged.connect(self._on_text_changed)

    @classmethod
    def serves(cls, schema: Schema, value: Json) -> bool:
        if schema.kind is not Kind.TEXT or not isinstance(value, str) or schema.format == "password":
            return False
        return ("\n" in value or schema.format == "multi-line") and _typeable(value.replace("\n", ""))

    def _on_text_changed(self) -> None:
        text = self.edit.document().toRawText().replace("\u2029", "\n")
        if text != self._text:
            self._text = text
            self.edited.emit()

    def value(self) -> Json:
        return self._text

    def set_value(self, value: Json) -> None:
        self._text = str(value)
        self.edit.setPlainText(self._text)


class NumberBox(QAbstractSpinBox):
    """A line for a number of any size, with arrows for steps. It takes any text: the model says what is wrong."""

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        self._schema = schema
        without_wheel(self)

    def validate(self, input: str, pos: int) -> tuple[QValidator.State, str, int]:  # noqa: A002
        return (QValidator.State.Acceptable, input, pos)

    def number(self) -> Json:
        """What is written, as a number where it is one."""
        text = self.text().strip()
        if re.fullmatch(r"-?(0|[1-9]\d*)", text) and len(text) < LONGEST_NUMBER:
            return int(text)
        if self._schema.kind is Kind.NUMBER and re.fullmatch(r"-?\d*[.,]?\d+([eE][+-]?\d+)?", text):
            number = float(text.replace(",", "."))
            return number if math.isfinite(number) else text
        return text

    def stepBy(self, steps: int) -> None:
        number = self.number()
        stepped = (number if isinstance(number, (int, float)) else 0) + steps
        if self._schema.least is not None:
            stepped = max(stepped, self._schema.least)
        if self._schema.greatest is not None:
            stepped = min(stepped, self._schema.greatest)
        self.lineEdit().setText(json.dumps(stepped))
        self.lineEdit().textEdited.emit(self.text())

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        return QAbstractSpinBox.StepEnabledFlag.StepUpEnabled | QAbstractSpinBox.StepEnabledFlag.StepDownEnabled

    def sizeHint(self) -> QSize:
        return QSize(SHORT, QLineEdit().sizeHint().height())


class NumberField(Field):
    """A whole or a decimal number."""

    room = SHORT

    def __init__(self, schema: Schema, context: FormContext) -> None:
        super().__init__(schema, context)
        self.box = NumberBox(schema)
        self._value: Json = None
        alone(self, self.box)
        self.box.lineEdit().textEdited.connect(self._on_edited)

    @classmethod
    def serves(cls, schema: Schema, value: Json) -> bool:
        if value is None:
            return schema.kind in (Kind.INTEGER, Kind.NUMBER)
        types = {Kind.INTEGER: (int,), Kind.NUMBER: (int, float)}.get(schema.kind, ())
        return isinstance(value, types) and not isinstance(value, bool) and math.isfinite(cast("float", value))

    def _on_edited(self, _text: str) -> None:
        self._value = self.box.number()
        self.edited.emit()

    def value(self) -> Json:
        return self._value

    def set_value(self, value: Json) -> None:
        self._value = value
        self.box.lineEdit().setText("" if value is None else json.dumps(value))


class SwitchField(Field):
    """Yes or no."""

    room = SHORT

    def __init__(self, schema: Schema, context: FormContext) -> None:
        super().__init__(schema, context)
        self.box = QCheckBox()
        alone(self, self.box)
        self.box.toggled.connect(self._say)
        self.box.clicked.connect(self._say_edited)
        self._say(checked=False)

    @classmethod
    def serves(cls, schema: Schema, value: Json) -> bool:
        return schema.kind is Kind.BOOLEAN and isinstance(value, bool)

    def _say(self, checked: bool) -> None:
        self.box.setText(tr("yes") if checked else tr("no"))

    def value(self) -> Json:
        return self.box.isChecked()

    def set_value(self, value: Json) -> None:
        self.box.setChecked(bool(value))


class ChoiceField(Field):
    """One of a few values."""

    def __init__(self, schema: Schema, context: FormContext) -> None:
        super().__init__(schema, context)
        self.box = QComboBox()
        self._values: list[Json] = []
        without_wheel(self.box)
        alone(self, self.box).addStretch(2)
        for choice in schema.choices:
            self._add(choice, choice if isinstance(choice, str) and choice else json.dumps(choice))
        self.box.activated.connect(self._say_edited)

    @classmethod
    def serves(cls, schema: Schema, value: Json) -> bool:
        return schema.kind is Kind.CHOICE and not isinstance(value, (dict, list))

    def _add(self, value: Json, text: str) -> None:
        self._values.append(value)
        self.box.addItem(text)

    def value(self) -> Json:
        return self._values[self.box.currentIndex()]

    def set_value(self, value: Json) -> None:
        if not any(same(value, known) for known in self._values):
            self._add(value, tr("choose …") if value is None else tr("{value} (not allowed)", value=json.dumps(value)))
        self.box.setCurrentIndex(next(index for index, known in enumerate(self._values) if same(value, known)))


class ModuleField(Field):
    """The name of a module: one of those offered, or any that a person types."""

    def __init__(self, schema: Schema, context: FormContext) -> None:
        super().__init__(schema, context)
        self.box = QComboBox(editable=True, insertPolicy=QComboBox.InsertPolicy.NoInsert)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(30)
        without_wheel(self.box)
        alone(self, self.box)
        self._line = QLineEdit()
        self.box.setLineEdit(self._line)
        self._line.textEdited.connect(self._say_edited)
        self.box.activated.connect(self._say_edited)
        completer = QCompleter(self.box.model(), self.box, filterMode=Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.activated.connect(self._say_edited)
        self.box.setCompleter(completer)
        self.offer(context.offers.get(schema.picker, ()))

    @classmethod
    def serves(cls, schema: Schema, value: Json) -> bool:
        return bool(schema.picker) and _typeable(value)

    def offer(self, modules: Sequence[str]) -> None:
        """Fill the list; what is written stays."""
        text = self.box.currentText()
        self.box.clear()
        self.box.addItems([*modules])
        self.set_value(text)

    def value(self) -> Json:
        return self.box.currentText()

    def set_value(self, value: Json) -> None:
        exactly = Qt.MatchFlag.MatchFixedString | Qt.MatchFlag.MatchCaseSensitive
        self.box.setCurrentIndex(self.box.findText(str(value), exactly))
        self.box.setEditText(str(value))
        self._line.setCursorPosition(0)
