"""Light and dark: a palette of our own on Qt's Fusion style, and colours and icons by what they mean."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QApplication, QStyleFactory

from databus_gui.resources import glyph, text_of
from databus_gui.settings import ThemeChoice


class Meaning(StrEnum):
    """What a colour says. Never the only sign: an icon and a word stand beside it."""

    TEXT = "text"
    MUTED = "muted"
    """What matters less: hints, units, empty states."""
    ACCENT = "accent"
    """What can be clicked or is chosen."""
    GOOD = "good"
    """Complete, running."""
    WAITING = "waiting"
    """Incomplete without an error, paused."""
    CAUTION = "caution"
    """A warning, a state on its way to another."""
    BAD = "bad"
    """An error, a failing step."""
    PANEL = "panel"
    """Ground of the sidebar and of boxes."""
    LINE = "line"
    """Thin lines between parts."""
    GOOD_GROUND = "good_ground"
    CAUTION_GROUND = "caution_ground"
    BAD_GROUND = "bad_ground"
    """Grounds of bars and badges with such a message."""


HALF_LIGHT = 128

_Colours: TypeAlias = dict[Meaning, str]

_LIGHT: _Colours = {
    Meaning.TEXT: "#1f2328",
    Meaning.MUTED: "#5d6771",
    Meaning.ACCENT: "#0b62c4",
    Meaning.GOOD: "#1a7337",
    Meaning.WAITING: "#4a5a6b",
    Meaning.CAUTION: "#8a5a00",
    Meaning.BAD: "#c0231f",
    Meaning.PANEL: "#f1f3f5",
    Meaning.LINE: "#d3d8de",
    Meaning.GOOD_GROUND: "#e3f4e8",
    Meaning.CAUTION_GROUND: "#fdf2da",
    Meaning.BAD_GROUND: "#fdeaea",
}
_DARK: _Colours = {
    Meaning.TEXT: "#e6e8eb",
    Meaning.MUTED: "#a0a9b4",
    Meaning.ACCENT: "#6cb0ff",
    Meaning.GOOD: "#5fcf80",
    Meaning.WAITING: "#a9b8c9",
    Meaning.CAUTION: "#f0b849",
    Meaning.BAD: "#ff8078",
    Meaning.PANEL: "#1b1e22",
    Meaning.LINE: "#3b424a",
    Meaning.GOOD_GROUND: "#1e3a28",
    Meaning.CAUTION_GROUND: "#41331a",
    Meaning.BAD_GROUND: "#4a2424",
}
_LIGHT_ROLES = {
    QPalette.ColorRole.Window: "#fafbfc",
    QPalette.ColorRole.WindowText: "#1f2328",
    QPalette.ColorRole.Base: "#ffffff",
    QPalette.ColorRole.AlternateBase: "#f6f8fa",
    QPalette.ColorRole.Text: "#1f2328",
    QPalette.ColorRole.Button: "#eef1f4",
    QPalette.ColorRole.ButtonText: "#1f2328",
    QPalette.ColorRole.BrightText: "#c0231f",
    QPalette.ColorRole.Highlight: "#cfe3fb",
    QPalette.ColorRole.HighlightedText: "#10243b",
    QPalette.ColorRole.ToolTipBase: "#ffffff",
    QPalette.ColorRole.ToolTipText: "#1f2328",
    QPalette.ColorRole.PlaceholderText: "#6b7580",
    QPalette.ColorRole.Link: "#0b62c4",
    QPalette.ColorRole.Accent: "#0b62c4",
    QPalette.ColorRole.Light: "#ffffff",
    QPalette.ColorRole.Midlight: "#e6eaee",
    QPalette.ColorRole.Mid: "#c3cad1",
    QPalette.ColorRole.Dark: "#9aa4ae",
    QPalette.ColorRole.Shadow: "#6b7580",
}
_DARK_ROLES = {
    QPalette.ColorRole.Window: "#22262b",
    QPalette.ColorRole.WindowText: "#e6e8eb",
    QPalette.ColorRole.Base: "#1a1d21",
    QPalette.ColorRole.AlternateBase: "#20242a",
    QPalette.ColorRole.Text: "#e6e8eb",
    QPalette.ColorRole.Button: "#2e343b",
    QPalette.ColorRole.ButtonText: "#e6e8eb",
    QPalette.ColorRole.BrightText: "#ff8078",
    QPalette.ColorRole.Highlight: "#2b4a70",
    QPalette.ColorRole.HighlightedText: "#f2f6fb",
    QPalette.ColorRole.ToolTipBase: "#2e343b",
    QPalette.ColorRole.ToolTipText: "#e6e8eb",
    QPalette.ColorRole.PlaceholderText: "#8d97a3",
    QPalette.ColorRole.Link: "#6cb0ff",
    QPalette.ColorRole.Accent: "#6cb0ff",
    QPalette.ColorRole.Light: "#3a4149",
    QPalette.ColorRole.Midlight: "#333940",
    QPalette.ColorRole.Mid: "#191c20",
    QPalette.ColorRole.Dark: "#14171a",
    QPalette.ColorRole.Shadow: "#0c0e10",
}
_OUTLINED = ("QAbstractSpinBox", "QComboBox", "QCheckBox")
"""Widgets whose outline is their only edge. Fusion takes the colour of the window, darkened: not seen on a dark one."""
_FUSION_DARKENS = 140
_DISABLED = (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText)


def use_theme(app: QApplication, choice: ThemeChoice) -> None:
    """Dress the whole app; to be called again when the choice or the system's scheme changes."""
    dark = _system_is_dark() if choice is ThemeChoice.SYSTEM else choice is ThemeChoice.DARK
    if app.style().objectName() != "fusion":
        app.setStyle(QStyleFactory.create("Fusion"))
    app.setPalette(_palette(dark))
    for widget in _OUTLINED:
        app.setPalette(_outlined_palette(dark), widget)  # pyright: ignore[reportArgumentType] # the stub wants bytes
    app.setStyleSheet(_style_sheet(_DARK if dark else _LIGHT))


def is_dark() -> bool:
    """Whether the app is dark now."""
    return QGuiApplication.palette().color(QPalette.ColorRole.Window).lightness() < HALF_LIGHT


def colour(meaning: Meaning) -> QColor:
    """The colour of that meaning in the present theme."""
    return QColor((_DARK if is_dark() else _LIGHT)[meaning])


def icon(name: str, meaning: Meaning = Meaning.TEXT) -> QIcon:
    """An icon of qtawesome (`mdi6.play`) in the colour of a meaning; it follows the theme by itself."""
    return QIcon(_ThemedIcon(name, meaning))


class _ThemedIcon(QIconEngine):
    """Chooses its colour when it is painted, so that nobody must replace icons when the theme changes."""

    def __init__(self, name: str, meaning: Meaning) -> None:
        super().__init__()
        self._name, self._meaning = name, meaning

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        shown = colour(self._meaning)
        if mode is QIcon.Mode.Disabled:
            shown.setAlphaF(0.35)
        glyph(self._name, shown).paint(painter, rect, Qt.AlignmentFlag.AlignCenter, QIcon.Mode.Normal, state)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        image = QPixmap(size)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return image

    def clone(self) -> QIconEngine:
        return _ThemedIcon(self._name, self._meaning)


def _system_is_dark() -> bool:
    return QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark


def _palette(dark: bool) -> QPalette:
    palette = QPalette()
    for role, value in (_DARK_ROLES if dark else _LIGHT_ROLES).items():
        palette.setColor(role, QColor(value))
    faint = QColor(_DARK_ROLES[QPalette.ColorRole.WindowText] if dark else _LIGHT_ROLES[QPalette.ColorRole.WindowText])
    faint.setAlphaF(0.45)
    for role in _DISABLED:
        palette.setColor(QPalette.ColorGroup.Disabled, role, faint)
    return palette


def _outlined_palette(dark: bool) -> QPalette:
    palette = _palette(dark)
    if dark:
        palette.setColor(QPalette.ColorRole.Window, QColor(_DARK[Meaning.LINE]).lighter(_FUSION_DARKENS))
    return palette


def _style_sheet(colours: _Colours) -> str:
    """The sheet with each `@meaning` replaced; longer names first, as one may begin another."""
    sheet = text_of("style", "databus.qss")
    for meaning in sorted(colours, key=len, reverse=True):
        sheet = sheet.replace(f"@{meaning}", colours[meaning])
    return sheet
