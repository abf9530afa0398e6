"""The bytes of attachments: small ones in one row, large ones in chunks, equal ones kept once."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from sqlalchemy import Connection, bindparam, delete, exists, insert, select
from typing_extensions import Buffer

from databus_core.database.sql.recent_contents import RecentContents
from databus_core.database.sql.statement import Inserting, Statement
from databus_core.database.sql.store import Store, in_bunches
from databus_core.errors import AttachmentError
from databus_core.model.attachment import Attachment, BytesContent

CHUNK = 1 << 19
"""Bytes of a chunk; what is not longer lies in one row."""
HASHED_FROM = 4096
"""Equal contents are looked for from this size on. Smaller ones are cheaper to keep twice than to look for: an index of
hashes has no order, and costs a page of disk for each of them."""


class StoredContent:
    """Content in the database; never changed, another content gets another row."""

    __slots__ = ("contents", "id", "size")

    def __init__(self, contents: Contents, content_id: int, size: int) -> None:
        self.contents = contents
        """The database in which it lies."""
        self.id = content_id
        self.size = size
        """Bytes."""

    def open(self) -> BinaryIO:
        """See Content.open."""
        if self.size <= CHUNK:
            return io.BytesIO(self.contents.chunk(self.id, 0))
        return io.BufferedReader(_Stream(self.contents, self.id, self.size), CHUNK)


class _Stream(io.RawIOBase):
    """Reads one chunk at a time."""

    def __init__(self, contents: Contents, content_id: int, size: int) -> None:
        super().__init__()
        self._contents, self._id, self._size = contents, content_id, size
        self._at = 0
        self._number: int = 0
        self._chunk = contents.chunk(content_id, 0)  # an OSError now, where it is gone

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer).cast("B")
        number, start = divmod(self._at, CHUNK)
        if self._at >= self._size:
            return 0
        if number != self._number:
            self._number, self._chunk = number, self._contents.chunk(self._id, number)
        piece = self._chunk[start : start + len(view)]
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


@dataclass(slots=True)
class NewContent:
    """Content that is about to be stored: its bytes, or the row where its chunks wait already. Never changed; not
    frozen, which costs more than all the rest of taking in a small one."""

    size: int
    hash: bytes | None
    data: bytes | None = None
    staged: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of contents that were to be stored."""

    ids: list[int]
    """The row of each."""
    new: dict[int, int]
    """Of the rows that are new, the bytes."""


class Contents:
    """Every content of one open database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._table, self._chunk, self._staged = store.tables.content, store.tables.chunk, store.tables.staged
        self._attachment = store.tables.attachment
        self._insert = Inserting(self._table, store.dialect)
        self._recent = RecentContents()
        by_id = select(self._table.c.data).where(self._table.c.id == bindparam("key"))
        self._read = Statement(by_id, ["key"], store.dialect)
        self._read_chunk = select(self._chunk.c.data).where(
            self._chunk.c.content_id == bindparam("key"), self._chunk.c.position == bindparam("number")
        )

    # Reading ----------------------------------------------------------------------------------------------------

    def chunk(self, content_id: int, number: int) -> bytes:
        """One chunk. Raises OSError when it is not there (any more)."""
        if number == 0 and (recent := self._recent.get(content_id)) is not None:
            return recent
        with self._store.reading() as connection:
            data = next(iter(self._read.fetch(connection, (content_id,))), None) if number == 0 else None
            if data is None:
                data = connection.execute(self._read_chunk, {"key": content_id, "number": number}).scalar()
        if data is None:
            raise FileNotFoundError(f"content {content_id} is in the database no more")
        return bytes(data)

    # Before the transaction -------------------------------------------------------------------------------------

    def take_in(self, attachment: Attachment) -> StoredContent | NewContent:
        """Read an attachment's content, in the caller's thread; a large one is stored chunk by chunk meanwhile.

        Raises AttachmentError.
        """
        content = attachment.content
        if isinstance(content, StoredContent) and content.contents is self:
            return content
        if isinstance(content, BytesContent) and len(content.data) <= CHUNK:
            return _small(content.data)
        with attachment.open() as stream:
            first = _read(attachment, stream)
            if len(first) < CHUNK:
                return _small(first)
            return self._stage(attachment, stream, first)

    def _stage(self, attachment: Attachment, stream: BinaryIO, first: bytes) -> NewContent:
        content_id = self._store.write(self._begin_staging)
        digest, size, number, chunk = hashlib.sha256(), 0, 0, first
        try:
            while chunk:
                self._add_chunk(content_id, number, chunk)
                digest.update(chunk)
                size, number, chunk = size + len(chunk), number + 1, _read(attachment, stream)
        except BaseException:
            self._store.write(lambda connection: self.discard(connection, [content_id]))
            raise
        return NewContent(size, digest.digest(), staged=content_id)

    def _begin_staging(self, connection: Connection) -> int:
        content_id = self._store.number(connection, self._table)
        connection.execute(insert(self._staged), {"id": content_id})
        connection.execute(insert(self._table), {"id": content_id, "size": 0, "hash": None, "data": None})
        return content_id

    def _add_chunk(self, content_id: int, number: int, chunk: bytes) -> None:
        row = {"content_id": content_id, "position": number, "data": chunk}
        self._store.write(lambda connection: connection.execute(insert(self._chunk), row))

    def give_up(self, contents: Sequence[StoredContent | NewContent]) -> None:
        """What was taken in is not needed after all."""
        if waiting := staged(contents):
            self._store.write(lambda connection: self.discard(connection, waiting))

    def clean(self, connection: Connection) -> None:
        """Delete what a process that died had on its way in."""
        left = connection.execute(select(self._staged.c.id)).scalars().all()
        self.discard(connection, left)

    # In the transaction -----------------------------------------------------------------------------------------

    def keep(self, connection: Connection, contents: Sequence[StoredContent | NewContent]) -> Kept:
        """Store the contents, equal ones once."""
        ids = [content.id if isinstance(content, StoredContent) else 0 for content in contents]
        kept = Kept(ids, {})
        new = [(place, content) for place, content in enumerate(contents) if isinstance(content, NewContent)]
        if not new:
            return kept
        known = self._known(connection, {content.hash for _, content in new if content.hash})
        fresh = self._store.number(connection, self._table, len(new))
        rows: list[tuple[int, int, bytes | None, bytes | None]] = []
        for number, (place, content) in enumerate(new, fresh):
            present = known.get(content.hash) if content.hash else None
            if present is None:
                ids[place] = content_id = content.staged or number
                kept.new[content_id] = content.size
                if content.staged:
                    self._settle(connection, content)
                else:
                    rows.append((content_id, content.size, content.hash, content.data))
                if content.hash:
                    known[content.hash] = content_id
            else:
                ids[place] = present
                if content.staged:
                    self.discard(connection, [content.staged])
        self._insert.run(connection, rows)
        return kept

    def _known(self, connection: Connection, hashes: Collection[bytes]) -> dict[bytes | None, int]:
        known: dict[bytes | None, int] = {}
        table = self._table.c
        for some in in_bunches(list(hashes)):
            query = select(table.hash, table.id).where(table.hash.in_(some), table.hash.is_not(None))
            known.update((bytes(digest), content_id) for digest, content_id in connection.execute(query))
        return known

    def _settle(self, connection: Connection, content: NewContent) -> None:
        table = self._table
        change = table.update().where(table.c.id == content.staged)
        connection.execute(change, {"size": content.size, "hash": content.hash})
        connection.execute(delete(self._staged).where(self._staged.c.id == content.staged))

    def stored(self, content_id: int, size: int) -> StoredContent:
        """The content of a row."""
        return StoredContent(self, content_id, size)

    def let_read(self, stored: Iterable[tuple[Attachment, NewContent, int]]) -> None:
        """From now on these attachments, whose contents have become durable in their rows, read from there."""
        small: list[tuple[int, bytes]] = []
        for attachment, content, content_id in stored:
            attachment.content = StoredContent(self, content_id, content.size)
            if content.data is not None:
                small.append((content_id, content.data))
        self._recent.keep(small)

    def present(self, connection: Connection, content_ids: Collection[int]) -> set[int]:
        """Those of the contents that are still there."""
        found: set[int] = set()
        for some in in_bunches(list(content_ids)):
            found.update(connection.execute(select(self._table.c.id).where(self._table.c.id.in_(some))).scalars())
        return found

    def discard(self, connection: Connection, content_ids: Collection[int]) -> None:
        """Delete those of the contents that no attachment refers to."""
        attachment, table = self._attachment, self._table
        for some in in_bunches(sorted(content_ids)):
            used = exists().where(attachment.c.content_id == table.c.id)
            unused = list(connection.execute(select(table.c.id).where(table.c.id.in_(some), ~used)).scalars())
            connection.execute(delete(self._chunk).where(self._chunk.c.content_id.in_(unused)))
            connection.execute(delete(self._staged).where(self._staged.c.id.in_(some)))
            connection.execute(delete(table).where(table.c.id.in_(unused)))
            self._recent.forget(unused)


def staged(contents: Iterable[StoredContent | NewContent]) -> list[int]:
    """Rows of those contents whose chunks are stored already."""
    return [content.staged for content in contents if isinstance(content, NewContent) and content.staged]


def _small(data: bytes) -> NewContent:
    return NewContent(len(data), hashlib.sha256(data).digest() if len(data) >= HASHED_FROM else None, data)


def _read(attachment: Attachment, stream: BinaryIO) -> bytes:
    """A whole chunk, unless the content ends before."""
    pieces: list[bytes] = []
    missing = CHUNK
    try:
        while missing and (piece := stream.read(missing)):
            pieces.append(piece)
            missing -= len(piece)
    except OSError as error:
        raise AttachmentError(f"Attachment {attachment.name!r} cannot be read: {error}") from error
    return b"".join(pieces)
