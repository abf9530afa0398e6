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
        return flaw(error)
    except RecursionError:
        return Problem((), "nested too deeply")
    except ValueError:  # Python's limit against numbers that take minutes to read
        return Problem((), f"a number has more than {sys.get_int_max_str_digits()} digits")


def flaw(error: json.JSONDecodeError) -> Problem:
    """What is wrong with a text that is no JSON, as a person would say it, where they would look for it."""
    text, position = error.doc, error.pos
    before, found = text[:position].rstrip(), text[position : position + 1]
    message = error.msg
    second = before.endswith((",", "[", "{")) and found == ","
    if second or error.msg.startswith("Illegal trailing comma"):  # the message that Python has since 3.13
        message = _COMMA_TOO_MANY
    elif before.endswith(",") and found in {"]", "}"}:
        message, position = _COMMA_TOO_MANY, len(before) - 1
    elif not found and error.msg.startswith("Expecting"):
        message = "the text ends too early: a bracket is not closed, or a value is missing"
    elif error.msg.startswith("Expecting"):
        message = _expected(error.msg, found, text[position:])
    elif error.msg.startswith("Invalid control character"):
        message = _UNCLOSED if found in {"\n", "\r"} else "a tab in a text is written \\t"
    else:
        message = _SENTENCES.get(error.msg.partition(" at")[0].partition(":")[0], error.msg)
    return Problem((), message, _line(text, position), position - text.rfind("\n", 0, position))


_COMMA_TOO_MANY = "there is a comma too many"
_UNCLOSED = "the text in this line has no quotation mark at its end (a line break in a text is written \\n)"
_SENTENCES = {
    "Unterminated string starting": "the text that begins here has no quotation mark at its end",
    "Extra data": "there is more behind the end of the document: a bracket is closed too early, or once too often",
    "Invalid \\escape": "a backslash in a text is written twice: \\\\",
}
_WORDS = re.compile("(?:True|False|None)\\b")
_JSON_WORDS = {"True": "true", "False": "false", "None": "null"}


def _expected(message: str, found: str, rest: str) -> str:
    if found in {"'", "\u201c", "\u201d", "\u201e"}:
        return f'keys and texts stand in straight double quotation marks ("), not in {found}'
    word = _WORDS.match(rest)
    if word is not None:
        return f"{word[0]} is written {_JSON_WORDS[word[0]]}"
    if "delimiter" not in message:
        what = "a key" if "property name" in message else "a value"
        return f"{what} is missing here, or has no quotation mark before it"
    if "':'" in message:
        return "a colon is missing behind the key"
    if found in {"}", "]"}:
        return f"a bracket is not closed before this {found}"
    return "a comma is missing before this, or a quotation mark is too many"


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
