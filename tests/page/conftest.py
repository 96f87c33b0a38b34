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
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service keeps what it is sent."""
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="session")
def address(built: Path, folder: Path) -> Iterator[str]:
    """Where a service with the shipped models listens, as `outcrop serve` starts it."""
    pytest.importorskip("fastapi", reason="needs the extra 'serve': pip install 'outcrop[serve]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
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

    def until(self, true: str, seconds: float = 20) -> None:
        """Wait until an expression is true; the page's policy forbids playwright's own way, which evaluates text."""
        end = time.monotonic() + seconds
        while not self.page.evaluate(true):
            assert time.monotonic() < end, true
            self.page.wait_for_timeout(50)

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


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A made-up input with known truth: (room, pattern of its name, settings) → file."""
    import outcrop

    def draw(room: str, pattern: str, **settings: Any) -> Path:
        made = tmp_path_factory.mktemp("drawn")
        outcrop.draw(room, made, **settings)
        return next(path for path in sorted(made.glob(pattern)) if "truth" not in path.name)

    return draw


@pytest.fixture(scope="session")
def film(drawn: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds of a drawn flare, encoded."""
    av = pytest.importorskip("av", reason="needs the extra 'video'")
    first = drawn("flares", "frames/*.png", seed=4, kind="film", count="24", rate="3", shape="240x320")
    path = tmp_path_factory.mktemp("film") / "flare.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=3)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 240, "yuv420p", 1_000_000
        for frame in sorted(first.parent.glob("*.png")):
            shown = Image.open(frame).convert("RGB")
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(shown), format="rgb24")))
        file.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def results(
    address: str, browser: Any, drawn: Callable[..., Path], film: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """A result of each kind that the page has a view for: kind → id."""
    asked: dict[str, tuple[str, Path, dict[str, str]]] = {
        "picture": ("salt", layers(tmp_path_factory.mktemp("picture") / "layers.png", seed=3), {}),
        "section": ("salt", drawn("salt", "*.sgy", seed=11, kind="segy", shape="24x32x96"), {}),
        "map": ("tailings", drawn("tailings", "*.tif", seed=5, shape="300x400"), {"format": "geojson"}),
        "photo": ("flares", drawn("flares", "*.png", seed=3, kind="several"), {}),
        "film": ("flares", film, {}),
        "table": ("flares", drawn("flares", "*.csv", seed=2, kind="nightfire"), {}),
    }
    context = browser.new_context()
    found = {}
    for kind, (room, path, more) in asked.items():
        file = {"name": path.name, "mimeType": "application/octet-stream", "buffer": path.read_bytes()}
        answer = context.request.post(
            f"{address}tasks/{room}/predict", multipart={"file": file, "wait": "60", **more}, timeout=120_000
        )
        told = answer.json()
        until = time.monotonic() + 120
        while told.get("state") in ("queued", "running") and time.monotonic() < until:
            time.sleep(0.2)
            told = context.request.get(f"{address}jobs/{told['id']}").json()
        assert told.get("state") == "done", told
        found[kind] = told["id"]
    context.close()
    return found


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """A grey picture of layers and a lump: (name, seed, side) → file."""
    return lambda name="layers.png", seed=0, side=101: layers(tmp_path / name, seed, side)


def layers(path: Path, seed: int, side: int = 101) -> Path:
    """Write a grey picture of layers and a lump."""
    rng = np.random.default_rng(seed)
    row, col = np.mgrid[:side, :side]
    flat = 110 + 40 * np.sin(row / 4 + 0.02 * col * rng.uniform(0, 2)) + rng.normal(0, 8, (side, side))
    lump = np.hypot(row - 0.6 * side, col - 0.5 * side) < 0.25 * side
    shown = np.clip(np.where(lump, 150 + rng.normal(0, 25, (side, side)), flat), 0, 255).astype(np.uint8)
    Image.fromarray(shown).save(path)
    return path


def packed(built: Path) -> int:
    """Bytes, gzipped, of everything that the start needs before it is drawn."""
    index = (built / "index.html").read_text()
    names = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', index)
    return sum(len(gzip.compress((built / name).read_bytes(), 9)) for name in names) + len(
        gzip.compress(index.encode(), 9)
    )
