"""Lets only e-mails with an Excel attachment pass."""

from __future__ import annotations

from databus_core.connectors._shared.formats import EXCEL_EXTENSIONS
from databus_core.model.outcome import LeaveOut
from databus_core.model.passenger import Passenger
from databus_core.plugins.processor import Processor


class ExcelFilter(Processor):
    """A mail without an Excel attachment is complete at once and never pushed."""

    def process(self, passenger: Passenger) -> LeaveOut | None:
        """Looks at the names of the attachments."""
        if passenger.attachments_by_extension(EXCEL_EXTENSIONS):
            return None
        return LeaveOut("no Excel attachment")
