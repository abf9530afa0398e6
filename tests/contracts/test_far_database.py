"""The contract of databases, kept by what a trip in a child process has for one, over every engine."""

from __future__ import annotations

import pytest

from tests.contracts.test_database import *  # noqa: F403 - the suite itself
from tests.support.far import FAR_ENGINES, FarEngine


@pytest.fixture(params=FAR_ENGINES, ids=str)
def engine(request: pytest.FixtureRequest) -> FarEngine:
    """Each engine in turn."""
    request.param.require()
    return request.param
