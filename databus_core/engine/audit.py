"""The audit: what people did by hand through this program."""

from __future__ import annotations

import getpass

from databus_core.model.audit import AuditRecord
from databus_core.model.client import ROOT
from databus_core.model.clock import now
from databus_core.plugins.database import Database


def doer(program: str) -> str:
    """Who does what is done by that program: "ann (databus run)"."""
    try:
        return f"{getpass.getuser()} ({program})"
    except (KeyError, OSError, ImportError):  # a user without a name, as in some containers
        return program


def note(database: Database, who: str, what: str, on: str = "", client_id: str = ROOT) -> None:
    """Keep that it was done; what belongs to no client, with `root`. Raises DatabaseError."""
    database.append_audit(client_id, [AuditRecord(now(), who, what, on)])
