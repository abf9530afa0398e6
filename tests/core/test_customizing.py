"""What is wrong with a customizing document is told with its place."""

import json
import sys

import pytest

from databus_core.model.client import ClientPassenger
from databus_core.model.customizing import CLIENTS_NODE, DATABUS_NODE, problems_in
from databus_core.model.problem import Problem, dotted

PRICES = "prices"
"""A node of the user's own: any JSON will do."""


def only_problem(node: str, text: str) -> Problem:
    (problem,) = problems_in(node, text)
    return problem


def place(problem: Problem) -> tuple[int | None, int | None]:
    return problem.line, problem.column


@pytest.mark.parametrize("node", [DATABUS_NODE, CLIENTS_NODE, PRICES])
@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("", 1, 1), ('{\n  "a": 1,\n  b: 2\n}', 3, 3), ('{"a": [1, 2}', 1, 12), ('{"a": 1}\n{}', 2, 1)],
)
def test_a_syntax_error_is_told_with_its_place(node: str, text: str, line: int, column: int) -> None:
    problem = only_problem(node, text)
    assert problem.path == ()
    assert problem.message
    assert place(problem) == (line, column)


@pytest.mark.parametrize("text", ["{}", "[1, 2]", '"text"', "12"])
def test_a_node_of_the_users_own_may_hold_any_json(text: str) -> None:
    assert problems_in(PRICES, text) == []


def test_a_right_document_has_no_problems() -> None:
    client = {"passengers": [{"name": "orders", "pullers": ["a", {"module": "b"}], "note": "mine"}], "comment": "kept"}
    assert problems_in(DATABUS_NODE, json.dumps(client)) == []
    assert problems_in(CLIENTS_NODE, '{"clients": [{"id": "demo"}, {"id": "root"}, {"id": "Müller GmbH"}]}') == []


def test_a_client_that_cannot_be_is_told_with_what_is_allowed() -> None:
    problem = only_problem(CLIENTS_NODE, '{"clients": [{"id": "root"},\n{"id": "a/b"}]}')
    assert place(problem) == (2, 8)
    assert problem.message.startswith("'a/b' is not allowed: it has / in it; up to 100 characters")


def test_every_wrong_value_is_told_with_its_line() -> None:
    text = """{
  "log_life_span": -1,
  "passengers": [
    {"name": "orders", "sync_frequency": 5},
    {"name": "mails",
     "sync_frequency": "often"}
  ]
}"""
    first, second = problems_in(DATABUS_NODE, text)
    assert first.path == ("log_life_span",)
    assert "-1" in first.message
    assert place(first) == (2, 20)
    assert second.path == ("passengers", 1, "sync_frequency")
    assert "'often'" in second.message
    assert place(second) == (6, 24)
    assert str(second).startswith("line 6, passengers[1].sync_frequency: ")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("queue_keep_count", -1, "-1 is not allowed"),
        ("queue_keep_size", "much", "no size: write a number of bytes, or a number and a unit such as"),
        ("queue_keep_size", "9999 TB", "9999 TB"),
        ("log_keep_count", 0, "0 is not allowed"),
        ("log_keep_size", "5 apples", "no size"),
        ("log_life_span", "soon", "'soon'"),
    ],
)
def test_how_much_is_kept_is_checked_by_name(key: str, value: object, said: str) -> None:
    problem = only_problem(DATABUS_NODE, json.dumps({"passengers": [{"name": "orders", key: value}]}))
    assert problem.path == ("passengers", 0, key)
    assert said in problem.message


@pytest.mark.parametrize(
    ("written", "number"), [(0, 0), ("7", 7), ("500 MB", 500 << 20), ("1.5gib", 3 << 29), ("2k", 2048), (None, None)]
)
def test_a_size_is_written_with_a_unit_or_without(written: object, number: int | None) -> None:
    assert ClientPassenger.model_validate({"name": "orders", "queue_keep_size": written}).queue_keep_size == number


def configured(at: str, written: object) -> str:
    """A configuration whose client passenger, or its pusher, has this."""
    pusher = {"module": "erp"} | ({"rate_limit": "100 / min"} if at == "passenger" else written)  # type: ignore[operator]
    passenger = {"name": "orders", "pushers": [pusher]} | (written if at == "passenger" else {})  # type: ignore[operator]
    return json.dumps({"passengers": [passenger]})


@pytest.mark.parametrize(
    ("at", "written", "path", "message"),
    [
        ("passenger", {"retry": {"first_wait": "5 parsecs"}}, "retry.first_wait", "'5 parsecs' is no span of time; "),
        ("passenger", {"retry": {"longest_wait": "-1 s"}}, "retry.longest_wait", "'-1 s' is no span of time; write "),
        ("passenger", {"retry": {"attempts": 0}}, "retry.attempts", "0 is not allowed: input should be greater than"),
        ("passenger", {"retry": {"atempts": 3}}, "retry.atempts", "is not known; did you mean 'attempts'? Allowed a"),
        ("passenger", {"retry": {"permanent": ["a b"]}}, "retry.permanent[0]", "'a b' is no name of an exception, s"),
        ("passenger", {"retry": 3}, "retry", "3 is not allowed: it must be an object in braces"),
        ("passenger", {"ordered_by": 3}, "ordered_by", "3 is not allowed: input should be a valid string"),
        ("pusher", {"retry": {"waits": 3}}, "pushers[0].retry.waits", "is not known. Allowed are attempts, first_wa"),
        ("pusher", {"breaker": {"wait": "soon"}}, "pushers[0].breaker.wait", "'soon' is no span of time; write a nu"),
        ("pusher", {"breaker": {"failures": -1}}, "pushers[0].breaker.failures", "-1 is not allowed: input should b"),
        ("pusher", {"rate_limit": "fast"}, "pushers[0].rate_limit", "'fast' is no rate; write it like '100 / min' or "),
        ("pusher", {"rate_limit": "9 / parsec"}, "pushers[0].rate_limit", "'9 / parsec' is no rate; write it like '"),
        ("pusher", {"rate_limit": "0 / s"}, "pushers[0].rate_limit", "'0 / s' lets nothing through"),
        ("pusher", {"rate_limit": "5 / 0 s"}, "pushers[0].rate_limit", "'5 / 0 s' lets nothing through"),
        ("pusher", {"rate_limit": 100}, "pushers[0].rate_limit", "100 is no rate; write it like '100 / min' or "),
        ("pusher", {"after_crash": "maybe"}, "pushers[0].after_crash", "'maybe' is not allowed: input should be 're"),
        ("pusher", {"commit": "all"}, "pushers[0].commit", "'all' is not allowed: input should be 'each' or 'grouped'"),
    ],
)  # fmt: skip
def test_what_is_wrong_about_failures_is_told_at_its_place(at: str, written: object, path: str, message: str) -> None:
    problem = only_problem(DATABUS_NODE, configured(at, written))
    assert dotted(problem.path) == f"passengers[0].{path}"
    assert problem.message.startswith(message)


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (
            "passenger",
            {"ordered_by": "customer", "retry": {"first_wait": "1.5 min", "longest_wait": 3600, "factor": 1}},
        ),
        (
            "pusher",
            {"rate_limit": "5 per 10 s", "after_crash": "hold", "commit": "grouped", "breaker": {"failures": 0}},
        ),
        ("pusher", {"rate_limit": {"passengers": 5, "per": "10 s"}, "retry": {"permanent": ["requests.HTTPError"]}}),
        ("pusher", {"rate_limit": None, "retry": None}),
    ],
)
def test_what_is_right_about_failures_has_no_problems(at: str, written: object) -> None:
    assert problems_in(DATABUS_NODE, configured(at, written)) == []


def test_what_is_missing_is_told_at_the_value_that_lacks_it() -> None:
    problem = only_problem(DATABUS_NODE, '{"passengers": [\n  {"name": "a"},\n  {"pullers": []}\n]}')
    assert problem == Problem(("passengers", 1, "name"), "is missing", 3, 3)


def test_a_document_of_the_wrong_kind_is_told_at_its_start() -> None:
    assert place(only_problem(DATABUS_NODE, "\n  []")) == (2, 3)


@pytest.mark.parametrize(
    ("node", "text", "twice"),
    [
        (DATABUS_NODE, '{"passengers": [{"name": "orders"}, {"name": "orders"}]}', "passenger 'orders'"),
        (DATABUS_NODE, '{"users": [{"username": "eve"}, {"username": "eve"}]}', "user 'eve'"),
        (DATABUS_NODE, '{"passengers": [{"name": "a", "pullers": ["m"], "pushers": ["m"]}]}', "plug-in 'm'"),
        (CLIENTS_NODE, '{"clients": [{"id": "demo"}, {"id": "demo"}]}', "client 'demo'"),
        (CLIENTS_NODE, '{"clients": [{"id": "Demo"}, {"id": "demo"}]}', "client 'demo'"),
        (CLIENTS_NODE, '{"clients": [{"id": "Mu\u0308ller"}, {"id": "MÜLLER"}]}', "client 'MÜLLER'"),
    ],
)
def test_a_name_given_twice_is_refused(node: str, text: str, twice: str) -> None:
    assert f"{twice} is listed twice" in only_problem(node, text).message


@pytest.mark.parametrize("node", [DATABUS_NODE, CLIENTS_NODE])
@pytest.mark.parametrize("key", ["a", "", 'a"b', "\\", "{", "ß"])
def test_a_key_given_twice_is_refused_with_its_line(node: str, key: str) -> None:
    text = '{"clients": [],\n "x": [{KEY: KEY}, {KEY: 1, "in it": {KEY: "}"},\n   KEY : 2}]}'
    problem = only_problem(node, text.replace("KEY", json.dumps(key)))
    assert problem.message == f"{key!r} is given twice, first in line 2; leave one of them"
    assert place(problem) == (3, 4)


def test_a_key_written_in_two_ways_is_the_same_key() -> None:
    assert place(only_problem(DATABUS_NODE, '{"a": 1, "\\u0061": 2}')) == (1, 10)


def test_beside_keys_given_twice_every_wrong_value_is_told() -> None:
    text = '{"a": 1, "a": 2, "a": 3,\n"log_life_span": 1,\n"log_life_span": "x"}'
    assert [problem.line for problem in problems_in(DATABUS_NODE, text)] == [1, 1, 3, 3]


def test_a_node_of_the_users_own_may_have_a_key_twice() -> None:
    """Its reader may be one that takes it, for comments say."""
    assert problems_in(PRICES, '{"//": "a", "//": "b"}') == []


@pytest.mark.parametrize("key", ["a/b", "a~b", "~1", "/", '\\"', "\\u0041", "", "ß"])
def test_unusual_keys_do_not_move_the_lines_of_others(key: str) -> None:
    text = f'{{"{key}": {{"{key}": [{{"{key}": 1}}]}},\n"log_life_span": "x",\n"{key}2": 2}}'
    assert place(only_problem(DATABUS_NODE, text)) == (2, 18)


@pytest.mark.parametrize("node", [DATABUS_NODE, CLIENTS_NODE, PRICES])
def test_a_byte_order_mark_is_no_part_of_the_document(node: str) -> None:
    for text in ("{}", "[]", '{"clients": 5}', "{\n  wrong"):
        assert problems_in(node, "\ufeff" + text) == problems_in(node, text)


@pytest.mark.parametrize("node", [DATABUS_NODE, CLIENTS_NODE, PRICES])
def test_a_document_that_is_nested_too_deeply_is_refused(node: str) -> None:
    depth = 200_000
    assert only_problem(node, "[" * depth + "]" * depth).message == "nested too deeply"


@pytest.mark.parametrize("depth", [100, 300, 450, 900])
def test_a_wrong_value_that_is_nested_deeply_is_a_problem(depth: int) -> None:
    problem = only_problem(DATABUS_NODE, '{"passengers": ' + "[" * depth + "]" * depth + "}")
    assert problem.path in {("passengers", 0), ()}


@pytest.mark.parametrize("node", [DATABUS_NODE, CLIENTS_NODE, PRICES])
def test_a_number_that_python_refuses_to_read_is_a_problem(node: str) -> None:
    digits = sys.get_int_max_str_digits() + 1
    assert "digits" in only_problem(node, '{"a": ' + "1" * digits + "}").message
