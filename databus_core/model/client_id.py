"""Which id a client can have: what can be a folder's name on Windows, macOS and Linux alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

LONGEST = 100
LONGEST_BYTES = 200
"""In UTF-8: file systems allow 255, and a client that is taken out of use gets the time behind its name."""

ALLOWED = (
    f"up to {LONGEST} characters ({LONGEST_BYTES} bytes in UTF-8) are allowed, letters of any language, digits, spaces "
    'and signs, but no control characters, none of / \\ : * ? " < > |, no dot or space first or last, and no name '
    "that an operating system keeps for itself, like con or desktop.ini"
)

LEFT_BY_SYSTEMS = {"thumbs.db", "desktop.ini", "lost+found"}
"""Operating systems put files of these names into any folder."""

_FORBIDDEN = re.compile(r'[/\\:*?"<>|]')
_CONTROLS = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories of what is not seen, breaks a line, or is half a character: a byte that is not UTF-8, say."""
_JOINERS = "\u200c\u200d"
"""Invisible, too, but Persian and the languages of India are not spelled right without them."""
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)


def why_no_client_id(client_id: str) -> str:
    """Why no client can have this id, with what is allowed; empty when one can."""
    fault = _fault(client_id)
    return f"{fault}; {ALLOWED}" if fault else ""


def _fault(client_id: str) -> str:
    fault = ""
    if not client_id:
        fault = "it is empty"
    elif control := next(filter(_is_control, client_id), ""):
        fault = f"it has the control character U+{ord(control):04X} in it"
    elif forbidden := _FORBIDDEN.search(client_id):
        fault = f"it has {forbidden[0]} in it"
    elif client_id.strip() != client_id or client_id.strip(".") != client_id:
        fault = "it begins or ends with a dot or a space"
    elif _DEVICES.fullmatch(client_id) or client_id.lower() in LEFT_BY_SYSTEMS:
        fault = "operating systems keep this name for themselves"
    elif len(client_id) > LONGEST or len(client_id.encode()) > LONGEST_BYTES:
        fault = "it is too long"
    return fault


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in _CONTROLS and letter not in _JOINERS


def lookalike(client_id: str) -> str:
    """The same text for ids that some system takes for one: they differ in case, or in how Unicode composes letters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", client_id).casefold())


def known_as(client_id: str, ids: Collection[str]) -> str | None:
    """The one of these ids that a person means: they cannot see, or say, how Unicode composes its letters."""
    if client_id in ids:
        return client_id
    composed = unicodedata.normalize("NFC", client_id)
    return next((known for known in ids if unicodedata.normalize("NFC", known) == composed), None)
