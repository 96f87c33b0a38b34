"""The tables over time: an older database is brought up and keeps its rows, a newer one is refused, several may come at once."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, insert, inspect, select, text, update
from sqlalchemy.engine import make_url

from outcrop.core.errors import UsageError
from outcrop.service import tables
from outcrop.service.jobs import Jobs
from outcrop.service.keys import LOCAL
from outcrop.service.settings import Settings
from outcrop.service.store import Store

FIRST = (Path(__file__).parent / "tables-1.sql").read_text(encoding="utf-8")
JOB = {
    "id": "1" * 32, "owner": "local", "task": "salt", "verb": "predict", "name": "old.png", "state": "queued", "created": 1e9,
    "key": "k", "payload": "{}", "progress": 0.0, "stage": "", "tries": 0, "cancel": 0,
}  # fmt: skip
RESULT = {
    "id": "2" * 32, "owner": "local", "task": "salt", "verb": "predict", "name": "kept.png", "created": 1e9, "expires": 9e9,
    "key": "r", "payload": "{}", "record": json.dumps({"task": "salt"}), "written": 1, "bytes": 5,
}  # fmt: skip


def plain(url: str) -> Engine:
    """The database as it is, untouched."""
    place = make_url(url)
    return create_engine(place.set(drivername="postgresql+psycopg") if place.drivername == "postgresql" else place)


def of_version_1(url: str) -> None:
    """Tables and rows as version 1 left them."""
    engine = plain(url)
    with engine.begin() as connection:
        for line in FIRST.split(";"):
            if line.strip():
                connection.execute(text(line))
        connection.execute(insert(tables.about).values(version=1))
        connection.execute(insert(tables.jobs).values(JOB))
        connection.execute(insert(tables.results).values(RESULT))
    engine.dispose()


def shape(engine: Engine) -> dict[str, Any]:
    """Tables, their columns, keys and indexes, as the database tells them."""
    told, found = inspect(engine), {}
    for name in told.get_table_names():
        columns = {c["name"]: (c["type"]._type_affinity.__name__, c["nullable"]) for c in told.get_columns(name)}
        indexes = {i["name"]: (i["column_names"], bool(i["unique"])) for i in told.get_indexes(name)}
        found[name] = (columns, told.get_pk_constraint(name)["constrained_columns"], indexes)
    return found


def version(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.scalars(select(tables.about.c.version)))


def test_a_database_of_version_1_is_brought_up_and_keeps_its_rows(database: str, tmp_path: Path) -> None:
    of_version_1(database)
    engine = tables.connect(database)
    assert version(engine) == [tables.VERSION]
    assert (Jobs(engine).claim("w") or {})["id"] == JOB["id"]
    store = Store(Settings(folder=tmp_path / "store"), engine)
    assert store.get(str(RESULT["id"]), LOCAL)["record"] == {"task": "salt"}
    brought_up = shape(engine)
    tables.METADATA.drop_all(engine)
    engine.dispose()
    fresh = tables.connect(database)
    assert brought_up == shape(fresh)
    fresh.dispose()


def test_tables_of_a_later_version_are_refused_in_one_sentence_and_left_alone(database: str) -> None:
    engine = tables.connect(database)
    with engine.begin() as connection:
        connection.execute(update(tables.about).values(version=99))
    before = shape(engine)
    with pytest.raises(UsageError, match=r"version 99.*update Outcrop") as refused:
        tables.connect(database)
    assert "\n" not in str(refused.value)
    assert version(engine) == [99] and shape(engine) == before
    engine.dispose()


def test_a_step_that_fails_changes_nothing(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of_version_1(database)
    engine = plain(database)
    before = shape(engine)
    monkeypatch.setattr(tables, "STEPS", ((*tables.STEPS[0], "CREATE TABLE outcrop_jobs (id INTEGER)"),))
    with pytest.raises(Exception, match="outcrop_jobs"):
        tables.connect(database)
    assert shape(engine) == before and version(engine) == [1]
    engine.dispose()


@pytest.mark.parametrize("old", [False, True], ids=["empty", "version 1"])
def test_processes_that_start_at_once_make_the_tables_once(database: str, old: bool) -> None:
    if old:
        of_version_1(database)
    gate, ends = threading.Barrier(6), []

    def start() -> None:
        gate.wait()
        try:
            tables.connect(database).dispose()
            ends.append(None)
        except Exception as error:  # noqa: BLE001  (shown by the assertion below)
            ends.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ends == [None] * 6
    engine = plain(database)
    assert version(engine) == [tables.VERSION] and "outcrop_shares" in shape(engine)
    engine.dispose()


def test_a_later_database_ends_the_command_line_with_one_sentence(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from outcrop.cli import app

    engine = tables.connect(Settings(folder=tmp_path).url)
    with engine.begin() as connection:
        connection.execute(update(tables.about).values(version=99))
    engine.dispose()
    done = CliRunner().invoke(app, ["keys", "list", "--folder", str(tmp_path)])
    assert isinstance(done.exception, UsageError) and "version 99" in str(done.exception)
