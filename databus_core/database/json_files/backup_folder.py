"""One client's customizing backups: `<backup id>-<node name>.json`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote
from uuid import UUID

from databus_core.database.json_files.durable import write_atomically
from databus_core.errors import DamagedError, NotFoundError
from databus_core.files import make_folder, sync_folder
from databus_core.model.customizing import CustomizingBackup
from databus_core.model.identity import new_id

_NAME = re.compile(r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})-(.+)\.json")
_TIME_ORDERED = 7


class BackupFolder:
    """Safe to use from several threads: every backup is a file of its own that never changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, node: str, text: str) -> CustomizingBackup:
        """See Database.add_backup."""
        make_folder(self._folder)
        backup_id = new_id()
        path = self._folder / f"{backup_id}-{quote(node, safe=' @+,()')}.json"
        write_atomically(path, text.encode())
        return _backup(path, backup_id, path.stem.removeprefix(f"{backup_id}-"))

    def list(self) -> list[CustomizingBackup]:
        """See Database.backups."""
        return sorted((backup for _, backup in self._found()), key=lambda made: (made.made_at, made.id), reverse=True)

    def text(self, backup_id: str) -> str:
        """See Database.backup_text."""
        path = next((path for path, backup in self._found() if backup.id == backup_id), None)
        if path is None:
            raise NotFoundError(f"There is no backup {backup_id!r:.200} in {self._folder}.")
        try:
            return path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DamagedError(f"{path}: is not UTF-8 text: {error}.") from error

    def remove(self, before: datetime) -> int:
        """See Database.remove_backups."""
        newest = {backup.node: backup.id for backup in reversed(self.list())}
        old = [path for path, backup in self._found() if backup.made_at < before and newest[backup.node] != backup.id]
        for path in old:
            path.unlink(missing_ok=True)
        if old:
            sync_folder(self._folder)
        return len(old)

    def _found(self) -> Iterator[tuple[Path, CustomizingBackup]]:
        with suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                with suppress(FileNotFoundError):
                    if match := _NAME.fullmatch(path.name):
                        yield path, _backup(path, *match.groups())


def _backup(path: Path, backup_id: str, node: str) -> CustomizingBackup:
    found, id_ = path.stat(), UUID(backup_id)
    if id_.version == _TIME_ORDERED:
        made_at = datetime.fromtimestamp((id_.int >> 80) / 1000, UTC)
    else:  # of the original: its ids say nothing that can be trusted
        made_at = datetime.fromtimestamp(found.st_mtime, UTC)
    return CustomizingBackup(id=backup_id, node=unquote(node), made_at=made_at, size=found.st_size)
