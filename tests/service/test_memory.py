"""Memory: what the service finds that it may use, and what it does where that is little."""

import json
import os
from pathlib import Path

import pytest

from outcrop.service.forks import Forks
from outcrop.service.settings import MIB, Settings, job_limit, memory, pixel_limit, small_limit

WHOLE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0


def told(folder: Path, lines: str, limits: dict[str, str]) -> int:
    """Memory, by a process's list of groups and the files of the groups."""
    process, groups = folder / "proc", folder / "cgroup"
    process.mkdir()
    (process / "cgroup").write_text(lines)
    for name, text in limits.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(f"{text}\n")
    return memory(process, groups)


@pytest.mark.parametrize(
    ("lines", "limits", "wanted"),
    [
        ("0::/\n", {"memory.max": "536870912"}, 512 * MIB),
        ("0::/system.slice/outcrop.service\n", {"system.slice/outcrop.service/memory.max": "536870912"}, 512 * MIB),
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": str(300 * MIB), "memory.max": str(400 * MIB)}, 300 * MIB),
        ("3:cpu:/x\n4:memory:/box\n0::/\n", {"memory/box/memory.limit_in_bytes": str(512 * MIB)}, 512 * MIB),
        ("4:memory:/docker/ab\n", {"memory/memory.limit_in_bytes": str(512 * MIB)}, 512 * MIB),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, WHOLE),
        ("0::/\n", {}, WHOLE),
    ],
    ids=["container, v2", "unit, v2", "the group above is smaller", "v1", "container, v1", "v1 without a limit", "none"],
)  # fmt: skip
def test_the_least_limit_of_the_control_groups_counts(
    tmp_path: Path, lines: str, limits: dict[str, str], wanted: int
) -> None:
    assert told(tmp_path, lines, limits) == wanted


def test_without_proc_the_machine_counts(tmp_path: Path) -> None:
    assert memory(tmp_path / "nothing", tmp_path) == WHOLE


def test_512_mib_take_smaller_pictures_and_jobs_than_a_large_machine() -> None:
    assert 13e6 < pixel_limit(512 * MIB) < 16e6 and pixel_limit(64 * 1024 * MIB) == 100_000_000
    assert (small_limit(512 * MIB), small_limit(8192 * MIB)) == (1_000_000, 4_000_000)
    assert (job_limit(512 * MIB), job_limit(8192 * MIB)) == (1024 * MIB, 4096 * MIB)
    given = Settings(small=5, job_memory=7, max_pixels=9)
    assert (given.small, given.job_memory, given.max_pixels) == (5, 7, 9)


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="needs Linux")
def test_where_memory_runs_out_a_job_dies_before_the_service(tmp_path: Path) -> None:
    forks = Forks()
    try:
        child = forks.start({"do": "decode", "memory": 200 * MIB})
        child.pipe.send_bytes(json.dumps({"path": str(tmp_path / "none.png"), "shown": "none.png", "max_pixels": 9, "strict": False, "all_frames": 9}).encode())  # fmt: skip
        assert "problem" in json.loads(child.pipe.recv_bytes())
        assert int(Path(f"/proc/{child.pid}/oom_score_adj").read_text()) == 1000
        assert int(Path(f"/proc/{forks.pid}/oom_score_adj").read_text()) < 1000
        child.end()
    finally:
        forks.close()
