"""What the tests of the page share: a service of its own, a browser of the system, and answers made up for rooms without models."""

import gzip
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "page"
BUILT = ROOT / "src" / "outcrop" / "service" / "web"
STRICT = "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'"
"""A policy tighter than the service's own: neither inline styles nor data: addresses nor workers from blobs."""


@pytest.fixture(scope="session")
def built() -> Path:
    """Folder of the built page."""
    if not (BUILT / "index.html").is_file():
        pytest.skip("the page is not built: run `npm ci && npm run build` in page/")
    return BUILT


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless browser of the system; none is downloaded."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    program = os.environ.get("OUTCROP_CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if program is None:
        pytest.skip("needs a chromium: install it or set OUTCROP_CHROMIUM")
    with playwright.sync_playwright() as running:
        held = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield held
        held.close()


@pytest.fixture(scope="session")
def address(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a service with the shipped models listens, as `outcrop serve` starts it."""
    pytest.importorskip("fastapi", reason="needs the extra 'serve': pip install 'outcrop[serve]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("service")
    command = [
        sys.executable,
        "-m",
        "outcrop",
        "serve",
        "--port",
        str(port),
        "--folder",
        str(folder / "kept"),
        "--rate",
        "0",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    home = f"http://127.0.0.1:{port}/"
    until = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"{home}readyz", timeout=5).close()
            break
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                pytest.fail(f"the service did not start: {(folder / 'log').read_text()[-2000:]}")
            time.sleep(0.3)
    yield home
    process.terminate()
    process.wait(30)


class Visit:
    """One visitor: a page of the browser that remembers what went wrong."""

    def __init__(self, page: Any, home: str) -> None:
        self.page, self.home = page, home
        self.outside: list[str] = []
        self.complaints: list[str] = []
        page.on(
            "request",
            lambda request: None if request.url.startswith((home, "blob:")) else self.outside.append(request.url),
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)

    def go(self, place: str = "") -> None:
        """Open an address inside the page."""
        self.page.goto(f"{self.home}#/{place}")

    def start(self) -> None:
        """The start, with its rooms."""
        self.go()
        self.page.wait_for_selector(".strata")

    def send(self, path: Path | dict[str, Any], seconds: float = 60) -> str:
        """Send a file from the start; the result's id when it is shown."""
        self.start()
        self.page.set_input_files("input[type=file]", path)
        self.shown(seconds)
        return str(self.page.url.rsplit("/", 1)[1])

    def shown(self, seconds: float = 60) -> None:
        """Wait until a result is drawn."""
        self.page.wait_for_url("**/#/results/**", timeout=1000 * seconds)
        self.page.wait_for_selector('[data-ready="true"]', timeout=1000 * seconds)
        self.page.wait_for_timeout(150)

    def json(self, path: str) -> Any:
        """An answer of the service."""
        return self.page.request.get(f"{self.home}{path}").json()

    def bytes(self, path: str) -> bytes:
        """A file of the service."""
        return bytes(self.page.request.get(f"{self.home}{path}").body())


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Callable[..., Visit]]:
    """A visitor: (language, width, dark, ...) → Visit; nothing may have left the origin or broken at the end."""
    made: list[tuple[Any, Visit]] = []

    def come(language: str = "en-US", width: int = 1400, height: int = 900, dark: bool = False, **more: Any) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": height}, locale=language, color_scheme="dark" if dark else "light",
            reduced_motion="reduce", accept_downloads=True, **more,
        )  # fmt: skip
        context.set_default_timeout(20_000)
        found = Visit(context.new_page(), address)
        made.append((context, found))
        return found

    yield come
    for context, one in made:
        context.close()
        assert one.outside == [], "a request left the origin"
        assert one.complaints == [], "the browser complained"


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """A grey picture of layers and a lump: (name, seed, side) → file."""

    def make(name: str = "layers.png", seed: int = 0, side: int = 101) -> Path:
        rng = np.random.default_rng(seed)
        row, col = np.mgrid[:side, :side]
        layers = 110 + 40 * np.sin(row / 4 + 0.02 * col * rng.uniform(0, 2)) + rng.normal(0, 8, (side, side))
        lump = np.hypot(row - 0.6 * side, col - 0.5 * side) < 0.25 * side
        shown = np.clip(np.where(lump, 150 + rng.normal(0, 25, (side, side)), layers), 0, 255).astype(np.uint8)
        path = tmp_path / name
        Image.fromarray(shown).save(path)
        return path

    return make


def packed(built: Path) -> int:
    """Bytes, gzipped, of everything that the start needs before it is drawn."""
    index = (built / "index.html").read_text()
    names = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', index)
    return sum(len(gzip.compress((built / name).read_bytes(), 9)) for name in names) + len(
        gzip.compress(index.encode(), 9)
    )
