"""Making folders with a ticket from the app, as `databus new` does it."""

from __future__ import annotations

import shutil
from pathlib import Path

from PySide6.QtCore import QStandardPaths

from databus_core.errors import TicketError
from databus_core.resources import resource

TICKET = "ticket.json"


def demo_folder() -> Path:
    """Where the demo of this person lies."""
    documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    return Path(documents) / "Databus demo"


def make_ticket(folder: Path, *, demo: bool = False) -> Path:
    """The ticket of that folder, made with what it needs where there is none yet. Raises TicketError."""
    ticket = folder / TICKET
    if not ticket.exists():
        try:
            shutil.copytree(resource("demo" if demo else "new"), folder, dirs_exist_ok=True)
        except OSError as error:
            raise TicketError(f"{folder}: no ticket can be made there: {error}") from error
    return ticket
