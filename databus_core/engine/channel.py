"""Calls between two processes, in which either side may call back while it is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import IntEnum
from multiprocessing.connection import Connection
from typing import Any, cast

from databus_core.engine.parcels import Parcels
from databus_core.errors import DatabusError

Handlers = Mapping[str, Callable[..., Any]]


class ChannelClosed(DatabusError):
    """The process at the other end is gone."""


class _Kind(IntEnum):
    CALL = 0
    TELL = 1
    ANSWER = 2
    ERROR = 3


class Channel:
    """One end of a connection to another process of this program. Safe to use from several threads, which call one
    after the other; the one that waits for an answer carries out what the other side asks meanwhile.
    """

    def __init__(self, connection: Connection) -> None:
        self.handlers: Handlers = {}
        """What the other side may call, by name."""
        self._connection = connection
        self._calling = threading.RLock()
        self._sending = threading.Lock()
        self._parcels = Parcels(self.call)

    def call(self, name: str, *arguments: Any) -> Any:
        """Let the other side do something; answers what it answers, raises what it raises, and ChannelClosed."""
        with self._calling:
            self._send(self._parcels.wrap((_Kind.CALL.value, name, arguments)))
            while True:
                kind, name, content = self._receive()
                if kind is _Kind.ANSWER:
                    return content
                if kind is _Kind.ERROR:
                    raise content
                self._carry_out(kind, name, content)

    def tell(self, name: str, *arguments: Any) -> None:
        """The same without waiting: nobody hears what becomes of it. Raises ChannelClosed."""
        self._send(self._parcels.wrap((_Kind.TELL.value, name, arguments)))

    def serve(self) -> None:
        """Carry out what the other side asks, until it is gone."""
        with suppress(ChannelClosed):
            while True:
                with self._calling:
                    request = self._receive()
                self._carry_out(*request)  # threads that it starts may call meanwhile

    def close(self) -> None:
        """The other side hears no more."""
        self._connection.close()

    def _carry_out(self, kind: _Kind, name: str, arguments: tuple[Any, ...]) -> None:
        try:
            handler = self._parcels.handlers.get(name) or self.handlers[name]
            answer = self._parcels.wrap((_Kind.ANSWER.value, name, handler(*arguments)))
        except ChannelClosed:
            raise
        except Exception as error:  # noqa: BLE001 - it is raised where the call came from
            answer = self._parcels.wrap((_Kind.ERROR.value, name, error))
        if kind is _Kind.CALL:
            self._send(answer)

    def _send(self, message: bytes) -> None:
        try:
            with self._sending:
                self._connection.send_bytes(message)
        except OSError as error:
            raise ChannelClosed("The process at the other end is gone.") from error

    def _receive(self) -> tuple[_Kind, str, Any]:
        try:
            received = self._connection.recv_bytes()
        except (OSError, EOFError) as error:
            raise ChannelClosed("The process at the other end is gone.") from error
        kind, name, content = cast("tuple[int, str, Any]", self._parcels.unwrap(received))
        return _Kind(kind), name, content
