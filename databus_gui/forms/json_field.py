"""The field for every value that no other field can show: its JSON."""

from __future__ import annotations

import contextlib
import json

from PySide6.QtWidgets import QVBoxLayout

from databus_core.model.passenger import Json
from databus_gui.forms.field import WIDE, Field, FormContext
from databus_gui.forms.json_editor import JsonEditor
from databus_gui.forms.json_layout import INDENT
from databus_gui.forms.schema import Schema

LINES = 5


class JsonField(Field):
    """A value as JSON text."""

    room = WIDE

    def __init__(self, schema: Schema, context: FormContext) -> None:
        super().__init__(schema, context)
        self.editor = JsonEditor(lines=LINES)
        self._value: Json = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.editor)
        self.setFocusProxy(self.editor)
        self.editor.edited.connect(self._on_edited)

    @classmethod
    def serves(cls, schema: Schema, value: Json) -> bool:
        del schema, value
        return True

    def _on_edited(self) -> None:
        with contextlib.suppress(ValueError, RecursionError):  # `flaw` says so; the value stays the last one that was
            self._value = self.editor.document()
        self.edited.emit()

    def value(self) -> Json:
        return self._value

    def set_value(self, value: Json) -> None:
        self._value = value
        self.editor.set_text(json.dumps(value, indent=INDENT, ensure_ascii=False))

    def flaw(self) -> str:
        self.editor.check()
        return str(self.editor.syntax_problem) if self.editor.syntax_problem else ""
