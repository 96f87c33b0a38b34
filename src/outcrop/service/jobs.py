"""The durable queue: a job is claimed for a while, kept by heartbeats, and finished once, whatever happens to its worker.

A worker that dies leaves its lease to run out, and the next one takes the job. ``finish`` counts only for the one who
holds the job at that moment, so a worker that was thought dead and comes back changes nothing.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, RowMapping, and_, case, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from outcrop.service.problems import Problem
from outcrop.service.tables import jobs

ACTIVE = ("queued", "running")
Now = Callable[[], float]

LOST = "the worker of this job was lost {tries} times: try again, or ask the operator whether memory is short"


def new_id() -> str:
    """A name that nobody guesses: 128 random bits."""
    return uuid4().hex


class Jobs:
    """The table of jobs.

    Args:
        lease: seconds that a job stays with a silent worker.
        tries: how often a job is begun before it is given up.
        limit: jobs that may wait.
        now: the clock, seconds since 1970.
    """

    def __init__(self, engine: Engine, *, lease: float = 30.0, tries: int = 3, limit: int = 100, now: Now = time.time):
        self.engine, self.lease, self.tries, self.limit, self.now = engine, lease, tries, limit, now

    def enqueue(
        self, *, id: str, owner: str, task: str, verb: str, name: str, key: str, payload: Mapping[str, Any],
        idempotency: str | None = None,
    ) -> tuple[str, bool]:  # fmt: skip
        """Put a job in the queue; (its id, True), or (id of the same job that is there already, False).

        Args:
            key: fingerprint of inputs, models and options; a job in work with the same one is the same job.
            idempotency: what the client calls this request; a repetition gives the first one's job.

        Raises:
            Problem: 503 with Retry-After, the queue is full.
        """
        if found := self.same(owner, key, idempotency):
            return found, False
        if (waiting := self.waiting()) >= self.limit:
            raise self.full(waiting)
        row = {
            "id": id, "owner": owner, "task": task, "verb": verb, "name": name, "state": "queued", "created": self.now(),
            "key": key, "idempotency": idempotency, "payload": json.dumps(payload), "progress": 0.0, "stage": "", "tries": 0,
            "cancel": 0,
        }  # fmt: skip
        try:
            with self.engine.begin() as connection:
                connection.execute(insert(jobs).values(row))
        except IntegrityError:  # the same idempotency key came twice at once
            found = self.same(owner, key, idempotency)
            if found is None:
                raise
            return found, False
        return id, True

    def same(self, owner: str, key: str, idempotency: str | None) -> str | None:
        """Id of the job that this request asks for again, if any."""
        active = and_(jobs.c.key == key, jobs.c.state.in_(ACTIVE), jobs.c.cancel == 0)
        again = or_(active, jobs.c.idempotency == idempotency) if idempotency else active
        with self.engine.connect() as connection:
            return connection.scalar(select(jobs.c.id).where(jobs.c.owner == owner, again).limit(1))

    def waiting(self) -> int:
        """Jobs in the queue."""
        with self.engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(jobs).where(jobs.c.state == "queued")) or 0

    def full(self, waiting: int) -> Problem:
        """What a client is told when no more jobs are taken, with the seconds after which one may be."""
        with self.engine.connect() as connection:
            spent = connection.execute(
                select(jobs.c.finished - jobs.c.started)
                .where(jobs.c.state == "done")
                .order_by(jobs.c.finished.desc())
                .limit(21)
            ).scalars()
            seconds = sorted(float(one) for one in spent if one is not None)
        usual = seconds[len(seconds) // 2] if seconds else 5.0
        wait = max(1, min(round(waiting * usual), 3600))
        detail = f"{waiting} jobs are waiting, and the queue takes no more than {self.limit}: try again in {wait} s"
        return Problem(503, "queue-full", detail, headers={"Retry-After": str(wait)}, limit=self.limit, got=waiting)

    def claim(self, worker: str) -> dict[str, Any] | None:
        """The next job, for ``lease`` seconds; None when there is none."""
        now = self.now()
        lost = and_(jobs.c.state == "running", jobs.c.lease < now)
        self._give_up(lost, now)
        next_one = (
            select(jobs.c.id)
            .where(or_(jobs.c.state == "queued", lost))
            .order_by(jobs.c.created, jobs.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        taken = (
            update(jobs)
            .where(jobs.c.id == next_one, or_(jobs.c.state == "queued", lost))
            .values(
                state="running", worker=worker, lease=now + self.lease, tries=jobs.c.tries + 1, progress=0.0,
                started=case((jobs.c.started.is_(None), now), else_=jobs.c.started),
            )
            .returning(*jobs.c)
        )  # fmt: skip
        with self.engine.begin() as connection:
            row = connection.execute(taken).mappings().first()
        return None if row is None else read(row)

    def _give_up(self, lost: Any, now: float) -> None:
        """End the jobs whose workers were lost too often, and those that were cancelled meanwhile."""
        problem = json.dumps(Problem(503, "worker-lost", LOST.format(tries=self.tries)).document())
        ended = {"lease": None, "finished": now}
        with self.engine.begin() as connection:
            if connection.scalar(select(jobs.c.id).where(lost).limit(1)) is None:
                return
            connection.execute(update(jobs).where(lost, jobs.c.cancel == 1).values(state="cancelled", **ended))
            connection.execute(
                update(jobs).where(lost, jobs.c.tries >= self.tries).values(state="failed", problem=problem, **ended)
            )

    def _mine(self, job: Mapping[str, Any]) -> Any:
        """Whether a row still belongs to the worker that claimed it, in this try."""
        return and_(
            jobs.c.id == job["id"],
            jobs.c.worker == job["worker"],
            jobs.c.tries == job["tries"],
            jobs.c.state == "running",
        )

    def heartbeat(self, job: Mapping[str, Any], progress: float, stage: str) -> str:
        """Keep a job and say how far it is: "go on", "cancel", or "lost" when another has it now."""
        kept = update(jobs).where(self._mine(job)).values(lease=self.now() + self.lease, progress=progress, stage=stage)
        with self.engine.begin() as connection:
            cancel = connection.execute(kept.returning(jobs.c.cancel)).scalar()
        return "lost" if cancel is None else "cancel" if cancel else "go on"

    def finish(
        self, job: Mapping[str, Any], state: str, *, problem: Mapping[str, Any] | None = None,
        also: Callable[[Connection], None] = lambda connection: None,
    ) -> bool:  # fmt: skip
        """End a job as "done", "failed" or "cancelled"; False, and nothing done, when it belongs to another now.

        Args:
            also: what is written in the same transaction, e.g. the result's row.
        """
        ended = update(jobs).where(self._mine(job)).values(
            state=state, finished=self.now(), lease=None, progress=1.0 if state == "done" else jobs.c.progress,
            problem=None if problem is None else json.dumps(problem),
        )  # fmt: skip
        with self.engine.begin() as connection:
            if connection.execute(ended).rowcount != 1:
                return False
            also(connection)
        return True

    def release(self, job: Mapping[str, Any]) -> None:
        """Give a job back unharmed, as when the service is stopped: the try does not count."""
        back = (
            update(jobs).where(self._mine(job)).values(state="queued", lease=None, tries=jobs.c.tries - 1, worker=None)
        )
        with self.engine.begin() as connection:
            connection.execute(back)

    def again(self, job: Mapping[str, Any]) -> None:
        """Put a job back whose process died; the try counts."""
        back = update(jobs).where(self._mine(job)).values(state="queued", lease=None, worker=None)
        with self.engine.begin() as connection:
            connection.execute(back)

    def cancel(self, id: str) -> None:
        """Ask for a job to be stopped: one that waits is cancelled now, one in work at its next heartbeat."""
        with self.engine.begin() as connection:
            waits = and_(jobs.c.id == id, jobs.c.state == "queued")
            connection.execute(update(jobs).where(waits).values(state="cancelled", finished=self.now(), cancel=1))
            connection.execute(update(jobs).where(jobs.c.id == id, jobs.c.state == "running").values(cancel=1))

    def get(self, id: str) -> dict[str, Any] | None:
        """One job."""
        with self.engine.connect() as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == id)).mappings().first()
        return None if row is None else read(row)

    def counts(self) -> dict[str, int]:
        """Jobs by state."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state)).all()
        return {str(state): int(count) for state, count in rows}

    def forget(self, before: float) -> None:
        """Drop jobs that ended before a time."""
        with self.engine.begin() as connection:
            connection.execute(delete(jobs).where(jobs.c.state.not_in(ACTIVE), jobs.c.finished < before))


def read(row: RowMapping) -> dict[str, Any]:
    """A row with its JSON unpacked."""
    found = dict(row)
    found["payload"] = json.loads(found["payload"])
    found["problem"] = json.loads(found["problem"]) if found["problem"] else None
    return found
