"""An e-mail as a passenger."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from databus_core.connectors._shared.formats import EXCEL_EXTENSIONS, XML_EXTENSIONS
from databus_core.model.attachment import Attachment
from databus_core.model.clock import format_time, parse_time
from databus_core.model.passenger import Passenger

TEXT_BODY: Final = "body.txt"
HTML_BODY: Final = "body.html"
"""Bodies may be long, so they are attachments; no other attachment of a mail gets one of these names."""


class Email(Passenger):
    """An e-mail. Its facts are kept in `properties`, its bodies as the attachments `body.txt` and `body.html`."""

    __slots__ = ()

    @property
    def subject(self) -> str:
        """The subject, decoded, on one line."""
        return self._text("subject")

    @subject.setter
    def subject(self, subject: str) -> None:
        self.properties["subject"] = subject

    @property
    def sender(self) -> str:
        """Address of the sender as the mail spells it, with the name: `Jürgen Müller <jm@example.com>`."""
        return self._text("sender")

    @sender.setter
    def sender(self, sender: str) -> None:
        self.properties["sender"] = sender

    @property
    def recipients(self) -> list[str]:
        """Addresses in To and Cc, spelled like `sender`."""
        recipients = self.properties.get("recipients")
        return [str(recipient) for recipient in recipients] if isinstance(recipients, list) else []

    @recipients.setter
    def recipients(self, recipients: list[str]) -> None:
        self.properties["recipients"] = [*recipients]

    @property
    def sent_at(self) -> datetime | None:
        """When it was sent, in UTC; None when the mail does not say, or nothing that is a time."""
        text = self._text("sent_at")
        return parse_time(text) if text else None

    @sent_at.setter
    def sent_at(self, moment: datetime | None) -> None:
        self.properties["sent_at"] = format_time(moment) if moment else None

    @property
    def message_id(self) -> str:
        """The Message-ID with its angle brackets; empty when the mail has none."""
        return self._text("message_id")

    @message_id.setter
    def message_id(self, message_id: str) -> None:
        self.properties["message_id"] = message_id

    @property
    def text(self) -> str:
        """The plain text body; empty when there is none. Read each time it is asked for."""
        return self._body(TEXT_BODY)

    @property
    def html(self) -> str:
        """The HTML body; empty when there is none. Read each time it is asked for."""
        return self._body(HTML_BODY)

    @property
    def excel_attachments(self) -> list[Attachment]:
        """The attachments that are Excel sheets by their names."""
        return self.attachments_by_extension(EXCEL_EXTENSIONS)

    @property
    def xml_attachments(self) -> list[Attachment]:
        """The attachments that are XML by their names."""
        return self.attachments_by_extension(XML_EXTENSIONS)

    def _text(self, key: str) -> str:
        value = self.properties.get(key)
        return value if isinstance(value, str) else ""

    def _body(self, name: str) -> str:
        attachment = self.attachment(name)
        return attachment.read_text() if attachment else ""
