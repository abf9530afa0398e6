"""Ids of passengers and logs."""

from __future__ import annotations

from uuid_utils.compat import uuid7


def new_id() -> str:
    """A time-ordered UUID (version 7, RFC 9562): later ids sort after earlier ones, which keeps indexes compact."""
    return str(uuid7())
