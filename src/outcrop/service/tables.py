"""The tables: jobs, results, corrections and keys; SQLite by default, PostgreSQL by URL. Times are seconds since 1970, UTC."""

from collections.abc import Iterator
from contextlib import contextmanager
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
    event,
    insert,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError

from outcrop.core.errors import MissingExtra, UsageError

VERSION = 1
"""Of the tables; a database of another version is refused rather than misread."""

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


def _sqlite(connection: Any, _: Any) -> None:
    """Several processes read while one writes; a crash of the process loses nothing that was committed."""
    cursor = connection.cursor()
    for line in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=20000", "foreign_keys=ON", "cache_size=-2000"):
        cursor.execute(f"PRAGMA {line}")
    cursor.close()


def connect(url: str) -> Engine:
    """The database with its tables, made where they are missing.

    Raises:
        UsageError: no such kind of database, or tables of another version.
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
    """Make the tables and hold them to their version; several processes may come at once."""
    try:
        METADATA.create_all(engine)
        with engine.begin() as connection:
            found = connection.scalar(select(about.c.version))
            if found is None:
                connection.execute(insert(about).values(version=VERSION))
                found = VERSION
    except IntegrityError:
        found = VERSION  # another process was first
    except Exception as error:
        if "already exists" not in str(error):
            raise
        return _prepare(engine)
    if found != VERSION:
        raise UsageError(
            f"the database holds tables of version {found}, and {VERSION} is wanted: take another database"
        )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """All of it or nothing."""
    with engine.begin() as connection:
        yield connection
