"""Pulls files from a folder: one passenger per file."""

from __future__ import annotations

from collections.abc import Iterator

from databus_core.connectors._shared.folder_source import FolderSource, WaitingFile
from databus_core.connectors._shared.formats import format_of
from databus_core.model.attachment import Attachment
from databus_core.model.passenger import Passenger


class FolderPuller(FolderSource):
    """Each file is a passenger with that file as its attachment.

    A file that changed, or was written anew under the same name, is a new passenger; the same file again is not.
    """

    def pull(self) -> Iterator[Passenger]:
        """Every file that waits, oldest first; one that cannot be read is an error in the log and stays."""
        for file in self.waiting():
            try:
                passenger = self._passenger(file)
            except OSError as error:
                self.log.error(f"{file.path} cannot be read and stays where it is: {error}")
            else:
                yield self.offer(passenger, file)

    def _passenger(self, file: WaitingFile) -> Passenger:
        content = file.content()
        with content.open() as stream:
            attachment = Attachment(file.path.name, format_of(file.path.name, stream), content)
        passenger = self.context.passenger_class(external_id=file.mark.text, source_system=self.arguments.source_system)
        passenger.attach(attachment)
        return passenger
