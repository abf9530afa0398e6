"""The processor of the first demo: changes texts."""

from __future__ import annotations

from databus_core.model.attachment import AttachmentFormat
from databus_core.model.passenger import Passenger
from databus_core.plugins.processor import Processor


class TextDemoProcessor(Processor):
    """Writes every text in capitals."""

    def process(self, passenger: Passenger) -> None:
        """Leaves binary attachments as they are."""
        for attachment in passenger.attachments:
            if attachment.format is AttachmentFormat.TEXT:
                attachment.set_text(attachment.read_text().upper())
                self.log.info(f"Wrote {attachment.name} in capitals")
