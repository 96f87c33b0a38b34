"""Bad input at the door: one sentence that names the file and what to do, an exit code, never a traceback, nothing harmed."""

import io
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Command = Callable[..., Any]

GREY = np.random.default_rng(0).integers(0, 256, (30, 40)).astype(np.uint8)


def encoded(kind: str, values: Any = GREY) -> bytes:
    store = io.BytesIO()
    Image.fromarray(values).save(store, kind)
    return store.getvalue()


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def png_of(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be this large."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def npy_of(values: Any) -> bytes:
    store = io.BytesIO()
    np.save(store, values)
    return store.getvalue()


FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "cut.png": (lambda: half(encoded("PNG")), "damaged"),
    "cut.jpg": (lambda: half(encoded("JPEG")), "damaged"),
    "empty.png": (lambda: b"", "is empty"),
    "text.png": (lambda: b"Dear reader, this is a letter and no picture.\n", "is no picture"),
    "text.sgy": (lambda: b"Dear reader, this is a letter and no survey.\n" * 100, "text.sgy"),
    "bomb.png": (lambda: png_of(13000, 13000), "13000 x 13000 pixels, more than the limit"),
    "larger-bomb.png": (lambda: png_of(60000, 60000), "claims more than"),
    "grey.png": (lambda: encoded("PNG", np.full((30, 40), 77, np.uint8)), "holds one value everywhere"),
    "one.png": (lambda: encoded("PNG", np.full((1, 1), 77, np.uint8)), "holds one value everywhere"),
    "constant.npy": (lambda: npy_of(np.full((20, 30), 4.5)), "holds one value everywhere"),
    "nan.npy": (lambda: npy_of(np.full((20, 30), np.nan)), "or none at all"),
    "nan-volume.npy": (lambda: npy_of(np.full((4, 5, 30), np.nan)), "or none at all"),
    "row.npy": (lambda: npy_of(np.zeros(30)), "has shape (30,)"),
    "four.npy": (lambda: npy_of(np.zeros((2, 2, 2, 2))), "has shape (2, 2, 2, 2)"),
    "nothing.npy": (lambda: npy_of(np.zeros((0, 4))), "has shape (0, 4)"),
    "complex.npy": (lambda: npy_of(np.zeros((9, 9), complex)), "real numbers"),
    "cut.npy": (lambda: npy_of(np.zeros((9, 9)))[:300], "no readable .npy"),
    "letter.pdf": (lambda: b"%PDF-1.4 a letter", "is no picture and no seismic file"),
    "cut.zgy": (lambda: b"VBS\0" + b"\0" * 60, "cut.zgy"),
}


def is_one_sentence(text: str) -> bool:
    lines = text.strip().splitlines()
    return "Traceback" not in text and all(line.startswith("outcrop: ") for line in lines) and len(lines) == 1


def refused(done: Any, name: str, words: str) -> None:
    """Every input was refused: the sentence, the count, exit 3."""
    assert done.code == 3
    sentence, count = done.err.strip().splitlines()
    assert is_one_sentence(sentence) and name in sentence and words in sentence
    assert ": " in sentence.removeprefix("outcrop: ") or "; " in sentence, "what to do next"
    assert count == "outcrop: 1 of 1 inputs were refused"


# One file -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_used_is_refused_by_name(
    outcrop: Command, copier: Path, tmp_path: Path, name: str
) -> None:
    content, words = FILES[name]
    (tmp_path / name).write_bytes(content())
    done = outcrop("predict", "salt", tmp_path / name, "--out", tmp_path / "run", "-m", copier)
    refused(done, name, words)
    assert {p.name for p in (tmp_path / "run").iterdir()} == {"measurements.csv", "report.html", "summary.json"}


def test_a_bomb_is_refused_from_its_header_and_not_unpacked(outcrop: Command, copier: Path, tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png_of(13000, 13000))
    tracemalloc.start()
    outcrop("predict", "salt", tmp_path / "bomb.png", "--out", tmp_path / "run", "-m", copier)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 40e6, "169 million pixels were never there"


def test_the_limit_of_pixels_can_be_moved(outcrop: Command, copier: Path, disc: Command, tmp_path: Path) -> None:
    disc(tmp_path / "a.png", (30, 40))
    words = ("predict", "salt", tmp_path / "a.png", "-m", copier)
    assert outcrop(*words, "--out", tmp_path / "run", "--max-pixels", 1200).code == 0
    refused(outcrop(*words, "--out", tmp_path / "less", "--max-pixels", 1199), "a.png", "40 x 30 pixels")


def spoilt(content: bytes, kind: str) -> bytes:
    """A SEG-Y file broken in one way."""
    ways: dict[str, Callable[[bytes], bytes]] = {
        "format": lambda c: c[:3224] + (77).to_bytes(2, "big") + c[3226:],
        "size": lambda c: c[:-7],
        "zero": lambda c: c[:3600],
        "head": lambda c: c[:3400],
    }
    return ways[kind](content)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("format", "sample format code 77"),
        ("size", "cut off"),
        ("zero", "not a single trace"),
        ("head", "holds 3400 bytes"),
    ],
)
def test_a_broken_seismic_file_is_refused_by_name(
    outcrop: Command, copier: Path, survey: Any, tmp_path: Path, kind: str, words: str
) -> None:
    path = tmp_path / f"{kind}.sgy"
    path.write_bytes(spoilt(survey.path.read_bytes(), kind))
    refused(outcrop("predict", "salt", path, "--out", tmp_path / "run", "-m", copier), path.name, words)


@pytest.mark.parametrize("value", [0.0, 5.0, np.nan, np.inf], ids=str)
def test_a_seismic_file_of_one_value_is_refused(
    outcrop: Command, copier: Path, make_survey: Command, tmp_path: Path, value: float
) -> None:
    path = make_survey(tmp_path / "flat.sgy", np.full((7, 9, 24), value, np.float32))
    refused(outcrop("predict", "salt", path, "--out", tmp_path / "run", "-m", copier), "flat.sgy", "holds one value")


def test_a_picture_of_two_bands_is_grey_with_transparency(outcrop: Command, copier: Path, tmp_path: Path) -> None:
    both = np.stack([GREY, np.full_like(GREY, 255)], axis=-1)
    Image.fromarray(both, "LA").save(tmp_path / "two.png")
    assert outcrop("predict", "salt", tmp_path / "two.png", "--out", tmp_path / "run", "-m", copier).code == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "run" / "two.probability.png")), GREY)


# Many files -----------------------------------------------------------------------------------------------------------


def test_a_batch_goes_on_past_bad_files_names_them_and_exits_4(
    outcrop: Command, copier: Path, discs: Path, survey: Any, tmp_path: Path
) -> None:
    for name in ("cut.png", "text.png", "bomb.png", "nan.npy"):
        (discs / name).write_bytes(FILES[name][0]())
    done = outcrop("predict", "salt", discs, survey.path, "--out", tmp_path / "run", "-m", copier, "--json")
    assert done.code == 4
    record = done.record
    assert [Path(r["input"]).name for r in record["refused"]] == ["bomb.png", "cut.png", "nan.npy", "text.png"]
    *sentences, count = done.err.strip().splitlines()
    assert all(is_one_sentence(sentence) for sentence in sentences)
    assert [f"outcrop: {r['error']}" for r in record["refused"]] == sentences
    assert count == "outcrop: 4 of 12 inputs were refused"
    assert sum(bool(entry["measurements"]) for entry in record["inputs"]) == 8
    assert len(list((tmp_path / "run").glob("*.mask.png"))) == 7 and (tmp_path / "run" / "survey.mask.sgy").exists()
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Not measured" in page and "text.png is no picture" in page


def test_memory_that_runs_out_costs_one_file_only(
    outcrop: Command, copier: Path, discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from outcrop.engine import run

    real = run.open_source

    def hungry(path: Path, options: Any) -> Any:
        if path.name == "picture-2.png":
            raise MemoryError
        return real(path, options)

    monkeypatch.setattr(run, "open_source", hungry)
    done = outcrop("predict", "salt", discs, "--out", tmp_path / "run", "-m", copier)
    assert done.code == 4 and "picture-2.png needs more memory than there is" in done.err


def test_a_missing_file_stops_the_call_before_anything_is_written(
    outcrop: Command, copier: Path, discs: Path, tmp_path: Path
) -> None:
    done = outcrop("predict", "salt", discs, tmp_path / "gone.png", "--out", tmp_path / "run", "-m", copier)
    assert done.code == 3 and is_one_sentence(done.err) and "gone.png: check the path" in done.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("verb", ["predict", "measure"])
def test_a_folder_without_anything_to_read_is_told(outcrop: Command, copier: Path, tmp_path: Path, verb: str) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "notes.txt").write_text("nothing here")
    model = ("-m", copier) if verb == "predict" else ()
    done = outcrop(verb, "salt", tmp_path / "bare", "--out", tmp_path / "run", *model)
    assert done.code == 3 and is_one_sentence(done.err)
    assert "bare was given, and holds no file that Outcrop reads: give .png" in done.err
    assert not (tmp_path / "run").exists()


def test_a_folder_that_may_not_be_read_is_told(outcrop: Command, copier: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("needs a user who is not root: root may read everything")
    (tmp_path / "shut").mkdir(mode=0o000)
    done = outcrop("predict", "salt", tmp_path / "shut", "--out", tmp_path / "run", "-m", copier)
    assert done.code == 3 and is_one_sentence(done.err) and "shut cannot be read" in done.err


# The output folder ----------------------------------------------------------------------------------------------------


def test_a_folder_of_other_files_is_refused_and_left_as_it_is(
    outcrop: Command, copier: Path, discs: Path, tmp_path: Path
) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine")
    words = ("predict", "salt", discs, "--out", tmp_path / "thesis", "-m", copier)
    done = outcrop(*words)
    assert done.code == 2 and is_one_sentence(done.err) and "thesis holds other files" in done.err
    assert [p.name for p in (tmp_path / "thesis").iterdir()] == ["chapter.txt"]
    assert outcrop(*words, "--overwrite").code == 0
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "mine"


def test_a_finished_run_is_not_written_over_by_accident(
    outcrop: Command, copier: Path, discs: Path, tmp_path: Path
) -> None:
    words = ("predict", "salt", discs / "picture-0.png", "--out", tmp_path / "run", "-m", copier)
    assert outcrop(*words).code == 0
    before = (tmp_path / "run" / "summary.json").read_bytes()
    for more in ((), ("--resume",)):
        done = outcrop(*words, *more)
        assert done.code == 2 and "holds a finished run" in done.err
    assert (tmp_path / "run" / "summary.json").read_bytes() == before


def test_inputs_are_never_written_over(outcrop: Command, copier: Path, discs: Path) -> None:
    """The mask of ``a.png`` would take the place of an input named ``a.mask.png``."""
    (discs / "picture-0.mask.png").write_bytes((discs / "picture-1.png").read_bytes())
    before = {p.name: p.read_bytes() for p in discs.iterdir()}
    done = outcrop("predict", "salt", discs, "--out", discs, "-m", copier, "--overwrite")
    assert done.code == 2 and is_one_sentence(done.err) and "give another --out" in done.err
    assert {p.name: p.read_bytes() for p in discs.iterdir()} == before


@pytest.mark.parametrize("inside", [False, True])
def test_a_file_cannot_be_the_output_folder(
    outcrop: Command, copier: Path, discs: Path, tmp_path: Path, inside: bool
) -> None:
    (tmp_path / "file").write_text("mine")
    out = tmp_path / "file" / "deeper" if inside else tmp_path / "file"
    done = outcrop("predict", "salt", discs, "--out", out, "-m", copier)
    assert done.code == (3 if inside else 2) and is_one_sentence(done.err) and "give another --out" in done.err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_disk_that_is_full_is_a_sentence(
    outcrop: Command, copier: Path, discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Any, target: Any) -> None:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr("os.replace", full)
    done = outcrop("predict", "salt", discs, "--out", tmp_path / "run", "-m", copier)
    assert done.code == 3 and is_one_sentence(done.err) and "No space left on device" in done.err


# Rooms, models, options -----------------------------------------------------------------------------------------------


def test_an_unknown_room_is_told_the_known_ones(outcrop: Command, copier: Path, discs: Path, tmp_path: Path) -> None:
    done = outcrop("predict", "pepper", discs, "--out", tmp_path / "run", "-m", copier)
    assert (done.code, done.err) == (2, "outcrop: no task 'pepper': choose one of flares, salt, tailings\n")


def spoilt_model(kind: str, folder: Path, model_file: Command) -> Path:
    """A model file that cannot serve, and what is wrong with it."""
    path = folder / f"{kind}.onnx"
    makers: dict[str, Callable[[], Any]] = {
        "gone": lambda: None,
        "letter": lambda: path.write_text("Dear reader, this is no network."),
        "damaged": lambda: path.write_bytes(model_file(path).read_bytes()[:150]),
        "nameless": lambda: model_file(path, metadata={"author": "nobody"}),
        "forged": lambda: model_file(path, metadata={"outcrop": "{}"}),
        "foreign": lambda: model_file(path, task="flares"),
        "colours": lambda: model_file(path, bands=("red", "green", "blue")),
        "several": lambda: model_file(path, classes=("cap", "flank")),
    }
    makers[kind]()
    return path


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("gone", 2, "there is no model"),
        ("letter", 3, "onnxruntime cannot load it"),
        ("damaged", 3, "onnxruntime cannot load it"),
        ("nameless", 3, "holds no Outcrop card"),
        ("forged", 3, "the card inside is not one of Outcrop's"),
        ("foreign", 2, "was made for the task flares: give one for salt"),
        ("colours", 3, "has 3 bands"),
        ("several", 3, "has 2 classes"),
    ],
)
def test_a_model_that_cannot_serve_is_refused_once_and_before_anything_is_written(
    outcrop: Command, model_file: Command, discs: Path, tmp_path: Path, kind: str, code: int, words: str
) -> None:
    path = spoilt_model(kind, tmp_path, model_file)
    done = outcrop("predict", "salt", discs, "--out", tmp_path / "run", "-m", path)
    assert done.code == code and is_one_sentence(done.err) and f"{kind}.onnx" in done.err and words in done.err
    assert not (tmp_path / "run").exists()


def test_a_model_whose_graph_does_not_fit_its_card_is_a_sentence(
    outcrop: Command, model_file: Command, card: Command, discs: Path, tmp_path: Path
) -> None:
    """The card says one band, the graph wants three."""
    honest = {"outcrop": card().to_json()}
    path = model_file(tmp_path / "liar.onnx", bands=("red", "green", "blue"), metadata=honest)
    done = outcrop("predict", "salt", discs, "--out", tmp_path / "run", "-m", path)
    assert done.code == 3 and is_one_sentence(done.err) and "liar.onnx cannot see chips of shape" in done.err


def test_models_of_two_kinds_are_not_mixed(outcrop: Command, model_file: Command, discs: Path, tmp_path: Path) -> None:
    models = [model_file(tmp_path / f"{chip}.onnx", chip=chip) for chip in (16, 32)]
    done = outcrop("predict", "salt", discs, "--out", tmp_path / "run", "-m", models[0], "-m", models[1])
    assert done.code == 3 and is_one_sentence(done.err) and "16.onnx, 32.onnx" in done.err


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("--assume", "nonsense"), "has no '='"),
        (("--assume", "nonsense=3"), "no assumption 'nonsense': choose one of salt velocity"),
        (("--assume", "salt velocity=fast"), "is not a number"),
        (("--assume", "salt velocity=4600:4500:4400"), "is not low:best:high"),
        (("--assume", "salt velocity=1:2"), "is not low:best:high"),
        (("--assume", "salt velocity=inf"), "is not low:best:high"),
        (("--assume", "salt velocity=nan"), "is not low:best:high"),
        (("--threshold", "2"), "a threshold of 2.0 is no probability"),
        (("--threshold", "0"), "is no probability"),
        (("--threshold", "nan"), "is no probability"),
        (("--seed", "-1"), "a seed of -1 is below 0"),
        (("--format", "kagle"), "no format 'kagle': choose one of kaggle"),
        (("--spacing", "far"), "--spacing metres"),
        (("--spacing", "25,0"), "is not one or two distances"),
        (("--spacing", "inf"), "is not one or two distances"),
        (("--spacing", "1,2,3"), "is not one or two distances"),
        (("--sample-interval", "0"), "give one above 0"),
        (("--sample-interval", "nan"), "give one above 0"),
        (("--endian", "middle"), "choose auto, big or little"),
        (("--byte", "inline"), "has no '='"),
        (("--byte", "inline=first"), "--byte wants whole numbers"),
        (("--byte", "depth=9"), "--byte depth is unknown"),
        (("--max-pixels", "0"), "give 1 or more"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_option_that_makes_no_sense_is_told_before_anything_is_written(
    outcrop: Command, copier: Path, discs: Path, tmp_path: Path, words: tuple[str, ...], answer: str
) -> None:
    done = outcrop("predict", "salt", discs, "--out", tmp_path / "run", "-m", copier, *words)
    assert done.code == 2 and is_one_sentence(done.err) and answer in done.err
    assert done.out == "" and not (tmp_path / "run").exists()


@pytest.mark.parametrize("words", [("--byte", "inline=9999"), ("--offset", "7")], ids=" ".join)
def test_an_option_that_does_not_fit_a_file_refuses_the_file(
    outcrop: Command, copier: Path, survey: Any, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = outcrop("predict", "salt", survey.path, "--out", tmp_path / "run", "-m", copier, *words)
    assert done.code == 3 and "Traceback" not in done.err and "inputs were refused" in done.err


def test_a_velocity_below_zero_is_told(outcrop: Command, copier: Path, survey: Any, tmp_path: Path) -> None:
    words = ("--out", tmp_path / "run", "-m", copier, "--assume", "salt velocity=-4500")
    done = outcrop("predict", "salt", survey.path, *words)
    assert done.code == 3 and "speeds above 0" in done.err
