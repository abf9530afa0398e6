"""The folder of all clients: which there are, adding one, taking one out of use."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from databus_core.database.json_files.client_folder import ClientFolder
from databus_core.database.json_files.durable import Flusher, temporary_name, write_atomically
from databus_core.database.json_files.layout import TEMPORARY, JsonFilesArguments, is_ignored
from databus_core.errors import DatabaseError, NotFoundError
from databus_core.files import make_folder, replace, sync_folder
from databus_core.model.client import EMPTY_CONFIGURATION, ROOT
from databus_core.model.client_id import known_as, lookalike, why_no_client_id
from databus_core.model.clock import file_time
from databus_core.plugins.database import DatabaseContext


class Clients:
    """Every client of an open database. Safe to use from several threads."""

    def __init__(self, arguments: JsonFilesArguments, context: DatabaseContext, *, writable: bool) -> None:
        """Reads everything when writable, else only which clients there are. Raises NotFoundError, OSError."""
        self._arguments = arguments
        self._context = context
        self._writable = writable
        self._flusher = Flusher()
        self._lock = threading.Lock()
        self._clients: dict[str, ClientFolder] = {}
        try:
            self._find()
        except BaseException:
            self.close()
            raise

    def _find(self) -> None:
        place = self._arguments.clients
        if self._writable:
            make_folder(place)
            for left in place.glob(f"{TEMPORARY}*"):
                shutil.rmtree(left, ignore_errors=True)
            if not self._arguments.client(ROOT).config.exists():
                self._furnish(ROOT)
        elif not place.is_dir():
            raise NotFoundError(f"There is no database in {self._arguments.database_dir}: {place} is missing.")
        for folder in sorted(place.iterdir()):
            if not is_ignored(folder.name):
                self._take_in(folder)

    def _take_in(self, folder: Path) -> None:
        """Use the folder if it is a client's, else say why not: one that cannot be used harms no other."""
        if foreign := self._why_foreign(folder):
            self._context.remark(f"{str(folder)!r} is left alone: {foreign}, so it is no client's.")
            return
        try:
            why = why_no_client_id(folder.name)
            if not why:
                self._clients[folder.name] = self._client(folder.name)
                return
            why = f"until it has a name that a client can have: {why}"
        except (PermissionError, FileExistsError, NotADirectoryError) as error:
            if folder.name == ROOT:
                raise
            why = f"{error.filename}: {error.strerror}"
        self._context.report(f"{str(folder)!r} is left alone, its passengers wait: {why}.")

    def _why_foreign(self, folder: Path) -> str:
        """Why a name in the folder of all clients belongs to none; empty when it does."""
        if not folder.is_dir():
            return "it is no folder"
        layout = self._arguments.client(folder.name)
        parts = (layout.config, layout.queue, layout.logs)
        try:
            if any(path.exists() for path in parts):
                return ""
        except PermissionError:
            return ""
        return f"it has none of {', '.join(path.relative_to(folder).as_posix() for path in parts)} in it"

    def _client(self, client_id: str) -> ClientFolder:
        client = ClientFolder(self._arguments.client(client_id), self._flusher, self._context, writable=self._writable)
        if self._writable:
            client.make_ready()
        return client

    def close(self) -> None:
        """Give everything back."""
        for client in self._clients.values():
            client.close()
        self._flusher.close()

    def ids(self) -> list[str]:
        """See Database.client_ids."""
        return sorted(self._clients, key=lambda client_id: (client_id != ROOT, client_id))

    def __getitem__(self, client_id: str) -> ClientFolder:
        """One client. Raises NotFoundError."""
        return self._clients[self._known(client_id)]

    def _known(self, client_id: str) -> str:
        known = known_as(client_id, self._clients)
        if known is None:
            raise NotFoundError(f"There is no client {client_id!r:.200} in {self._arguments.database_dir}.")
        return known

    def create(self, client_id: str) -> None:
        """See Database.create_client."""
        if why := why_no_client_id(client_id):
            raise DatabaseError(f"A client cannot be called {client_id!r:.200}: {why}.")
        with self._lock:
            wanted = lookalike(client_id)
            taken = next((path for path in self._arguments.clients.iterdir() if lookalike(path.name) == wanted), None)
            if taken is not None:
                raise DatabaseError(f"A client cannot be called {client_id!r}: there is {str(taken)!r} already.")
            self._furnish(client_id)
            self._clients = self._clients | {client_id: self._client(client_id)}

    def _furnish(self, client_id: str) -> None:
        """Make a client's folder with an empty configuration; an existing folder only gets the configuration."""
        layout = self._arguments.client(client_id)
        if layout.folder.exists():
            make_folder(layout.config.parent)
            write_atomically(layout.config, EMPTY_CONFIGURATION.encode())
            return
        temporary = self._arguments.client(temporary_name())
        make_folder(temporary.config.parent)
        write_atomically(temporary.config, EMPTY_CONFIGURATION.encode())
        replace(temporary.folder, layout.folder)
        sync_folder(layout.folder.parent)

    def remove(self, client_id: str) -> None:
        """See Database.remove_client."""
        if client_id == ROOT:
            raise DatabaseError("The client 'root' sees all clients and cannot be removed.")
        with self._lock:
            client_id = self._known(client_id)
            client = self._clients[client_id]
            self._clients = {key: value for key, value in self._clients.items() if key != client_id}
            client.close()
            make_folder(self._arguments.removed)
            replace(self._arguments.client(client_id).folder, self._arguments.removed / f"{client_id}-{file_time()}")
            sync_folder(self._arguments.removed)
            sync_folder(self._arguments.clients)
