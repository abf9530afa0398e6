"""Reading, checking and saving the documents that administrators edit, with a backup before each change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from databus_core.errors import CustomizingError, DamagedError, DatabaseError, NotFoundError
from databus_core.files import write_durably
from databus_core.model.client import ROOT, Client, ClientList
from databus_core.model.client_id import known_as
from databus_core.model.customizing import CLIENTS_NODE, DATABUS_NODE, CustomizingBackup, problems_in
from databus_core.model.problem import Problem
from databus_core.model.query import Query
from databus_core.model.queue_entry import QueueStatus
from databus_core.model.ticket import DispatcherTicket, ExternalConfigFile
from databus_core.plugins.database import Database


@dataclass(frozen=True, slots=True)
class Node:
    """A document that administrators of a client may edit."""

    name: str
    title: str
    path: str
    """Where it is: a file, or the database."""


class Customizing:
    """The documents of every client: `__databus__`, for root `__clients__`, and the ticket's external files."""

    def __init__(self, database: Database, ticket: DispatcherTicket) -> None:
        self._database = database
        self._folder = ticket.folder
        self._external = ticket.external_config_files

    def nodes(self, client_id: str) -> list[Node]:
        """What administrators of the client may edit."""
        nodes = [Node(DATABUS_NODE, "Configuration", str(self._database))]
        if client_id == ROOT:
            nodes.append(Node(CLIENTS_NODE, "Clients", str(self._database)))
        nodes += [
            Node(file.file_id, file.file_id, str(self._path(file)))
            for file in self._external
            if known_as(file.client_id, [client_id])
        ]
        return nodes

    def text(self, client_id: str, node: str) -> str:
        """A node's text. Raises CustomizingError when a file cannot be read, NotFoundError for an unknown node."""
        self._require(client_id, node)
        if node == DATABUS_NODE:
            return self._configuration(client_id)
        if node == CLIENTS_NODE:
            return ClientList.of(self._database.client_ids()).model_dump_json(indent=2) + "\n"
        path = self._path(self._file(client_id, node))
        try:
            return path.read_bytes().decode("utf-8")  # read_text would change line ends
        except FileNotFoundError as error:
            raise CustomizingError(str(path), [Problem((), "there is no such file")]) from error
        except UnicodeDecodeError as error:
            raise CustomizingError(str(path), [Problem((), f"is not UTF-8 text (byte {error.start})")]) from error
        except OSError as error:
            raise CustomizingError(str(path), [Problem((), f"cannot be read: {error.strerror}")]) from error

    def _configuration(self, client_id: str) -> str:
        """The document, also when it is damaged but text: who edits it can repair it."""
        try:
            return self._database.configuration(client_id)
        except DamagedError as error:
            if error.text is None:
                raise
            return error.text

    def problems(self, client_id: str, node: str, text: str) -> list[Problem]:
        """What is wrong with a text before it is saved, each with its line. Empty when it may be saved."""
        problems = problems_in(node, text)
        if node == CLIENTS_NODE and not problems:
            problems = list(self._client_problems(set(self._listed(text))))
        return problems

    def save(self, client_id: str, node: str, text: str, based_on: str | None = None) -> None:
        """Check, back up what is there, and save.

        Raises CustomizingError when the text is wrong, or when what is stored is no longer `based_on`, the text
        that the editing began with; NotFoundError for a node that the client does not have.
        """
        self._require(client_id, node)
        problems = self.problems(client_id, node, text)
        if problems:
            raise CustomizingError(node, problems)
        stored = self._stored(client_id, node)
        if based_on is not None and stored is not None and stored != based_on:
            raise CustomizingError(node, [Problem((), "somebody else has changed it since it was opened")])
        if stored is not None and stored != text:
            self._database.add_backup(client_id, node, stored)
        if node == DATABUS_NODE:
            self._database.write_configuration(client_id, text)
        elif node == CLIENTS_NODE:
            self._save_clients(text)
        else:
            _replace(self._path(self._file(client_id, node)), text)

    def _stored(self, client_id: str, node: str) -> str | None:
        """What is stored now; None for what cannot be read, which a correct text may replace."""
        try:
            return self.text(client_id, node)
        except (CustomizingError, DatabaseError):
            return None

    def _require(self, client_id: str, node: str) -> None:
        if node not in {each.name for each in self.nodes(client_id)}:
            raise NotFoundError(f"Client {client_id!r} has no configuration document {node!r}.")

    def backups(self, client_id: str, node: str) -> list[CustomizingBackup]:
        """A node's backups, newest first."""
        return [backup for backup in self._database.backups(client_id) if backup.node == node]

    def backup_text(self, client_id: str, backup_id: str) -> str:
        """The text of a backup. Raises NotFoundError."""
        return self._database.backup_text(client_id, backup_id)

    def backup_all(self) -> list[str]:
        """Back up every node whose text differs from its newest backup; answers what could not be read."""
        failures: list[str] = []
        for client_id in self._database.client_ids():
            newest: dict[str, CustomizingBackup] = {}
            for backup in self._database.backups(client_id):
                newest.setdefault(backup.node, backup)
            for node in self.nodes(client_id):
                try:
                    text = self.text(client_id, node.name)
                    last = newest.get(node.name)
                    if last is None or self.backup_text(client_id, last.id) != text:
                        self._database.add_backup(client_id, node.name, text)
                except (CustomizingError, DatabaseError) as error:
                    failures.append(f"Client {client_id}: {error}")
        return failures

    def client(self, client_id: str) -> tuple[Client, list[Problem]]:
        """A client's configuration, and what had to be left out of it. Raises DatabaseError if it cannot be read."""
        text = self._database.configuration(client_id)
        problems = problems_in(DATABUS_NODE, text)
        if not problems:
            return Client.model_validate_json(text), []
        try:
            document: object = json.loads(text)
        except json.JSONDecodeError:
            return Client(), problems
        return _usable_part(document), problems

    def _file(self, client_id: str, node: str) -> ExternalConfigFile:
        return next(file for file in self._external if file.file_id == node and known_as(file.client_id, [client_id]))

    def _path(self, file: ExternalConfigFile) -> Path:
        return self._folder / Path(file.path).expanduser()

    def _client_problems(self, wanted: set[str]) -> Sequence[Problem]:
        problems: list[Problem] = []
        if ROOT not in wanted:
            problems.append(Problem(("clients",), f"client {ROOT!r} sees all clients and cannot be removed"))
        for client_id in set(self._database.client_ids()) - wanted - {ROOT}:
            query = Query(client_id=client_id, status=QueueStatus.INCOMPLETE, limit=1)
            waiting = self._database.queue_rows(query).total
            if waiting:
                message = f"client {client_id!r} cannot be removed: {waiting} of its passengers are not delivered yet"
                problems.append(Problem(("clients",), message))
        return problems

    def _listed(self, text: str) -> list[str]:
        """The clients of a document `__clients__`; those that there are, by the ids that they have."""
        present = self._database.client_ids()
        return [known_as(item.id, present) or item.id for item in ClientList.model_validate_json(text).clients]

    def _save_clients(self, text: str) -> None:
        wanted, present = self._listed(text), self._database.client_ids()
        for client_id in wanted:
            if client_id not in present:
                self._database.create_client(client_id)
        for client_id in present:
            if client_id not in wanted:
                self._database.remove_client(client_id)


def _usable_part(document: object) -> Client:
    """The client without the passengers that are wrong: one of them must not stop the others."""
    raw = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    listed: object = raw.get("passengers", [])
    usable: list[Any] = []
    for passenger in cast("list[Any]", listed) if isinstance(listed, list) else []:
        try:
            Client.model_validate({"passengers": [*usable, passenger]})
        except ValidationError:
            continue
        usable.append(passenger)
    part: dict[str, Any] = {"passengers": usable}
    for key in ("log_life_span", "drivers_at_once", "users"):
        try:
            Client.model_validate({key: raw[key]})
        except (KeyError, ValidationError):
            continue
        part[key] = raw[key]
    return Client.model_validate(part)


def _replace(path: Path, text: str) -> None:
    try:
        write_durably(path, text.encode())
    except OSError as error:
        raise CustomizingError(str(path), [Problem((), f"cannot be written: {error.strerror}")]) from error
