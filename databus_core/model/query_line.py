"""Questions to a queue as a person types them: `status:failed source:erp pusher:sap error:timeout "4711" age:>2h`.

A line is made of terms with blanks between them. A term with a qualifier (`source:erp`) asks for one thing exactly; any
other is a word, or a phrase in quotes, that is looked for as in Query.text. All of them must hold. Each qualifier but
`text` stands once. A value with blanks is put in quotes: `error:"timed out"`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches

from databus_core.errors import QueryLineError
from databus_core.model.clock import now
from databus_core.model.duration import parse_duration
from databus_core.model.query import Query
from databus_core.model.queue_entry import StepKind
from databus_core.model.standing import Standing

_TERM = re.compile(r'(?P<name>[A-Za-z_]+):(?P<value>(?:"[^"]*"?|[^\s"])*)|(?P<text>"[^"]*"?|[^\s"]+)')
_COMPARED = re.compile(r"(>=|<=|>|<|)\s*(.*)", re.DOTALL)
_DAY = re.compile(r"(19[789]|2\d\d)\d-\d\d-\d\d", re.ASCII)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LineTerm:
    """One part of a line, and where it stands in it."""

    name: str
    """Its qualifier; empty for words."""
    value: str
    """Without quotes."""
    start: int
    end: int
    quoted: bool = False


def terms_of(line: str) -> Iterator[LineTerm]:
    """The parts of a line in their order; whether they mean anything is not looked at."""
    for found in _TERM.finditer(line):
        value: str = found["text"] if found["name"] is None else found["value"]
        name = "" if found["name"] is None else found["name"].lower()
        yield LineTerm(name, value.replace('"', "").strip(), *found.span(), quoted='"' in value)


def with_term(line: str, name: str, value: str) -> str:
    """The line with that qualifier saying that value, where it stood or in front of all; without it when empty."""
    written = [f"{name}:{quoted(value)}"] if value else []
    parts: list[str] = []
    for term in terms_of(line):
        if term.name != name:
            parts.append(line[term.start : term.end])
        else:
            parts += written
            written = []
    return " ".join([*written, *parts])


def value_in(line: str, name: str) -> str:
    """What a line says for that qualifier; empty when it says nothing."""
    return next((term.value for term in terms_of(line) if term.name == name), "")


def quoted(value: str) -> str:
    """The value as it is written in a line. A double quote cannot stand in one, and goes."""
    plain = value.replace('"', "")
    return f'"{plain}"' if re.search(r"\s", plain) else plain


def parse_query_line(line: str, client_id: str, client_passengers: Sequence[str] = ()) -> Query:
    """The question that a line asks about a client's queue, in the default order.

    `client_passengers` are the names that `passenger:` may mean, each also by its last parts and in any case. Ages are
    reckoned from now, days are local ones. Raises QueryLineError.
    """
    return _Reading(Query(client_id=client_id), client_passengers).of(line)


class _Reading:
    """Reads one line."""

    def __init__(self, query: Query, client_passengers: Sequence[str]) -> None:
        self._query = query
        self._client_passengers = client_passengers
        self._texts: list[str] = []
        self._seen: dict[str, LineTerm] = {}

    def of(self, line: str) -> Query:
        for term in terms_of(line):
            if term.name in {"", "text"}:
                self._text(term)
            else:
                self._qualifier(term)
        self._check_sense()
        return replace(self._query, text=" ".join(self._texts))

    def _text(self, term: LineTerm) -> None:
        if term.name and not term.value:
            raise _error(term, "text: needs what to look for, such as text:4711.")
        if term.value:
            self._texts.append(f'"{term.value}"' if term.quoted else term.value)

    def _qualifier(self, term: LineTerm) -> None:
        read = QUALIFIERS.get(term.name)
        if read is None:
            raise _error(term, _unknown(term.name))
        if term.name in self._seen:
            raise _error(term, f"{term.name}: stands twice; only one of them can hold.")
        if not term.value:
            raise _error(term, f"{term.name}: needs a value: {read.hint}.")
        self._seen[term.name] = term
        try:
            self._query = read.into(self._query, term.value, self._client_passengers)
        except ValueError as error:
            raise _error(term, f"{term.name}: {error}.") from error

    def _check_sense(self) -> None:
        """Refuse what could find nothing, however the queue is."""
        steps = [self._seen[name] for name in ("pusher", "processor", "step") if name in self._seen]
        if len(steps) > 1:
            raise _error(steps[1], f"{steps[0].name}: and {steps[1].name}: cannot stand in one line.")
        needed = [*steps, *(term for name, term in self._seen.items() if name == "error")]
        standing = self._seen.get("status")
        if needed and standing is not None and standing.value.lower() == Standing.COMPLETE:
            what = "waits for no step" if needed[0] in steps else "has no step that fails"
            raise _error(needed[0], f"{needed[0].name}: finds none beside status:complete; what is complete {what}.")


@dataclass(frozen=True, slots=True)
class Qualifier:
    """What one `name:` means."""

    hint: str
    """What its values are."""
    into: Callable[[Query, str, Sequence[str]], Query]
    """The query with that value asked for; given the names of client passengers, too. Raises ValueError, in words."""


def _status(query: Query, value: str, _names: Sequence[str]) -> Query:
    try:
        return Standing(value.lower()).into(query)
    except ValueError:
        raise ValueError(f"{value!r:.80} is none of {', '.join(Standing)}") from None


def _source(query: Query, value: str, _names: Sequence[str]) -> Query:
    return replace(query, source_system=value)


def _passenger(query: Query, value: str, names: Sequence[str]) -> Query:
    exact = [name for name in names if name == value]
    end = re.compile(rf"(.*[.:])?{re.escape(value)}", re.IGNORECASE | re.DOTALL)
    fitting = exact or [name for name in names if end.fullmatch(name)]
    if len(fitting) > 1:
        raise ValueError(f"{value!r:.80} may be {' or '.join(fitting)}; write more of it")
    if not fitting:
        known = f"; there are {', '.join(names)}" if names else ""
        raise ValueError(f"there is no client passenger {value!r:.80}{known:.400}")
    return replace(query, client_passenger=fitting[0])


def _id(query: Query, value: str, _names: Sequence[str]) -> Query:
    return replace(query, id=value)


def _error_text(query: Query, value: str, _names: Sequence[str]) -> Query:
    return replace(query, error=value)


def _step(kind: StepKind | None) -> Callable[[Query, str, Sequence[str]], Query]:
    return lambda query, value, _names: replace(query, open_step=value, open_step_kind=kind)


def _attempts(query: Query, value: str, _names: Sequence[str]) -> Query:
    sign, number = _compared(value)
    if sign not in {">", ">="} or not (number.isascii() and number.isdigit()):
        raise ValueError(f"{value!r:.80} is not a number with > or >=, such as >=3")
    return replace(query, attempts=min(int(number), 10**6) + (sign == ">"))


def _age(query: Query, value: str, _names: Sequence[str]) -> Query:
    sign, span = _compared(value)
    if not sign:
        raise ValueError(f"{value!r:.80} does not begin with > (older) or < (younger), such as >2h")
    moment = now() - parse_duration(span)
    if sign.startswith(">"):
        return replace(query, pulled_until=moment)
    return replace(query, pulled_from=moment)


def _pulled(query: Query, value: str, _names: Sequence[str]) -> Query:
    first, dots, last = value.partition("..")
    if dots:
        begin, end = _day(first) if first else None, _day(last) + DAY if last else None
    else:
        sign, day = _compared(value)
        begin = {">": _day(day) + DAY, ">=": _day(day), "": _day(day)}.get(sign)
        end = {"<": _day(day), "<=": _day(day) + DAY, "": _day(day) + DAY}.get(sign)
    if begin is not None and end is not None and begin >= end:
        raise ValueError(f"{value!r:.80} ends before it begins")
    return replace(query, pulled_from=_midnight(begin), pulled_until=_midnight(end))


def _day(value: str) -> datetime:
    """Local midnight, without zone: of these, days can be added whatever the clocks do."""
    today = now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    named = {"today": today, "yesterday": today - DAY}
    if value.lower() in named:
        return named[value.lower()]
    try:
        return datetime.combine(date.fromisoformat(value if _DAY.fullmatch(value) else ""), time())
    except ValueError:
        raise ValueError(
            f"{value!r:.80} is no day; write one as 2026-11-24, today or yesterday, two with .. between them, or one "
            f"with >, >=, < or <="
        ) from None


def _midnight(day: datetime | None) -> datetime | None:
    return None if day is None else day.astimezone()


def _compared(value: str) -> tuple[str, str]:
    found = _COMPARED.fullmatch(value)
    return (found[1], found[2].strip()) if found else ("", value)


QUALIFIERS: dict[str, Qualifier] = {
    "status": Qualifier(", ".join(Standing), _status),
    "passenger": Qualifier("the name of a client passenger", _passenger),
    "source": Qualifier("the name of a source system, exactly", _source),
    "pusher": Qualifier("a part of the name of a pusher that has not got it yet", _step(StepKind.PUSHER)),
    "processor": Qualifier("a part of the name of a processor that is not done", _step(StepKind.PROCESSOR)),
    "step": Qualifier("a part of the name of a step that is not complete", _step(None)),
    "error": Qualifier("a part of the error, such as timeout", _error_text),
    "id": Qualifier("an external or internal id, exactly", _id),
    "attempts": Qualifier("how many a step has had, such as >=3", _attempts),
    "age": Qualifier("since it was pulled, such as >2h or <30min", _age),
    "pulled": Qualifier("a day, such as today, 2026-11-24 or 2026-11-01..2026-11-24", _pulled),
}
"""Every qualifier but `text`, in the order in which help lists them."""


def _unknown(name: str) -> str:
    close = get_close_matches(name, QUALIFIERS, 1)
    hint = f"do you mean {close[0]}: ?" if close else f"there are {', '.join(QUALIFIERS)}."
    return f'"{name}:" is no qualifier; {hint} Put what has a colon in quotes to look for it as text.'


def _error(term: LineTerm, message: str) -> QueryLineError:
    return QueryLineError(message, term.start, term.end)
