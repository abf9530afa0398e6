"""What every processor must do. A test class per processor inherits it."""

from __future__ import annotations

import json
from pathlib import Path

from databus_core import Passenger, Processor
from tests.support.plug_ins import contents, stored


class ProcessorContract:
    """Give `processor` and `passenger` something to do."""

    def processor(self, folder: Path) -> Processor:
        """A new processor, as each trip makes one."""
        raise NotImplementedError

    def passenger(self) -> Passenger:
        """A passenger on which it has something to do."""
        raise NotImplementedError

    def test_a_second_run_after_a_crash_does_the_same(self, tmp_path: Path):
        before = self.passenger()
        first, second = stored(before), stored(before)
        outcomes = [self.processor(tmp_path).process(passenger) for passenger in (first, second)]
        assert outcomes[0] == outcomes[1]
        assert contents(first) == contents(second)
        assert first.properties == second.properties

    def test_a_run_repeated_by_hand_adds_nothing(self, tmp_path: Path):
        passenger = self.passenger()
        self.processor(tmp_path).process(passenger)
        once = contents(passenger)
        again = stored(passenger)
        self.processor(tmp_path).process(again)
        assert contents(again).keys() == once.keys()
        json.dumps(again.properties).encode()

    def test_a_passenger_without_attachments_is_no_error(self, tmp_path: Path):
        empty = Passenger(external_id="empty", source_system="test")
        self.processor(tmp_path).process(empty)
        assert empty.external_id == "empty"
