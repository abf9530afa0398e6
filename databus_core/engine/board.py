"""The calls that are under way in a child process, in memory that its parent reads, also when the child is dead."""

from __future__ import annotations

import mmap
import struct
import threading
import time
from pathlib import Path

import orjson

from databus_core.engine.calls import Call, Calls, CallUnderWay

_BOARD_BYTES = 8192
_LENGTH = struct.Struct("<I")


class Board:
    """A file that both processes have in memory: the child writes, its parent reads.

    A message for each call would cost more than many a call itself. The clock is one that all processes of a machine
    share.
    """

    def __init__(self, file: Path, *, make: bool = False) -> None:
        if make:
            file.write_bytes(bytes(_BOARD_BYTES))
        with file.open("r+b") as stream:
            self._memory = mmap.mmap(stream.fileno(), _BOARD_BYTES)

    def write(self, content: bytes) -> None:
        """Put this up in place of what is there; the reader sees one or the other, or nothing."""
        memory = self._memory
        memory[: _LENGTH.size] = _LENGTH.pack(0)
        memory[_LENGTH.size : _LENGTH.size + len(content)] = content
        memory[: _LENGTH.size] = _LENGTH.pack(len(content))

    def read(self) -> list[CallUnderWay]:
        """The calls under way."""
        length = _LENGTH.unpack(self._memory[: _LENGTH.size])[0]
        if not length:
            return []
        moment = time.monotonic()
        try:
            calls = orjson.loads(self._memory[_LENGTH.size : _LENGTH.size + length])
        except orjson.JSONDecodeError:  # it is being written
            return []
        found = [CallUnderWay(Call(*call), moment - begun, came_back) for call, begun, came_back in calls]
        return sorted(found, key=lambda each: -each.seconds)

    def close(self) -> None:
        """Forget the memory."""
        self._memory.close()


class PostedCalls(Calls):
    """Calls in a child process: its parent reads them from the board."""

    def __init__(self, board: Board) -> None:
        super().__init__()
        self._board = board
        self._writing = threading.Lock()

    def _changed(self) -> None:
        with self._writing:
            calls = [
                [
                    [call.step[:400], call.doing, call.passenger[:400], call.internal_id],
                    begun,
                    (call.step, call.doing) in self.came_back,
                ]
                for call, begun in list(self._under_way.values())[:5]
            ]
            self._board.write(orjson.dumps(calls) if calls else b"")
