"""An environment is made once, heals after an interruption, and follows pyproject.toml."""

from pathlib import Path

import pytest

from build_scripts import environment
from build_scripts.environment import INCOMPLETE, Environment
from build_scripts.system import DevError


class FakeInstaller:
    """Stands for pip and venv: notes what was asked of them, and fails where told to."""

    def __init__(self, venv: Environment) -> None:
        self.venv = venv
        self.calls: list[str] = []
        self.fails_at = ""

    def __call__(self, command: list[object], *, quiet: bool = False) -> int:
        words = [str(word) for word in command]
        verb = "venv" if "venv" in words else "install" if "install" in words else "version"
        self.calls.append(verb)
        if verb == "venv":
            self.venv.python.parent.mkdir(parents=True)
            self.venv.python.touch()
        if verb == "install":
            assert self.venv.stamp.read_text("utf-8") == INCOMPLETE
        return int(verb == self.fails_at)


@pytest.fixture
def venv(tmp_path: Path) -> Environment:
    (tmp_path / "databus_core").mkdir()
    (tmp_path / "databus_core" / "__init__.py").write_text('__version__ = "1.0"\n', "utf-8")
    (tmp_path / "pyproject.toml").write_text("[project]\n", "utf-8")
    return Environment(tmp_path / ".venv", "gui,dev", tmp_path)


@pytest.fixture
def installer(venv: Environment, monkeypatch: pytest.MonkeyPatch) -> FakeInstaller:
    fake = FakeInstaller(venv)
    monkeypatch.setattr(environment, "call", fake)
    monkeypatch.setattr(environment, "find_spec", lambda name: True)
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    return fake


def test_is_made_once(venv: Environment, installer: FakeInstaller) -> None:
    venv.prepare()
    venv.prepare()
    assert installer.calls == ["venv", "install"]


@pytest.mark.parametrize("changed", ["pyproject.toml", "databus_core/__init__.py"])
def test_is_brought_up_to_date_when_the_project_changed(
    venv: Environment, installer: FakeInstaller, changed: str
) -> None:
    venv.prepare()
    (venv.root / changed).write_text('__version__ = "1.1"\n', "utf-8")
    assert not venv.is_ready()
    venv.prepare()
    assert installer.calls == ["venv", "install", "version", "install"]
    assert venv.is_ready()


def test_an_interrupted_installation_starts_anew(venv: Environment, installer: FakeInstaller) -> None:
    installer.fails_at = "install"
    with pytest.raises(DevError, match="could not be installed"):
        venv.prepare()
    half_installed = venv.folder / "half"
    half_installed.touch()
    installer.fails_at = ""
    venv.prepare()
    assert not half_installed.exists()
    assert venv.is_ready()


def test_an_environment_without_pip_is_replaced(venv: Environment, installer: FakeInstaller) -> None:
    venv.python.parent.mkdir(parents=True)
    venv.python.touch()
    installer.fails_at = "version"
    venv.prepare()
    assert installer.calls == ["version", "venv", "install"]


def test_an_environment_of_the_developers_own_is_kept(venv: Environment, installer: FakeInstaller) -> None:
    venv.python.parent.mkdir(parents=True)
    venv.python.touch()
    own = venv.folder / "own"
    own.touch()
    venv.prepare()
    assert own.exists()
    assert installer.calls == ["version", "install"]


def test_a_moved_checkout_is_installed_again(venv: Environment, tmp_path: Path) -> None:
    moved = Environment(venv.folder, venv.extras, tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "databus_core").mkdir(parents=True)
    for name in ("pyproject.toml", "databus_core/__init__.py"):
        (moved.root / name).write_bytes((venv.root / name).read_bytes())
    assert moved.wanted() != venv.wanted()


def test_python_without_venv_asks_for_its_package(
    venv: Environment, installer: FakeInstaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(environment, "find_spec", lambda name: None)
    monkeypatch.setattr(environment, "install_packages", lambda packages, reason: asked.extend(packages))
    venv.prepare()
    assert len(asked) == 1
    assert asked[0].startswith("python3.")
    assert asked[0].endswith("-venv")
