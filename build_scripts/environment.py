"""The virtual environment of a checkout: made when it is missing, brought up to date when pyproject.toml changed."""

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from build_scripts.system import DevError, call, exclusive, install_packages

ROOT = Path(__file__).resolve().parent.parent
INCOMPLETE = "incomplete"


@dataclass(frozen=True)
class Environment:
    """A virtual environment that holds this project, editable, with some of its extras."""

    folder: Path
    extras: str
    root: Path = ROOT

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def command(self) -> Path:
        """The environment's `databus`."""
        return self.folder / ("Scripts/databus.exe" if os.name == "nt" else "bin/databus")

    @property
    def stamp(self) -> Path:
        """What was installed last. Written last, so that an interrupted installation never looks complete."""
        return self.folder / "databus-stamp"

    def wanted(self) -> str:
        """What the stamp must say. A checkout that was moved needs new paths in its environment."""
        digest = hashlib.sha256(b"\0".join([bytes(self.root), self.extras.encode()]))
        digest.update((self.root / "pyproject.toml").read_bytes())
        lines = (self.root / "databus_core" / "__init__.py").read_bytes().splitlines()
        digest.update(b"".join(line for line in lines if line.startswith(b"__version__")))
        return digest.hexdigest()

    def is_ready(self) -> bool:
        """Whether nothing is left to do; asked at every start, so it costs a millisecond."""
        return self.python.exists() and self._stamped() == self.wanted()

    def prepare(self) -> None:
        """Make the environment ready, once, even when two commands ask for it at the same time."""
        if self.is_ready():
            return
        with exclusive(self.root / "build" / f"{self.folder.name}.lock"):
            if not self.is_ready():
                self._install()

    def _stamped(self) -> str | None:
        try:
            return self.stamp.read_text("utf-8").strip()
        except OSError:
            return None

    def _install(self) -> None:
        uv = shutil.which("uv")
        wanted = self.wanted()
        if self._stamped() == INCOMPLETE or not self._can_install(uv):
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.stamp.write_text(INCOMPLETE, "utf-8")
        if not self.python.exists():
            print(f"Making {self.folder} ...", flush=True)
            self._create(uv)
        print(f"Installing Databus Desktop and its libraries into {self.folder}, about a minute ...", flush=True)
        install = [uv, "pip", "install", "--python", self.python] if uv else [self.python, "-m", "pip", "install"]
        if call([*install, "--quiet", "--editable", f"{self.root}[{self.extras}]"]):
            raise DevError("the libraries could not be installed (see above); the same command will try again")
        self.stamp.write_text(wanted, "utf-8")

    def _can_install(self, uv: str | None) -> bool:
        """Whether what is there is an environment that can be installed into."""
        return self.python.exists() and bool(uv or call([self.python, "-m", "pip", "--version"], quiet=True) == 0)

    def _create(self, uv: str | None) -> None:
        if uv:
            command = [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, self.folder]
        else:
            # Debian keeps this part of the standard library in a package of its own.
            if not (find_spec("venv") and find_spec("ensurepip")):
                install_packages([f"python3.{sys.version_info.minor}-venv"], "Python's venv module is missing")
            command = [sys.executable, "-m", "venv", self.folder]
        if call(command):
            raise DevError(f"{self.folder} could not be made (see above)")
