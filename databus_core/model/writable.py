"""Text from elsewhere, such as the message of an exception or the name of a file, as it can be stored anywhere."""

from __future__ import annotations


def writable(text: str) -> str:
    r"""The text, with what has no place in UTF-8 or in a database (half a surrogate pair, NUL) written as `\udcff`."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "backslashreplace").decode()
    return text.replace("\0", r"\x00") if "\0" in text else text
