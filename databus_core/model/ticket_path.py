"""Paths in tickets and plug-in arguments: relative ones are relative to the ticket's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

FOLDER_KEY = "ticket_folder"
"""Key of the ticket's folder in the validation context."""


def _beside_ticket(path: Path, info: ValidationInfo) -> Path:
    context: dict[str, Path] = info.context or {}
    folder = context.get(FOLDER_KEY)
    path = path.expanduser()
    return folder / path if folder is not None else path


TicketPath = Annotated[Path, AfterValidator(_beside_ticket), Field(json_schema_extra={"format": "path"})]
"""A path field of a plug-in's `Arguments`; absolute once the plug-in gets it."""
