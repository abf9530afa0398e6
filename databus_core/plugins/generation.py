"""The sources of a plug-in folder as they were at one moment, and the modules that are made of them.

Each generation is a package of its own, `databus_plugins_<folder>_<sources>`. So two of them live beside each other: a
trip under way goes on with the modules that it began with, while the next one already has what was changed since.
`import helper` in a plug-in finds the helper of its own generation (`generation_import.py` says how). Everybody else
finds the plain name, too, and gets the module of the generation that is in force. A name that Python has for a module
of its own goes on meaning that one, in plug-ins as well.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from importlib.machinery import ModuleSpec
from pathlib import Path, PurePosixPath
from types import ModuleType

from databus_core.plugins.generation_import import PREFIX, AliasLoader, Importer, OwnFinder, SourceLoader, is_pythons

_INIT = "/__init__.py"


class Generation:
    """Sources by their paths below the folder, with "/". Made by `Generation.of`; equal ones are one object."""

    def __init__(self, folder: Path, sources: Mapping[str, bytes]) -> None:
        self.folder = folder
        self.sources = sources
        self.package = f"{_family(folder)}_{_digest(*(part for item in sorted(sources.items()) for part in item))}"
        """Name of the package that it is, the same in each process."""
        self._files = {_module_name(path): path for path in sorted(sources, key=_hidden_first)}
        """Path of each module's source, by the module's name."""
        self._folders = {"", *(".".join(parent.parts) for path in sources for parent in PurePosixPath(path).parents)}
        tops = {name.partition(".")[0] for name in (*self._files, *self._folders)} - {""}
        self.plain_names = frozenset(name for name in tops if not is_pythons(name, folder))
        """First parts of the names of its modules that are known by these names everywhere."""
        weakref.finalize(self, _forget, self.package).atexit = False

    @classmethod
    def of(cls, folder: Path, sources: Mapping[str, bytes]) -> Generation:
        """The generation of these sources: the present one where there is one already."""
        made = cls(folder, sources)
        return _generations.setdefault(made.package, made)

    def __reduce__(self) -> tuple[Callable[..., Generation], tuple[Path, dict[str, bytes]]]:
        return Generation.of, (self.folder, dict(self.sources))

    def __contains__(self, name: str) -> bool:
        """Whether it has a module, or a folder with modules, of that name."""
        return name in self._files or name in self._folders

    def full_name(self, name: str) -> str:
        """The name by which Python has a module of it."""
        return f"{self.package}.{name}" if name else self.package

    def modules(self) -> list[str]:
        """Names of the modules that lie in the folder itself or in packages."""
        names = sorted({*self._files} - {"__init__"})
        return [name for name in names if all(parent in self._files for parent in _parents(name))]

    def changed_since(self, other: Generation) -> list[str]:
        """Paths of the sources that are new, gone, or others than in that one."""
        paths = sorted({*self.sources, *other.sources})
        return [path for path in paths if self.sources.get(path) != other.sources.get(path)]

    def needed_by(self, module: str) -> set[str]:
        """Paths of the module's own source and of all that it imports of this generation."""
        needed: set[str] = set()
        waiting = [module]
        while waiting:
            name = waiting.pop()
            path = self._files.get(name)
            if path is not None and path not in needed:
                needed.add(path)
                waiting += [*_parents(name), *_imported(self.sources[path], name, is_package=path.endswith(_INIT))]
        return needed

    def put_in_force(self) -> None:
        """From now on the plain names mean the modules of this generation."""
        _in_force.pop(self.folder, None)
        _in_force[self.folder] = self
        for name, module in list(sys.modules.items()):
            if not name.startswith(PREFIX) and is_of_generation(module):
                sys.modules.pop(name, None)

    def spec(self, name: str) -> ModuleSpec:
        """How Python makes the module of that name. Raises ModuleNotFoundError: no other place is to be looked in."""
        path = self._files.get(name)
        place = str(self.folder.joinpath(*name.split("."))) if name else str(self.folder)
        if path is None:
            if name not in self._folders:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            spec = ModuleSpec(self.full_name(name), None, is_package=True)
            spec.submodule_search_locations = [place]
            return spec
        importer = Importer(self.package, self.plain_names, _is_in_force)
        loader = SourceLoader(self.full_name(name), str(self.folder / path), self.sources[path], importer)
        spec = ModuleSpec(self.full_name(name), loader, origin=loader.path, is_package=path.endswith(_INIT))
        spec.has_location = True
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(place)
        return spec


def generation_in_force(folder: Path) -> Generation | None:
    """The one whose modules have the plain names."""
    return _in_force.get(folder)


def is_of_generation(module: ModuleType) -> bool:
    """Whether it is made of a source in a plug-in folder."""
    return str(getattr(module, "__dict__", {}).get("__name__", "")).startswith(PREFIX)  # it may be anything


def module_of(cls: type[object]) -> str:
    """The name by which a factory finds the module that defines a class, whatever it was imported as."""
    return re.sub(rf"^{PREFIX}\w+\.", "", cls.__module__)


_generations: weakref.WeakValueDictionary[str, Generation] = weakref.WeakValueDictionary()
"""All that somebody still has, by package."""
_in_force: dict[Path, Generation] = {}
"""The one of each folder, the last one at the end."""


def _is_in_force(package: str) -> bool:
    return any(each.package == package for each in list(_in_force.values()))


class _Finder(OwnFinder):
    """Finds the modules of generations."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """See importlib.abc.MetaPathFinder."""
        top, _, name = fullname.partition(".")
        generation = _generations.get(top)
        if generation is not None:
            return generation.spec(name)
        for each in reversed(list(_in_force.values())):
            if top in each.plain_names:
                return _alias(fullname, each.full_name(fullname))
            if top.startswith(_family(each.folder)):  # of a generation that is gone: something was pickled then
                return _alias(fullname, each.full_name(name))
        return None


sys.meta_path.insert(0, _Finder())


def _alias(name: str, of: str) -> ModuleSpec:
    module = importlib.import_module(of)
    return ModuleSpec(name, AliasLoader(module), is_package=hasattr(module, "__path__"))


def _forget(package: str) -> None:
    """Nobody has the generation any more; but an equal one may have been made."""
    if package not in _generations:
        for name in tuple(sys.modules):
            if name == package or name.startswith(f"{package}."):
                sys.modules.pop(name, None)


def _family(folder: Path) -> str:
    """Begins the names of all generations of a folder."""
    return f"{PREFIX}{_digest(str(folder))}"


def _digest(*parts: str | bytes) -> str:
    digest = blake2b(digest_size=8)
    for part in parts:
        content = part.encode(errors="surrogateescape") if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


def _hidden_first(path: str) -> tuple[bool, str]:
    """Of a.py and a/__init__.py, the first one is hidden."""
    return path.endswith(_INIT), path


def _module_name(path: str) -> str:
    return path.removesuffix(_INIT).removesuffix(".py").replace("/", ".")


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _imported(source: bytes, module: str, *, is_package: bool) -> Iterator[str]:
    """Names of what a source imports, as far as they can be modules of its generation."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            found = ".".join([*start, *filter(None, [node.module])])
            yield from (found, *(f"{found}.{alias.name}".lstrip(".") for alias in node.names))
