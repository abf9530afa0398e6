"""JSON that a person wrote: read so that what is wrong with it is told with its place."""

from __future__ import annotations

import json
import re
import sys

from databus_core.model.problem import Problem

_BRACE_OR_STRING = re.compile(r'[{}]|"(?:[^"\\]|\\.)*+"(\s*:)?')
"""The group is there where the string is a key."""


def read_json(text: str) -> object | Problem:
    """The document; a Problem when the text is none."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        return Problem((), error.msg, error.lineno, error.colno)
    except RecursionError:
        return Problem((), "nested too deeply")
    except ValueError:  # Python's limit against numbers that take minutes to read
        return Problem((), f"a number has more than {sys.get_int_max_str_digits()} digits")


def doubled_keys(text: str) -> list[Problem]:
    """Keys that one object of a JSON text has twice: whoever reads it drops one of the values without a word."""
    problems: list[Problem] = []
    objects: list[dict[str, int]] = []
    for found in _BRACE_OR_STRING.finditer(text):
        if found[0] == "{":
            objects.append({})
        elif found[0] == "}":
            objects.pop()
        elif found[1]:
            key: str = json.loads(found[0].removesuffix(found[1]))
            first = objects[-1].setdefault(key, found.start())
            if first != found.start():
                message = f"{key!r:.80} is given twice, first in line {_line(text, first)}; leave one of them"
                column = found.start() - text.rfind("\n", 0, found.start())
                problems.append(Problem((), message, _line(text, found.start()), column))
    return problems


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
