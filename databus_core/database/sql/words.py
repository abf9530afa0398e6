"""What databases say when something goes wrong, in words for a person."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import exc

from databus_core.errors import DatabaseError


@contextmanager
def in_words(place: str) -> Generator[None]:
    """Whatever a database raises inside becomes a DatabaseError that names the place."""
    try:
        yield
    except exc.DBAPIError as error:
        raise DatabaseError(_sentence(place, error)) from error
    except exc.SQLAlchemyError as error:
        raise DatabaseError(f"{place}: {error}.") from error
    except UnicodeEncodeError as error:
        raise DatabaseError(f"{error.object!r:.80} is no text that can be stored: {error.reason}.") from error
    except OSError as error:
        raise DatabaseError(f"{error.filename or place}: {error.strerror or error}.") from error


def _sentence(place: str, error: exc.DBAPIError) -> str:
    said = " ".join(str(error.orig).split())
    if "database or disk is full" in said:
        return f"The disk of {place} is full; nothing was stored."
    if error.connection_invalidated:
        return f"The connection to {place} was lost: {said}"
    if is_damage(error):
        return f"{place} is damaged: {said}. It is left as it is."
    return f"{place}: {said}"


def is_damage(error: exc.DBAPIError) -> bool:
    """Whether SQLite cannot make sense of its file."""
    said = str(error.orig)
    return "malformed" in said or "not a database" in said
