"""The tables: jobs, results, corrections, links and keys; SQLite by default, PostgreSQL by URL. Times are seconds since 1970, UTC."""

from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    delete,
    event,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from outcrop.core.errors import MissingExtra, UsageError

LOCK = 7_061_820
"""Number of the lock under which PostgreSQL's tables are made and changed; any would do."""

METADATA = MetaData()

about = Table("outcrop_about", METADATA, Column("version", Integer, primary_key=True))

jobs = Table(
    "outcrop_jobs", METADATA,
    Column("id", String(40), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("task", String(64), nullable=False),
    Column("verb", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("finished", Double),
    Column("key", String(64), nullable=False),
    Column("idempotency", String(64)),
    Column("payload", Text, nullable=False),
    Column("progress", Double, nullable=False, default=0.0),
    Column("stage", Text, nullable=False, default=""),
    Column("tries", Integer, nullable=False, default=0),
    Column("worker", String(80)),
    Column("lease", Double),
    Column("cancel", Integer, nullable=False, default=0),
    Column("problem", Text),
    Index("outcrop_jobs_state", "state", "created"),
    Index("outcrop_jobs_key", "owner", "key"),
    Index("outcrop_jobs_idempotency", "owner", "idempotency", unique=True),
)  # fmt: skip

results = Table(
    "outcrop_results", METADATA,
    Column("id", String(40), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("task", String(64), nullable=False),
    Column("verb", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("key", String(64), nullable=False),
    Column("payload", Text, nullable=False),
    Column("record", Text, nullable=False),
    Column("written", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False, default=0),
    Column("parent", String(40)),
    Index("outcrop_results_created", "owner", "created"),
    Index("outcrop_results_key", "owner", "key"),
    Index("outcrop_results_parent", "parent"),
)  # fmt: skip

corrections = Table(
    "outcrop_corrections", METADATA,
    Column("id", String(40), primary_key=True),
    Column("result", String(40), nullable=False),
    Column("task", String(64), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("stem", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("models", Text, nullable=False),
    Index("outcrop_corrections_result", "result"),
)  # fmt: skip

keys = Table(
    "outcrop_keys", METADATA,
    Column("prefix", String(16), primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("created", Double, nullable=False),
    Column("revoked", Double),
)  # fmt: skip

shares = Table(
    "outcrop_shares", METADATA,
    Column("hash", String(64), primary_key=True),
    Column("result", String(40), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("created", Double, nullable=False),
    Index("outcrop_shares_result", "result"),
)  # fmt: skip

STEPS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE outcrop_shares (
            hash VARCHAR(64) NOT NULL PRIMARY KEY, result VARCHAR(40) NOT NULL, owner VARCHAR(64) NOT NULL,
            created DOUBLE PRECISION NOT NULL
        )""",
        "CREATE INDEX outcrop_shares_result ON outcrop_shares (result)",
    ),
)
"""What makes a database of version 1, 2, ... one of the next, in words that both databases know; never changed once released."""

VERSION = 1 + len(STEPS)
"""Of the tables as they stand above."""


def _sqlite(connection: Any, _: Any) -> None:
    """Several processes read while one writes; a crash of the process loses nothing that was committed."""
    cursor = connection.cursor()
    for line in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=20000", "foreign_keys=ON", "cache_size=-2000"):
        cursor.execute(f"PRAGMA {line}")
    cursor.close()


def connect(url: str) -> Engine:
    """The database with its tables, made where they are missing and brought up where they are of an earlier version.

    Raises:
        UsageError: no such kind of database, or tables of a later version.
        MissingExtra: the driver is not installed.
    """
    try:
        place = make_url(url)
        if place.drivername in ("postgresql", "postgres"):
            place = place.set(drivername="postgresql+psycopg")
        lite = place.get_backend_name() == "sqlite"
        if lite and place.database:
            Path(place.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(place, **({} if lite else {"pool_pre_ping": True, "pool_size": 8}))
    except (ArgumentError, NoSuchModuleError):
        raise UsageError(
            "the database URL is not one of sqlite:///... or postgresql://user@host/name: check it"
        ) from None
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "psycopg", "serve", "for this database") from None
    if lite:
        event.listen(engine, "connect", _sqlite)
    _prepare(engine)
    return engine


def _prepare(engine: Engine) -> None:
    """Make the tables, or bring those of an earlier version up step by step: all of it or nothing, one process at a time.

    Raises:
        UsageError: a later version of Outcrop made the tables.
    """
    with engine.begin() as connection:
        if _version(connection) == VERSION:
            return
        # SQLite's driver begins a transaction only before rows are changed, which is too late for tables.
        lite = engine.dialect.name == "sqlite"
        connection.execute(text("BEGIN IMMEDIATE" if lite else f"SELECT pg_advisory_xact_lock({LOCK})"))
        found = _version(connection)  # another process may have been first
        if found == 0:
            METADATA.create_all(connection)
            connection.execute(insert(about).values(version=VERSION))
            return
        for step in STEPS[found - 1 :]:
            for line in step:
                connection.execute(text(line))
        connection.execute(delete(about))
        connection.execute(insert(about).values(version=VERSION))


def _version(connection: Connection) -> int:
    """Of the tables that are there; 0 where there are none.

    Raises:
        UsageError: a later version of Outcrop made them.
    """
    if not inspect(connection).has_table(about.name):
        return 0
    found = connection.scalar(select(about.c.version)) or 1
    if found > VERSION:
        raise UsageError(
            f"a later Outcrop made this database (tables of version {found}, and this one knows {VERSION}): "
            "update Outcrop, or take another database"
        )
    return found
