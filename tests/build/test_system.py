"""Missing packages of the system are installed where that is allowed; otherwise the user is told how."""

import pytest

from build_scripts import system
from build_scripts.system import DevError, install_packages, packages_qt_lacks


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    run: list[list[str]] = []

    def call(command: list[str], *, quiet: bool = False) -> int:
        run.append(command)
        return int(command[:2] == ["sudo", "-n"])

    monkeypatch.setattr(system, "call", call)
    monkeypatch.setattr(system.shutil, "which", lambda name: f"/usr/bin/{name}")
    return run


def test_root_installs(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system.os, "geteuid", lambda: 0)
    install_packages(["libegl1"], "needed")
    assert [command[4] for command in commands] == ["update", "install"]
    assert commands[1][-1] == "libegl1"


def test_others_are_told_the_command(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system.os, "geteuid", lambda: 1000)
    with pytest.raises(DevError, match=r"sudo apt-get install -y --no-install-recommends libegl1 libgl1"):
        install_packages(["libegl1", "libgl1"], "needed")
    assert commands == [["sudo", "-n", "true"]]


def test_without_apt_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system.shutil, "which", lambda name: None)
    with pytest.raises(DevError, match="libegl1"):
        install_packages(["libegl1"], "needed")


def test_a_screen_needs_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system.sys, "platform", "linux")
    monkeypatch.setattr(system, "loads", lambda soname: False)
    assert packages_qt_lacks(screen=False) == list(system.OFFSCREEN.values())
    assert packages_qt_lacks(screen=True) == [*system.OFFSCREEN.values(), *system.SCREEN.values()]


def test_libraries_are_looked_for_in_the_system() -> None:
    assert not system.loads("libdatabus-has-no-such.so.1")
