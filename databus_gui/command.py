"""The command `databus gui`, also plain `databus`. Qt is imported when it runs, and not before."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from databus_core.cli import app, run_headless
from databus_core.cli.app import TICKET, SafeOption, TicketArgument, named_ticket
from databus_core.cli.terminal import err, errors_in_words, fail
from databus_core.model.ticket import DispatcherTicket


@app.command("gui")
def gui(
    ticket_argument: TicketArgument = None,
    ticket_file: Annotated[
        Path | None, typer.Option("--ticket", "-t", help="Ticket file.", show_default="ticket.json if it is here")
    ] = None,
    smoke_test: Annotated[
        bool,
        typer.Option("--smoke-test", help="Open the window (by default on a copy of the demo), drive once, close."),
    ] = False,
    safe: SafeOption = False,
) -> None:
    """Open the desktop app; where there is no screen, run the ticket on the terminal.

    Without a ticket it opens ticket.json in the current folder, or asks which ticket to open.
    """
    ticket = named_ticket(ticket_argument, ticket_file)
    if ticket is not None:  # who names a ticket looks at the terminal; the window asks the others for another one
        with errors_in_words():
            DispatcherTicket.load(ticket)
    file = ticket or (TICKET.absolute() if TICKET.exists() else None)
    if smoke_test:
        _smoke_test(ticket)
    if not _has_screen():
        err.print("There is no screen here, so the ticket runs without a window.")
        with errors_in_words():
            run_headless(DispatcherTicket.load(file or TICKET), safe=safe)
    with _qt_or_hint():
        from databus_gui.app import run
    raise typer.Exit(run(file, safe=safe))


def main() -> None:
    """The console script."""
    app()


def _smoke_test(ticket: Path | None) -> NoReturn:
    if not _has_screen():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    with _qt_or_hint():
        from databus_gui.app import run_smoke_test, ticket_of
    with tempfile.TemporaryDirectory(prefix="databus-smoke-", ignore_cleanup_errors=True) as folder, errors_in_words():
        raise typer.Exit(run_smoke_test(ticket or ticket_of(Path(folder), demo=True)))


@contextmanager
def _qt_or_hint() -> Generator[None]:
    """An installation without the desktop app's libraries says how to get them."""
    try:
        yield
    except ModuleNotFoundError as error:
        fail(f"The desktop app needs {error.name}. Install it with: pip install 'databus-desktop[gui]'")


def _has_screen() -> bool:
    if sys.platform in {"win32", "darwin"}:
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))
