"""Builds the program that needs no Python: one folder, from an environment that holds nothing but what goes into it."""

import hashlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from build_scripts.environment import ROOT, Environment
from build_scripts.system import DevError, call, install_packages, loads

VENV = Environment(ROOT / "build" / "package-venv", "gui,package")
SPEC = ROOT / "build_scripts" / "databus.spec"
FOLDER = ROOT / "dist" / "databus"
PROGRAM = FOLDER / ("databus.exe" if sys.platform == "win32" else "databus")
STAMP = ROOT / "build" / "package-stamp"
SOURCES = ("pyproject.toml", "build_scripts", "databus_core", "databus_gui", "resources")


def is_current() -> bool:
    """Whether dist/databus was built from the sources as they are."""
    return PROGRAM.exists() and STAMP.exists() and STAMP.read_text("utf-8") == sources_digest(ROOT)


def build() -> None:
    """Build dist/databus."""
    digest = sources_digest(ROOT)
    _prepare_tools()
    VENV.prepare()
    STAMP.unlink(missing_ok=True)
    command = [VENV.python, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    if call([*command, "--distpath", FOLDER.parent, "--workpath", ROOT / "build" / "pyinstaller", SPEC]):
        raise DevError("the program could not be built (see above)")
    STAMP.write_text(digest, "utf-8")
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"Built {FOLDER} ({size / 1e6:.0f} MB)", flush=True)


def sources_digest(root: Path) -> str:
    """Changes with everything that goes into the program."""
    digest = hashlib.sha256()
    for path in _sources(root):
        digest.update(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources(root: Path) -> Iterator[Path]:
    for name in SOURCES:
        found = sorted((root / name).rglob("*")) if (root / name).is_dir() else [root / name]
        yield from (path for path in found if path.is_file() and "__pycache__" not in path.parts)


def _prepare_tools() -> None:
    """PyInstaller edits binaries with the system's tools, and takes Python along as a shared library."""
    if not sys.platform.startswith("linux"):
        return
    packages = [] if shutil.which("objcopy") else ["binutils"]
    python = f"python3.{sys.version_info.minor}"
    if sys.base_prefix == "/usr" and not loads(f"lib{python}.so.1.0"):
        packages.append(f"lib{python}")
    if packages:
        install_packages(packages, "tools that PyInstaller needs are missing")
