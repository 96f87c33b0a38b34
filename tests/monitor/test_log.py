"""The log: nothing lost, nothing twice."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from outcrop.core.errors import BadInput, UsageError
from outcrop.monitor.log import Log, health, read


def frame(index):
    return {"index": index, "seconds": index / 10, "detections": []}


def indices(path):
    return [line["index"] for line in read(path) if line["kind"] == "frame"]


def test_what_was_added_is_read_back(tmp_path):
    with Log(tmp_path / "a" / "log.jsonl", film="one") as log:
        assert log.frame({**frame(0), "measured": {"flow": np.float32(2.5), "bad": float("nan"), "where": tmp_path}})
        log.event({"seconds": 0.1, "event": "lost", "about": "Flamme größer"})
    session, first, event = read(log.path)
    assert session["film"] == "one" and first["measured"] == {"flow": 2.5, "bad": None, "where": str(tmp_path)}
    assert event["about"] == "Flamme größer" and health(log.path) == {"lines": 3, "broken": 0, "duplicates": 0}


def test_a_killed_process_loses_no_line(tmp_path):
    path = tmp_path / "log.jsonl"
    code = """
import sys
from pathlib import Path
from outcrop.monitor.log import Log
log = Log(Path(sys.argv[1]), film="one")
for index in range(10**9):
    log.frame({"index": index, "seconds": index / 10, "detections": [], "text": "x" * 300})
    sys.stdout.write(f"{index}\\n")
    sys.stdout.flush()
"""
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    told = [int(process.stdout.readline()) for _ in range(200)]
    os.kill(process.pid, signal.SIGKILL)
    told += [int(line) for line in process.stdout.read().split("\n") if line][:-1]
    process.wait()
    assert indices(path)[: len(told)] == told == list(range(len(told)))


@pytest.mark.parametrize("cut", [1, 2, 15, 40])
def test_a_cut_line_is_taken_away_and_the_log_goes_on(tmp_path, cut):
    path = tmp_path / "log.jsonl"
    with Log(path, film="one") as log:
        for index in range(3):
            log.frame(frame(index))
    path.write_bytes(path.read_bytes()[:-cut])
    with Log(path, film="one") as log:
        assert (
            log.session == 2
            and log.repaired == (0 if cut == 1 else pytest.approx(log.repaired))
            and log.frame(frame(5))
        )
    assert indices(path) == ([0, 1, 2, 5] if cut == 1 else [0, 1, 5]) and health(path)["broken"] == 0


def test_a_frame_is_not_logged_twice(tmp_path):
    with Log(tmp_path / "log.jsonl", film="one") as log:
        assert [log.frame(frame(i)) for i in (0, 1, 1, 0, 2)] == [True, True, False, False, True]
    text = log.path.read_text()
    log.path.write_text(text + text.splitlines()[-1] + "\n" + "noise\n")
    assert indices(log.path) == [0, 1, 2] and health(log.path) == {"lines": 4, "broken": 1, "duplicates": 1}


def test_a_log_belongs_to_one_film_and_one_writer(tmp_path):
    path = tmp_path / "log.jsonl"
    with Log(path, film="one") as log:
        if os.name == "posix":
            with pytest.raises(UsageError, match="another watch"):
                Log(path, film="one")
        assert log.frame(frame(0))
    with pytest.raises(UsageError, match="belongs to one"):
        Log(path, film="two")
    other = tmp_path / "notes.txt"
    other.write_text("dear diary, unfinished")
    with pytest.raises(BadInput, match="is no log"):
        Log(other, film="one")
    assert other.read_text() == "dear diary, unfinished"


def test_a_log_whose_first_line_was_cut_begins_again(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"kind":"session","ver')
    with Log(path, film="one") as log:
        assert log.session == 1 and log.frame(frame(0))
    assert indices(path) == [0] and health(path)["broken"] == 0


def test_another_programs_json_is_left_alone(tmp_path):
    path = tmp_path / "other.jsonl"
    path.write_text(json.dumps({"kind": "frame"}) + "\n")
    with pytest.raises(BadInput, match="is no log"):
        Log(path, film="one")


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        Log(tmp_path / "file" / "log.jsonl", film="one")
    with pytest.raises(BadInput, match="cannot be read"):
        list(read(tmp_path / "absent.jsonl"))


def test_a_line_costs_little(tmp_path):
    with Log(tmp_path / "log.jsonl", film="one") as log:
        begun = time.process_time()
        for index in range(500):
            log.frame(frame(index))
        assert time.process_time() - begun < 1
