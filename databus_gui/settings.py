"""What the app remembers about a person's window. Each setting is one field."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError
from PySide6.QtCore import QStandardPaths

FILE_NAME = "settings.json"
TICKETS_KEPT = 8

log = logging.getLogger(__name__)


class ThemeChoice(StrEnum):
    """Which colours the window has."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class TableSettings(BaseModel):
    """How one table's columns stand, by column key."""

    widths: dict[str, int] = Field(default_factory=dict)
    order: list[str] = Field(default_factory=list)
    hidden: list[str] = Field(default_factory=list)
    sort: str = ""
    descending: bool = False


class Settings(BaseModel):
    """The settings of one person on one machine, kept in a JSON file of their configuration folder."""

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    theme: ThemeChoice = Field(default=ThemeChoice.SYSTEM, description="Light, dark, or as the system has it.")
    language: str = Field(default="en", description="Language of the window; takes effect at the next start.")
    geometry: str = Field(default="", description="Place and size of the window.")
    page: str = Field(default="", description="The page that was shown last.")
    recent_tickets: list[str] = Field(default_factory=list, description="Tickets that were opened, the last one first.")
    tables: dict[str, TableSettings] = Field(default_factory=dict, description="Columns of each table.")
    searches: dict[str, str] = Field(default_factory=dict, description="Searches of the queue that are kept, by name.")
    first_searches: dict[str, str] = Field(
        default_factory=dict, description="What the queue of a client passenger (client/name) is shown with at first."
    )
    splitters: dict[str, list[int]] = Field(default_factory=dict, description="Sizes of the parts of divided pages.")

    _file: Path | None = PrivateAttr(default=None)
    _writer: ThreadPoolExecutor | None = PrivateAttr(default=None)

    @classmethod
    def load(cls, file: Path) -> Self:
        """The settings of that file. What cannot be read counts as not set: a window must always open."""
        try:
            settings = cls.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            settings = cls()
        except (OSError, ValidationError) as error:
            log.warning("%s cannot be used, so the settings start anew: %s", file, error)
            settings = cls()
        settings._file = file
        return settings

    def save(self) -> None:
        """Write the file in a thread; settings without a file are only for now."""
        if self._file is None:
            return
        if self._writer is None:
            self._writer = ThreadPoolExecutor(1, thread_name_prefix="settings")
        self._writer.submit(_write, self._file, self.model_dump_json(indent=2))

    def close(self) -> None:
        """Wait for the last write."""
        if self._writer is not None:
            self._writer.shutdown()
            self._writer = None

    def remember_ticket(self, file: Path) -> None:
        """Put the ticket on top of the recent ones."""
        others = [known for known in self.recent_tickets if known != str(file)]
        self.recent_tickets = [str(file), *others][:TICKETS_KEPT]
        self.save()

    def table(self, name: str) -> TableSettings:
        """How the columns of that table stand; changes to the answer are kept at the next `save`."""
        return self.tables.setdefault(name, TableSettings())


def settings_file() -> Path:
    """Where the settings of this person are."""
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppConfigLocation)
    return Path(place) / FILE_NAME


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(text, "utf-8")
        new.replace(file)
    except OSError as error:
        log.warning("The settings cannot be kept in %s: %s", file, error)
