"""Where the files of the `resources` folder are: in a checkout, an installed wheel, or a frozen program."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_PLACES = (_PACKAGE / "_resources", _PACKAGE.parent / "resources")


def resource(*parts: str) -> Path:
    """The path of a file or folder below `resources`. Raises FileNotFoundError when this installation lacks it."""
    for place in _PLACES:
        path = place.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError(f"This installation lacks its resource {'/'.join(parts)!r}.")
