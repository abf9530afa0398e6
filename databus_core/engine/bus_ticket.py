"""The bus ticket: what the dispatcher tells a driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from databus_core.engine.calls import Calls
from databus_core.errors import NotFoundError
from databus_core.model.client import Client, ClientPassenger


@dataclass(frozen=True, slots=True, kw_only=True)
class BusTicket:
    """One trip of one client passenger."""

    client_id: str
    client: Client
    client_passenger: ClientPassenger
    folder: Path
    """The dispatcher ticket's folder."""
    expedited: bool = False
    """A person wants this trip: what was put off is tried now, whatever its time."""
    pull: bool = True
    """Whether new passengers are pulled; those that are seated travel on in any case."""
    put_off: bool = False
    """It departs beside its schedule, for what was put off to this time: nothing is pulled."""
    quarantined: Mapping[str, str] = field(default_factory=dict[str, str])
    """Why a plug-in is not to be called, in words, by the name of its step."""
    calls: Calls = field(default_factory=Calls, compare=False)
    """Told of each plug-in call."""

    @classmethod
    def issue(
        cls,
        client_id: str,
        client: Client,
        client_passenger: str,
        folder: Path,
        *,
        expedited: bool = False,
        pull: bool = True,
        put_off: bool = False,
    ) -> BusTicket:
        """A ticket for one trip by the client's configuration. Raises NotFoundError."""
        passenger = client.passenger(client_passenger)
        if passenger is None:
            known = ", ".join(passenger.name for passenger in client.passengers) or "none"
            raise NotFoundError(f"Client {client_id!r} has no client passenger {client_passenger!r}; it has: {known}.")
        return cls(
            client_id=client_id,
            client=client,
            client_passenger=passenger,
            folder=folder,
            expedited=expedited,
            pull=pull and not put_off,
            put_off=put_off,
        )
