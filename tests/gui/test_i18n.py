"""Texts in the person's language."""

from __future__ import annotations

from databus_gui.i18n import count, tr, use_language


def test_a_language_without_a_catalogue_is_english() -> None:
    use_language("tlh")
    assert tr("Queue") == "Queue"


def test_names_in_a_text_are_filled_in_and_braces_of_values_stay() -> None:
    assert tr("Saved {file}", file="{a}.txt") == "Saved {a}.txt"
    assert tr("{ no value }") == "{ no value }"


def test_one_and_many() -> None:
    assert count(1, "{n} mail of {who}", "{n} mails of {who}", who="me") == "1 mail of me"
    assert count(12_000, "{n} mail", "{n} mails") == "12,000 mails"
