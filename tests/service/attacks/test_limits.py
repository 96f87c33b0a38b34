"""Limits of memory, time and disk, and models that are not what they were. Numbers of threats are those of docs/service.md."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Make = Callable[..., Any]
Refused = Callable[..., Any]


# Processes ----------------------------------------------------------------------------------------------------


def test_a_job_over_its_memory_or_its_time_is_told_so(make: Make, refused: Refused, line: bytes) -> None:
    """Threat 27: it will fail again, so it is the request that is refused; the answer names the job."""
    small = make(job_memory=20 << 20)
    said = refused(small.predict(line, "l.npy", wait="60"), 422, "memory")
    assert said["type"].endswith("resource-limit")
    slow = make(job_seconds=0.01)
    late = refused(slow.predict(line, "l.npy", wait="60"), 504, "0.01 s")
    assert late["instance"] == f"/jobs/{late['job']}" and slow.client.get(late["instance"]).json()["state"] == "failed"
    assert small.left() == slow.left() == []


def test_a_job_whose_process_is_killed_is_given_up_in_the_end(make: Make, refused: Refused, line: bytes) -> None:
    """Threat 27: 503, since another try is sensible."""
    service = make(tries=2)
    start, started = service.house.forks.start, []

    def killed(order: Any) -> Any:
        child = start(order)
        started.append(child.pid)
        os.kill(child.pid, signal.SIGKILL)
        return child

    service.house.workers[0].forks = type("Forks", (), {"start": staticmethod(killed)})()
    said = refused(service.predict(line, "l.npy", wait="60"), 503, "ended 2 times")
    assert said["type"].endswith("worker-lost") and len(started) == 2 and service.left() == []
    service.house.workers[0].forks = service.house.forks
    assert service.predict(line, "l.npy", wait="60").status_code == 200


def test_a_decoder_that_lacks_memory_does_not_call_the_file_damaged(
    make: Make, refused: Refused, encode: Any, draw: Any
) -> None:
    """Threat 27: wherever in the work the memory ends; and the next picture is seen."""
    service = make(workers=0)
    large = np.dstack([np.tile(draw(0, 100), (16, 16))] * 3)
    for kind in ("PNG", "JPEG", "WEBP", "BMP"):
        content = encode(large, kind)
        for size in (2, 8, 24):
            service.house.decoder.memory = size << 20
            said = refused(service.predict(content, "large"), 422, "memory")
            assert said["type"].endswith("resource-limit")
            service.house.decoder.close()
    service.house.decoder.memory = 96 << 20
    assert service.predict(encode(draw(1, 64)), "small.png").status_code == 200


def test_a_decoder_that_dies_costs_nothing_or_one_request(make: Make, refused: Refused, picture: Any) -> None:
    """Threat 27: one that had died before is started again; one that dies of the file twice is told as lost."""
    service = make(workers=0)
    assert service.predict(picture(1), "a.png").status_code == 200
    os.kill(service.house.decoder._child.pid, signal.SIGKILL)
    assert service.predict(picture(2), "a.png").status_code == 200
    start = service.house.forks.start

    def killed(order: Any) -> Any:
        child = start(order)
        os.kill(child.pid, signal.SIGKILL)
        return child

    os.kill(service.house.decoder._child.pid, signal.SIGKILL)
    service.house.forks.start = killed
    said = service.predict(picture(3), "a.png")
    assert (
        refused(said, 503, "ended its decoder 2 times")["type"].endswith("worker-lost") and said.headers["retry-after"]
    )
    service.house.forks.start = start
    assert service.predict(picture(3), "a.png").status_code == 200


def test_a_decoder_that_hangs_costs_one_request(make: Make, refused: Refused, picture: Any) -> None:
    """Threat 27."""
    service = make(workers=0)
    assert service.predict(picture(1), "a.png").status_code == 200
    os.kill(service.house.decoder._child.pid, signal.SIGSTOP)
    object.__setattr__(service.house.settings, "decode_seconds", 0.3)
    refused(service.predict(picture(4), "a.png"), 504, "0.3 s")
    object.__setattr__(service.house.settings, "decode_seconds", 20.0)
    assert service.predict(picture(5), "a.png").status_code == 200


# Disks --------------------------------------------------------------------------------------------------------


def test_a_write_that_fails_is_told_and_leaves_nothing(
    make: Make, refused: Refused, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threat 28."""
    service = make(workers=0)

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", full)
        refused(service.predict(picture(1), "a.png"), 507, "full")
    assert list((service.folder / "results").iterdir()) == []
    object.__setattr__(service.house.settings, "least_free", 1 << 60)
    refused(service.predict(picture(1), "a.png"), 507, "free")
    ready = service.client.get("/readyz")
    assert ready.status_code == 503 and ready.json()["checks"]["disk"] == "nearly full"
    assert service.client.get("/livez").status_code == 200


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts disks in memory: (MiB, name) → folder; skipped where this may not be done."""
    mounted: list[Path] = []

    def mount(size: int, name: str) -> Path:
        place = tmp_path / name
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(place)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=10)
        except (OSError, subprocess.SubprocessError):
            pytest.skip("needs the right to mount a small disk: run as root")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True, timeout=10)


def test_a_disk_that_is_full_is_told_and_recovers(
    make: Make, refused: Refused, small_disk: Any, encode: Any, draw: Any
) -> None:
    """Threat 28: uploads, files of results and rows of the table, on a real small disk."""
    place = small_disk(8, "service-0")  # where the first service of a test keeps everything
    service = make(workers=0, least_free=0, lazy=10)
    assert service.predict(encode(draw(1, 64)), "a.png").status_code == 200
    kept = {path for path in (place / "results").rglob("*")}
    large = np.random.default_rng(0).integers(0, 255, (1500, 1500), np.uint8)
    upload = encode(large, "BMP") * 4
    refused(service.predict(upload, "large.bmp"), 507, "full")
    assert {path for path in (place / "results").rglob("*")} == kept
    filler = place / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    answer = service.predict(encode(draw(2, 101)), "b.png")
    refused(answer, 507, "full")
    assert {path for path in (place / "results").rglob("*")} == kept
    object.__setattr__(service.house.settings, "least_free", 1 << 20)
    assert service.client.get("/readyz").status_code == 503
    filler.unlink()
    assert service.client.get("/readyz").status_code == 200
    assert service.predict(encode(draw(2, 101)), "b.png").status_code == 200


def test_a_place_for_uploads_that_is_full_is_told(
    make: Make, refused: Refused, small_disk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threat 28: where files lie while they come may be another disk."""
    service = make(workers=0)
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk(1, "uploads")))
    refused(service.predict(b"C 1".ljust(4_000_000), "a.sgy"), 507, "full")
    assert list((service.folder / "results").iterdir()) == []


def test_too_many_open_files_pass(make: Make, refused: Refused, picture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threat 28: another try is sensible."""
    service = make(workers=0)

    def none_left(*args: Any) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(shutil, "copyfileobj", none_left)
    answer = service.predict(picture(1), "a.png")
    refused(answer, 503, "try again")
    assert answer.headers["retry-after"]


# Models -------------------------------------------------------------------------------------------------------


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_file: Any) -> Callable[[], Any]:
    """A service of the room salt whose models lie in a folder of the test, started when called."""
    from outcrop import tasks
    from outcrop.service.app import build
    from outcrop.service.settings import Settings

    (tmp_path / "models").mkdir()
    model_file(tmp_path / "models" / "pictures-0.onnx", "identity")
    changed = replace(tasks.load("salt"), models=tmp_path / "models")
    monkeypatch.setattr(tasks, "load", lambda name: changed)
    return lambda: build(Settings(folder=tmp_path / "s", rooms=("salt",)))


def test_a_damaged_model_stops_the_start_and_is_named(room: Any, tmp_path: Path) -> None:
    """Threat 32."""
    from outcrop.core.errors import BadModel

    room()
    (tmp_path / "models" / "pictures-1.onnx").write_bytes(b"\x08\x07rubbish")
    with pytest.raises(BadModel, match=r"pictures-1\.onnx"):
        room()


def test_a_model_that_is_altered_or_missing_stops_the_start_with_the_hash_expected(
    room: Any, tmp_path: Path, model_file: Any
) -> None:
    """Threats 18, 32: a model with other weights loads like the right one, so a list says what each must be."""
    from hashlib import sha256

    from outcrop.core.errors import BadModel

    path = tmp_path / "models" / "pictures-0.onnx"
    wanted = sha256(path.read_bytes()).hexdigest()
    sums = tmp_path / "models" / "SHA256SUMS"
    sums.write_text(f"{wanted}  pictures-0.onnx\n")
    room()
    model_file(path, "mean")
    with pytest.raises(BadModel, match=rf"pictures-0\.onnx of salt has the sha256 (?!{wanted}).*{wanted} is expected"):
        room()
    path.unlink()
    with pytest.raises(BadModel, match=rf"is missing, and {wanted} is expected"):
        room()


def test_the_lists_of_shipped_models_are_true() -> None:
    """Threat 32: after a change of weights, run ``sha256sum *.onnx > SHA256SUMS`` in their folder."""
    from outcrop import tasks
    from outcrop.service.asked import SUMS, model_hashes, refuse_altered

    for name in tasks.names():
        task = tasks.load(name)
        refuse_altered(task)
        lines = (task.models / SUMS).read_text().splitlines()
        assert {line.split()[1] for line in lines} == set(model_hashes(task)), name


@pytest.mark.parametrize(("kind", "word"), [
    ("beside", "External data"), ("absolute", "External data"), ("above", "External data"), ("operator", "evil"), ("giant", "byte limit"),
])  # fmt: skip
def test_a_model_that_is_more_than_its_file_is_refused(
    room: Any, tmp_path: Path, card: Any, kind: str, word: str
) -> None:
    """Threat 18: weights that lie elsewhere, also beside it, operators of its own, sizes that are not there; at the start and by --model."""
    from onnx import TensorProto, helper, numpy_helper, save

    from outcrop.core.errors import BadModel
    from outcrop.models.runtime import load

    weight = numpy_helper.from_array(np.ones(1, np.float32), "w")
    (tmp_path / "models" / "w.bin").write_bytes(weight.raw_data)
    places = {"beside": "w.bin", "absolute": str(tmp_path / "models" / "w.bin"), "above": "../models/w.bin"}
    if kind in places:
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        for key, value in {"location": places[kind], "offset": "0", "length": "4"}.items():
            entry = weight.external_data.add()
            entry.key, entry.value = key, value
    if kind == "giant":
        weight.ClearField("dims")
        weight.dims.extend([1 << 34])
    foreign = {"op_type": "Evil", "domain": "evil"} if kind == "operator" else {"op_type": "Add"}
    node = helper.make_node(inputs=["image", "w"], outputs=["probability"], **foreign)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, "r", "c"]) for name in ("image", "probability")
    ]
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("evil", 1)]
    model = helper.make_model(
        helper.make_graph([node], "g", ends[:1], ends[1:], [weight]), opset_imports=sets, ir_version=8
    )
    helper.set_model_props(model, {"outcrop": card().to_json()})
    path = tmp_path / "models" / "pictures-1.onnx"
    save(model, str(path))
    with pytest.raises(BadModel, match=rf"pictures-1\.onnx: onnxruntime cannot load it \(.*{word}"):
        load(path)
    with pytest.raises(BadModel, match=r"pictures-1\.onnx"):
        room()


def test_the_service_is_not_ready_while_models_are_loaded(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threat 32: alive, and not ready."""
    import threading

    from outcrop.service.lane import Lane

    go_on = threading.Event()
    monkeypatch.setattr(Lane, "load", lambda self, names: go_on.wait(30))
    service = make(preload=True, workers=0)
    waits = service.client.get("/readyz")
    assert waits.status_code == 503 and "being loaded" in waits.json()["checks"]["models"]
    assert service.client.get("/livez").status_code == 200
    go_on.set()
    for _ in range(100):
        if service.client.get("/readyz").status_code == 200:
            return
        threading.Event().wait(0.05)
    raise AssertionError("the service did not become ready")


def test_a_mixture_of_hostile_uploads_leaves_the_service_up(service: Any, picture: Any, draw: Any, encode: Any) -> None:
    """Threats 8, 27."""
    rng = np.random.default_rng(0)
    good = [picture(1), encode(draw(2, 64), "JPEG"), encode(draw(3, 64), "WEBP"), encode(draw(4, 64), "BMP")]
    tiff = encode(draw(5, 64), "TIFF")
    for i in range(62):
        content = bytearray(good[i % len(good)] if i < 60 else tiff)
        for _ in range(int(rng.integers(1, 20))):
            content[int(rng.integers(8, len(content)))] = int(rng.integers(256))
        answer = service.predict(bytes(content[: int(rng.integers(20, len(content) + 1))]), f"x{i}", wait="60")
        assert answer.status_code < 500, (i, answer.text)
    assert service.client.get("/readyz").status_code == 200 and service.left() == []
