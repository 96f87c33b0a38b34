"""Predict and measure over HTTP: the answers of the command line, for every room."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import outcrop
from outcrop import tasks


def numbers(record: Any) -> list[Any]:
    return [(m["name"], m["value"], m["unit"], m["low"], m["high"]) for m in record["inputs"][0]["measurements"]]


@pytest.fixture(scope="module")
def by_hand(picture: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the Python door says of the drawn picture."""
    folder = tmp_path_factory.mktemp("by-hand")
    (folder / "a.png").write_bytes(picture())
    return outcrop.predict("salt", folder / "a.png", folder / "out", engine="onnxruntime")


def test_a_small_picture_is_answered_at_once_with_the_numbers_of_the_python_door(
    service: Any, picture: Callable[..., bytes], by_hand: Any
) -> None:
    answer = service.predict(picture(), "a.png")
    assert answer.status_code == 200, answer.text
    assert numbers(answer.json()["record"]) == numbers(by_hand.record)
    assert answer.json()["state"] == "done"


def test_its_files_are_made_when_they_are_asked_for_and_are_those_of_the_python_door(
    service: Any, picture: Callable[..., bytes], by_hand: Any
) -> None:
    answer = service.predict(picture(), "a.png").json()
    result = service.client.get(answer["links"]["self"]).json()
    names = {file["name"] for file in result["files"]}
    assert names == {p.name for p in by_hand.out.iterdir() if p.is_file()}
    for name in ("a.probability.png", "a.mask.png", "a.overlay.png"):
        assert service.client.get(f"/results/{answer['id']}/{name}").content == (by_hand.out / name).read_bytes()
    assert numbers(result["record"]) == numbers(answer["record"])
    assert service.left() == []


def test_the_same_picture_alone_and_among_others_gives_the_same_numbers(
    service: Any, picture: Callable[..., bytes]
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    alone = [service.predict(picture(seed), f"alone-{seed}.png").json()["record"] for seed in range(40, 44)]
    with ThreadPoolExecutor(4) as pool:
        together = list(
            pool.map(lambda seed: service.predict(picture(seed), f"with-{seed}.png").json()["record"], range(40, 44))
        )
    assert [numbers(record) for record in together] == [numbers(record) for record in alone]


def test_the_same_bytes_give_the_same_result(service: Any, picture: Callable[..., bytes]) -> None:
    first, again = service.predict(picture(7), "b.png").json(), service.predict(picture(7), "b.png").json()
    other = service.predict(picture(7), "b.png", threshold="0.9").json()
    assert first["id"] == again["id"] != other["id"]


def test_no_path_of_the_machine_is_told(service: Any, picture: Callable[..., bytes]) -> None:
    answer = service.predict(picture(8), "c.png")
    result = service.client.get(f"/results/{answer.json()['id']}")
    table = service.client.get(f"/results/{answer.json()['id']}/measurements.csv")
    report = service.client.get(f"/results/{answer.json()['id']}/report.html")
    for text in (answer.text, result.text, table.text, report.text):
        assert str(service.folder) not in text
    assert result.json()["record"]["inputs"][0]["input"] == "c.png"


def test_other_assumptions_and_thresholds_measure_the_same_result_again(
    service: Any, picture: Callable[..., bytes], tmp_path: Path
) -> None:
    first = service.predict(picture(), "a.png").json()
    again = service.client.post(f"/results/{first['id']}/measure", json={"threshold": 0.9})
    assert again.status_code == 200, again.text
    (tmp_path / "a.png").write_bytes(picture())
    by_hand = outcrop.predict("salt", tmp_path / "a.png", tmp_path / "out", threshold=0.9, engine="onnxruntime")
    assert numbers(again.json()["record"]) == numbers(by_hand.record)
    assert numbers(service.client.get(f"/results/{first['id']}").json()["record"]) == numbers(first["record"])
    kept = service.client.post(f"/results/{first['id']}/measure", json={"threshold": 0.9, "keep": True}).json()
    assert kept["id"] != first["id"]
    assert service.client.get(f"/results/{kept['id']}").json()["record"]["threshold"] == 0.9
    wrong = service.client.post(f"/results/{first['id']}/measure", json={"assume": {"no such": 3}})
    assert wrong.status_code == 400 and "no such" in wrong.json()["detail"]


def test_a_section_becomes_a_job_whose_progress_and_result_can_be_followed(service: Any, tmp_path: Path) -> None:
    example = service.client.get("/tasks/salt/example", params={"kind": "section", "seed": 13})
    assert example.status_code == 200, example.text
    queued = service.predict(example.content, "line.npy", spacing="25")
    assert queued.status_code == 202 and queued.headers["location"] == f"/jobs/{queued.json()['id']}"
    with service.client.stream("GET", queued.json()["links"]["events"]) as events:
        lines = [line for line in events.iter_lines() if line.startswith(("event", "data"))]
    assert lines[-2] == "event: end"
    assert json.loads(lines[-1].removeprefix("data: "))["state"] == "done"
    result = service.client.get(f"/results/{queued.json()['id']}").json()
    (tmp_path / "line.npy").write_bytes(example.content)
    from outcrop.sources.array import ArrayOptions
    from outcrop.sources.open import Options

    options = Options(array=ArrayOptions(spacing=(25.0, 25.0)))
    by_hand = outcrop.predict("salt", tmp_path / "line.npy", tmp_path / "out", options=options, engine="onnxruntime")
    assert numbers(result["record"]) == numbers(by_hand.record)
    assert {f["name"] for f in result["files"]} == {p.name for p in by_hand.out.iterdir() if p.is_file()}
    assert result["record"]["inputs"][0]["input"] == "line.npy"
    again = service.client.post(f"/results/{result['id']}/measure", json={"threshold": 0.9})
    assert again.status_code == 200, again.text
    assert again.json()["parent"] == result["id"]


@pytest.mark.parametrize("room", tasks.names())
def test_every_room_tells_what_it_takes_and_has_an_example(service: Any, room: str) -> None:
    told = service.client.get(f"/tasks/{room}").json()
    task = tasks.load(room)
    assert told["classes"] == list(task.classes) and told["accepts"] and told["models"]
    assert {a["name"] for a in told["assumptions"]} == set(task.assumptions)
    example = service.client.get(f"/tasks/{room}/example")
    assert example.status_code == 200 and len(example.content) > 100
    assert example.headers.get("outcrop-assume", "").startswith("scale=0.") == (room == "flares")
    cards = service.client.get("/models", params={"task": room}).json()["models"]
    assert cards and all(len(card["sha256"]) == 64 and card["limits"] for card in cards)


def test_several_files_make_one_run_and_a_bad_one_among_them_is_named(
    service: Any, picture: Callable[..., bytes], encode: Any
) -> None:
    flat = encode(np.zeros((40, 40), np.uint8))
    files = [("file", ("same.png", picture(1))), ("file", ("same.png", picture(2))), ("file", ("flat.png", flat))]
    done = service.client.post("/tasks/salt/predict", files=files, data={"wait": "60"})
    assert done.status_code == 200, done.text
    record = done.json()["record"]
    assert [e["input"] for e in record["inputs"]] == ["same.png", "same-2.png", "flat.png"]
    assert len(record["refused"]) == 1 and "flat" in record["refused"][0]["input"]


def test_masks_are_measured_without_a_model(service: Any, encode: Any) -> None:
    mask = np.zeros((50, 60), np.uint8)
    mask[10:30, 20:50] = 1
    sent = {"file": ("cut.mask.png", encode(mask))}
    done = service.client.post("/tasks/salt/measure", files=sent, data={"wait": "60"})
    assert done.status_code == 200, done.text
    share = done.json()["record"]["inputs"][0]["measurements"][0]
    assert share["name"] == "salt share" and share["value"] == pytest.approx(20, abs=0.5)


def test_an_option_that_does_not_exist_is_named(service: Any, picture: Callable[..., bytes]) -> None:
    for fields, status, word in (
        ({"tresholdd": "0.5"}, 422, "tresholdd"), ({"threshold": "1.5"}, 422, "threshold"), ({"threshold": "nan"}, 422, "threshold"),
        ({"assume": "x=1"}, 400, "x"), ({"format": "docx"}, 400, "docx"), ({"model": "/etc/passwd"}, 404, "passwd"),
        ({"setting": "registry=/etc/passwd"}, 400, "registry"), ({"flips": "some"}, 422, "flips"), ({"byte": "x"}, 400, "byte"),
    ):  # fmt: skip
        answer = service.predict(picture(), "a.png", **fields)
        assert answer.status_code == status and word in answer.text, (fields, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_setting_cannot_name_a_file_of_the_machine(service: Any, tmp_path: Path) -> None:
    if "tailings" not in tasks.names():
        pytest.skip("needs the room tailings")
    scene = service.client.get("/tasks/tailings/example").content
    for value in ("/etc/passwd", "../../secret.csv", "~/x.csv", "vsicurl\\x"):
        refused = service.predict(scene, "s.tif", room="tailings", setting=f"registry={value}")
        assert refused.status_code == 400 and "companion" in refused.json()["detail"]
