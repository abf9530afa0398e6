"""Commands from another process of the same user to a running dispatcher, over a socket on this machine.

The address and a random key stand in the database's Holder record, which only the user can read. Messages are JSON.
"""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from typing import Any

import orjson

from databus_core.errors import DatabusError, DispatcherError

Reply = dict[str, Any]
Handler = Callable[[dict[str, Any]], Reply]

ANSWER_SECONDS = 30.0
LONGEST_REQUEST = 1 << 20
"""Bytes."""


class ControlListener:
    """Answers commands in a thread of its own; `handler` is called there and may raise DatabusError."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._key = secrets.token_hex(16)
        self._listener = Listener(("127.0.0.1", 0), authkey=self._key.encode())
        self._closing = False
        threading.Thread(target=self._serve, name="databus-control", daemon=True).start()

    @property
    def address(self) -> str:
        """What `command` needs to reach this process."""
        host, port = self._listener.address
        return f"{host}:{port}:{self._key}"

    def close(self) -> None:
        """Take no more commands."""
        self._closing = True
        # Wakes the accepting thread. Not as a Client: that waits for an answer, which nobody gives any more when the
        # thread was awake and has just seen that it is to end.
        host, port = self._listener.address
        with suppress(OSError), socket.create_connection((host, port)):
            pass
        self._listener.close()

    def _serve(self) -> None:
        while not self._closing:
            try:
                connection = self._listener.accept()
            except (OSError, EOFError, AuthenticationError):  # a stranger, or somebody who went away
                continue
            threading.Thread(target=self._answer, args=(connection,), name="databus-control", daemon=True).start()

    def _answer(self, connection: Any) -> None:
        with connection, suppress(OSError, EOFError):
            received = connection.recv_bytes(LONGEST_REQUEST)
            try:
                reply = self._handler(orjson.loads(received))
            except (DatabusError, KeyError, TypeError, ValueError) as error:
                reply = {"error": str(error)}
            connection.send_bytes(orjson.dumps(reply))


def command(address: str, verb: str, *, patience: float | None = ANSWER_SECONDS, **arguments: object) -> Reply:
    """Send one command to the dispatcher at that address; answers its reply. Raises DispatcherError.

    `patience` is how many seconds the answer may take; None waits for ever.
    """
    host, port, key = address.split(":")
    try:
        with Client((host, int(port)), authkey=key.encode()) as connection:
            connection.send_bytes(orjson.dumps({"verb": verb, **arguments}))
            if not connection.poll(patience):
                raise DispatcherError(f"The running dispatcher did not answer within {patience:g} seconds.")
            reply: Reply = orjson.loads(connection.recv_bytes())
    except (OSError, EOFError, AuthenticationError) as error:
        raise DispatcherError(f"The running dispatcher cannot be reached: {error}") from error
    if "error" in reply:
        raise DispatcherError(reply["error"])
    return reply
