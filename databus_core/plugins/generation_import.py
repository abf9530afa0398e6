"""How Python makes the modules of a generation of plug-ins, and what `import` means inside them."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

PREFIX = "databus_plugins_"
"""Begins the names of the packages that generations are."""


class Importer:
    """The `__import__` of a generation's modules: CPython looks it up among the builtins of whoever imports.

    It must not hold the generation, which goes when nobody has it any more.
    """

    def __init__(self, package: str, own: Collection[str], is_in_force: Callable[[str], bool]) -> None:
        """`own`: first parts of the names that mean modules of the package."""
        self._package = package
        self._own = own
        self._is_in_force = is_in_force

    def __call__(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - named as in builtins.__import__
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        top = name.partition(".")[0]
        if level or top not in self._own:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        module = builtins.__import__(f"{self._package}.{name}", globals, locals, fromlist or (), 0)
        if self._is_in_force(self._package):  # pickle imports a plain name, and then looks for it there
            sys.modules[name] = sys.modules[f"{self._package}.{name}"]
        return module if fromlist else sys.modules[f"{self._package}.{top}"]


class SourceLoader(SourceFileLoader):
    """Makes a module of the source that was read, however its file looks by now.

    No bytecode is kept: its file knows a source by size and second only, and two quick edits may share both.
    """

    def __init__(self, name: str, file: str, source: bytes, importer: Importer) -> None:
        super().__init__(name, file)
        self._source = source
        self._importer = importer

    def get_data(self, path: str) -> bytes:
        """The source, or a file that lies beside it."""
        return self._source if path == self.path else super().get_data(path)

    def path_stats(self, path: str) -> Mapping[str, Any]:
        """Says that there is no bytecode to look for."""
        raise OSError("only the source counts")

    def exec_module(self, module: ModuleType) -> None:
        """Run the source in the module."""
        vars(module)["__builtins__"] = vars(builtins) | {"__import__": self._importer}
        super().exec_module(module)


class OwnFinder(MetaPathFinder):
    """Marks the finder of generations' modules among the others."""


class AliasLoader(Loader):
    """Gives another name to a module that is there."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module itself."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """It has run; only what Python has just noted on it is not to stay."""
        module.__spec__ = self._spec


def is_pythons(name: str, folder: Path) -> bool:
    """Whether Python has, or finds, a module of that first name that lies in no folder of plug-ins."""
    loaded = sys.modules.get(name)
    if loaded is not None and not loaded.__name__.startswith(PREFIX):
        return loaded.__spec__ is None or not _lies_in(loaded.__spec__, folder)
    elsewhere = [place for place in sys.path if Path(place).name != folder.name]
    return any(
        finder.find_spec(name, elsewhere if finder is PathFinder else None) is not None
        for finder in list(sys.meta_path)
        if not isinstance(finder, OwnFinder)
    )


def _lies_in(spec: ModuleSpec, folder: Path) -> bool:
    places = [spec.origin] if spec.has_location else list(spec.submodule_search_locations or ())
    return any(folder in Path(place).parents for place in places if place)
