"""Short names of modules."""

from __future__ import annotations

import pytest

from databus_gui.names import ShortNames


@pytest.mark.parametrize(
    ("name", "shown"),
    [("databus_core.connectors.demo.passenger_1", "demo.passenger_1"), ("plugins.erp", "plugins.erp"), ("erp", "erp"),
     ("acme.shop.orders:OrderPuller", "orders:OrderPuller"), ("orders by mail", "orders by mail"),
     ("Orders of acme.example, new", "Orders of acme.example, new"), ("", "")],
)  # fmt: skip
def test_the_last_two_parts_say_which_module_it_is(name: str, shown: str) -> None:
    assert ShortNames().short(name) == shown


def test_names_that_end_alike_are_told_apart() -> None:
    names = ["a.demo.puller", "b.demo.puller", "x.y.demo.pusher"]
    short = ShortNames(names)
    assert [short.short(name) for name in names] == ["a.demo.puller", "b.demo.puller", "demo.pusher"]


def test_one_that_another_ends_with_keeps_its_name() -> None:
    short = ShortNames(["a.demo.puller", "demo.puller"])
    assert short.short("demo.puller") == "demo.puller"
    assert short.short("a.demo.puller") == "a.demo.puller"


def test_a_name_that_is_shown_is_known_from_then_on() -> None:
    short = ShortNames()
    assert short.short("a.demo.puller") == "demo.puller"
    assert short.short("b.demo.puller") == "b.demo.puller"
    assert short.short("a.demo.puller") == "a.demo.puller"
