"""Results on disk and their rows: ``results/<id>/in`` holds what was sent, ``results/<id>/out`` what was found.

A folder appears under its name when it is whole. What has no row and no job any more is swept away, and so are results
that are older than the policy allows.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Connection, Engine, RowMapping, and_, delete, func, insert, or_, select, update

from outcrop.service.keys import Caller
from outcrop.service.problems import Problem
from outcrop.service.settings import Settings
from outcrop.service.tables import corrections, jobs, results, shares

DAY = 86_400.0
ADD = insert(results)
ORPHAN = 3600.0
"""Seconds after which a folder without a row is left over from something that was stopped."""

SHORT = 0.04
"""Share of ``keep_days`` for which numbers measured again are kept, unless they are wanted in the history."""

SUMMARY_COLUMNS = (
    results.c.id, results.c.owner, results.c.task, results.c.verb, results.c.name, results.c.created, results.c.expires,
    results.c.bytes, results.c.parent, results.c.written,
)  # fmt: skip


class Store:
    """Results, uploads and their rows."""

    def __init__(self, settings: Settings, engine: Engine, now: Callable[[], float] = time.time) -> None:
        self.settings, self.engine, self.now = settings, engine, now
        self.results = settings.folder / "results"
        self.examples = settings.folder / "examples"
        for folder in (self.results, self.examples):
            folder.mkdir(parents=True, exist_ok=True)

    # Folders --------------------------------------------------------------------------------------------------

    def folder(self, id: str) -> Path:
        """Of one result; ids are made by the service, and anything else is refused.

        Raises:
            Problem: 404, not an id.
        """
        if not (id.isalnum() and id.isascii() and len(id) == 32):
            raise absent("result", id)
        return self.results / id

    def inputs(self, id: str) -> Path:
        """Where what was sent lies."""
        return self.folder(id) / "in"

    def out(self, id: str) -> Path:
        """Where what was found lies."""
        return self.folder(id) / "out"

    def free(self) -> int:
        """Bytes free."""
        return shutil.disk_usage(self.results).free

    def refuse_when_full(self) -> None:
        """Take nothing in when the disk is nearly full.

        Raises:
            Problem: 507.
        """
        if (free := self.free()) < self.settings.least_free:
            detail = f"{free / 1e6:.0f} MB are free where results are kept: delete results or ask the operator"
            raise Problem(507, "disk-full", detail, limit=self.settings.least_free, got=free)

    def save(self, id: str, name: str, file: BinaryIO) -> Path:
        """Keep an upload under its harmless name; removed again when it cannot be written whole."""
        folder = self.inputs(id)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        try:
            with path.open("xb") as out:
                shutil.copyfileobj(file, out, 1 << 20)
        except OSError:
            self.drop(id)
            raise
        return path

    def drop(self, id: str) -> None:
        """Remove a result's folder."""
        shutil.rmtree(self.folder(id), ignore_errors=True)

    def part(self, id: str, attempt: int) -> Path:
        """Where one attempt writes; earlier attempts are removed."""
        for old in self.folder(id).glob("out.*.part"):
            shutil.rmtree(old, ignore_errors=True)
        return self.folder(id) / f"out.{attempt}.part"

    def settle(self, id: str, part: Path) -> tuple[dict[str, Any], int]:
        """Give what an attempt wrote its name; (record, bytes).

        The record is the one that ``summary.json`` holds.
        """
        record = json.loads((part / "summary.json").read_text(encoding="utf-8"))
        out = self.out(id)
        if out.exists():  # of an attempt that ended between its last file and its row
            shutil.rmtree(out)
        os.replace(part, out)
        return record, size_of(self.folder(id))

    # Rows -----------------------------------------------------------------------------------------------------

    def row(
        self, *, id: str, owner: str, task: str, verb: str, name: str, key: str, payload: Mapping[str, Any],
        record: Mapping[str, Any], written: bool, size: int, parent: str | None = None, brief: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        """What the table keeps of one result; ``brief`` ones go sooner and are not in the history."""
        now = self.now()
        return {
            "id": id, "owner": owner, "task": task, "verb": verb, "name": name, "created": now,
            "expires": now + DAY * self.settings.keep_days * (SHORT if brief else 1), "key": key,
            "payload": json.dumps(payload), "record": json.dumps(record), "written": int(written), "bytes": size, "parent": parent,
        }  # fmt: skip

    def add(self, row: Mapping[str, Any], connection: Connection | None = None) -> None:
        """Keep a row, in a transaction of its own unless one is given."""
        if connection is not None:
            connection.execute(ADD, dict(row))
            return
        with self.engine.begin() as own:
            own.execute(ADD, dict(row))

    def wrote(self, id: str, record: Mapping[str, Any], size: int) -> None:
        """The files of a result are there now."""
        changed = update(results).where(results.c.id == id).values(record=json.dumps(record), written=1, bytes=size)
        with self.engine.begin() as connection:
            connection.execute(changed)

    def get(self, id: str, caller: Caller) -> dict[str, Any]:
        """One result with its record.

        Raises:
            Problem: 404, there is none of this id that the caller may see.
        """
        self.folder(id)
        with self.engine.connect() as connection:
            row = connection.execute(select(results).where(results.c.id == id)).mappings().first()
        if row is None or not caller.sees(row["owner"]):
            raise absent("result", id)
        return unpacked(row)

    def known(self, owner: str, key: str) -> dict[str, Any] | None:
        """The latest result of the same request, if it is still kept."""
        asked = select(results).where(results.c.owner == owner, results.c.key == key, results.c.expires > self.now())
        with self.engine.connect() as connection:
            row = connection.execute(asked.order_by(results.c.created.desc()).limit(1)).mappings().first()
        return None if row is None else unpacked(row)

    def listed(
        self,
        caller: Caller,
        *,
        search: str = "",
        task: str = "",
        limit: int = 50,
        offset: int = 0,
        children: bool = False,
    ) -> tuple[list[dict[str, Any]], int]:
        """(results without their records, newest first; how many there are in all)."""
        mine = [] if caller.role == "admin" else [results.c.owner == caller.owner]
        words = [
            or_(results.c.name.icontains(w, autoescape=True), results.c.task.icontains(w, autoescape=True))
            for w in search.split()[:8]
        ]
        rooms = [results.c.task == task] if task else []
        tops = [] if children else [results.c.parent.is_(None)]
        which = and_(True, *mine, *words, *rooms, *tops)
        with self.engine.connect() as connection:
            total = connection.scalar(select(func.count()).select_from(results).where(which)) or 0
            asked = select(*SUMMARY_COLUMNS).where(which).order_by(results.c.created.desc(), results.c.id)
            rows = connection.execute(asked.limit(limit).offset(offset)).mappings().all()
        return [dict(row) for row in rows], total

    def delete(self, id: str) -> None:
        """Forget a result: its row, what was sent, what was found, and what was measured again from it."""
        with self.engine.begin() as connection:
            ids = [id, *connection.scalars(select(results.c.id).where(results.c.parent == id))]
            connection.execute(delete(results).where(results.c.id.in_(ids)))
            connection.execute(delete(corrections).where(corrections.c.result.in_(ids)))
            connection.execute(delete(shares).where(shares.c.result.in_(ids)))
            ended = jobs.c.state.in_(("done", "failed", "cancelled"))
            connection.execute(delete(jobs).where(jobs.c.id.in_(ids), ended))
        for one in ids:
            self.drop(one)

    # Expiry ---------------------------------------------------------------------------------------------------

    def sweep(self) -> int:
        """Delete what the policy lets go and what nothing refers to; how many results went."""
        now = self.now()
        corrected = select(corrections.c.result)
        with self.engine.connect() as connection:
            old = select(results.c.id).where(results.c.expires < now, results.c.id.not_in(corrected)).limit(500)
            gone = list(connection.scalars(old))
            total = connection.scalar(select(func.sum(results.c.bytes))) or 0
            over = int(total) - self.settings.keep_bytes
            if over > 0:
                oldest = (
                    select(results.c.id, results.c.bytes)
                    .where(results.c.id.not_in(corrected))
                    .order_by(results.c.created)
                )
                for id, size in connection.execute(oldest.limit(5000)):
                    if over <= 0:
                        break
                    gone.append(id)
                    over -= size
        for id in dict.fromkeys(gone):
            self.delete(id)
        self._sweep_orphans()
        return len(set(gone))

    def _sweep_orphans(self) -> None:
        """Remove folders that neither a result nor a job knows."""
        limit = time.time() - ORPHAN
        aged: list[Path] = []
        for path in self.results.iterdir():
            with suppress(FileNotFoundError):  # another worker deletes too
                if path.stat().st_mtime < limit and len(aged) < 2000:
                    aged.append(path)
        if not aged:
            return
        names = [path.name for path in aged]
        with self.engine.connect() as connection:
            held = set(connection.scalars(select(results.c.id).where(results.c.id.in_(names))))
            held |= set(
                connection.scalars(
                    select(jobs.c.id).where(jobs.c.id.in_(names), jobs.c.state.in_(("queued", "running")))
                )
            )
        for path in aged:
            if path.name not in held:
                shutil.rmtree(path, ignore_errors=True)


def absent(what: str, id: str) -> Problem:
    """Nothing of this id, or nothing that the caller may see: both look the same."""
    return Problem(404, "absent", f"there is no {what} {id[:40]!r}: it was deleted, has expired, or is another's")


def unpacked(row: RowMapping) -> dict[str, Any]:
    """A row with its JSON unpacked."""
    return {**row, "record": json.loads(row["record"]), "payload": json.loads(row["payload"])}


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
