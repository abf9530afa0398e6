"""What every field of a form has in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QWidget

from databus_core.model.passenger import Json
from databus_gui.forms.schema import Schema

if TYPE_CHECKING:
    from databus_gui.forms.row import Row


LINE = 560
SHORT = 180
WIDE = 1 << 20


@dataclass(slots=True)
class FormContext:
    """What fields are told beside their schema."""

    folder: Path = field(default_factory=Path.cwd)
    """Relative paths start here."""
    offers: dict[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Modules that a picker offers, by `Schema.picker`."""
    kinds: Sequence[type[Field]] = ()
    """Every kind of field, the most particular first; the last one serves any value."""

    def kind(self, schema: Schema, value: Json) -> type[Field]:
        """The field to show that value with."""
        return next(kind for kind in self.kinds if kind.serves(schema, value))


class Field(QWidget):
    """Shows one value of a document and lets a person change it. It never judges: the model does."""

    edited = Signal()
    """A person changed the value."""

    room: ClassVar[int] = LINE
    """The most that the field makes use of, in pixels."""

    def __init__(self, schema: Schema, context: FormContext) -> None:
        super().__init__()
        self.schema = schema
        self.context = context

    def _say_edited(self, *_said: object) -> None:
        """A slot for whatever signal says that a person changed something."""
        self.edited.emit()

    @classmethod
    def serves(cls, schema: Schema, value: Json) -> bool:
        """Whether this field can show such a value, and give it back unchanged."""
        raise NotImplementedError

    def value(self) -> Json:
        """The present value."""
        raise NotImplementedError

    def set_value(self, value: Json) -> None:
        """Show a value that the field `serves`."""
        raise NotImplementedError

    def rows(self) -> Mapping[str | int, Row]:
        """The rows inside this field by key or index; fields of one value have none."""
        return {}

    def flaw(self) -> str:
        """Why what is written is no value at all (broken JSON); `value` is then the last one that was."""
        return ""

    def reveal(self, part: str | int) -> None:
        """Unfold whatever hides that row."""


class QuietWheel(QObject):
    """Keeps the mouse wheel from changing values while a person scrolls the form."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


def without_wheel(widget: QWidget) -> None:
    """Let the widget react to the wheel only while it has the focus."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(QuietWheel(widget))
