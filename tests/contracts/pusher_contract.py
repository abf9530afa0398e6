"""What every pusher must do. A test class per pusher inherits it."""

from __future__ import annotations

from pathlib import Path

from databus_core import Passenger, Pusher
from tests.support.plug_ins import contents, stored, tree


class PusherContract:
    """Give `pusher` a target system that `target` can look at."""

    def pusher(self, folder: Path) -> Pusher:
        """A new pusher, as each trip makes one, to the target system in the folder."""
        raise NotImplementedError

    def passenger(self, number: int) -> Passenger:
        """A passenger with something to deliver; another one for each number."""
        raise NotImplementedError

    def target(self, folder: Path) -> object:
        """All that arrived, to be compared."""
        raise NotImplementedError

    def deliver(self, folder: Path, *passengers: Passenger) -> None:
        """As one trip does it."""
        pusher = self.pusher(folder)
        for passenger in passengers:
            pusher.push(passenger)
        pusher.close()

    def test_a_second_delivery_of_a_passenger_changes_nothing(self, tmp_path: Path):
        first, second = self.passenger(1), self.passenger(2)
        self.deliver(tmp_path, first, second)
        once = self.target(tmp_path)
        self.deliver(tmp_path, stored(first))
        assert self.target(tmp_path) == once

    def test_every_passenger_arrives(self, tmp_path: Path):
        self.deliver(tmp_path, self.passenger(1))
        one = self.target(tmp_path)
        self.deliver(tmp_path, self.passenger(2))
        assert self.target(tmp_path) != one

    def test_it_has_no_problems_and_looking_for_some_has_no_effect(self, tmp_path: Path):
        pusher = self.pusher(tmp_path)
        before = tree(tmp_path)
        assert list(pusher.problems()) == []  # type: ignore[arg-type]
        assert tree(tmp_path) == before

    def test_the_passenger_stays_as_it_was(self, tmp_path: Path):
        passenger = self.passenger(1)
        before, properties = contents(passenger), dict(passenger.properties)
        self.deliver(tmp_path, passenger)
        assert contents(passenger) == before
        assert passenger.properties == properties

    def test_close_may_be_called_on_an_unused_pusher(self, tmp_path: Path):
        pusher = self.pusher(tmp_path)
        pusher.close()
        pusher.close()
