"""The processor of the second demo: adds an attachment."""

from __future__ import annotations

import hashlib

from databus_core.model.attachment import Attachment, AttachmentFormat
from databus_core.model.passenger import Passenger
from databus_core.plugins.processor import Processor


class BinaryDemoProcessor(Processor):
    """Attaches the checksum of every binary attachment."""

    def process(self, passenger: Passenger) -> None:
        """One text `checksums.txt`, in the form that `sha256sum --check` reads."""
        lines = [
            f"{hashlib.sha256(attachment.read_bytes()).hexdigest()}  {attachment.name}\n"
            for attachment in passenger.attachments
            if attachment.format is AttachmentFormat.BINARY
        ]
        checksums = passenger.attachment("checksums.txt") or passenger.attach(Attachment.text("checksums.txt", ""))
        checksums.set_text("".join(lines))
        self.log.info(f"Attached the checksums of {len(lines)} attachments")
