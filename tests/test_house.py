"""The house rules, kept by the machine."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
HOUSE = REPOSITORY / "src" / "outcrop"
FILES = sorted(HOUSE.rglob("*.py"))
FLOORS = (
    ("core",),
    ("sources", "models", "instruments", "outputs"),
    ("monitor",),
    ("engine", "tasks"),
    ("face",),
    ("service",),
    ("cli",),
    ("__main__", "__init__"),
)
"""Rooms from the ground up; a room leans only on those below."""

HOMES = {
    "torch": (
        "models/network.py",
        "models/losses.py",
        "models/starts.py",
        "models/detector.py",
        "models/detector_loss.py",
        *(f"engine/{n}.py" for n in ("checkpoint", "device", "train", "augment", "learn", "restart", "export")),
        *(f"engine/{n}_boxes.py" for n in ("train", "learn", "export")),
    ),
    "torchvision": ("models/network.py",),
    "segmentation_models_pytorch": ("models/network.py",),
    "timm": ("models/network.py",),
    "onnx": ("engine/export.py", "engine/export_boxes.py", "engine/restart.py", "models/starts.py"),
    "safetensors": ("models/detector.py",),
    "pycocotools": ("engine/detection_matching.py",),
    "av": ("sources/film", "outputs/film"),
    "onnxruntime": ("models/runtime.py", "engine/export.py"),
    "openvino": ("models/runtime.py",),
    "segyio": ("sources/segy", "sources/zgy", "outputs/seismic"),
    "rasterio": ("sources/geotiff", "sources/vector.py", "outputs/raster.py", "outputs/scene_raster.py"),
    "pyproj": ("instruments/geodesy.py",),
    "pyogrio": ("sources/vector.py", "outputs/vector"),
    "pyarrow": ("outputs/vector.py",),
    "shapely": ("instruments/simplify.py", "instruments/outline_relations.py", "sources/vector.py"),
    "openpyxl": ("tasks/tailings/audit/sheet.py", "tasks/flares/gas/forms.py"),
    "pystac": ("sources/stac.py",),
    "pystac_client": ("sources/stac.py",),
    "matplotlib": ("outputs/",),
    "jinja2": ("outputs/",),
    "typer": ("cli",),
    "rich": ("cli",),
    "fastapi": ("service",),
}
"""Heavy library → beginnings of the paths that may import it."""

BY_NAME = ("importlib.import_module", "import_module", "_library")
"""Calls that import what their first argument names."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

every_file = pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """(whole name of what is imported, False when only type checkers see it)."""
    module = tree(path)
    hidden = {
        id(node)
        for block in ast.walk(module)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in hidden) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} line {node.lineno}: imports are written in full"
            yield from ((f"{node.module}.{alias.name}", id(node) not in hidden) for alias in node.names)
        elif (
            isinstance(node, ast.Call) and ast.unparse(node.func) in BY_NAME and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value), True


def floor(room: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if room in rooms)


def room_of(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def public(body: list[ast.stmt]) -> Iterator[Definition]:
    """Public functions and classes, and public methods of public classes."""
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


def run(code: str, *arguments: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@every_file
def test_a_room_leans_only_on_the_floors_below(path: Path) -> None:
    room = room_of(path)
    for name, runs in imports(path):
        package, _, inside = name.partition(".")
        other = inside.split(".")[0]
        if package == "outcrop" and other not in (room, "__version__", "") and runs:
            assert floor(other) < floor(room), f"{path.relative_to(HOUSE)} leans on {name}"


@every_file
def test_a_heavy_library_has_one_home(path: Path) -> None:
    where = path.relative_to(HOUSE).as_posix()
    for name, _ in imports(path):
        homes = HOMES.get(name.split(".")[0])
        assert homes is None or where.startswith(homes), (
            f"{where} imports {name}, which belongs in {', '.join(homes or ())}"
        )


@every_file
def test_a_file_fits_in_one_reading(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 300, f"{path.relative_to(HOUSE)} has {lines} lines"


@every_file
def test_a_file_says_in_its_first_line_what_it_is(path: Path) -> None:
    text = ast.get_docstring(tree(path)) or ""
    assert len(text.splitlines()[0] if text else "") > 10, f"{path.relative_to(HOUSE)} has no docstring"


@every_file
def test_every_public_name_has_a_docstring(path: Path) -> None:
    bare = [node.name for node in public(tree(path).body) if not ast.get_docstring(node)]
    assert not bare, f"{path.relative_to(HOUSE)}: {', '.join(bare)}"


@every_file
def test_every_dataclass_is_frozen(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef):
            marks = [ast.unparse(mark) for mark in node.decorator_list if "dataclass" in ast.unparse(mark)]
            assert all("frozen=True" in mark for mark in marks), f"{node.name} can be changed"


@every_file
def test_nothing_is_asserted_or_printed(path: Path) -> None:
    """Bad input is refused by an error of the tree, which ``python -O`` does not take away."""
    for node in ast.walk(tree(path)):
        assert not isinstance(node, ast.Assert), f"line {node.lineno} asserts"
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        assert not called or room_of(path) == "cli", f"{path.name} prints"


def test_no_file_is_a_drawer_for_leftovers() -> None:
    assert not {p.stem for p in FILES} & {"utils", "util", "helpers", "misc", "common"}


def test_the_rules_would_notice_a_breach(tmp_path: Path) -> None:
    """The readers above see what they look for, also inside functions."""
    path = tmp_path / "bad.py"
    path.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from outcrop.face import predict\n"
        "def work():\n    import torch.nn\n    from outcrop.cli import app\nclass Thing:\n    def method(self): ...\n"
    )
    assert ("torch.nn", True) in imports(path)
    assert ("outcrop.cli.app", True) in imports(path)
    assert ("outcrop.face.predict", False) in imports(path)
    assert [node.name for node in public(tree(path).body)] == ["work", "Thing", "method"]
    assert floor("cli") > floor("engine") > floor("sources") > floor("core")


def test_import_linter_agrees_that_imports_point_down() -> None:
    """It also follows chains of imports, which the reader above does not."""
    if find_spec("importlinter") is None:
        pytest.skip("needs import-linter: pip install import-linter")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_importing_the_package_imports_nothing_else() -> None:
    found = run("import sys, outcrop; print(*sorted(m.split('.')[0] for m in sys.modules))").split()
    assert not set(found) & {"numpy", "PIL", "scipy", "onnxruntime", *HOMES}


def test_every_public_name_of_the_package_has_a_home() -> None:
    code = "import outcrop; print(*[n for n in outcrop.__all__ if getattr(outcrop, n, None) is None])"
    assert run(code) == ""


def test_a_name_that_the_package_lacks_is_an_attribute_error() -> None:
    import outcrop

    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        outcrop.nonsense  # noqa: B018


def test_seeing_a_scene_imports_no_torch(local_model: Path) -> None:
    code = """
import sys
from pathlib import Path
import numpy as np
import outcrop.engine.run, outcrop.engine.volume, outcrop.sources.open
from outcrop.core.grid import Grid
from outcrop.core.scene import scene_from_array
from outcrop.engine.predict import ensemble_of, predict
from outcrop.models.runtime import load
image = np.ones((1, 40, 20), np.float32)
scene = scene_from_array("one", image, Grid(shape=(40, 20)), ("grey",))
values = predict(scene, ensemble_of([load(Path(sys.argv[1]))])).values()
print(values.shape, round(float(values.mean()), 4))
print(*sorted({m.split('.')[0] for m in sys.modules}))
"""
    seen, modules = run(code, str(local_model)).splitlines()
    assert seen == "(1, 40, 20) 1.0"
    assert not set(modules.split()) & {"torch", "torchvision", "timm", "onnx", "matplotlib", "typer", "fastapi"}
