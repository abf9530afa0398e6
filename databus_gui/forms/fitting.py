"""The place of one field: holds the kind that can show the present value."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from databus_core.model.passenger import Json
from databus_gui.forms.field import Field, FormContext
from databus_gui.forms.schema import Schema


class Fitting(QWidget):
    """Shows any value: where the schema's own field cannot show it, as the document is wrong, another does."""

    edited = Signal()

    def __init__(self, schema: Schema, context: FormContext, value: Json) -> None:
        super().__init__()
        self._schema = schema
        self._context = context
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.field = self._plug(context.kind(schema, value))
        self.field.set_value(value)

    def _plug(self, kind: type[Field]) -> Field:
        field = kind(self._schema, self._context)
        field.edited.connect(self.edited)
        field.setAccessibleName(self._schema.title)
        field.setAccessibleDescription(self._schema.help)
        self._layout.addWidget(field)
        self.setFocusProxy(field)
        self.setMaximumWidth(field.room)
        return field

    def value(self) -> Json:
        """The present value."""
        return self.field.value()

    def set_value(self, value: Json) -> None:
        """Show a value."""
        kind = self._context.kind(self._schema, value)
        if type(self.field) is not kind:
            self._layout.removeWidget(self.field)
            self.field.hide()
            self.field.deleteLater()
            self.field = self._plug(kind)
        self.field.set_value(value)
