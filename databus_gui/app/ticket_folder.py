"""The ticket of a folder that a person chose, and where the demo lies."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QStandardPaths

from databus_core.new_folder import TICKET, make_ticket_folder


def demo_folder() -> Path:
    """Where the demo of this person lies."""
    documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    return Path(documents) / "Databus demo"


def ticket_of(folder: Path, *, demo: bool = False) -> Path:
    """The ticket of that folder, made with what it needs where there is none yet. Raises TicketError."""
    ticket = folder / TICKET
    return ticket if ticket.exists() else make_ticket_folder(folder, demo=demo)
