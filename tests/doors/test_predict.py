"""``outcrop predict`` from files to files: what is left behind, and whether it is true of what was drawn."""

import csv
import json
import struct
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

Command = Callable[..., Any]
RUN = {"measurements.csv", "report.html", "summary.json"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def decoded(text: str, shape: tuple[int, int]) -> np.ndarray:
    """Run lengths → mask, by the rules of the challenge: from 1, down the columns."""
    flat = np.zeros(shape[0] * shape[1], bool)
    numbers = [int(word) for word in text.split()]
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        flat[start - 1 : start - 1 + length] = True
    return flat.reshape(shape[1], shape[0]).T


# Pictures -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "bmp"])
def test_a_picture_leaves_probability_mask_and_overlay_of_its_own_size(
    outcrop: Command, copier: Path, disc: Command, tmp_path: Path, suffix: str
) -> None:
    truth = disc(tmp_path / f"a.{suffix}")
    done = outcrop("predict", "salt", tmp_path / f"a.{suffix}", "--out", tmp_path / "run", "-m", copier)
    assert (done.code, done.err) == (0, "")
    assert names(tmp_path / "run") == {"a.probability.png", "a.mask.png", "a.overlay.png", *RUN}
    probability, mask, overlay = (
        np.asarray(Image.open(tmp_path / "run" / f"a.{kind}.png")) for kind in ("probability", "mask", "overlay")
    )
    assert probability.shape == mask.shape == truth.shape and overlay.shape == (*truth.shape, 3)
    assert probability.dtype == mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, 1}
    assert (mask == truth).mean() > (0.97 if suffix in ("jpg", "webp") else 0.9999), "lossy pictures blur the edge"


def test_a_copying_model_gives_the_picture_back_as_its_probability(
    outcrop: Command, copier: Path, disc: Command, tmp_path: Path
) -> None:
    disc(tmp_path / "a.png", (75, 101))
    assert outcrop("predict", "salt", tmp_path / "a.png", "--out", tmp_path / "run", "-m", copier).code == 0
    there, back = (np.asarray(Image.open(p)) for p in (tmp_path / "a.png", tmp_path / "run" / "a.probability.png"))
    assert np.array_equal(there, back)


def test_the_summary_says_what_was_measured_with_what(
    outcrop: Command, copier: Path, disc: Command, tmp_path: Path
) -> None:
    from hashlib import sha256

    truth = disc(tmp_path / "a.png")
    outcrop("predict", "salt", tmp_path / "a.png", "--out", tmp_path / "run", "-m", copier, "--seed", 5)
    record = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (record["task"], record["seed"], record["refused"], record["warnings"]) == ("salt", 5, [], [])
    assert record["models"][0]["sha256"] == sha256(copier.read_bytes()).hexdigest()
    assert record["assumptions"]["salt velocity"]["unit"] == "m/s"
    (entry,) = record["inputs"]
    assert entry["sha256"] == sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    assert set(entry["files"]) == names(tmp_path / "run") - RUN
    share = next(m for m in entry["measurements"] if m["name"] == "salt share")
    assert share["unit"] == "%" and share["method"]
    assert share["about"]["pixels"] == truth.sum()
    assert share["low"] < 100 * truth.mean() < share["high"]
    assert share["value"] == pytest.approx(100 * truth.mean(), rel=0.03)


def test_the_table_of_measurements_holds_the_numbers_of_the_summary(
    outcrop: Command, copier: Path, discs: Path, tmp_path: Path
) -> None:
    outcrop("predict", "salt", discs, "--out", tmp_path / "run", "-m", copier)
    record = json.loads((tmp_path / "run" / "summary.json").read_text())
    wanted = [(e["input"], m["name"], m["value"], m["unit"]) for e in record["inputs"] for m in e["measurements"]]
    told = [(r["input"], r["name"], float(r["value"]), r["unit"]) for r in rows(tmp_path / "run" / "measurements.csv")]
    assert [t[:2] for t in told] == [w[:2] for w in wanted]
    assert [t[2] for t in told] == pytest.approx([w[2] for w in wanted])


def test_an_empty_mask_has_zero_as_its_median_and_no_body(
    outcrop: Command, copier: Path, tmp_path: Path, numbers: Command
) -> None:
    Image.fromarray(np.arange(600, dtype=np.uint8).reshape(20, 30) % 90).save(tmp_path / "dark.png")
    done = outcrop("predict", "salt", tmp_path / "dark.png", "--out", tmp_path / "run", "-m", copier, "--json")
    ((name, value, unit, low, high),) = numbers(done.record)
    assert (name, value, unit, low) == ("salt share", 0, "%", 0) and high > 0


def test_a_transparent_part_is_no_data(outcrop: Command, copier: Path, disc: Command, tmp_path: Path) -> None:
    disc(tmp_path / "a.png", (40, 40))
    with Image.open(tmp_path / "a.png") as image:
        alpha = np.full((40, 40), 255, np.uint8)
        alpha[:10] = 0
        image.putalpha(Image.fromarray(alpha))
        image.save(tmp_path / "clear.png")
    done = outcrop("predict", "salt", tmp_path / "clear.png", "--out", tmp_path / "run", "-m", copier)
    mask = np.asarray(Image.open(tmp_path / "run" / "clear.mask.png"))
    assert done.code == 0
    assert (mask[:10] == 255).all() and (mask[10:] != 255).all()


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (2, 2), (33, 65), (31, 129), (7, 101)], ids=str)
def test_sizes_that_no_stride_divides_are_seen(outcrop: Command, copier: Path, tmp_path: Path, shape: Any) -> None:
    values = (np.arange(shape[0] * shape[1]) * 37 % 251).astype(np.uint8).reshape(shape)
    Image.fromarray(values).save(tmp_path / "odd.png")
    done = outcrop("predict", "salt", tmp_path / "odd.png", "--out", tmp_path / "run", "-m", copier)
    assert (done.code, done.err) == (0, "")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "run" / "odd.probability.png")), values)


def test_a_kaggle_submission_has_a_row_for_every_picture_also_for_constant_ones(
    outcrop: Command, copier: Path, disc: Command, tmp_path: Path
) -> None:
    truths = {f"p{i}": disc(tmp_path / "in" / f"p{i}.png", (101, 101), at=(0.3, 0.2 * i)) for i in range(4)}
    Image.fromarray(np.full((101, 101), 230, np.uint8)).save(tmp_path / "in" / "white.png")
    done = outcrop("predict", "salt", tmp_path / "in", "--format", "kaggle", "--out", tmp_path / "run", "-m", copier)
    assert done.code == 0, done.err
    assert (tmp_path / "run" / "submission.csv").read_text().startswith("id,rle_mask\n")
    found = {row["id"]: row["rle_mask"] for row in rows(tmp_path / "run" / "submission.csv")}
    assert list(found) == ["p0", "p1", "p2", "p3", "white"]
    assert found.pop("white") == ""
    for name, text in found.items():
        assert np.array_equal(decoded(text, (101, 101)), truths[name]), name


def test_a_seismic_file_among_kaggle_pictures_costs_the_submission_only(
    outcrop: Command, copier: Path, disc: Command, survey: Any, tmp_path: Path
) -> None:
    disc(tmp_path / "in" / "a.png")
    done = outcrop("predict", "salt", tmp_path / "in", "--format", "kaggle", "--out", tmp_path / "run", "-m", copier)
    assert done.code == 3 and "survey is no picture" in done.err
    assert RUN | {"a.mask.png", "survey.mask.sgy"} <= names(tmp_path / "run")
    assert not {"submission.csv", ".outcrop"} & names(tmp_path / "run")


def test_two_inputs_of_one_name_do_not_overwrite_each_other(
    outcrop: Command, copier: Path, disc: Command, tmp_path: Path
) -> None:
    truths = [disc(tmp_path / sub / "a.png", (30, 30 + 7 * i)) for i, sub in enumerate(("x", "y", "z"))]
    truths.append(disc(tmp_path / "w" / "a-2.png", (30, 70)))
    inputs = [tmp_path / "x", tmp_path / "y" / "a.png", tmp_path / "z", tmp_path / "w"]
    done = outcrop("predict", "salt", *inputs, "--out", tmp_path / "run", "-m", copier, "--json")
    entries = done.record["inputs"]
    assert len({entry["stem"].casefold() for entry in entries}) == 4
    for entry, truth in zip(entries, truths, strict=True):
        mask = np.asarray(Image.open(tmp_path / "run" / f"{entry['stem']}.mask.png"))
        assert np.array_equal(mask, truth), entry["input"]


class Links(HTMLParser):
    """Addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]


def test_every_link_of_the_report_leads_to_a_file_whatever_its_name(
    outcrop: Command, copier: Path, disc: Command, tmp_path: Path
) -> None:
    disc(tmp_path / "in" / "50 % of <b> #1 & ü?.png")
    assert outcrop("predict", "salt", tmp_path / "in", "--out", tmp_path / "run", "-m", copier).code == 0
    text = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    links = [link for link in Links(text).found if not link.startswith(("data:", "#", "http"))]
    assert len(links) >= 4
    assert not [link for link in links if "#" in link or not (tmp_path / "run" / unquote(link)).is_file()]
    assert "<b> #1" not in text, "names from outside are escaped"


# Volumes ------------------------------------------------------------------------------------------------------------


def test_a_volume_leaves_its_geometry_headers_and_trace_count(
    outcrop: Command, copier: Path, survey: Any, tmp_path: Path, traces: Command
) -> None:
    done = outcrop("predict", "salt", survey.path, "--out", tmp_path / "run", "-m", copier)
    assert done.code == 0, done.err
    kinds = (
        "probability.sgy",
        "mask.sgy",
        "top.csv",
        "base.csv",
        "bodies.csv",
        "inline.overlay.png",
        "crossline.overlay.png",
    )
    assert names(tmp_path / "run") == {*(f"survey.{kind}" for kind in kinds), *RUN}
    binary, headers, _ = traces(survey.path)
    for kind in ("probability", "mask"):
        again = traces(tmp_path / "run" / f"survey.{kind}.sgy")
        assert again[0] == binary and again[1] == headers


def test_the_mask_of_a_volume_is_the_salt_that_was_drawn(
    outcrop: Command, copier: Path, survey: Any, tmp_path: Path, traces: Command
) -> None:
    outcrop("predict", "salt", survey.path, "--out", tmp_path / "run", "-m", copier)
    _, headers, mask = traces(tmp_path / "run" / "survey.mask.sgy")
    places = [struct.unpack(">ii", header[188:196]) for header in headers]
    for (inline, crossline), trace in zip(places, mask, strict=True):
        assert np.array_equal(trace, survey.salt[(14 - inline) // 2, crossline - 300]), (inline, crossline)
    _, _, probability = traces(tmp_path / "run" / "survey.probability.sgy")
    assert ((probability >= 0.5) == (mask == 1)).all()
    assert probability.min() >= 0 and probability.max() <= 1


def test_the_volume_of_salt_is_that_of_its_voxels(outcrop: Command, copier: Path, survey: Any, tmp_path: Path) -> None:
    words = ("--out", tmp_path / "run", "-m", copier, "--json", "-a", "salt velocity=4500")
    record = outcrop("predict", "salt", survey.path, *words).record
    total = next(m for m in record["inputs"][0]["measurements"] if m["name"] == "salt volume")
    exact = survey.salt.sum() * 25.0 * 12.5 * (4500 / 2 * 4e-3)
    assert total["unit"] == "m³" and total["about"]["voxels"] == survey.salt.sum()
    assert total["low"] < exact < total["high"]
    assert total["value"] == pytest.approx(exact, rel=0.02)


def test_picks_stand_at_the_edges_of_the_salt_by_label_place_and_time(
    outcrop: Command, copier: Path, survey: Any, tmp_path: Path
) -> None:
    outcrop("predict", "salt", survey.path, "--out", tmp_path / "run", "-m", copier)
    for side in ("top", "base"):
        table = rows(tmp_path / "run" / f"survey.{side}.csv")
        assert list(table[0]) == ["inline", "crossline", "x", "y", "value", "unit", "p10", "p90"]
        assert len(table) == survey.salt.any(axis=2).sum()
        for row in table:
            i, j = (14 - int(row["inline"])) // 2, int(row["crossline"]) - 300
            inside = np.flatnonzero(survey.salt[i, j])
            edge = inside[0] - 0.5 if side == "top" else inside[-1] + 0.5
            assert float(row["value"]) == pytest.approx(200 + 4 * edge, abs=2.0) and row["unit"] == "ms"
            assert float(row["p10"]) <= float(row["value"]) <= float(row["p90"])
            assert (float(row["x"]), float(row["y"])) == (50000 + 12.5 * j, 700000 + 25.0 * i)


def test_the_table_of_bodies_and_the_summary_agree(outcrop: Command, copier: Path, survey: Any, tmp_path: Path) -> None:
    record = outcrop("predict", "salt", survey.path, "--out", tmp_path / "run", "-m", copier, "--json").record
    (body,) = rows(tmp_path / "run" / "survey.bodies.csv")
    told = next(m for m in record["inputs"][0]["measurements"] if m["name"] == "salt body volume")
    assert float(body["volume_m3"]) == pytest.approx(told["value"])
    assert int(body["voxels"]) == survey.salt.sum() and body["touches_edge"] == "false"
    lines = 14 - 2 * np.flatnonzero(survey.salt.any(axis=(1, 2)))
    assert {int(body["inline_first"]), int(body["inline_last"])} == {lines.min(), lines.max()}


def test_a_large_body_gets_a_mesh_and_a_small_one_does_not(outcrop: Command, copier: Path, tmp_path: Path) -> None:
    i, j, k = np.mgrid[:16, :18, :24]
    large, small = np.hypot(np.hypot(i - 8, j - 7), k - 10) < 6.5, (i < 5) & (j > 12) & (k > 17)
    noise = np.random.default_rng(0).normal(0, 0.02, large.shape) - 0.5
    np.save(tmp_path / "two.npy", np.where(large | small, 3.0, noise).astype(np.float32))
    assert outcrop("predict", "salt", tmp_path / "two.npy", "--out", tmp_path / "run", "-m", copier).code == 0
    assert [p.name for p in (tmp_path / "run").glob("*.ply")] == ["two.body-1.ply"]
    head = (tmp_path / "run" / "two.body-1.ply").read_bytes().split(b"end_header\n")[0].decode()
    assert head.startswith("ply\n") and "element vertex" in head and "element face" in head
    assert len(rows(tmp_path / "run" / "two.bodies.csv")) == 2


@pytest.mark.parametrize("shape", [(30, 41), (9, 10, 30)], ids=["section", "volume"])
def test_an_array_leaves_arrays_of_its_shape_and_nan_is_no_data(
    outcrop: Command, copier: Path, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    values = np.random.default_rng(1).normal(0, 0.02, shape).astype(np.float32)
    values[tuple(slice(n // 4, 3 * n // 4) for n in shape)] = 3.0
    values[..., :4] = np.nan
    np.save(tmp_path / "a.npy", values)
    assert outcrop("predict", "salt", tmp_path / "a.npy", "--out", tmp_path / "run", "-m", copier).code == 0
    probability, mask = (np.load(tmp_path / "run" / f"a.{kind}.npy") for kind in ("probability", "mask"))
    assert probability.shape == mask.shape == shape
    assert (probability.dtype, mask.dtype) == (np.float32, np.uint8)
    assert np.isnan(probability[..., :4]).all() and np.isfinite(probability[..., 4:]).all()
    assert (mask[..., :4] == 255).all()
    assert np.array_equal(mask[..., 4:] == 1, values[..., 4:] == 3.0)
    record = json.loads((tmp_path / "run" / "summary.json").read_text())
    share = next(m for m in record["inputs"][0]["measurements"] if m["name"] == "salt share")
    assert share["value"] == pytest.approx(100 * (values == 3.0).sum() / np.isfinite(values).sum(), rel=0.03)


def test_a_shipped_model_sees_salt_in_a_drawn_picture(outcrop: Command, disc: Command, tmp_path: Path) -> None:
    from outcrop.face import load_task

    if not list(load_task("salt").models.glob("*.onnx")):
        pytest.skip("needs the shipped weights of the salt room: there are none in this checkout yet")
    disc(tmp_path / "a.png", (101, 101))
    done = outcrop("predict", "salt", tmp_path / "a.png", "--out", tmp_path / "run", "--json")
    assert done.code == 0 and done.record["models"]
    assert Image.open(tmp_path / "run" / "a.probability.png").size == (101, 101)
