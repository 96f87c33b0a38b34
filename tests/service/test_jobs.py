"""The queue: nothing is lost and nothing is done twice, whoever dies; the same on SQLite and PostgreSQL."""

import dataclasses
import io
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
from benchmarks.served import family
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, select

from outcrop.service.asked import Asked
from outcrop.service.jobs import Jobs, new_id
from outcrop.service.keys import LOCAL, Caller, Keys
from outcrop.service.problems import Problem
from outcrop.service.settings import Settings
from outcrop.service.tables import METADATA, connect, jobs, results

MANY = int(os.environ.get("OUTCROP_JOBS", "200"))
"""Jobs of the test that kills a worker."""

DAY = 86_400.0


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


def queue(table: Jobs, count: int = 1, **more: Any) -> list[str]:
    plain = {"owner": "me", "task": "salt", "verb": "predict", "name": "a.png", "payload": {"work": {}}}
    return [table.enqueue(**{"id": new_id(), "key": f"key-{i}", **plain, **more})[0] for i in range(count)]


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


def of_worker(name: str) -> int:
    """Process of a worker, by the name that it writes into the table."""
    return int(name.rsplit("-", 2)[1])


def struck(table: Jobs, workers: "list[subprocess.Popen[bytes]]") -> tuple[str, list[int]]:
    """Kill a worker that holds a job; (the job, the processes that were below the worker)."""
    while True:
        job = running(table)
        victim = next(one for one in workers if one.pid == of_worker(job["worker"]))
        victim.send_signal(signal.SIGSTOP)
        held = table.get(job["id"])
        if held and held["state"] == "running" and held["worker"] == job["worker"]:
            orphans = family(victim.pid)[1:]
            victim.kill()
            victim.wait(10)
            return job["id"], orphans
        victim.send_signal(signal.SIGCONT)  # it had just ended the job


def running(table: Jobs) -> dict[str, Any]:
    """A job in work."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with table.engine.connect() as connection:
            row = connection.execute(select(jobs).where(jobs.c.state == "running").limit(1)).mappings().first()
        if row:
            return dict(row)
        time.sleep(0.01)
    raise AssertionError("no job was in work within a minute")


def reached(table: Jobs, count: int, seconds: float) -> None:
    """Wait until so many jobs are done."""
    until = time.monotonic() + seconds
    while table.counts().get("done", 0) < count:
        assert time.monotonic() < until, table.counts()
        time.sleep(0.1)


def light(folder: Path, seed: int, mask: bytes) -> dict[str, Any]:
    """What a worker does in a moment: a small mask, measured."""
    folder.mkdir(parents=True)
    (folder / "cut.mask.png").write_bytes(mask)
    work = {"folder": str(folder), "inputs": ["cut.mask.png"], "asked": Asked(seed=seed).model_dump()}
    return {"work": work, "names": {"cut.mask.png": "cut.mask.png"}}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_of_200_jobs_each_is_done_once_though_one_of_three_workers_is_killed(
    database: str, tmp_path: Path, encode: Any
) -> None:
    """kill -9 in the middle: the others finish all, each has one result, nothing half-written and no process stays."""
    settings = Settings(folder=tmp_path / "store", database=database, lease=3.0, tries=9, rooms=("salt",))
    table = Jobs(connect(settings.url), lease=settings.lease, limit=1000)
    mask = encode(np.pad(np.ones((8, 9), np.uint8), 6))
    ids = [new_id() for _ in range(MANY)]
    for seed, id in enumerate(ids):
        payload = light(tmp_path / "store" / "results" / id / "in", seed, mask)
        queue(table, id=id, key=str(seed), verb="measure", payload=payload)
    surroundings = {**os.environ, "OUTCROP_SERVICE": settings.to_json(), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "outcrop.service.worker"]
    workers = [subprocess.Popen(command, env=surroundings) for _ in range(3)]
    try:
        reached(table, MANY // 3, 120)
        lost, orphans = struck(table, workers)
        assert table.counts()["done"] < MANY
        reached(table, MANY, 120)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(30)
    assert table.counts() == {"done": MANY}
    assert (table.get(lost) or {})["tries"] > 1
    with table.engine.connect() as connection:
        assert sorted(connection.scalars(select(results.c.id))) == sorted(ids)
    for id in ids:
        folder = tmp_path / "store" / "results" / id
        assert {p.name for p in folder.iterdir()} == {"in", "out"}
        assert json.loads((folder / "out" / "summary.json").read_text())["inputs"][0]["measurements"]
    assert not [pid for pid in orphans if Path(f"/proc/{pid}").exists()]
    table.engine.dispose()


def test_a_service_that_was_killed_finds_history_files_and_keys_when_it_starts_again(
    database: str, tmp_path: Path, picture: Any, live: Any
) -> None:
    """kill -9 of every process of `outcrop serve`; the job that was in work then is done by the next."""
    engine = connect(database)
    key = {"authorization": f"Bearer {Keys(engine).add('Ana', 'analyst')}"}
    options = ("--folder", str(tmp_path / "store"), "--database", database, "--task", "salt", "--set", "preload=false")
    first = live(*options, "--set", "lease=2").wait()
    status, answer = first.send("/tasks/salt/predict", picture(), "kept core.png", **key)
    assert status == 200, answer
    line = np.random.default_rng(0).normal(size=(600, 500)).astype(np.float32)
    store = io.BytesIO()
    np.save(store, line)
    status, queued = first.send("/tasks/salt/predict", store.getvalue(), "long line.npy", **key)
    assert status == 202, queued
    running(Jobs(engine))
    first.kill()
    again = live(*options, "--set", "lease=2").wait()
    until = time.monotonic() + 60
    while json.loads(again.ask("GET", f"/jobs/{queued['id']}", **key)[1])["state"] != "done":
        assert time.monotonic() < until, again.ask("GET", f"/jobs/{queued['id']}", **key)
        time.sleep(0.2)

    def found(words: str) -> list[str]:
        status, said = again.ask("GET", f"/results?search={words}", **key)
        assert status == 200, said
        return [line["id"] for line in json.loads(said)["results"]]

    assert found("") == [queued["id"], answer["id"]]
    assert found("CORE+kept") == [answer["id"]] and found("line") == [queued["id"]] and found("core+line") == []
    files = json.loads(again.ask("GET", f"/results/{answer['id']}", **key)[1])["files"]
    assert all(again.ask("GET", file["href"], **key)[0] == 200 for file in files) and len(files) > 4
    assert again.ask("GET", "/results")[0] == 401
    assert again.stop() == 0
    engine.dispose()


def test_results_go_when_they_are_old_or_too_many_and_corrected_ones_stay(
    database: str, make: Any, picture: Any, encode: Any
) -> None:
    service = make(keep_days=1.0, workers=0, database=database)
    ids = [service.predict(picture(seed), f"p{seed}.png").json()["id"] for seed in range(4)]
    mask = encode(np.zeros((101, 101), np.uint8))
    assert service.client.post(f"/results/{ids[0]}/corrections", files={"mask": ("m.png", mask)}).status_code == 201
    store = service.house.store
    assert store.sweep() == 0
    kept = sum(line["bytes"] for line in store.listed(LOCAL)[0])
    store.settings = dataclasses.replace(store.settings, keep_bytes=kept - 1)
    assert store.sweep() == 1  # the oldest that nobody has corrected
    assert {line["id"] for line in service.client.get("/results").json()["results"]} == {ids[0], *ids[2:]}
    now = time.time()
    store.now = lambda: now + 2 * DAY
    assert store.sweep() == 2
    assert [line["id"] for line in service.client.get("/results").json()["results"]] == [ids[0]]
    assert not (service.folder / "results" / ids[1]).exists()
    orphan = service.folder / "results" / new_id()
    orphan.mkdir()
    os.utime(orphan, (0, 0))
    store.sweep()
    assert [p.name for p in (service.folder / "results").iterdir()] == [ids[0]]


def test_a_key_opens_until_it_is_revoked_and_the_table_does_not_hold_it(database: str) -> None:
    engine = connect(database)
    table = Keys(engine)
    assert not table.wanted()
    ana, ben = table.add("Ana", "analyst"), table.add("Ben", "viewer")
    assert table.wanted() and Keys(engine).caller(ana) == Caller(owner=ana[:14], role="analyst")
    assert table.caller(ana[:-1] + "x") is None and table.caller(f"{ana[:14]}' OR 1=1 --") is None
    assert [(one["name"], one["revoked"]) for one in table.listed()] == [("Ana", None), ("Ben", None)]
    assert ana not in str(table.listed()) and ana[15:] not in str(table.listed())
    assert table.revoke(ana[:14]) and not table.revoke(ana[:14])
    assert table.caller(ana) is Keys(engine).caller(ana) is None and table.caller(ben) is not None
    engine.dispose()
