"""What every puller must do. A test class per puller inherits it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from databus_core import Passenger, Puller
from tests.support.plug_ins import contents, stored, tree


class PullerContract:
    """Give `puller` a source system in which at least two passengers wait."""

    makes_its_passengers_up = False
    """Each pull gives new ones: there is no source system that could forget or offer again."""

    def puller(self, folder: Path) -> Puller:
        """A new puller, as each trip makes one, on the source system in the folder; prepares that at the first call."""
        raise NotImplementedError

    def source(self, folder: Path) -> object:
        """All that can be seen of the source system, to be compared."""
        raise NotImplementedError

    def pulled(self, folder: Path) -> list[Passenger]:
        """What one trip would get."""
        return list(self.puller(folder).pull())  # type: ignore[arg-type]

    def test_it_has_no_problems_and_looking_for_some_has_no_effect(self, tmp_path: Path):
        puller = self.puller(tmp_path)
        before = tree(tmp_path)
        assert list(puller.problems()) == []  # type: ignore[arg-type]
        assert tree(tmp_path) == before

    def test_passengers_have_distinct_ids_and_content_that_can_be_stored(self, tmp_path: Path):
        passengers = self.pulled(tmp_path)
        assert len(passengers) >= 2
        assert len({(p.source_system, p.external_id) for p in passengers}) == len(passengers)
        for passenger in passengers:
            assert passenger.external_id
            assert passenger.source_system
            json.dumps(passenger.properties).encode()
            names = [attachment.name for attachment in passenger.attachments]
            assert len({name.lower() for name in names}) == len(names)
            assert all(re.fullmatch(r"[A-Za-z0-9_.]+", name) for name in names)
            assert {a.name: a.size for a in passenger.attachments} == {
                name: len(data) for name, data in contents(passenger).items()
            }

    def test_what_was_not_notified_is_offered_again_with_the_same_ids(self, tmp_path: Path):
        first, second = self.pulled(tmp_path), self.pulled(tmp_path)
        ids = [p.external_id for p in first]
        assert ([p.external_id for p in second] == ids) is not self.makes_its_passengers_up
        assert {p.internal_id for p in first}.isdisjoint(p.internal_id for p in second)

    def test_peek_shows_what_waits_and_changes_nothing(self, tmp_path: Path):
        puller = self.puller(tmp_path)
        before = self.source(tmp_path)
        peeked = list(puller.peek())  # type: ignore[arg-type]
        assert [contents(p) for p in peeked]
        assert self.source(tmp_path) == before
        if not self.makes_its_passengers_up:
            assert [p.external_id for p in peeked] == [p.external_id for p in self.pulled(tmp_path)]

    def test_notified_passengers_are_not_offered_again(self, tmp_path: Path):
        if self.makes_its_passengers_up:
            pytest.skip("there is no source system")
        puller = self.puller(tmp_path)
        first, *others = list(puller.pull())  # type: ignore[misc]
        puller.notify_passengers_seated([first])
        assert [p.external_id for p in self.pulled(tmp_path)] == [p.external_id for p in others]

    def test_a_later_trip_may_notify_passengers_as_stored_and_again(self, tmp_path: Path):
        passengers = [stored(p) for p in self.pulled(tmp_path)]
        self.puller(tmp_path).notify_passengers_seated(passengers)
        after = self.source(tmp_path)
        self.puller(tmp_path).notify_passengers_seated(passengers)
        assert self.source(tmp_path) == after
        if not self.makes_its_passengers_up:
            assert self.pulled(tmp_path) == []
