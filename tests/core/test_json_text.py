from __future__ import annotations

import pytest

from databus_core.model.json_text import read_json
from databus_core.model.problem import Problem


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        ('{"a": 1,\n}', (1, 8), "there is a comma too many"),
        ('{"a": [1, 2, ]}', (1, 12), "there is a comma too many"),
        ('{"a": 1,, "b": 2}', (1, 9), "there is a comma too many"),
        ('{"a": 1\n "b": 2}', (2, 2), "a comma is missing before this"),
        ('{"a" 1}', (1, 6), "a colon is missing"),
        ("{'a': 1}", (1, 2), "straight double quotation marks"),
        ('{"a": True}', (1, 7), "True is written true"),
        ('{"a": x"}', (1, 7), "a value is missing here, or has no quotation mark before it"),
        ("{a: 1}", (1, 2), "a key is missing here, or has no quotation mark before it"),
        ('{"a": "x,\n"b": 2}', (1, 10), "no quotation mark at its end"),
        ('{"a": 1, "b}', (1, 10), "no quotation mark at its end"),
        ('{"a": [1, 2}', (1, 12), "a bracket is not closed before this }"),
        ('{"a": {"b": 1}', (1, 15), "the text ends too early"),
        ('{"a": 1}}', (1, 9), "more behind the end"),
        (r'{"a": "C:\data"}', (1, 10), "a backslash in a text is written twice"),
        ("", (1, 1), "the text ends too early"),
    ],
)
def test_what_is_wrong_with_json_is_said_in_words(text: str, place: tuple[int, int], sentence: str) -> None:
    problem = read_json(text)
    assert isinstance(problem, Problem)
    assert sentence in problem.message
    assert (problem.line, problem.column) == place
