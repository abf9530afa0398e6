"""A child process as its parent has it: how it is started, watched and ended."""

from __future__ import annotations

import functools
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, cast

import psutil

from databus_core.engine.board import Board
from databus_core.engine.channel import Channel
from databus_core.engine.child import CHILD_ARGUMENT, Setup
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.generation import Generation

LONGEST_LINE = 8192
"""Bytes of a line that a plug-in prints; longer ones are cut into several."""

START_SECONDS = 60.0
"""How long a process may take to be ready."""

END_SECONDS = 2.0
"""How long the end of a process that was killed is waited for."""

_logger = logging.getLogger("databus.child")


class ChildProcess:
    """One child process. Made in a thread that lives as long as the child may: Linux ends it with that thread."""

    def __init__(self, ticket: DispatcherTicket, plugins: Generation) -> None:
        """Raises OSError, TicketError, ChannelClosed when it does not come to be."""
        handle, name = tempfile.mkstemp(prefix="databus-")
        os.close(handle)
        self._board_file = Path(name)
        self.board = Board(self._board_file, make=True)
        self.plugins = plugins
        self.idle_since = 0.0
        self.on_output: Callable[[str], None] = _logger.info
        """Told each line that is printed."""
        ours, its = Pipe()
        self.channel = Channel(ours)
        self._process = _started(its)
        its.close()
        self._lifeline, self._output = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)
        self._reader = threading.Thread(target=self._read_output, name="databus-child-output", daemon=True)
        self._reader.start()
        setup = Setup(ticket=ticket, plugins=plugins, board=self._board_file, parent=os.getpid())
        patience = threading.Timer(START_SECONDS, self.kill)
        patience.daemon = True
        patience.start()
        try:
            self.channel.call("begin", setup)
        except BaseException:
            self.end()
            raise
        finally:
            patience.cancel()
            self._remove_board_file()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def memory(self) -> int:
        """Bytes of memory that it has in use; 0 when it is gone."""
        try:
            return psutil.Process(self.pid).memory_info().rss
        except psutil.Error:
            return 0

    def at_rest(self) -> None:
        """Its trip is over."""
        self.on_output = _logger.info
        self.idle_since = time.monotonic()

    def kill(self) -> None:
        """End it at once, with the programs that its plug-ins started; harmless when it has ended."""
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                self._process.kill()
            elif self._process.poll() is None:  # else the number may be another's by now
                os.killpg(self.pid, signal.SIGKILL)

    def end(self) -> str:
        """End it and give everything back; answers in words how it ended: "its process was ended by SIGKILL"."""
        self.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        self._reader.join(END_SECONDS)
        self.channel.close()
        self._lifeline.close()
        self.board.close()
        self._remove_board_file()
        return _in_words(self._process.returncode)

    def wait(self) -> str:
        """Its end, which is near: the channel is closed. Answers the same as `end`."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        return self.end()

    def _remove_board_file(self) -> None:
        """Both have it in memory, and who is killed can remove nothing; on Windows this works only at the end."""
        with suppress(OSError):
            self._board_file.unlink()

    def _read_output(self) -> None:
        with self._output as stream:
            while line := stream.readline(LONGEST_LINE):
                if text := line.decode(errors="replace").rstrip():
                    self.on_output(text)


def _started(its_end: Connection) -> subprocess.Popen[bytes]:
    handle = its_end.fileno()
    if getattr(sys, "frozen", False):
        command = [sys.executable, CHILD_ARGUMENT, str(handle)]
    else:  # not -m, which would look for the package before the path is this process's
        begin = f"import sys; sys.path[:] = {sys.path!r}; from databus_core.engine.child import main; main({handle})"
        command = [sys.executable, "-c", begin]
    piped = functools.partial(
        subprocess.Popen[bytes], command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if sys.platform == "win32":
        os.set_handle_inheritable(handle, True)
        info = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]})
        flags = subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        return piped(startupinfo=info, creationflags=flags)
    return piped(pass_fds=[handle], start_new_session=True)


def _in_words(code: int | None) -> str:
    if code is None:
        return "its process does not end"
    if code >= 0:
        shown = f"{code:#010x}" if code > 255 else str(code)  # as Windows' documents write them
        return f"its process ended itself with exit code {shown}"
    try:
        number = signal.Signals(-code)
    except ValueError:
        return f"its process was ended by signal {-code}"
    means = signal.strsignal(number)
    killed = "; the system does that when memory is short" if number == signal.SIGKILL else ""
    return f"its process was ended by {number.name} ({means}{killed})"
