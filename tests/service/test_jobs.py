"""The queue: nothing is lost and nothing is done twice, whoever dies; the same on SQLite and PostgreSQL."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, select

from outcrop.service.jobs import Jobs, new_id
from outcrop.service.problems import Problem
from outcrop.service.settings import Settings
from outcrop.service.tables import METADATA, connect, results

MANY = int(os.environ.get("OUTCROP_JOBS", "6"))
"""Jobs of the test that kills a worker; 200 in the long run."""


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


def queue(table: Jobs, count: int = 1, **more: Any) -> list[str]:
    plain = {"owner": "me", "task": "salt", "verb": "predict", "name": "a.png", "payload": {"work": {}}}
    return [table.enqueue(id=new_id(), key=f"key-{i}", **{**plain, **more})[0] for i in range(count)]


def test_jobs_are_done_in_the_order_in_which_they_came(database: str) -> None:
    clock = Clock()
    table = Jobs(connect(database), now=clock)
    ids = []
    for i in range(5):
        clock.seconds += 1
        ids.append(
            table.enqueue(id=new_id(), owner="me", task="salt", verb="predict", name="a", key=str(i), payload={})[0]
        )
    done = []
    while job := table.claim("one"):
        assert table.finish(job, "done")
        done.append(job["id"])
    assert done == ids and table.counts() == {"done": 5}
    table.engine.dispose()


def test_a_silent_worker_loses_its_job_and_can_no_longer_finish_it(database: str) -> None:
    clock = Clock()
    table = Jobs(connect(database), lease=10, tries=3, now=clock)
    (id,) = queue(table)
    first = table.claim("first")
    assert first and table.claim("second") is None
    clock.seconds += 9
    assert table.heartbeat(first, 0.5, "half") == "go on"
    clock.seconds += 9
    assert table.claim("second") is None  # the heartbeat kept it
    clock.seconds += 2
    second = table.claim("second")
    assert second and second["id"] == id and second["tries"] == 2
    assert table.heartbeat(first, 0.9, "") == "lost"
    effects: list[str] = []
    assert not table.finish(first, "done", also=lambda connection: effects.append("first"))
    assert table.finish(second, "done", also=lambda connection: effects.append("second"))
    assert not table.finish(second, "done", also=lambda connection: effects.append("again"))
    assert effects == ["second"]
    table.engine.dispose()


def test_a_job_that_kills_its_workers_is_given_up(database: str) -> None:
    clock = Clock()
    table = Jobs(connect(database), lease=10, tries=2, now=clock)
    (id,) = queue(table)
    for name in ("first", "second"):
        assert table.claim(name)
        clock.seconds += 11
    assert table.claim("third") is None
    job = table.get(id)
    assert (
        job
        and job["state"] == "failed"
        and job["problem"]["status"] == 503
        and job["problem"]["type"].endswith("worker-lost")
    )
    table.engine.dispose()


def test_a_cancelled_job_ends_at_once_or_at_its_next_heartbeat(database: str) -> None:
    table = Jobs(connect(database))
    first, second = queue(table, 2)
    job = table.claim("one")
    assert job
    for id in (first, second):
        table.cancel(id)
    states = {id: table.get(id)["state"] for id in (first, second)}  # type: ignore[index]
    assert sorted(states.values()) == ["cancelled", "running"]
    assert table.heartbeat(job, 0.1, "") == "cancel"
    table.engine.dispose()


def test_the_same_request_is_the_same_job(database: str) -> None:
    table = Jobs(connect(database))
    plain = {"owner": "me", "task": "salt", "verb": "predict", "name": "a", "payload": {}}
    one, new = table.enqueue(id=new_id(), key="k", idempotency="mine", **plain)  # type: ignore[arg-type]
    assert new
    assert table.enqueue(id=new_id(), key="k", **plain) == (one, False)  # type: ignore[arg-type]
    assert table.enqueue(id=new_id(), key="other", idempotency="mine", **plain) == (one, False)  # type: ignore[arg-type]
    assert table.enqueue(id=new_id(), key="k", **{**plain, "owner": "you"})[1]  # type: ignore[arg-type]
    table.engine.dispose()


def test_a_full_queue_says_when_to_come_again(database: str) -> None:
    table = Jobs(connect(database), limit=3)
    queue(table, 3)
    with pytest.raises(Problem, match="3 jobs are waiting") as refused:
        table.enqueue(id=new_id(), owner="me", task="salt", verb="predict", name="a", key="one more", payload={})
    assert refused.value.status_code == 503 and int(refused.value.headers["Retry-After"]) >= 1  # type: ignore[index]
    table.engine.dispose()


def test_workers_that_claim_at_once_never_share_a_job(database: str) -> None:
    table = Jobs(connect(database), limit=1000)
    ids = queue(table, 40)
    done: list[str] = []

    def work(name: str) -> None:
        while job := table.claim(name):
            if table.finish(job, "done"):
                done.append(job["id"])

    threads = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(done) == sorted(ids)
    table.engine.dispose()


@given(
    steps=st.lists(
        st.sampled_from(["claim a", "claim b", "beat a", "beat b", "finish a", "finish b", "wait", "cancel"]),
        max_size=30,
    )
)
def test_whatever_happens_every_job_ends_at_most_once(steps: list[str]) -> None:
    clock = Clock()
    engine = create_engine("sqlite://")
    METADATA.create_all(engine)
    table = Jobs(engine, lease=10, tries=3, now=clock)
    ids = queue(table, 2)
    held: dict[str, Any] = {}
    ended: Counter[str] = Counter()
    for step in steps:
        verb, _, who = step.partition(" ")
        if verb == "claim":
            held[who] = table.claim(who) or held.get(who)
        elif verb == "beat" and held.get(who):
            table.heartbeat(held[who], 0.5, "")
        elif verb == "finish" and held.get(who):
            ended[held[who]["id"]] += table.finish(held[who], "done")
        elif verb == "wait":
            clock.seconds += 6
        elif verb == "cancel":
            table.cancel(ids[0])
    assert all(count <= 1 for count in ended.values())
    assert all(table.get(id)["state"] == "done" for id, count in ended.items() if count)  # type: ignore[index]


def spawned(settings: Settings) -> "subprocess.Popen[bytes]":
    """A worker in a process of its own."""
    surroundings = {**os.environ, "OUTCROP_SERVICE": settings.to_json(), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-m", "outcrop.service.worker"], env=surroundings)


def children(pid: int) -> list[int]:
    """Processes below one, by /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parts = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(parts[1]) == pid:
            found += [int(stat.parent.name), *children(int(stat.parent.name))]
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_killed_worker_loses_no_job_and_leaves_no_process(database: str, tmp_path: Path) -> None:
    """kill -9 in the middle of the queue: the next worker finishes all, each has one result, nothing half-written stays."""
    settings = Settings(folder=tmp_path / "store", database=database, lease=2.0, tries=5)
    engine = connect(settings.url)
    table = Jobs(engine, lease=2.0, tries=5, limit=1000)
    rng = np.random.default_rng(0)
    ids = []
    for i in range(MANY):
        id = new_id()
        folder = tmp_path / "store" / "results" / id / "in"
        folder.mkdir(parents=True)
        np.save(folder / "line.npy", rng.normal(size=(200, 40)).astype(np.float32))
        from outcrop.service.asked import Asked

        work = {"folder": str(folder), "inputs": ["line.npy"], "asked": Asked(seed=i).model_dump()}
        payload = {"work": work, "names": {"line.npy": "line.npy"}}
        ids.append(
            table.enqueue(id=id, owner="me", task="salt", verb="predict", name="line.npy", key=str(i), payload=payload)[
                0
            ]
        )
    first = spawned(settings)
    until = time.monotonic() + 60
    while table.counts().get("running", 0) == 0 and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3)
    orphans = children(first.pid)
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    second = spawned(settings)
    until = time.monotonic() + 60 + 6 * MANY
    while table.counts().get("done", 0) < MANY and time.monotonic() < until:
        time.sleep(0.2)
    second.send_signal(signal.SIGTERM)
    second.wait(30)
    assert table.counts() == {"done": MANY}
    with engine.connect() as connection:
        kept = list(connection.scalars(select(results.c.id)))
    assert sorted(kept) == sorted(ids)
    for id in ids:
        folder = tmp_path / "store" / "results" / id
        assert {p.name for p in folder.iterdir()} == {"in", "out"}
        assert json.loads((folder / "out" / "summary.json").read_text())["inputs"][0]["measurements"]
    assert not [
        pid
        for pid in orphans
        if Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]
    ]
    engine.dispose()


def test_a_restart_keeps_the_history(make: Any, picture: Any) -> None:
    first = make()
    id = first.predict(picture(), "kept.png").json()["id"]
    from fastapi.testclient import TestClient

    from outcrop.service.app import build

    with TestClient(build(Settings(folder=first.folder, workers=0)), base_url="http://127.0.0.1") as client:
        history = client.get("/results").json()
        assert [line["id"] for line in history["results"]] == [id]
        assert {"kept.mask.png", "summary.json"} <= {f["name"] for f in client.get(f"/results/{id}").json()["files"]}


def test_tables_of_another_version_are_refused(tmp_path: Path) -> None:
    from sqlalchemy import update

    from outcrop.core.errors import UsageError
    from outcrop.service.tables import about

    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(update(about).values(version=99))
    with pytest.raises(UsageError, match="version 99"):
        connect(url)


def test_results_go_when_they_are_old_or_too_many_and_corrected_ones_stay(make: Any, picture: Any, encode: Any) -> None:
    service = make(keep_days=1.0, workers=0)
    ids = [service.predict(picture(seed), f"p{seed}.png").json()["id"] for seed in range(3)]
    mask = encode(np.zeros((101, 101), np.uint8))
    assert service.client.post(f"/results/{ids[0]}/corrections", files={"mask": ("m.png", mask)}).status_code == 201
    store = service.house.store
    assert store.sweep() == 0
    now = time.time()
    store.now = lambda: now + 2 * 86_400
    assert store.sweep() == 2
    assert [line["id"] for line in service.client.get("/results").json()["results"]] == [ids[0]]
    assert not (service.folder / "results" / ids[1]).exists()
    orphan = service.folder / "results" / new_id()
    orphan.mkdir()
    os.utime(orphan, (0, 0))
    store.sweep()
    assert [p.name for p in (service.folder / "results").iterdir()] == [ids[0]]
