"""What a trip takes of memory depends neither on how many travel nor on how large an attachment is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.engines import JSON_FILES, SQLITE, Engine
from tests.support.peak import peaks

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

FEW, MANY = 500, 5000
LARGE = 64 << 20
MIB = 1 << 20


@pytest.mark.parametrize("isolation", ["thread", "process"])
@pytest.mark.parametrize("engine", [JSON_FILES, SQLITE], ids=str)
def test_a_large_attachment_is_never_in_memory(engine: Engine, isolation: str, tmp_path: Path) -> None:
    small, large = (tmp_path / name for name in ("small", "large"))
    without = peaks(engine, small, isolation=isolation, passengers=1, size=1)
    with_ = peaks(engine, large, isolation=isolation, passengers=1, size=LARGE)
    assert with_.process - without.process < LARGE * 5 // 8
    assert with_.child - without.child < LARGE // 4


# Folders have an index of their passengers in memory; SQLite's caches fill up with what was read and written last.
@pytest.mark.parametrize(("engine", "caches", "each"), [(JSON_FILES, 4 * MIB, 1200), (SQLITE, 44 * MIB, 0)], ids=str)
def test_many_passengers_take_hardly_more_than_few(engine: Engine, caches: int, each: int, tmp_path: Path) -> None:
    few, many = (
        peaks(engine, tmp_path / str(count), isolation="thread", passengers=count, size=1024, commit="grouped").process
        for count in (FEW, MANY)
    )
    assert many - few < caches + each * (MANY - FEW)
