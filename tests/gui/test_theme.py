"""Both themes can be read, and icons follow them by themselves."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLineEdit, QSpinBox, QWidget

from databus_gui.settings import ThemeChoice
from databus_gui.theme import Meaning, colour, icon, is_dark, use_theme


@pytest.fixture(params=[ThemeChoice.LIGHT, ThemeChoice.DARK])
def theme(qapp: QApplication, request: pytest.FixtureRequest) -> Generator[ThemeChoice]:
    use_theme(qapp, request.param)
    yield request.param
    use_theme(qapp, ThemeChoice.LIGHT)


def luminance(shown: QColor) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(shown.redF()) + 0.7152 * linear(shown.greenF()) + 0.0722 * linear(shown.blueF())


def contrast(one: QColor, other: QColor) -> float:
    """As the Web Content Accessibility Guidelines reckon it; 4.5 is what they ask of text."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_choice_decides(theme: ThemeChoice) -> None:
    assert is_dark() is (theme is ThemeChoice.DARK)


@pytest.mark.parametrize("ground", ["Window", "Base", "AlternateBase", "Highlight"])
@pytest.mark.parametrize("meaning", ["text", "muted", "accent", "good", "waiting", "caution", "bad"])
def test_every_meaning_can_be_read_on_every_ground(
    qapp: QApplication, theme: ThemeChoice, meaning: str, ground: str
) -> None:
    enough = 4.5 if ground != "Highlight" else 3.5
    assert contrast(colour(Meaning(meaning)), qapp.palette().color(QPalette.ColorRole[ground])) >= enough


@pytest.mark.parametrize("ground", [Meaning.PANEL, Meaning.GOOD_GROUND, Meaning.CAUTION_GROUND, Meaning.BAD_GROUND])
def test_text_can_be_read_on_grounds_with_a_meaning(theme: ThemeChoice, ground: Meaning) -> None:
    assert contrast(colour(Meaning.TEXT), colour(ground)) >= 4.5


def test_the_style_sheet_has_no_name_left_unresolved(qapp: QApplication, theme: ThemeChoice) -> None:
    rules = [line for line in qapp.styleSheet().splitlines() if not line.startswith("/*")]
    assert len(rules) > 10
    assert not [line for line in rules if "@" in line]


@pytest.mark.parametrize("kind", [QSpinBox, QComboBox, QCheckBox, QLineEdit])
def test_the_edge_of_every_field_is_seen(qapp: QApplication, theme: ThemeChoice, kind: type[QWidget]) -> None:
    page = QWidget()
    field = kind(page)
    if isinstance(field, QCheckBox):
        field.setChecked(True)
    if isinstance(field, QComboBox):
        field.setEditable(True)
    field.setGeometry(10, 10, 100, 24)
    image = page.grab(field.geometry()).toImage()
    edge = [image.pixelColor(x, image.height() // 2) for x in range(2)]
    assert max(contrast(pixel, qapp.palette().color(QPalette.ColorRole.Window)) for pixel in edge) > 1.35


def darkest(shown: QIcon, mode: QIcon.Mode = QIcon.Mode.Normal) -> QColor:
    """The colour of the pixel that is the most opaque."""
    image = shown.pixmap(QSize(32, 32), mode).toImage()
    pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return max(pixels, key=lambda pixel: pixel.alpha())


def test_an_icon_follows_the_theme(qapp: QApplication) -> None:
    sign = icon("mdi6.circle", Meaning.BAD)
    use_theme(qapp, ThemeChoice.LIGHT)
    light = darkest(sign)
    use_theme(qapp, ThemeChoice.DARK)
    dark = darkest(sign)
    use_theme(qapp, ThemeChoice.LIGHT)
    assert (light.name(), dark.name()) == ("#c0231f", "#ff8078")


def test_a_disabled_icon_is_faint(qapp: QApplication) -> None:
    use_theme(qapp, ThemeChoice.LIGHT)
    sign = icon("mdi6.circle")
    assert darkest(sign, QIcon.Mode.Disabled).alpha() < 150 < darkest(sign).alpha()
