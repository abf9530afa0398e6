"""The folders of a queue: one per passenger, with `passenger.json` and the attachments."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from databus_core.database.json_files import codec
from databus_core.database.json_files.content import StoredContent, chunks, file_name
from databus_core.database.json_files.durable import Flusher, temporary_name
from databus_core.database.json_files.layout import WORKSHOP, ClientLayout
from databus_core.errors import DamagedError, DatabaseError, NotFoundError
from databus_core.files import make_folder, replace, sync_folder, write_new
from databus_core.model.queue_entry import QueueEntry


@dataclass(slots=True)
class _Work:
    """One entry on its way to the disk: everything is in place beside it before one rename makes it count."""

    entry: QueueEntry
    source: Path
    target: Path
    contents: list[StoredContent] = field(default_factory=list[StoredContent])
    """Where each attachment will be, in the order of the entry's attachments."""
    files: list[Path] = field(default_factory=list[Path])
    """Written for this work."""
    folders: list[Path] = field(default_factory=list[Path])
    """Whose names changed for this work."""

    def done(self) -> None:
        """From now on the attachments read from the database."""
        for attachment, content in zip(self.entry.attachments, self.contents, strict=True):
            attachment.content = content


class EntryFiles:
    """Reads and writes the folders. Different entries may be handled by several threads at once."""

    def __init__(self, layout: ClientLayout, flusher: Flusher) -> None:
        self.folder = layout.queue
        self._workshop = layout.queue / WORKSHOP
        self._damaged = layout.damaged
        self._arguments = layout.arguments
        self._flusher = flusher

    def make_ready(self) -> None:
        """Make the queue's folder, and delete what a crash left unfinished in it."""
        make_folder(self.folder)
        shutil.rmtree(self._workshop, ignore_errors=True)
        self._workshop.mkdir(exist_ok=True)

    def names(self) -> Iterator[os.DirEntry[str]]:
        """What lies in the queue's folder."""
        with suppress(FileNotFoundError), os.scandir(self.folder) as found:
            yield from found

    def looks_seated(self, internal_id: str) -> bool:
        """Whether a folder without a passenger's file is one that lost it, and not somebody's own."""
        return (self.folder / internal_id / self._arguments.queue_attachment_dir).is_dir()

    # Reading ----------------------------------------------------------------------------------------------------

    def file(self, internal_id: str) -> Path:
        """The passenger's file."""
        return self.folder / internal_id / self._arguments.queue_passenger

    def read(self, internal_id: str) -> QueueEntry:
        """One entry. Raises NotFoundError, DamagedError."""
        file = self.file(internal_id)
        try:
            data = file.read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            if not file.parent.is_dir():
                raise NotFoundError(f"There is no passenger {internal_id} in {self.folder}.") from error
            raise DamagedError(f"{file}: the passenger's file is missing.") from error
        except OSError as error:
            raise DamagedError(f"{file}: cannot be read: {error.strerror}.") from error
        try:
            entry = codec.decode(data, file.parent / self._arguments.queue_attachment_dir)
            if entry.internal_id != internal_id:
                raise ValueError(f"internal_id: {entry.internal_id!r:.80} is not the folder's name")
        except ValueError as error:
            raise DamagedError(f"{file}: {error}.") from error
        return entry

    def size(self, entry: QueueEntry) -> int:
        """Bytes of a stored entry's files."""
        contents = [each.content for each in entry.attachments]
        files = [content.path for content in contents if isinstance(content, StoredContent)]
        return sum(map(_bytes, [self.file(entry.internal_id), *files]))

    def damaged(self) -> list[Path]:
        """The folders that were set aside."""
        with suppress(FileNotFoundError):
            return sorted(path for path in self._damaged.iterdir() if path.is_dir())
        return []

    def set_aside(self, internal_id: str) -> Path:
        """Move a folder out of the queue, with all that it holds; answers where it is now."""
        make_folder(self._damaged)
        target, number = self._damaged / internal_id, 1
        while target.exists():
            number += 1
            target = self._damaged / f"{internal_id}.{number}"
        replace(self.folder / internal_id, target)
        sync_folder(self._damaged)
        sync_folder(self.folder)
        return target

    # Writing ----------------------------------------------------------------------------------------------------

    def seat(self, entries: Sequence[QueueEntry]) -> None:
        """Add new entries durably: all of them, or none when that fails. A crash may leave some, each one whole."""
        works: list[_Work] = []
        seated: list[_Work] = []
        try:
            for entry in entries:
                works.append(_Work(entry, self._workshop / temporary_name(), self.folder / entry.internal_id))
                self._furnish(works[-1])
            self._flush(works)
            for work in works:
                replace(work.source, work.target)
                seated.append(work)
            sync_folder(self.folder)
        except BaseException:
            for work in seated:
                replace(work.target, work.source)
            for work in works:
                shutil.rmtree(work.source, ignore_errors=True)
            raise
        for work in works:
            work.done()

    def _furnish(self, work: _Work) -> None:
        """Write everything of a new entry into a folder of its own."""
        work.source.mkdir()
        work.folders.append(work.source)
        self._store_attachments(work, work.source)
        self._write(work, work.source / self._arguments.queue_passenger)

    def update(self, entries: Sequence[QueueEntry]) -> None:
        """Replace the files of seated entries durably, each one wholly or not at all.

        What their attachments were before goes when nothing needs it any more; a crash may leave it until the entry
        is removed.
        """
        works: list[_Work] = []
        superseded: list[Path] = []
        try:
            for entry in entries:
                works.append(_Work(entry, self._workshop / temporary_name(), self.file(entry.internal_id)))
                self._store_attachments(works[-1], works[-1].target.parent)
                superseded += self._superseded_by(works[-1])
                self._write(works[-1], works[-1].source)
            self._flush(works)
            while works:
                replace(works[0].source, works[0].target)
                works.pop(0).done()
        except BaseException:
            for file in (file for work in works for file in work.files):
                file.unlink(missing_ok=True)
            raise
        self._flusher.flush([], [self.folder / entry.internal_id for entry in entries])
        for file in superseded:
            with suppress(OSError):  # somebody reads it, which keeps it there on Windows
                file.unlink()

    def _superseded_by(self, work: _Work) -> list[Path]:
        """The attachments' files that the stored entry has and the new one has not; nobody else's."""
        folder = work.target.parent / self._arguments.queue_attachment_dir
        try:
            others = {file.name for file in folder.iterdir()} - {content.file for content in work.contents}
            stored = self.read(work.entry.internal_id).attachments if others else []
        except (FileNotFoundError, DatabaseError):
            return []
        had = {attachment.content.file for attachment in stored if isinstance(attachment.content, StoredContent)}
        return [folder / name for name in others & had]

    def _write(self, work: _Work, file: Path) -> None:
        work.files.append(file)
        write_new(file, [codec.encode(work.entry, [content.file for content in work.contents])])

    def _store_attachments(self, work: _Work, place: Path) -> None:
        """Write those contents that are not the entry's own files already; no file is ever written over."""
        if not work.entry.attachments:
            return
        own = self.folder / work.entry.internal_id / self._arguments.queue_attachment_dir
        folder, taken = place / self._arguments.queue_attachment_dir, None
        for attachment in work.entry.attachments:
            content = attachment.content
            if not (isinstance(content, StoredContent) and content.folder == own):
                if taken is None:
                    taken = self._open_attachments(work, folder)
                name = file_name(attachment.name, taken)
                taken.add(name.lower())
                work.files.append(folder / name)
                write_new(folder / name, chunks(attachment))
                content = StoredContent(own, name)
            work.contents.append(content)

    @staticmethod
    def _open_attachments(work: _Work, folder: Path) -> set[str]:
        """Make the folder if need be; answers the names in it in lower case."""
        if not folder.is_dir():
            folder.mkdir(parents=True)
            work.folders.append(folder.parent)
        work.folders.append(folder)
        return {file.name.lower() for file in folder.iterdir()}

    def _flush(self, works: Sequence[_Work]) -> None:
        files = [file for work in works for file in work.files]
        self._flusher.flush(files, list(dict.fromkeys(folder for work in works for folder in work.folders)))

    def remove(self, internal_ids: Sequence[str]) -> list[str]:
        """Delete entries with all that they have; answers which were there."""
        removed: dict[str, Path] = {}
        for internal_id in internal_ids:
            heap = self._workshop / temporary_name()
            with suppress(FileNotFoundError):
                replace(self.folder / internal_id, heap)
                removed[internal_id] = heap
        if removed:
            sync_folder(self.folder)
        for heap in removed.values():
            shutil.rmtree(heap, ignore_errors=True)
        return list(removed)


def _bytes(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # it goes at this moment, or a person took it away: it takes nothing
        return 0
