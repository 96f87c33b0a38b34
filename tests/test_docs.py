"""The pages against the code: everything a user can say or get is written down, links lead somewhere, examples run."""

import ast
import csv
import doctest
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from importlib.util import find_spec
from inspect import signature
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import outcrop
from outcrop import tasks
from outcrop.core import errors

REPOSITORY = Path(__file__).parents[1]
HOUSE = REPOSITORY / "src" / "outcrop"
CARDS = sorted(HOUSE.glob("tasks/*/card.md"))
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *sorted((REPOSITORY / "docs").glob("*.md")), *CARDS]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]

LEFT_OPEN = re.compile(r"to be measured|\bTODO\b|\bTBD\b|\bFIXME\b", re.IGNORECASE)
NOT_FOR_READERS = re.compile(r"(?<![\w.])/(?:work|root|tmp|home|mnt)/|\b[Aa]gents?\b|\bsessions?\b")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*) ?([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)

every_page = pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(REPOSITORY).as_posix())


@cache
def page(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


@cache
def said() -> str:
    """Every page as one text."""
    return "\n".join(path.read_text(encoding="utf-8") for path in PAGES)


def missing(words: list[str], text: str) -> list[str]:
    """The words that do not stand in the text as code, between backticks or in a block."""
    code = "\n".join([*re.findall(r"`([^`\n]+)`", unfenced(text)), *(block for _, _, block in BLOCK.findall(text))])
    return [word for word in words if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", code)]


def unfenced(text: str) -> str:
    """A page without its code blocks."""
    return BLOCK.sub("", text)


def anchors(text: str) -> set[str]:
    """What a link may point to inside a page, as GitHub makes them of headings."""
    titles = re.findall(r"^#+ +(.+)$", unfenced(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def sections(text: str) -> dict[str, str]:
    """Heading → what stands under it, deeper headings included."""
    found: dict[str, str] = {}
    heads = [(m.start(), len(m[1]), m[2]) for m in re.finditer(r"^(#+) +(.+)$", text, re.MULTILINE)]
    for i, (start, level, title) in enumerate(heads):
        ends = [later for later, deep, _ in heads[i + 1 :] if deep <= level]
        found[title] = found.get(title, "") + text[start : ends[0] if ends else len(text)]
    return found


def commands() -> dict[str, list[str]]:
    """Command → its options; "" is the root."""
    from typer.main import get_command

    from outcrop.cli import app

    def options(command: Any) -> list[str]:
        return [text for p in command.params if p.param_type_name == "option" for text in [*p.opts, *p.secondary_opts]]

    root: Any = get_command(app)
    return {"": options(root), **{name: options(command) for name, command in root.commands.items()}}


# Completeness -------------------------------------------------------------------------------------------------


def test_the_reader_of_pages_would_notice_what_is_missing() -> None:
    text = "`--out`, `a b`, of --seed, or\n```\nmake x\n```\n# One\n## outcrop x\nin\n# Two\nout"
    assert missing(["--out", "b", "make", "--seed", "of", "--ou"], text) == ["--seed", "of", "--ou"]
    assert "in" in sections(text)["outcrop x"] and "out" not in sections(text)["outcrop x"].split()
    assert anchors("# Numbers, and `b`\n```\n# no\n```") == {"numbers-and-b"}


def test_the_first_screen_shows_the_two_commands() -> None:
    first = page("README.md").splitlines()[:40]
    assert {"make demo", "make test"} <= {" ".join(line.split()[:2]) for line in first}
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make (\w+)", unfenced(said()) + "\n".join(first)):
        if target in ("demo", "test", "check", "bench", "clean"):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"the Makefile has no {target}"


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_option_of_a_command_stands_under_its_heading(command: str) -> None:
    parts = [part for path in PAGES for part in sections(path.read_text("utf-8")).items()]
    text = "\n".join(under for title, under in parts if f"outcrop {command}" in title) if command else said()
    assert text, f"no page has a heading with 'outcrop {command}'"
    assert not missing(commands()[command], text)


def test_every_public_name_is_documented() -> None:
    assert not missing([f"outcrop.{name}" for name in outcrop.__all__], page("docs/python.md"))


def test_every_error_stands_in_the_table_with_its_exit_code() -> None:
    for kind, (code, _) in errors.CODES.items():
        row = rf"^\| `{kind.__name__}` \|.*\| {code} \|$"
        assert re.search(row, page("docs/python.md"), re.MULTILINE), kind.__name__
    tree = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.OutcropError)}
    assert tree == set(errors.CODES)


@pytest.mark.parametrize("name", tasks.names())
def test_every_word_of_a_room_is_documented(name: str) -> None:
    room, text = tasks.load(name), page(f"docs/{name}.md")
    assert (HOUSE / "tasks" / name / "card.md") in CARDS
    assert not missing([*room.assumptions, *room.recipes, *room.formats], text)
    for assumption in room.assumptions.values():
        assert all(f"{value:g}" in text for value in (assumption.low, assumption.best, assumption.high))


def test_every_loss_metric_and_fold_scheme_is_documented() -> None:
    from outcrop.engine.metrics import METRICS

    # Read, not imported: torch takes seconds.
    code = (HOUSE / "models" / "losses.py").read_text(encoding="utf-8")
    names = re.findall(r'^    "([\w-]+)": ', code.split("LOSSES: ")[1].split("}")[0], re.MULTILINE)
    assert {"bce", "lovasz-symmetric"} <= set(names)
    assert not missing([*names, *METRICS, "random", "grouped", "fixed"], page("docs/salt.md"))


def test_every_setting_of_a_recipe_is_documented_with_its_default() -> None:
    from outcrop.models.recipe import Augmentation, Recipe

    stated: dict[str, str] = {}
    for row in re.findall(r"^\| (`[^|]*`) \| (`[^|]*`) \| [^|]* \|$", page("docs/salt.md"), re.MULTILINE):
        names, defaults = (re.findall(r"`([^`]*)`", cell) for cell in row)
        if len(names) == len(defaults):
            stated |= dict(zip(names, defaults, strict=True))
    wrong = {}
    for prefix, owner in (("", Recipe(name="")), ("augment.", Augmentation())):
        for field in fields(owner):
            value = getattr(owner, field.name)
            if field.name in ("name", "augment"):
                continue
            words = value if isinstance(value, str) else json.dumps(value)
            if stated.get(prefix + field.name) != words:
                wrong[prefix + field.name] = (stated.get(prefix + field.name), words)
    assert not wrong, "setting: (in docs/salt.md, in the code)"


def test_the_table_of_salt_recipes_holds_what_the_code_holds() -> None:
    for recipe in tasks.load("salt").recipes.values():
        row = re.search(rf"^\| `{recipe.name}` \| {recipe.network}.*$", page("docs/salt.md"), re.MULTILINE)
        assert row, recipe.name
        cells = [cell.strip() for cell in row[0].strip("|").split("|")]
        assert cells[2:5] == [str(recipe.chip), str(recipe.batch), str(recipe.epochs)], recipe.name
        assert cells[5] == f"{recipe.folds}, {recipe.fold_count}", recipe.name
        assert cells[6] == ", then ".join(loss for _, loss in recipe.phases), recipe.name


def test_every_look_measurement_and_drawing_setting_of_salt_is_documented() -> None:
    from outcrop.tasks.salt.drawn import draw_files
    from outcrop.tasks.salt.looks import ADVICE
    from outcrop.tasks.salt.measure import ERRORS

    settings = sorted(set(signature(draw_files).parameters) - {"folder", "rng", "seed", "overwrite"})
    assert not missing([*ADVICE, *ERRORS, *settings], page("docs/salt.md"))


def test_every_extra_and_every_dependency_has_its_reason() -> None:
    text = page("docs/architecture.md")
    extras = PROJECT["optional-dependencies"]
    assert not missing(list(extras), text)
    wanted = {re.split(r"[<>=\[ ]", need)[0] for needs in [PROJECT["dependencies"], *extras.values()] for need in needs}
    assert not [name for name in wanted - {"outcrop"} if name not in text]


def test_every_path_in_the_architecture_exists() -> None:
    named = re.findall(r"`([\w./-]+(?:\.py|\.md|\.importlinter|/))`", page("docs/architecture.md"))
    lost = [n for n in named if not (HOUSE / n).exists() and not (REPOSITORY / n).exists() and n != ".outcrop/"]
    assert len(named) > 50
    assert not lost


def test_every_module_of_the_house_has_a_place_in_the_architecture() -> None:
    text = page("docs/architecture.md")
    for path in HOUSE.rglob("*.py"):
        name = path.relative_to(HOUSE).as_posix()
        # Doors and rooms stand there as folders, all others one by one.
        folders = [
            f"`{folder}/`" for folder in Path(name).parents if name.startswith(("cli/", "face/", "service/", "tasks/"))
        ]
        known = any(word in text for word in (f"`{name}`", *folders))
        assert known or path.name in ("__init__.py", "__main__.py"), name


def test_every_file_that_learning_and_judging_leave_is_documented() -> None:
    """Names of files as they stand in the code of the engine."""
    pattern = re.compile(r"(?:[\w-]+)\.(?:json|jsonl|csv|html|png|npz|pt|onnx|log)")
    found: set[str] = set()
    for path in [*HOUSE.glob("engine/*.py"), *HOUSE.glob("face/*.py"), HOUSE / "outputs" / "plots.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and pattern.fullmatch(node.value):
                found.add(node.value)
    found -= {"ready.onnx", "int8.onnx"}  # of the moment, inside a temporary folder
    assert {"metrics.json", "checkpoint.pt", "summary.json", "study.log"} <= found
    assert not missing(sorted(found), page("docs/salt.md") + page("docs/flares.md"))


# Truth of what is said -----------------------------------------------------------------------------------------


def test_every_file_and_column_that_a_run_leaves_is_documented(tmp_path: Path) -> None:
    """A drawn volume, an array and a picture, measured without a model."""
    text = page("docs/salt.md")
    outcrop.draw("salt", tmp_path / "drawn", seed=1, shape="24x24x48")
    outcrop.draw("salt", tmp_path / "drawn", seed=2, kind="npy", shape="8x9x32")
    outcrop.draw("salt", tmp_path / "drawn", seed=3, kind="pictures", count=2)
    from outcrop.sources.array import ArrayOptions
    from outcrop.sources.open import Options

    known = Options(array=ArrayOptions(vertical="time", sample_interval=4.0, spacing=(25.0, 25.0)))
    inputs = [tmp_path / "drawn" / f"drawn-{n}.truth-mask.{kind}" for n, kind in ((1, "sgy"), (2, "npy"))]
    pictures = sorted((tmp_path / "drawn" / "masks").glob("*.png"))
    result = outcrop.measure("salt", [*inputs, *pictures], tmp_path / "run", options=known)
    outcrop.measure("salt", pictures, tmp_path / "kaggle", formats=["kaggle"])
    assert not result.refused

    stems = sorted((entry["stem"] for entry in result.record["inputs"]), key=len, reverse=True)
    kinds = set()
    for path in [*result.out.iterdir(), *(tmp_path / "kaggle").iterdir()]:
        stem = next((stem for stem in stems if path.name.startswith(stem)), "")
        kinds.add(re.sub(r"body-\d+", "body-1", path.name.replace(stem, "<stem>", 1) if stem else path.name))
        if path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                assert not missing(next(csv.reader(file)), text), path.name
    assert {"<stem>.probability.sgy", "<stem>.mask.npy", "<stem>.overlay.png", "submission.csv"} <= kinds
    assert not missing(sorted(kinds), text)
    assert not missing(sorted({m["name"] for m in result.measurements}), text)
    entry = {key for entry in result.record["inputs"] for key in entry}
    assert not missing([*result.record, *sorted(entry)], text)


def test_the_examples_of_the_python_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_file: Callable[..., Path]
) -> None:
    model_file(tmp_path / "my-model.onnx", "identity")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    ran = 0
    for language, kind, code in BLOCK.findall(page("docs/python.md")):
        if language != "python" or (kind == "learn" and find_spec("torch") is None):
            continue
        example = doctest.DocTestParser().get_doctest(code, names, f"docs/python.md, block {ran}", None, None)
        complaints: list[str] = []
        outcome = doctest.DocTestRunner().run(example, out=complaints.append, clear_globs=False)
        assert outcome.attempted and not outcome.failed, "".join(complaints)
        names, ran = example.globs, ran + 1
    assert ran >= 6


# Form ----------------------------------------------------------------------------------------------------------


@every_page
def test_links_lead_somewhere(path: Path) -> None:
    text = unfenced(path.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        there = path.parent / name if name else path
        assert there.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(there.read_text(encoding="utf-8")), f"{target}: no such heading"


@every_page
def test_no_figure_is_left_to_be_filled_in(path: Path) -> None:
    assert not LEFT_OPEN.search(path.read_text(encoding="utf-8")), "measure it, or leave the row out"


@every_page
def test_pages_speak_to_readers_only(path: Path) -> None:
    assert not NOT_FOR_READERS.search(path.read_text(encoding="utf-8"))


@every_page
def test_every_table_has_as_many_cells_in_each_row(path: Path) -> None:
    lines = unfenced(path.read_text(encoding="utf-8")).splitlines()
    for before, line in pairwise(lines):
        if before.startswith("|") and line.startswith("|"):
            bare, last = (re.sub(r"`[^`]*`", "", row).count("|") for row in (line, before))
            assert bare == last, line


def test_the_glossary_is_sorted_and_says_each_word_once() -> None:
    words = re.findall(r"^- \*\*(.+?)\*\*: \S", page("docs/glossary.md"), re.MULTILINE)
    assert words == sorted(set(words), key=str.casefold)
    assert len(words) == len([line for line in page("docs/glossary.md").splitlines() if line.startswith("- ")])


def test_every_noun_of_the_core_is_in_the_glossary() -> None:
    words = set(re.findall(r"^- \*\*(.+?)\*\*", page("docs/glossary.md"), re.MULTILINE))
    for path in (HOUSE / "core").glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and path.name != "errors.py":
                noun = " ".join(re.findall(r"[A-Z][a-z]+", node.name)).lower()
                assert words & {noun, noun.removesuffix("s")}, noun


def test_the_changelog_tells_of_this_version_and_how_its_numbers_change() -> None:
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", page("CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == outcrop.__version__
    parts = re.split(r"^## ", page("CHANGELOG.md"), flags=re.MULTILINE)[1:]
    assert all("### Numbers" in part for part in parts)


def test_the_licence_is_the_whole_of_apache_2() -> None:
    text = page("LICENSE")
    assert "Version 2.0, January 2004" in text
    assert len(text.split()) == 1581
    assert PROJECT["license"] == "Apache-2.0"
