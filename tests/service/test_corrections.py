"""Corrections: a mask that somebody has put right is kept with who and when, and a folder of them is one that training takes."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import outcrop
from outcrop import tasks
from outcrop.core.errors import BadInput, OutputExists
from outcrop.service.corrections import export, mask_shape

COUNT = 3
TINY = {"epochs": "1", "fold_count": "2", "batch": "2"}
RECIPES = {
    "salt": ("pictures", TINY),
    "tailings": ("tailings", {**TINY, "chip": "64"}),
    "flares": ("outlines", {**TINY, "chip": "64"}),
    "flares boxes": ("boxes", {**TINY, "side": "64"}),
}
"""Shortest runs of a room's recipes."""


def drawn(room: str, folder: Path, seed: int) -> bytes:
    """A made-up picture of a room, small."""
    settings = {"salt": {"kind": "pictures", "count": "1"}, "tailings": {"shape": "160x160"}, "flares": {}}[room]
    files = outcrop.draw(room, folder / f"{room}-{seed}", seed=seed, **settings)
    return next(path for path in files if path.suffix in (".png", ".tif") and "mask" not in str(path)).read_bytes()


def corrected(service: Any, encode: Any, room: str, content: bytes, name: str) -> tuple[str, Any]:
    """(the result, the mask that corrects it: a rectangle)."""
    answer = service.predict(content, name, room=room, wait="60")
    assert answer.status_code == 200, answer.text
    id = answer.json()["id"]
    service.client.get(f"/results/{id}")
    rows, cols = mask_shape(service.house.store.out(id), Path(name).stem) or (0, 0)
    mask = np.zeros((rows, cols), np.uint8)
    mask[rows // 4 : rows // 2, cols // 4 : cols // 2] = 1
    kept = service.client.post(f"/results/{id}/corrections", files={"mask": ("m.png", encode(mask))})
    assert kept.status_code == 201, kept.text
    return id, mask


@pytest.mark.parametrize("which", RECIPES)
def test_what_is_corrected_in_a_room_trains_its_models(
    which: str, service: Any, encode: Callable[..., bytes], tmp_path: Path
) -> None:
    pytest.importorskip("torch", reason="training needs torch: pip install 'outcrop[learn]'")
    pytest.importorskip("rasterio", reason="needs the extra 'geo'") if which == "tailings" else None
    room = which.split()[0]
    suffix = "tif" if room == "tailings" else "png"
    for seed in range(COUNT):
        corrected(service, encode, room, drawn(room, tmp_path, seed), f"{room}-{seed}.{suffix}")
    count = export(service.house.store, service.house.engine, room, tmp_path / "data")
    recipe, settings = RECIPES[which]
    run = outcrop.train(
        room, tmp_path / "data", tmp_path / "run", recipe=recipe, folds=[0], settings=settings, threads=1
    )
    record = json.loads((run / "fold-0" / "record.json").read_text())
    assert (run / "fold-0" / "checkpoint.pt").is_file()
    assert record["train"] + len(record["held_out"]) == count >= COUNT


def test_what_was_painted_is_what_is_learnt_from(
    service: Any, picture: Callable[..., bytes], encode: Any, tmp_path: Path
) -> None:
    answer = service.predict(picture(21), "fix me.png").json()
    mask = np.zeros((101, 101), np.uint8)
    mask[30:60, 20:70], mask[:5] = 1, 255
    place = f"/results/{answer['id']}/corrections"
    kept = service.client.post(
        place, files={"mask": ("m.png", encode(mask))}, data={"author": "Ana", "note": "top was cut"}
    )
    assert kept.status_code == 201, kept.text
    assert service.client.get(place).json()["corrections"][0]["author"] == "Ana"
    stored = service.client.get(kept.json()["href"]).content
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(stored))), mask)
    export(service.house.store, service.house.engine, "salt", tmp_path / "data")
    told = {one["note"]: one for one in json.loads((tmp_path / "data" / "corrections.json").read_text())}["top was cut"]
    assert told["author"] == "Ana" and told["models"][0] == answer["record"]["models"][0]["sha256"]
    labelled = tasks.load("salt").examples(tmp_path / "data")
    assert np.array_equal(labelled.masks[labelled.ids.index(told["id"])] > 0, mask == 1)
    for wrong, status in (
        (encode(mask[:50]), 422),
        (encode(mask + 7), 422),
        (b"GIF89a", 415),
        (encode(np.zeros((101, 101, 3), np.uint8) + np.uint8([1, 0, 0])), 422),
    ):
        assert service.client.post(place, files={"mask": ("m.png", wrong)}).status_code == status
    assert service.left() == []


def test_the_latest_correction_of_an_input_is_exported_and_a_folder_in_use_is_left_alone(
    make: Any, picture: Callable[..., bytes], encode: Any, tmp_path: Path
) -> None:
    service = make(workers=0)
    store, engine = service.house.store, service.house.engine
    with pytest.raises(BadInput, match="no mask"):
        export(store, engine, "salt", tmp_path / "data")
    id, first = corrected(service, encode, "salt", picture(5), "twice.png")
    latest = first.T.copy()
    latest[:10] = 1
    service.client.post(f"/results/{id}/corrections", files={"mask": ("m.png", encode(latest))})
    assert export(store, engine, "salt", tmp_path / "data") == 1
    labelled = tasks.load("salt").examples(tmp_path / "data")
    assert np.array_equal(labelled.masks[0] > 0, latest == 1)
    with pytest.raises(OutputExists, match="--overwrite"):
        export(store, engine, "salt", tmp_path / "data")
    assert export(store, engine, "salt", tmp_path / "data", overwrite=True) == 1


def test_a_volume_is_not_corrected_by_a_picture(service: Any, encode: Any) -> None:
    content = service.client.get("/tasks/salt/example", params={"seed": 2}).content
    done = service.predict(content, "survey.sgy", wait="60")
    assert done.status_code == 200, done.text
    mask = encode(np.zeros((60, 60), np.uint8))
    refused = service.client.post(f"/results/{done.json()['id']}/corrections", files={"mask": ("m.png", mask)})
    assert refused.status_code == 422 and "no picture" in refused.json()["detail"]
