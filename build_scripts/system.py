"""The machine: child processes, locks, packages of the system, and the libraries that Qt loads from it."""

import ctypes
import os
import shutil
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

# What Qt loads, and Debian's package of it. Newer releases name some with a "t64" at the end, but still provide these.
OFFSCREEN = {
    "libglib-2.0.so.0": "libglib2.0-0",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libbrotlidec.so.1": "libbrotli1",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
}
SCREEN = {
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
}


class DevError(Exception):
    """Says what is wrong and what to do; ends the command."""


def call(command: Sequence[str | Path], *, quiet: bool = False, extra: Mapping[str, str] | None = None) -> int:
    """Run a child process in the foreground and return its exit code."""
    import subprocess

    output = subprocess.DEVNULL if quiet else None
    environment = {**os.environ, **(extra or {})}
    return subprocess.run(command, env=environment, stdout=output, stderr=output, check=False).returncode


@contextmanager
def exclusive(path: Path) -> Generator[None]:
    """Hold a lock between processes; the system gives it back when the holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def has_screen() -> bool:
    """Whether a window could be shown."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def loads(soname: str) -> bool:
    """Whether the system has this shared library."""
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def packages_qt_lacks(*, screen: bool) -> list[str]:
    """Debian's packages of the libraries that Qt could not load here. Takes a few hundredths of a second."""
    if not sys.platform.startswith("linux"):
        return []
    needed = OFFSCREEN | SCREEN if screen else OFFSCREEN
    return [package for soname, package in needed.items() if not loads(soname)]


def packages_servers_lack() -> list[str]:
    """Debian's packages of the database servers that are not installed here."""
    postgresql = shutil.which("postgres") or any(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    mariadb = shutil.which("mariadbd") or Path("/usr/sbin/mariadbd").exists()
    return [name for name, there in (("postgresql", postgresql), ("mariadb-server", mariadb)) if not there]


def install_packages(packages: Sequence[str], reason: str) -> None:
    """Install packages of the system where that is allowed, otherwise raise a DevError that says how."""
    apt = shutil.which("apt-get")
    if not apt:
        raise DevError(f"{reason}: please install what your system calls {' '.join(packages)} (Debian's names)")
    by_hand = f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {' '.join(packages)}"
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if sudo and (not shutil.which("sudo") or call([*sudo, "true"], quiet=True)):
        raise DevError(f"{reason}; please run:\n\n    {by_hand}\n")
    print(f"{reason}: installing {' '.join(packages)} ...", flush=True)
    # `env`, since sudo drops this process's environment.
    prefix = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", apt, "-qq"]
    # One dead source among many makes an update fail while the packages can be had: only the installation decides.
    call([*prefix, "update"])
    if call([*prefix, "install", "-y", "--no-install-recommends", *packages]):
        raise DevError(f"{reason} and could not be installed (see above); please run:\n\n    {by_hand}\n")
