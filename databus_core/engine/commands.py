"""What another process of the same user may ask of a running dispatcher; see `control` for the way here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from databus_core.engine.control import Reply
from databus_core.errors import DispatcherError
from databus_core.model.queue_entry import QueueStatus

if TYPE_CHECKING:
    from databus_core.engine.dispatcher import Dispatcher


async def obey(dispatcher: Dispatcher, verb: str, client_id: str = "", **arguments: Any) -> Reply:
    """Carry out one command; answers the dispatcher's state and whatever else belongs to the answer.

    Raises DatabusError, and TypeError or ValueError for arguments that the command does not have.
    """
    command = _COMMANDS.get(verb)
    if command is None:
        raise DispatcherError(f"The running dispatcher does not know the command {verb!r}.")
    answer = await command(dispatcher, client_id, **arguments)
    return {"state": dispatcher.state} | answer


async def _expedite(dispatcher: Dispatcher, client_id: str, client_passenger: str) -> Reply:
    await dispatcher.expedite(client_id, client_passenger)
    return {}


async def _pause_route(
    dispatcher: Dispatcher, client_id: str, client_passenger: str, *, intake_only: bool = False
) -> Reply:
    await dispatcher.pause_route(client_id, client_passenger, intake_only=intake_only)
    return {}


async def _resume_route(dispatcher: Dispatcher, client_id: str, client_passenger: str) -> Reply:
    await dispatcher.resume_route(client_id, client_passenger)
    return {}


async def _halt(dispatcher: Dispatcher, client_id: str, client_passenger: str, who: str = "") -> Reply:
    dispatcher.halt(client_id, client_passenger, who)
    return {}


async def _release(dispatcher: Dispatcher, client_id: str, step: str) -> Reply:
    return {"step": await dispatcher.release(client_id, step)}


async def _set_step(
    dispatcher: Dispatcher, client_id: str, internal_id: str, step_name: str, status: str, **arguments: Any
) -> Reply:
    await dispatcher.set_step(dispatcher.client_id(client_id), internal_id, step_name, QueueStatus(status), **arguments)
    return {}


async def _circumstances(dispatcher: Dispatcher, client_id: str, client_passenger: str) -> Reply:
    around = dispatcher.circumstances(dispatcher.client_id(client_id), client_passenger)
    return {name: getattr(around, name) for name in ("state", "paused", "is_travelling", "next_due_at")}


async def _export(
    dispatcher: Dispatcher, client_id: str, database_module: str, database_arguments: dict[str, Any], folder: str
) -> Reply:
    copied = await dispatcher.export(client_id, database_module, database_arguments, folder=Path(folder))
    return {"copied": copied}


_COMMANDS: dict[str, Callable[..., Awaitable[Reply]]] = {
    "expedite": _expedite,
    "pause_route": _pause_route,
    "resume_route": _resume_route,
    "halt": _halt,
    "release": _release,
    "set_step": _set_step,
    "circumstances": _circumstances,
    "export": _export,
}
"""By the verb. Each takes the client's id and the command's own arguments."""
