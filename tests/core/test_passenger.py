"""What a passenger says of itself."""

import pytest

from databus_core.model.passenger import title_in


@pytest.mark.parametrize(
    ("properties", "title"),
    [
        ({"file": "2026-03 prices.csv|678|1795526344506803859"}, "2026-03 prices.csv"),
        ({"origin": "4712.eml", "file": "other|1|2"}, "4712.eml"),
        ({"subject": "  ", "origin": ""}, ""),
        ({"title": "x" * 300}, "x" * 200 + " …"),
        ({}, ""),
    ],
)
def test_the_title_of_a_passenger(properties: dict[str, str], title: str) -> None:
    assert title_in(properties) == title
