"""Making a folder with a ticket, for a person who begins."""

from __future__ import annotations

import shutil
from pathlib import Path

from databus_core.errors import TicketError
from databus_core.model.problem import Problem
from databus_core.resources import resource

TICKET = "ticket.json"


def make_ticket_folder(folder: Path, *, demo: bool) -> Path:
    """Make a folder with a ticket and what it needs, or with the demo; answers the ticket's file.

    The folder may be there already, with other files. Raises TicketError when it has a ticket or cannot be made.
    """
    ticket = folder / TICKET
    if ticket.exists():
        raise TicketError(ticket, Problem((), "exists already."))
    try:
        shutil.copytree(resource("demo" if demo else "new"), folder, dirs_exist_ok=True)
    except OSError as error:
        raise TicketError(folder, Problem((), f"cannot be made: {error.strerror or error}")) from error
    return ticket
