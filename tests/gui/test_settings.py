"""Settings are kept, and a damaged file never keeps the window from opening."""

from __future__ import annotations

from pathlib import Path

import pytest

from databus_gui.settings import Settings, ThemeChoice


def test_what_was_set_is_there_at_the_next_start(tmp_path: Path) -> None:
    file = tmp_path / "config" / "settings.json"
    settings = Settings.load(file)
    settings.theme = ThemeChoice.DARK
    settings.table("queue").widths["error"] = 333
    settings.remember_ticket(Path("/data/a.json"))
    settings.remember_ticket(Path("/data/b.json"))
    settings.remember_ticket(Path("/data/a.json"))
    settings.close()

    again = Settings.load(file)
    assert again.theme is ThemeChoice.DARK
    assert again.table("queue").widths == {"error": 333}
    assert again.recent_tickets == [str(Path("/data/a.json")), str(Path("/data/b.json"))]
    assert not list(file.parent.glob("*.new"))


@pytest.mark.parametrize("text", ["{", '{"theme": "pink"}', "[]"])
def test_settings_that_cannot_be_used_start_anew(tmp_path: Path, text: str, expected_logs: list[str]) -> None:
    file = tmp_path / "settings.json"
    file.write_text(text)
    expected_logs.append("cannot be used, so the settings start anew")
    assert Settings.load(file).theme is ThemeChoice.SYSTEM


def test_unknown_settings_of_a_newer_version_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"theme": "dark", "from_the_future": 1}')
    assert Settings.load(file).theme is ThemeChoice.DARK


def test_settings_that_cannot_be_written_are_only_a_warning(tmp_path: Path, expected_logs: list[str]) -> None:
    (tmp_path / "blocked").write_text("a file, no folder")
    settings = Settings.load(tmp_path / "settings.json")
    settings._file = tmp_path / "blocked" / "settings.json"
    expected_logs.append("cannot be kept")
    settings.save()
    settings.close()


def test_settings_without_a_file_are_only_for_now() -> None:
    settings = Settings(theme=ThemeChoice.LIGHT)
    settings.save()
    settings.close()
    assert settings.theme is ThemeChoice.LIGHT
