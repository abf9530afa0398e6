"""Icons and other files that the window shows."""

from __future__ import annotations

import functools
from typing import cast

import qtawesome
from PySide6.QtGui import QColor, QIcon

from databus_core.resources import resource


@functools.cache
def _glyph(name: str, colour: str) -> QIcon:
    return cast("QIcon", qtawesome.icon(name, color=colour))  # pyright: ignore[reportUnknownMemberType]


def glyph(name: str, colour: QColor) -> QIcon:
    """A one-coloured icon of qtawesome (`mdi6.play`). `theme.icon` gives one that follows the theme."""
    return _glyph(name, colour.name(QColor.NameFormat.HexArgb))


def app_icon() -> QIcon:
    """The icon of the program and its windows."""
    return QIcon(str(resource("icons", "databus.png")))


def text_of(*parts: str) -> str:
    """The text of a file below `resources`. Raises FileNotFoundError."""
    return resource(*parts).read_text("utf-8")
