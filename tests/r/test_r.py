"""The R package against Python: the same mask, the same deposits, the same sentences, and its own tests."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import outcrop
from outcrop.core.task import Calibration, Result
from outcrop.models.card import Card

rasterio = pytest.importorskip("rasterio", reason="needs rasterio: install the extra 'geo'")
pyogrio = pytest.importorskip("pyogrio", reason="needs pyogrio: install the extra 'geo'")
shapely = pytest.importorskip("shapely", reason="needs shapely: install the extra 'geo'")

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "r"
SEE = Path(__file__).with_name("see.R")
WANTED = ("sf", "jsonlite")
SIDE = 256


@dataclass(frozen=True, kw_only=True)
class R:
    """R with the package, and a program to run."""

    folder: Path
    environment: dict[str, str]

    def run(self, *words: object) -> str:
        """What Rscript says of a script or an expression; fails the test when it fails."""
        done = subprocess.run(
            ["Rscript", "--no-init-file", *map(str, words)], cwd=self.folder, env=self.environment, capture_output=True,
            text=True, timeout=540, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def needs(self, *packages: str) -> None:
        """Skip the test where R lacks a package."""
        names = ", ".join(f'"{name}"' for name in packages)
        lacking = self.run("-e", f"cat(setdiff(c({names}), rownames(installed.packages())))").split()
        if lacking:
            pytest.skip(f"needs the R package {lacking[0]}: apt install r-cran-{lacking[0].lower()}")


@pytest.fixture(scope="module")
def r(tmp_path_factory: pytest.TempPathFactory) -> R:
    """The package installed in a library of its own; the program lies in a folder with spaces in its name."""
    if os.name == "nt" or shutil.which("Rscript") is None:
        pytest.skip("needs R: apt install r-base-core r-cran-sf r-cran-jsonlite")
    folder = tmp_path_factory.mktemp("in R")
    program, library = folder / "the program" / "outcrop", folder / "library"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m outcrop "$@"\n')
    program.chmod(0o755)
    library.mkdir()
    said = {"OUTCROP": str(program), "R_LIBS": str(library), "NOT_CRAN": "true", "OMP_NUM_THREADS": "1"}
    found = R(folder=folder, environment={**os.environ, **said})
    found.needs(*WANTED)
    command = ["R", "CMD", "INSTALL", "--no-docs", "--no-test-load", f"--library={library}", str(PACKAGE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file that takes reddish pixels for tailings: the sigmoid of a weighted sum of the bands."""
    onnx = pytest.importorskip("onnx", reason="needs onnx to make a model file: install the extra 'learn'")
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    card = Card(
        name="reddish", task="tailings", classes=("tailings",), bands=("B4", "B3", "B2"), chip=64, multiple=2, overlap=16,
        calibration=Calibration(min_area=60, threshold=(0.5,)),
    )  # fmt: skip
    weights = [
        helper.make_tensor("weights", number, [1, 3, 1, 1], [30.0, -6.0, -18.0]),
        helper.make_tensor("shift", number, [1], [-4.2]),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "weights", "shift"], ["sum"]),
        helper.make_node("Sigmoid", ["sum"], ["probability"]),
    ]
    ends = [
        helper.make_tensor_value_info(name, number, ["n", bands, "rows", "cols"])
        for name, bands in (("image", 3), ("probability", 1))
    ]
    graph = helper.make_graph(nodes, "reddish", ends[:1], ends[1:], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(made, {"outcrop": card.to_json()})
    path = tmp_path_factory.mktemp("a model") / "reddish.onnx"
    onnx.save(made, str(path))
    return path


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn scene with an unseen corner, its truth beside it, in a folder with a space in its name."""
    folder = tmp_path_factory.mktemp("a scene")
    outcrop.draw("tailings", folder, seed=3, shape=f"{SIDE}x{SIDE}", swath="yes")
    return folder / "drawn-3.tif"


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is no scene."""
    path = tmp_path_factory.mktemp("bad") / "bad.tif"
    path.write_text("no scene at all")
    return path


@pytest.fixture(scope="module")
def in_python(scene: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """What Python makes of the scene."""
    return outcrop.predict("tailings", scene, tmp_path_factory.mktemp("in Python") / "run", models=[model])


@pytest.fixture(scope="module")
def in_r(r: R, scene: Path, model: Path, bad: Path) -> dict[str, Any]:
    """What R makes of the same scene."""
    r.run(SEE, scene, model, bad, r.folder / "a run", r.folder / "answer.json")
    answer: dict[str, Any] = json.loads((r.folder / "answer.json").read_text(encoding="utf-8"))
    return answer


def band(path: Path) -> Any:
    """The first band of a raster, as it is stored."""
    with rasterio.open(path) as raster:
        return raster.read(1)


def test_r_and_python_give_the_same_mask(in_r: dict[str, Any], in_python: Result) -> None:
    mask = band(in_python.out / "drawn-3.mask.tif")
    assert mask.shape == (SIDE, SIDE)
    assert all((mask == value).sum() > 500 for value in (0, 1, 255)), "a mask that can differ"
    np.testing.assert_array_equal(band(Path(in_r["mask"]["drawn-3"])), mask)


def decoded(answer: dict[str, Any], kind: str) -> Any:
    """Pixels as R decoded them, the scale of the file applied, NaN where nothing was seen."""
    return np.array(answer[f"{kind}_pixels"], float).reshape(SIDE, SIDE)


@pytest.mark.parametrize(("kind", "scale"), [("mask", 1), ("probability", 1 / 254)])
def test_r_decodes_the_rasters_itself(in_r: dict[str, Any], in_python: Result, kind: str, scale: float) -> None:
    stored = band(in_python.out / f"drawn-3.{kind}.tif")
    np.testing.assert_allclose(decoded(in_r, kind), np.where(stored == 255, np.nan, stored * scale), atol=1e-9)


def test_probabilities_are_high_where_tailings_are(in_r: dict[str, Any], scene: Path) -> None:
    probability = decoded(in_r, "probability")
    truth = band(scene.with_name("drawn-3.truth-mask.tif")) == 1
    assert probability[decoded(in_r, "mask") == 1].min() >= 0.5 - 1 / 254
    assert np.nanmean(probability[truth]) > np.nanmean(probability[~truth]) + 0.2


def test_the_sf_table_is_the_layer_of_deposits(in_r: dict[str, Any], in_python: Result) -> None:
    meta, _, shapes, columns = pyogrio.raw.read(in_python.out / "deposits.gpkg", layer="deposits")
    assert in_r["class"] == ["outcrop_deposits", "sf", "data.frame"]
    assert f"EPSG:{in_r['epsg']}" == meta["crs"]
    assert list(in_r["table"]) == list(meta["fields"])
    assert len(in_r["shapes"]) == len(shapes) > 1
    for name, expected in zip(meta["fields"], columns, strict=True):
        if name == "acquired":
            assert in_r["table"][name] == [f"{np.datetime_as_string(when, unit='s')}Z" for when in expected]
        elif expected.dtype.kind == "f":
            np.testing.assert_allclose(np.array(in_r["table"][name], float), expected, rtol=1e-12)
        else:
            assert in_r["table"][name] == expected.tolist()
    for hexadecimal, expected in zip(in_r["shapes"], shapes, strict=True):
        assert shapely.from_wkb(hexadecimal).equals_exact(shapely.from_wkb(expected), tolerance=0)


def test_measurements_carry_the_same_intervals(in_r: dict[str, Any], in_python: Result) -> None:
    assert len(in_r["measurements"]) == len(in_python.measurements) > 2
    for seen, expected in zip(in_r["measurements"], in_python.measurements, strict=True):
        assert (seen["name"], seen["unit"]) == (expected["name"], expected["unit"])
        numbers = ("value", "low", "high")
        np.testing.assert_allclose([seen[n] for n in numbers], [expected[n] for n in numbers], rtol=1e-12)


def test_a_bad_file_is_an_r_error_with_the_sentence(
    in_r: dict[str, Any], bad: Path, model: Path, tmp_path: Path
) -> None:
    refused = outcrop.predict("tailings", bad, tmp_path / "run", models=[model]).refused
    assert in_r["error"] == refused[0]["error"]
    assert in_r["error_class"] == ["outcrop_error_input", "outcrop_error", "error", "condition"]
    assert not {"Traceback", "Exception", "python"} & set(in_r["error"].split())


def test_a_bad_file_among_good_ones_is_a_warning_that_names_it(in_r: dict[str, Any], bad: Path) -> None:
    assert in_r["warning_class"][0] == "outcrop_warning_partial"
    assert in_r["warning"].startswith("1 of 2 inputs was refused: bad.tif ")
    assert [refusal["input"] for refusal in in_r["refused"]] == [str(bad)]
    assert in_r["deposits_of_both"] == len(in_r["shapes"])


def test_r_tells_the_version_of_the_program(in_r: dict[str, Any]) -> None:
    assert in_r["version"] == outcrop.__version__


def test_the_package_carries_the_version_and_licence_of_the_program() -> None:
    """Needs no R."""
    lines = (PACKAGE / "DESCRIPTION").read_text(encoding="utf-8").splitlines()
    assert f"Version: {outcrop.__version__}" in lines
    assert "License: Apache License (== 2.0)" in lines


def test_every_function_of_the_package_is_documented() -> None:
    """Needs no R."""
    names = (PACKAGE / "NAMESPACE").read_text(encoding="utf-8")
    exported = {line.removeprefix("export(").rstrip(")") for line in names.splitlines() if line.startswith("export(")}
    aliases = "".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "man").glob("*.Rd"))
    page = (REPOSITORY / "docs" / "tailings.md").read_text(encoding="utf-8")
    assert len(exported) > 8
    for name in exported:
        assert f"\\alias{{{name}}}" in aliases, name
        for text in (page, (PACKAGE / "README.md").read_text(encoding="utf-8")):
            assert f"`{name}(" in text, name


def test_the_tests_of_the_package_pass(r: R, tmp_path: Path) -> None:
    r.needs("testthat")
    shutil.copytree(PACKAGE / "tests" / "testthat", tmp_path / "testthat")  # failures leave files beside the tests
    tests = json.dumps(str(tmp_path / "testthat"))
    said = r.run(
        "-e", f'testthat::test_dir({tests}, package = "outcropr", load_package = "installed", reporter = "check")'
    )
    assert "FAIL 0" in said


def test_the_vignette_runs(r: R, model: Path, tmp_path: Path) -> None:
    r.needs("knitr", "units")
    vignette = json.dumps(str(PACKAGE / "vignettes" / "outcrop.Rmd"))
    page = tmp_path / "vignette.md"
    told = R(folder=tmp_path, environment={**r.environment, "OUTCROP_MODEL": str(model)})
    told.run("-e", f"knitr::knit({vignette}, output = {json.dumps(str(page))}, quiet = TRUE)")
    text = page.read_text(encoding="utf-8")
    errors = [line for line in text.splitlines() if line.startswith("#> Error")]
    assert len(errors) == 1 and "is no picture that Outcrop reads" in errors[0]
    assert "#> Simple feature collection with" in text and "registered and measured" in text


def test_knitting_would_show_an_error_of_the_vignette(r: R, tmp_path: Path) -> None:
    """A program that is not there must not leave the page as if all were well."""
    r.needs("knitr")
    (tmp_path / "page.Rmd").write_text("```{r, comment = '#>'}\nstop('so')\n```\n")
    R(folder=tmp_path, environment=r.environment).run("-e", "knitr::knit('page.Rmd', output = 'page.md', quiet = TRUE)")
    assert "#> Error" in (tmp_path / "page.md").read_text(encoding="utf-8")
