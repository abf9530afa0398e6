"""What travels between two processes, as bytes.

Attachments travel without their contents, which stay where they are and are read from afar, little by little, when
somebody asks for them: so neither process ever has a large one in memory. A content that comes back to where it is
from is the same object again, by which a database sees that it need not store it.
"""

from __future__ import annotations

import errno
import io
import itertools
import pickle
import traceback
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from databus_core.errors import DatabusError
from databus_core.files import CHUNK
from databus_core.model.attachment import Attachment, BytesContent, Content, FileContent
from databus_core.model.log import Log

Call = Callable[..., Any]

IN_MEMORY = 1 << 20
"""Contents that are in memory anyway travel with their attachment up to so many bytes."""


class FarContent:
    """A content in the other process."""

    def __init__(self, parcels: Parcels, number: int, size: int | str) -> None:
        """`size` may be the reason why it cannot be measured."""
        self.parcels = parcels
        self.number = number
        self._size = size

    def __del__(self) -> None:
        self.parcels.unused.append(self.number)

    @property
    def size(self) -> int:
        """See Content."""
        if isinstance(self._size, str):
            raise OSError(self._size)
        return self._size

    def open(self) -> BinaryIO:
        """See Content."""
        number, begin = self.parcels.call("open_content", self.number)
        if number is None:
            return io.BytesIO(begin)
        stream = _FarStream(self.parcels, number, begin, self.size)
        return cast("BinaryIO", io.BufferedReader(stream, CHUNK))


class _FarStream(io.RawIOBase):
    """Asks for one piece after the other; goes to another place only when it is read there."""

    def __init__(self, parcels: Parcels, number: int, begin: bytes, size: int) -> None:
        self._parcels = parcels
        self._number = number
        self._begin = begin
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, "the position is before the beginning")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        room = len(buffer)
        piece = self._begin[self._position : self._position + room]
        if not piece:
            piece = self._parcels.call("read_content", self._number, self._position, room)
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._parcels.unused.append(self._number)  # no call: this may be the garbage collector, anywhere
        super().close()


class _Sent:
    """Stands for a content on its way."""

    def __init__(self, content: Content) -> None:
        self.content = content


class Parcels:
    """One side's contents, as far as the other one may read them, and the way of everything else."""

    def __init__(self, call: Call) -> None:
        """`call` asks the other side, which has Parcels, too, for one of its `handlers`."""
        self.call = call
        self.handlers: dict[str, Call] = {
            "open_content": self._open,
            "read_content": self._read,
        }
        self.unused: deque[int] = deque()
        """Contents, and open streams, of the other side that nobody on this one has any more; the next parcel says so.
        """
        self._numbers = itertools.count()
        self._contents: dict[int, Content] = {}
        self._streams: dict[int, tuple[BinaryIO, int]] = {}
        """Those that are open, with their positions."""

    def wrap(self, message: object) -> bytes:
        """The message as bytes. Raises TypeError, or another Exception, for what cannot travel."""
        buffer = io.BytesIO()
        pickler = _Pickler(buffer, self)
        pickler.dump(message)
        pickler.dump([self.unused.popleft() for _ in range(len(self.unused))])
        return buffer.getvalue()

    def unwrap(self, parcel: bytes) -> object:
        """The message that the other side wrapped."""
        unpickler = _Unpickler(io.BytesIO(parcel), self)
        message = unpickler.load()
        for number in unpickler.load():
            self._contents.pop(number, None)
            if opened := self._streams.pop(number, None):
                opened[0].close()
        return message

    def _open(self, number: int) -> tuple[int | None, bytes]:
        stream = self._contents[number].open()
        begin = stream.read(CHUNK)
        if len(begin) < CHUNK:
            stream.close()
            return None, begin
        key = next(self._numbers)
        self._streams[key] = stream, len(begin)
        return key, begin

    def _read(self, number: int, position: int, size: int) -> bytes:
        stream, present = self._streams[number]
        if position != present:
            stream.seek(position)
        piece = stream.read(size)
        self._streams[number] = stream, position + len(piece)
        return piece

    def ticket_of(self, content: Content) -> tuple[str, Any]:
        """What travels in the content's place."""
        if isinstance(content, FarContent) and content.parcels is self:
            return "back", content.number
        if isinstance(content, BytesContent) and len(content.data) <= IN_MEMORY:
            return "bytes", content.data
        if isinstance(content, FileContent):
            return "file", str(content.path.absolute())
        number = next(self._numbers)
        self._contents[number] = content
        try:
            return "far", (number, content.size)
        except OSError as error:
            return "far", (number, str(error))

    def content_of(self, ticket: tuple[str, Any]) -> Content:
        """The content for such a ticket of the other side."""
        kind, what = ticket
        if kind == "back":
            return self._contents[what]
        if kind == "bytes":
            return BytesContent(what)
        return FileContent(Path(what)) if kind == "file" else FarContent(self, *what)


class _Pickler(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO, parcels: Parcels) -> None:
        super().__init__(buffer, pickle.HIGHEST_PROTOCOL)
        self._parcels = parcels

    def persistent_id(self, obj: object) -> Any:
        return self._parcels.ticket_of(obj.content) if type(obj) is _Sent else None

    def reducer_override(self, obj: object) -> Any:
        if isinstance(obj, Attachment):
            return Attachment, (obj.name, obj.format, _Sent(obj.content))
        if isinstance(obj, BaseException):
            return _error, _parts_of(obj)
        if isinstance(obj, Log):
            return Log, (obj.client_id, obj.client_passenger, obj.id, obj.started_at, obj.finished_at, obj.worst)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, buffer: io.BytesIO, parcels: Parcels) -> None:
        super().__init__(buffer)
        self._parcels = parcels

    def persistent_load(self, pid: Any) -> Content:
        return self._parcels.content_of(pid)


class FarTraceback(Exception):
    """The cause of an error that travelled: where it was raised in the other process."""


def _parts_of(error: BaseException) -> tuple[type[BaseException], tuple[Any, ...], dict[str, Any], str]:
    """An error's class, text and traceback. Classes of plug-ins stay at home: the other process has not loaded them."""
    trace = "".join(traceback.format_exception(error)).rstrip()
    if isinstance(error, DatabusError) or type(error).__module__ == "builtins":
        return type(error), error.args, vars(error), trace
    return RuntimeError, (f"{type(error).__name__}: {error}",), {}, trace


def _error(kind: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any], trace: str) -> BaseException:
    error = kind.__new__(kind, *args)  # the classes' own __init__ makes the text of other arguments
    vars(error).update(attributes)
    error.__cause__ = FarTraceback(f"\n{trace}")
    return error
