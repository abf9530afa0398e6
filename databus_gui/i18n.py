"""Texts in the person's language: a catalogue of JSON files, English being the texts in the code themselves."""

from __future__ import annotations

import json
from typing import cast

from databus_gui.resources import text_of

ENGLISH = "en"

_catalogue: dict[str, str] = {}


def use_language(language: str) -> None:
    """Take the texts from `resources/translations/<language>.json`; English where there is no such file or text."""
    _catalogue.clear()
    if language == ENGLISH:
        return
    try:
        _catalogue.update(cast("dict[str, str]", json.loads(text_of("translations", f"{language}.json"))))
    except FileNotFoundError:
        return


def tr(text: str, **values: object) -> str:
    """The text in the chosen language, its `{names}` filled in."""
    translated = _catalogue.get(text, text)
    return translated.format(**values) if values else translated


def count(number: int, one: str, many: str, **values: object) -> str:
    """`one` or `many` in the chosen language, with `{n}` as the number: count(3, "{n} mail", "{n} mails")."""
    return tr(one if number == 1 else many, n=f"{number:,}", **values)
