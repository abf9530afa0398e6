"""How message types look: sign, word, colour."""

from __future__ import annotations

from databus_core.model.log import MessageType
from databus_gui.tables.model import Mark
from databus_gui.theme import Meaning
from databus_gui.widgets.filters import Chip

MARKS = {
    MessageType.INFO: Mark("mdi6.information-outline", Meaning.GOOD),
    MessageType.WARNING: Mark("mdi6.alert", Meaning.CAUTION),
    MessageType.ERROR: Mark("mdi6.alert-circle", Meaning.BAD),
}
RUNNING = Mark("mdi6.bus-side", Meaning.ACCENT)
BROKEN_OFF = Mark("mdi6.progress-close", Meaning.CAUTION)

SEVERITY_CHIPS = (
    Chip(None, "All", "mdi6.text-box-outline"),
    Chip(MessageType.WARNING, "Warnings and errors", "mdi6.alert", Meaning.CAUTION),
    Chip(MessageType.ERROR, "Errors", "mdi6.alert-circle", Meaning.BAD),
)
