"""Drawn files carry their truth and labels, and never write over anything by chance."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from outcrop.core.errors import OutputExists, UsageError
from outcrop.sources.boxes import read_coco, read_yolo_set
from outcrop.tasks.flares.drawn.files import draw_files
from outcrop.tasks.flares.drawn.thing import CLASSES


def draw(folder: Path, seed: int = 0, **settings: str | bool) -> list[Path]:
    return draw_files(folder, np.random.default_rng(seed), seed=seed, **{"shape": "128x160", **settings})  # type: ignore[arg-type]


def test_one_photo_comes_with_mask_labels_and_truth(tmp_path: Path) -> None:
    paths = draw(tmp_path, kind="smoky", light="day")
    assert [path.name for path in paths] == [
        "drawn-0.png",
        "drawn-0.truth-mask.png",
        "annotations-0.json",
        "truth-0.json",
    ]
    image = Image.open(paths[0])
    assert image.size == (160, 128) and image.mode == "RGB" and "Synthetic" in image.info["Description"]
    mask = np.asarray(Image.open(paths[1]))
    truth = json.loads(paths[3].read_text())
    one = truth["photos"]["drawn-0"]
    assert truth["synthetic"] and one["truth"]["flared_gas"] > 0
    assert truth["known"] == {"drawn-0": {"scale": one["scale"]}}
    assert one["truth"]["flame_area"] == pytest.approx((mask == 1).sum() * one["scale"] ** 2)


def test_a_set_can_be_read_back_as_yolo_and_coco(tmp_path: Path) -> None:
    draw(tmp_path, count="6", whole="no")
    truth = json.loads((tmp_path / "truth-0.json").read_text())["photos"]
    marked, _ = read_yolo_set(tmp_path / "images", tmp_path / "labels", CLASSES)
    content = json.loads((tmp_path / "annotations-0.json").read_text())
    assert [c["name"] for c in content["categories"]] == ["flame", "smoke"]
    assert len(marked) == len(truth) == 6
    for one in marked:
        things = truth[Path(one.name).stem]["things"]
        assert [CLASSES[label] for label in one.labels] == [thing["class"] for thing in things]
    read = read_coco(tmp_path / "annotations-0.json")
    assert "flame" in str(read)
    assert all("truth" in entry for entry in content["annotations"])


def test_decoys_have_empty_label_files(tmp_path: Path) -> None:
    draw(tmp_path, kind="sunset", count="2")
    assert [path.read_text() for path in sorted((tmp_path / "labels").iterdir())] == ["", ""]
    truth = json.loads((tmp_path / "truth-0.json").read_text())
    assert all(photo["truth"] == {} and photo["scale"] is None for photo in truth["photos"].values())
    assert not any(truth["known"].values())


def test_jpeg_is_written_and_says_synthetic(tmp_path: Path) -> None:
    image = Image.open(draw(tmp_path, format="jpg", kind="flame")[0])
    assert image.format == "JPEG" and b"Synthetic" in image.info["comment"]


def test_a_film_lies_in_frames_with_its_minutes(tmp_path: Path) -> None:
    draw(tmp_path, kind="film", count="4", rate="2")
    assert len(list((tmp_path / "frames").iterdir())) == 4
    film = json.loads((tmp_path / "truth-0.json").read_text())["film"]
    assert film["seconds"] == [0.0, 0.5, 1.0, 1.5] and len(film["lit"]) == 4 and film["lit_minutes"] > 0


def test_a_site_comes_with_meter_readings(tmp_path: Path) -> None:
    draw(tmp_path, kind="site", count="4")
    with (tmp_path / "readings-0.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == sorted(path.stem for path in (tmp_path / "images").iterdir())
    site = json.loads((tmp_path / "truth-0.json").read_text())["site"]
    assert [float(row["flow"]) for row in rows] == pytest.approx(site["metered"], rel=1e-4)
    assert {row["unit"] for row in rows} == {"thousand m3/day"}


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    first, second = draw(tmp_path / "a", seed=3), draw(tmp_path / "b", seed=3)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_what_is_there_is_kept_unless_it_may_be_written_over(tmp_path: Path) -> None:
    draw(tmp_path, kind="flame")
    with pytest.raises(OutputExists, match="annotations-0"):
        draw(tmp_path, kind="flame")
    draw(tmp_path, kind="flame", overwrite=True)
    draw(tmp_path, seed=1, count="2", kind="unlit")
    with pytest.raises(OutputExists, match="annotations-1"):
        draw(tmp_path, seed=1, count="2", kind="unlit")
    # Another seed does not hide behind the first one's digits.
    draw(tmp_path, seed=10, kind="unlit")


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(OutputExists, match="cannot be made a folder"):
        draw(tmp_path / "x")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"colour": "red"}, "no setting 'colour'"),
        ({"kind": "volcano"}, "no kind 'volcano'"),
        ({"light": "noon"}, "no light"),
        ({"shape": "640"}, "rows x columns"),
        ({"shape": "640x9"}, "rows x columns"),
        ({"shape": "9999x640"}, "rows x columns"),
        ({"count": "0"}, "whole number"),
        ({"count": "-2"}, "whole number"),
        ({"format": "gif"}, "format"),
        ({"rate": "fast"}, "frames a second"),
        ({"rate": "nan"}, "frames a second"),
        ({"whole": "maybe"}, "whole"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        draw(tmp_path, **settings)
    assert not list(tmp_path.iterdir())
