"""What runs in a limited process of its own: decoding a small picture, and whole jobs.

Processes come from ``forks``, with libraries held ready. They answer in bytes and JSON, never in pickles, so
that a decoder taken over by a hostile file cannot speak for more than its own answer.
"""

import contextlib
import ctypes
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from outcrop import face, tasks
from outcrop.core.errors import DamagedFile, NothingToSee, OutcropError, TooLarge
from outcrop.core.scene import Scene
from outcrop.core.task import Task
from outcrop.outputs.page import environment
from outcrop.service.problems import of_record, out_of_memory, problem_of
from outcrop.service.safety import JP2, START, TIFF, WEBP, kind_of, picture_size
from outcrop.service.settings import MIB, TIGHT
from outcrop.sources.image import PictureOptions, open_picture

WEBP_PIXEL = 20
"""Bytes that decoding WebP takes for each pixel."""

TRIM_ABOVE, MAP_ABOVE = -1, -3
"""What glibc's mallopt calls M_TRIM_THRESHOLD and M_MMAP_THRESHOLD."""

FRUGAL = {"GDAL_CACHEMAX": "16", "OUTCROP_THREADS": "1"}
"""Environment where memory is short; neither library is loaded yet."""

LEAST_SEEN = 0.05
"""Share of a picture that must have been observed."""


def be_frugal() -> None:
    """Let the C library give large pieces back to the system when they are freed, which takes a third more time."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        for what in (TRIM_ABOVE, MAP_ABOVE):
            libc.mallopt(what, MIB)


def limit_memory(more: int) -> None:
    """Let this process take no more address space than it has now and ``more`` bytes; 0 sets no limit."""
    with contextlib.suppress(OSError):  # where memory runs out all the same, the service itself is not what is killed
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    if not more:
        return
    if more < 2 * TIGHT:
        be_frugal()
        os.environ |= FRUGAL
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + more
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):  # systems without such limits rely on the others
        return


def hold() -> None:
    """Import what every job needs, so that it is there when one is forked; nothing that starts threads, as onnxruntime does."""
    for name in tasks.names():
        with contextlib.suppress(ImportError):  # an extra is missing: the job will say which
            import_module(f"outcrop.tasks.{name}.measure")
    for name in ("outcrop.service.asked", "scipy.ndimage"):
        import_module(name)
    for name in environment().list_templates():
        environment().get_template(name)


def tell(pipe: Connection, **said: Any) -> None:
    """One message to the parent."""
    pipe.send_bytes(json.dumps(said).encode())


# Decoding -----------------------------------------------------------------------------------------------------


def decode_loop(pipe: Connection, work: Mapping[str, Any]) -> None:
    """Decode pictures one after the other: a JSON line in, a JSON line and the pixels out.

    Args:
        work: memory, bytes of address space that may be added.
    """
    limit_memory(work["memory"])
    while True:
        try:
            order = json.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        path, strict = Path(order["path"]), order["strict"]
        try:
            facts, pixels = decoded(path, order["max_pixels"], all_frames=order["all_frames"], strict=strict)
        except BaseException as error:  # noqa: BLE001  (decoders raise anything on hostile files)
            tell(pipe, problem=_blamed(error, path, order["shown"]))
            continue
        tell(pipe, **facts)
        pipe.send_bytes(pixels)


def _blamed(error: BaseException, path: Path, shown: str) -> dict[str, Any]:
    """Whatever a decoder raised, as a refusal of the file; one that lacked memory is not called damaged."""
    if _starved(error.__context__ or error, path):
        return problem_of(MemoryError()).document()
    told = isinstance(error, OutcropError)
    said = DamagedFile(f"{shown} is damaged ({type(error).__name__}): copy or export it again")
    return problem_of(error if told else said).document()


def _starved(error: BaseException, path: Path) -> bool:
    """Whether memory was lacking. WebP says the same of that and of damage, so as much as it needs is asked for again."""
    if "could not create decoder object" not in str(error):
        return isinstance(error, MemoryError) or out_of_memory(error)
    with path.open("rb") as file:
        rows, cols = picture_size(file, WEBP) or (0, 0)
    try:
        bytearray(WEBP_PIXEL * rows * cols)
    except MemoryError:
        return True
    return False


def decoded(path: Path, max_pixels: int, *, all_frames: int, strict: bool) -> tuple[dict[str, Any], memoryview]:
    """A picture's facts, and its pixels as float32 (bands, rows, cols).

    Args:
        all_frames: pixels that the frames of an animation may have together.

    Raises:
        OutcropError: damaged, too large, hardly anything observed, or several frames and ``strict``.
    """
    notes = peculiarities(path, all_frames, strict=strict)
    scene = open_picture(path, PictureOptions(max_pixels=max_pixels))
    pixels = np.ascontiguousarray(scene.read(scene.grid.whole), np.float32)
    refuse_unseen(float(np.isfinite(pixels).all(axis=0).mean()), path.name)
    facts = {
        "shape": pixels.shape, "bands": scene.bands, "notes": [*scene.notes, *notes],
        "acquired": scene.acquired.isoformat() if scene.acquired else None,
    }  # fmt: skip
    return facts, pixels.data


def peculiarities(path: Path, all_frames: int, *, strict: bool = False) -> list[str]:
    """What a reader of the results must know about a picture file: orientation, frames, depth, transparency."""
    from PIL import Image

    notes = []
    with Image.open(path, formats=("PNG", "JPEG", "WEBP", "BMP", "TIFF")) as image:
        turned, frames = image.getexif().get(0x0112, 1), getattr(image, "n_frames", 1)
        if frames > 1 and strict:
            raise DamagedFile(f"{path.name} holds {frames} frames, and one is wanted: send them one by one")
        if frames > 1 and (pixels := frames * image.width * image.height) > all_frames:
            raise TooLarge(
                f"{path.name} holds {frames} frames of {image.width} x {image.height} = {pixels / 1e6:.0f} MP, and the limit is "
                f"{all_frames / 1e6:.0f} MP: send the frame that matters"
            )
        if turned not in (0, 1, None):
            notes.append(f"orientation_applied: {turned}")
        if frames > 1:
            notes.append(f"only the first of {frames} frames was seen")
        if image.mode in ("CMYK", "LAB", "YCbCr", "HSV", "P", "1"):
            notes.append(f"colours were converted from {image.mode}")
        if image.mode.startswith(("I", "F")):
            notes.append("deep" if image.mode == "F" else "16 bits a pixel: full scale is 65535")
        if image.mode in ("LA", "RGBA", "PA", "La", "RGBa") or "transparency" in image.info:
            notes.append("pixels that are fully transparent were taken as not seen")
    return [note for note in notes if note != "deep"]


def refuse_unseen(share: float, name: str) -> None:
    """Refuse a picture of which almost nothing was observed.

    Raises:
        NothingToSee: less than 5 % of the pixels hold a value.
    """
    if share < LEAST_SEEN:
        raise NothingToSee(
            f"{name} holds values in {100 * share:.1f} % of its pixels, and 5 % are wanted: send another"
        )


# Jobs ---------------------------------------------------------------------------------------------------------


def run_job(pipe: Connection, work: Mapping[str, Any]) -> None:
    """Do one job and tell how far it is; ends by {"record": ...} or {"problem": ...}.

    Args:
        work: task, verb, folder (where it runs), inputs (names in it), out, asked, max_pixels, max_raster, memory.
    """
    limit_memory(work["memory"])
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    try:
        os.chdir(work["folder"])
        record = _result(work, _throttled(pipe))
    except BaseException as error:  # noqa: BLE001  (the parent must hear of anything)
        tell(pipe, problem=problem_of(error).document())
        return
    done = [entry for entry in record["inputs"] if "error" not in entry]
    if not done and record["inputs"]:
        first = record["inputs"][0]
        tell(pipe, problem={**of_record(first.get("kind", ""), first["error"]), "refused": record["refused"]})
        return
    tell(pipe, record=True)


def _end_with_parent(pipe: Connection) -> None:
    """The parent says nothing; when its end closes it is gone, and this work with it."""
    try:
        pipe.recv_bytes()
    except (EOFError, OSError):
        os._exit(3)


def _throttled(pipe: Connection) -> Callable[[str, float], None]:
    """Progress, at most five times a second."""
    last = [0.0]

    def report(name: str, share: float) -> None:
        now = time.monotonic()
        if now - last[0] > 0.2:
            last[0] = now
            tell(pipe, stage=name, share=round(float(share), 4))

    return report


def _result(work: Mapping[str, Any], progress: Callable[[str, float], None]) -> Mapping[str, Any]:
    """Run the verb as the Python door does."""
    from outcrop.service.asked import Asked, opening, pairs, settings_of

    asked, room = Asked(**work["asked"]), face.load_task(work["task"])
    options = opening(asked, max_pixels=work["max_pixels"])
    inputs = [Path(name) for name in work["inputs"]]
    for path in inputs:
        if path.is_file():
            _refuse_large(path, options, work["max_raster"], room)
    common: dict[str, Any] = {
        "assume": pairs(asked.assume, "assume"), "threshold": asked.threshold, "seed": asked.seed, "no_area": asked.no_area,
        "options": options, "settings": settings_of(asked, room), "progress": progress, "overwrite": True,
    }  # fmt: skip
    if work["verb"] == "measure":
        return face.measure(room.name, inputs, work["out"], **common).record
    return face.predict(
        room.name, inputs, work["out"], models=asked.model, flips=asked.flips, engine="onnxruntime", formats=asked.format, **common
    ).record  # fmt: skip


def _refuse_large(path: Path, options: Any, limit: int, room: Task) -> None:
    """Refuse rasters that claim more pixels than the limit, from their header; what cannot be opened fails in the run itself."""
    from outcrop.sources.open import open_source

    if Scene not in room.takes:
        return
    with path.open("rb") as file:
        kind = kind_of(file.read(START), path.name)
    if kind not in (TIFF, JP2):
        return
    try:
        source = open_source(path, options)
    except OutcropError:
        return
    rows, cols = source.grid.shape if isinstance(source, Scene) else (0, 0)
    if rows * cols > limit:
        raise TooLarge(
            f"{path.name}: {cols} x {rows} = {rows * cols / 1e6:.0f} MP, and the limit is {limit / 1e6:.0f} MP: cut it into parts"
        )
