"""JSON text laid out anew without changing what it says."""

from __future__ import annotations

import re

INDENT = 2

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def laid_out(text: str) -> str:
    """One value a line, indented by INDENT. Every token stays as it was spelled: numbers, escapes, keys given twice.

    The text must be JSON.
    """
    parts: list[str] = []
    depth, before = 0, ""
    for part in _TOKEN.findall(text):
        opens, closes = part in {"{", "["}, part in {"}", "]"}
        depth -= closes
        empty = closes and before in {"{", "["}
        if (before in {"{", "[", ","} or closes) and not empty:
            parts.append("\n" + " " * (INDENT * depth))
        parts.append(": " if part == ":" else part)
        depth += opens
        before = part
    return "".join(parts) + "\n"
