"""The tables as SQLAlchemy knows them; `migrations/` is how they come to be.

Times are whole microseconds since 1970 in UTC, flags are 0 or 1, and nested values are JSON texts: every database keeps
these exactly, and statements that run for each passenger need no conversion on the way. Texts compare by code point and
with their trailing spaces, whatever a server's own habits are.

Rows have integer keys, given out by the process that holds the database; what the world knows (internal ids, log ids)
stands beside them. Both grow with time, so that the indexes of a large table grow at one end only.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Unicode,
    UnicodeText,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import mssql, mysql
from sqlalchemy.types import TypeEngine

LONGEST_NAME = 200
"""Characters of the name of a client or client passenger, of an id of a log or backup."""
LONGEST_STATE = 400
"""Characters of the name of a small document: it has those of a client passenger and of a step."""
LONGEST_SEAT = 250
"""Characters of a seat; see codec.seat_of."""

OPEN, COMPLETE = 0, 1
"""The column `status`. Steps have more of them, see codec.STATUSES; an entry's `decision` is such a one, too."""

_MARIADB: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_nopad_bin"))
}


_BY_CODE_POINT = "Latin1_General_100_BIN2"
"""SQL Server's name for it."""


def _name(length: int = LONGEST_NAME) -> TypeEngine[str]:
    """A text that is looked up and sorted by."""
    return (
        Unicode(length)
        .with_variant(Unicode(length, collation="C"), "postgresql")
        .with_variant(mssql.NVARCHAR(length, collation=_BY_CODE_POINT), "mssql")
    )


def _long() -> TypeEngine[str]:
    """A text of any length; nothing is looked up by it."""
    return (
        UnicodeText()
        .with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
        .with_variant(mssql.NVARCHAR(collation=_BY_CODE_POINT), "mssql")
    )


def _bytes() -> TypeEngine[bytes]:
    return LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb").with_variant(mssql.VARBINARY(), "mssql")


def _digest() -> TypeEngine[bytes]:
    return LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb").with_variant(mssql.BINARY(32), "mssql")


def _whole() -> TypeEngine[int]:
    return BigInteger().with_variant(Integer(), "sqlite")


def _required(name: str, kind: TypeEngine[Any]) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _bytes_taken(name: str) -> Column[int]:
    """A column that came later, with what a row of before has until somebody computes it."""
    return Column(name, _whole(), nullable=False, server_default="0")


def _key() -> Column[int]:
    return Column("id", _whole(), primary_key=True, autoincrement=False)


class Tables:
    """Every table, in the schema of that name; None is the connection's own."""

    def __init__(self, schema: str | None = None) -> None:
        self.metadata = MetaData(schema=schema)
        self._prefix = f"{schema}." if schema else ""
        self._basics()
        self._queue()
        self._attachments()
        self._logs()
        self._search()
        self._routes()

    def _table(self, name: str, *parts: Any, keyed: bool = True) -> Table:
        """`keyed`: it has a key of its own, and is not stored in the order of a primary key of several columns."""
        return Table(name, self.metadata, *parts, **_MARIADB, sqlite_with_rowid=keyed)

    def _of(self, table: str) -> Column[int]:
        """The row of another table that this one belongs to, and with which it goes."""
        target = ForeignKey(f"{self._prefix}{table}.id", ondelete="CASCADE")
        return Column(f"{table}_id", _whole(), target, nullable=False)

    def _basics(self) -> None:
        self.holder = self._table("holder", _key(), _required("document", _long()))
        """At most one row: who works on the data, as JSON."""
        self.client = self._table(
            "client",
            _key(),
            Column("name", _name(), nullable=False, unique=True),
            _required("configuration", _long()),
            Column("removed_at", _whole()),
        )
        """`name` is the client's id. A removed client keeps its data under another name."""
        self.backup = self._table(
            "customizing_backup",
            _key(),
            self._of("client"),
            _required("node", _long()),
            _required("made_at", _whole()),
            _required("size", _whole()),
            _required("content", _long()),
            Index("customizing_backup_client", "client_id", "made_at"),
        )
        self.audit = self._table(
            "audit",
            _key(),
            self._of("client"),
            _required("at", _whole()),
            *(_required(name, _long()) for name in ("who", "what", "done_on")),
            Index("audit_client", "client_id", "at"),
        )
        """What people did by hand; rows are never changed."""
        self.trip = self._table(
            "last_trip",
            self._of("client"),
            _required("client_passenger", _name()),
            _required("log_id", _name()),
            *(_required(name, _whole()) for name in ("started_at", "finished_at")),
            *(_required(name, Integer()) for name in ("worst", "seated", "processed", "pushed", "failed")),
            PrimaryKeyConstraint("client_id", "client_passenger"),
            keyed=False,
        )
        self.state = self._table(
            "client_state",
            self._of("client"),
            _required("name", _name(LONGEST_STATE)),
            _required("document", _long()),
            PrimaryKeyConstraint("client_id", "name"),
            keyed=False,
        )
        """The small documents that the engine keeps, as JSON."""

    def _queue(self) -> None:
        open_, failing = text(f"status = {OPEN}"), text("failing = 1")
        complete = text(f"status = {COMPLETE}")
        self.entry = self._table(
            "queue_entry",
            _key(),
            self._of("client"),
            _required("internal_id", _name(100)),
            _required("seat", _name(LONGEST_SEAT)),
            _required("client_passenger", _name()),
            _required("passenger_module", _long()),
            _required("source_system", _long()),
            _required("external_id", _long()),
            _required("fingerprint", _long()),
            _required("pulled_at", _whole()),
            _required("status", SmallInteger()),
            _required("decision", SmallInteger()),
            _required("failing", SmallInteger()),
            Column("due_at", _whole()),
            Column("done_at", _whole()),
            Column("completed_at", _whole()),
            _required("notified", SmallInteger()),
            _required("steps_done", Integer()),
            _required("steps_total", Integer()),
            _required("attempts", Integer()),
            _bytes_taken("size"),
            _required("failing_step", _long()),
            _required("error", _long()),
            _required("properties", _long()),
            _required("log_ids", _long()),
            _required("unknown", _long()),
            UniqueConstraint("client_id", "internal_id", name="queue_entry_internal_id"),
            UniqueConstraint("client_id", "seat", name="queue_entry_seat"),
            Index("queue_entry_pulled", "client_id", "pulled_at", "internal_id"),
            Index("queue_entry_passenger", "client_id", "client_passenger", "pulled_at", "internal_id"),
            _partial(
                "queue_entry_open",
                open_,
                "client_id",
                "client_passenger",
                "status",
                "pulled_at",
                "internal_id",
                "due_at",
            ),
            _partial("queue_entry_open_pulled", open_, "client_id", "status", "pulled_at", "internal_id"),
            _partial("queue_entry_failing", failing, "client_id", "failing", "pulled_at", "internal_id"),
            _partial("queue_entry_done", complete, "client_id", "client_passenger", "done_at"),
            _of_texts("queue_entry_external", "client_id", "external_id", "pulled_at", "internal_id"),
            _of_texts("queue_entry_source", "client_id", "source_system", "pulled_at", "internal_id"),
        )
        """Steps and attachments apart, a row has all that a list shows of a passenger. `decision` is the status that a
        person has to decide about, or 0; `due_at` when a trip can do something, as QueueEntry has it. `done_at` is when
        its life span begins: when it was completed, or pulled where old data do not say; `size` are the bytes that it
        takes, see space.py. The partial indexes name the
        column that their condition fixes: so they are plainly the best, nothing need be read beside them, and
        they serve on servers without partial indexes as well."""
        self.step = self._table(
            "queue_step",
            self._of("queue_entry"),
            _required("position", Integer()),
            _required("kind", SmallInteger()),
            _required("module", _long()),
            _required("name", _long()),
            _required("status", SmallInteger()),
            _required("attempts", Integer()),
            _required("error", _long()),
            Column("error_at", _whole()),
            _required("note", _long()),
            Column("completed_at", _whole()),
            Column("next_attempt_at", _whole()),
            PrimaryKeyConstraint("queue_entry_id", "position"),
            keyed=False,
        )
        self.purged = self._table(
            "purged_seat",
            self._of("client"),
            _required("seat", _name(LONGEST_SEAT)),
            _required("fingerprint", _long()),
            PrimaryKeyConstraint("client_id", "seat"),
            keyed=False,
        )
        """Passengers that were here: they are not seated again."""
        self.tally = self._table(
            "queue_tally",
            self._of("client"),
            _required("client_passenger", _name()),
            _required("day", Integer()),
            *(_required(name, _whole()) for name in ("complete", "incomplete", "failing")),
            *(_bytes_taken(name) for name in ("complete_size", "incomplete_size")),
            PrimaryKeyConstraint("client_id", "client_passenger", "day"),
            keyed=False,
        )
        """How many entries were pulled on each day since 1970 (UTC), and their sizes, so that nobody need count."""

    def _attachments(self) -> None:
        hashed = text("hash IS NOT NULL")
        self.content = self._table(
            "content",
            _key(),
            _required("size", _whole()),
            Column("hash", _digest()),
            Column("data", _bytes()),
            _partial("content_hash", hashed, "hash"),
        )
        """Bytes of attachments. Large ones lie in chunks; those with a hash (SHA-256) are kept once for all."""
        self.chunk = self._table(
            "content_chunk",
            self._of("content"),
            _required("position", Integer()),
            _required("data", _bytes()),
            PrimaryKeyConstraint("content_id", "position"),
        )
        self.staged = self._table("staged_content", _key())
        """Contents on their way in, which no attachment refers to yet; whoever opens the data next deletes them."""
        self.attachment = self._table(
            "attachment",
            self._of("queue_entry"),
            _required("position", Integer()),
            _required("name", _long()),
            _required("format", SmallInteger()),
            _required("content_id", _whole()),
            PrimaryKeyConstraint("queue_entry_id", "position"),
            Index("attachment_owner", "content_id", "queue_entry_id"),
            keyed=False,
        )

    def _logs(self) -> None:
        self.log = self._table(
            "trip_log",
            _key(),
            self._of("client"),
            _required("log_id", _name()),
            _required("client_passenger", _name()),
            _required("started_at", _whole()),
            Column("finished_at", _whole()),
            _required("worst", SmallInteger()),
            _required("length", _whole()),
            _required("size", _whole()),
            UniqueConstraint("client_id", "log_id", name="trip_log_log_id"),
            Index("trip_log_started", "client_id", "started_at"),
            Index("trip_log_passenger", "client_id", "client_passenger", "started_at"),
        )
        self.log_tally = self._table(
            "log_tally",
            self._of("client"),
            _required("client_passenger", _name()),
            _required("logs", _whole()),
            _required("size", _whole()),
            PrimaryKeyConstraint("client_id", "client_passenger"),
            keyed=False,
        )
        """How many logs a client passenger has, and the bytes that they take, so that nobody need add them up."""
        self.log_module = self._table("log_module", _key(), _required("name", _long()))
        """Names of modules that write to logs: a line has the number."""
        self.log_entry = self._table(
            "log_entry",
            self._of("trip_log"),
            _required("position", _whole()),
            _required("at", _whole()),
            _required("log_module_id", _whole()),
            _required("type", SmallInteger()),
            _required("message", _long()),
            PrimaryKeyConstraint("trip_log_id", "position"),
            keyed=False,
        )

    def _search(self) -> None:
        self.search_text = self._table(
            "search_text",
            Column("queue_entry_id", _whole(), primary_key=True, autoincrement=False),
            _required("client_id", _whole()),
            _required("words", _long()),
        )
        """What an entry is found by, see search_words.indexed. Each kind of database has its own index of these words,
        which a migration makes: FTS5, a GIN index of a tsvector, FULLTEXT, or none."""
        self.search_change = self._table("search_change", _key(), _required("queue_entry_id", _whole()))
        """Entries whose words must be indexed anew, once per change."""
        self.search_progress = self._table("search_progress", _key(), _required("indexed_until", _whole()))
        """One row: entries with higher keys are not indexed yet. So seating writes nothing for the search."""
        self.substring = self._table(
            "search_substring",
            _key(),
            self._of("client"),
            _required("client_passenger", _name()),
            _required("indexed_until", _whole()),
            _required("wanted", SmallInteger()),
            UniqueConstraint("client_id", "client_passenger", name="search_substring_passenger"),
        )
        """Client passengers that any part of a word finds, with their own progress; not `wanted` any more: that go."""
        self.part = self._table(
            "search_part",
            Column("queue_entry_id", _whole(), primary_key=True, autoincrement=False),
            _required("search_substring_id", _whole()),
            _required("words", _long()),
            Index("search_part_substring", "search_substring_id"),
        )
        """The words of their entries once more, without marks. Whoever switches the first one on makes an index of
        trigrams of them, where the kind of database has such; see substrings.py."""

    def _routes(self) -> None:
        self.route_state = self._table(
            "route_state",
            self._of("client"),
            _required("client_passenger", _name()),
            _required("pause", _name(20)),
            _required("since", _whole()),
            PrimaryKeyConstraint("client_id", "client_passenger"),
            keyed=False,
        )
        """What of client passengers rests, and since when they are known."""
        self.missed_trips = self._table(
            "missed_trips",
            self._of("client"),
            _required("client_passenger", _name()),
            *(_required(name, _whole()) for name in ("first_due_at", "noticed_at")),
            _required("why", _name(20)),
            *(_required(name, Integer()) for name in ("due", "made_up")),
            PrimaryKeyConstraint("client_id", "client_passenger", "first_due_at"),
            keyed=False,
        )
        """The ledger of trips that were missed."""


def _partial(name: str, condition: Any, *columns: str) -> Index:
    """An index of the rows that the condition holds for; of all rows where the server knows none such."""
    return Index(name, *columns, sqlite_where=condition, postgresql_where=condition, mssql_where=condition)


def _of_texts(name: str, *columns: str) -> Index:
    """An index with texts of any length, which only SQLite makes: servers sort at each question."""
    return Index(name, *columns).ddl_if(dialect="sqlite")
