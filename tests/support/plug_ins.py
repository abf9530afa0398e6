"""Plug-ins as the engine makes them, for tests that use one without an engine."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, TypeVar

from databus_core import Log, Passenger
from databus_core.plugins.plugin import Plugin, PluginContext

T = TypeVar("T", bound=Plugin)


def make(kind: type[T], folder: Path, passenger_class: type[Passenger] = Passenger, /, **arguments: Any) -> T:
    """A plug-in with these arguments on a ticket in that folder."""
    log = Log(client_id="client", client_passenger="passenger").of(kind.__module__)
    return kind(
        PluginContext(
            log=log, folder=folder, arguments=arguments, passenger_class=passenger_class, module=kind.__module__
        )
    )


def messages(plugin: Plugin) -> list[str]:
    """What it wrote to its log: type and message."""
    return [f"{entry.type.value}: {entry.message}" for entry in plugin.log.log.entries]


def stored(passenger: Passenger) -> Passenger:
    """The passenger as the queue gives it back: another object, its properties gone through JSON."""
    properties = json.loads(json.dumps(passenger.properties))
    return type(passenger)(
        external_id=passenger.external_id,
        source_system=passenger.source_system,
        internal_id=passenger.internal_id,
        attachments=[copy.copy(attachment) for attachment in passenger.attachments],
        properties=properties,
        pulled_at=passenger.pulled_at,
    )


def contents(passenger: Passenger) -> dict[str, bytes]:
    """Every attachment's bytes by its name."""
    return {attachment.name: attachment.read_bytes() for attachment in passenger.attachments}


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below the folder, by its path, with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
