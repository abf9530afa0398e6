"""What databases say when something goes wrong, in words for a person."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import exc

from databus_core.database.sql.check_file import is_damage, is_full
from databus_core.errors import DatabaseDamagedError, DatabaseError


@contextmanager
def in_words(place: str) -> Generator[None]:
    """Whatever a database raises inside becomes a DatabaseError that names the place."""
    try:
        yield
    except (exc.DBAPIError, sqlite3.Error) as error:
        raise _in_words(place, error) from error
    except exc.SQLAlchemyError as error:
        raise DatabaseError(f"{place}: {error}.") from error
    except UnicodeEncodeError as error:
        raise DatabaseError(f"{error.object!r:.80} is no text that can be stored: {error.reason}.") from error
    except OSError as error:
        raise DatabaseError(f"{error.filename or place}: {error.strerror or error}.") from error


def _in_words(place: str, error: exc.DBAPIError | sqlite3.Error) -> DatabaseError:
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    said = " ".join(str(cause).split())
    if is_full(cause):
        return DatabaseError(f"The disk of {place} is full; nothing was stored.")
    if is_damage(cause):
        return DatabaseDamagedError(f"{place} is damaged: {said}.")
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return DatabaseError(f"The connection to {place} was lost: {said}")
    return DatabaseError(f"{place}: {said}")
