"""What the tests of the pages share."""

from tests.support.window import desk

__all__ = ["desk"]
