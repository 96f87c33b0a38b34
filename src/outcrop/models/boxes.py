"""A detector at work: a picture of any size → boxes, without torch.

Any ONNX export of the YOLO family serves (`outcrop.models.box_layouts`); its classes are matched to the room's by
name and never by position, so that a flame is not called smoke because somebody numbered them the other way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.errors import BadModel, UnknownModel, UsageError
from outcrop.core.grid import Grid, Window
from outcrop.core.scene import Floats
from outcrop.models.box_layouts import LAYOUTS, Layout, recognise
from outcrop.models.card import Card
from outcrop.models.class_names import SYNONYMS, agreed, literal, matched, named
from outcrop.models.letterbox import GREY, colour, letterbox, letterboxed
from outcrop.models.runtime import card_of_session, onnx_session
from outcrop.models.suppression import MOST, Found, nothing, suppress, together, whole_before_parts

DEFAULT_SIDE = 640
"""Side of the input of exports that leave it free and do not say theirs."""

EDGE = 2.0
"""Pixels from the inner edge of a window within which a box counts as cut by it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Detector:
    """One detector file, loaded.

    Attributes:
        path: the file.
        card: what the file says of itself; None where it was not made by Outcrop.
        classes: the room's classes; labels are positions in it.
        names: the file's own classes, in its order.
        places: position in ``classes`` of each of ``names``; -1 where one is left out.
        layout: name of its layout.
        size: (rows, cols) of its input.
        run: (3, rows, cols) float32 as the layout wants it → the numbers of one picture, (rows, columns).
    """

    path: Path
    card: Card | None
    classes: tuple[str, ...]
    names: tuple[str, ...]
    places: tuple[int, ...]
    layout: str
    size: tuple[int, int]
    run: Callable[[Floats], Floats]

    @cached_property
    def sha256(self) -> str:
        """Fingerprint of the file."""
        return sha256(self.path.read_bytes()).hexdigest()

    def see(
        self,
        picture: Floats,
        *,
        threshold: float = 0.001,
        limit: float = 0.5,
        agnostic: bool = False,
        mirror: bool = False,
        windows: bool = False,
        most: int = 300,
    ) -> Found:
        """Boxes, scores and labels of one picture, best first.

        Args:
            picture: (3, rows, cols), red, green, blue, or (1, rows, cols) grey; 0..1, NaN where nothing was seen.
            threshold: lowest score that is kept.
            limit: intersection over union above which the weaker of two boxes of a class is dropped.
            agnostic: True where boxes of different classes drop each other too.
            mirror: True to look at the mirror image instead; boxes come back unmirrored.
            windows: True to look also, where a side is more than twice the input's, at overlapping parts.

        Raises:
            BadInput: another number of bands, or no pixel.
            BadModel: the graph fails on its own input size.
        """
        bands = colour(picture)
        rows, cols = bands.shape[1:]
        found = self._look(bands, threshold, mirror)
        if windows and max(rows / self.size[0], cols / self.size[1]) > 2:
            found = suppress(found, limit=limit, agnostic=agnostic, most=MOST)
            parts = [self._part(bands, window, threshold, mirror) for window in self._windows(rows, cols)]
            found = whole_before_parts(found, together(parts))
        return suppress(found, limit=limit, agnostic=agnostic, most=most)

    def _windows(self, rows: int, cols: int) -> list[Window]:
        """Parts of the input's own size, or larger ones where more than about four by four were needed."""
        side = max(*self.size, -(-max(rows, cols) // 3))
        return Grid(shape=(rows, cols)).windows(side, side // 4)

    def _part(self, bands: Floats, window: Window, threshold: float, mirror: bool) -> Found:
        """Boxes seen in a window, in pixels of the picture, without those that the window cuts."""
        found = self._look(bands[:, *window.slices], threshold, mirror)
        rows, cols = bands.shape[1:]
        inner = (
            window.col > 0,
            window.row > 0,
            window.col + window.width < cols,
            window.row + window.height < rows,
        )
        far = np.array([window.width, window.height])
        distance = np.concatenate([found.boxes[:, :2], far - found.boxes[:, 2:]], axis=1)
        whole = np.asarray(~((distance < EDGE) & inner).any(axis=1))
        moved = found.boxes + np.array([window.col, window.row] * 2, np.float32)
        return found._replace(boxes=moved).take(whole)

    def _look(self, bands: Floats, threshold: float, mirror: bool) -> Found:
        """Every box over the threshold of one look, unsuppressed."""
        layout = LAYOUTS[self.layout]
        fit = letterbox((bands.shape[1], bands.shape[2]), self.size, centred=layout.centred)
        fed = letterboxed(bands[..., ::-1] if mirror else bands, fit)
        values = self.run(_as_wanted(fed, layout))
        boxes, scores = layout.decode(values, self.size, len(self.names))
        finite = np.asarray(np.isfinite(boxes).all(axis=1))
        kept = finite[:, None] & (scores >= threshold) & (np.array(self.places) >= 0)
        anchor, name = np.nonzero(kept)
        if not len(anchor):
            return nothing()
        back = fit.to_picture(boxes[anchor])
        if mirror:
            back[:, [0, 2]] = bands.shape[2] - back[:, [2, 0]]
        found = Found(
            back, np.clip(scores[anchor, name], 0, 1).astype(np.float32), np.array(self.places, np.int64)[name]
        )
        return found.take((back[:, 2] > back[:, 0]) & (back[:, 3] > back[:, 1]))


def _as_wanted(fed: Floats, layout: Layout) -> Floats:
    ordered = fed[::-1] if layout.reverse else fed
    return np.ascontiguousarray(ordered * np.float32(layout.full))


def load_detector(
    path: Path,
    *,
    classes: Sequence[str],
    names: Sequence[str] | None = None,
    layout: str | None = None,
    size: int | tuple[int, int] | None = None,
    synonyms: Mapping[str, str] = SYNONYMS,
) -> Detector:
    """Open a detector.

    Args:
        classes: the room's classes.
        names: the file's classes in its own order, where it does not say them or says them in unknown words;
            "-" leaves one out.
        layout: one of `LAYOUTS`, where shape and numbers mislead.
        size: side or (rows, cols) of the input, where the file leaves it free.

    Raises:
        UnknownModel: no such file.
        UsageError: no such layout, another number of names than classes in the file, names that contradict the
            file's, or a size that the file does not take.
        BadModel: not an ONNX file, no detector, or one whose classes are not the room's.
    """
    if not path.is_file():
        raise UnknownModel(f"no model file {path}: give the path of an ONNX export")
    if layout is not None and layout not in LAYOUTS:
        raise UsageError(f"no layout {layout!r}: choose one of {', '.join(LAYOUTS)}")
    session = onnx_session(path)
    metadata = session.get_modelmeta().custom_metadata_map
    card = card_of_session(session, path) if "outcrop" in metadata else None
    if card and card.head != "detect":
        raise BadModel(f"{path.name} gives a probability for every pixel and no boxes: give a detector")
    fixed = _size(session, metadata, card, size, path.name)
    run, masks = _runner(session, fixed, path.name)
    values = run(np.full((3, *fixed), GREY, np.float32))
    chosen = layout or ("outcrop" if card else recognise(values, fixed, path.name))
    count = _count(values, chosen) - masks
    own = card.classes if card else named(metadata.get("names", ""))
    known = agreed(own, names, classes, synonyms, path.name)
    if chosen != "end-to-end" and len(known) != count:
        raise UsageError(
            f"{path.name} sees {count} classes and {len(known)} names are known ({', '.join(known) or 'none'}): "
            "give the names of all its classes, in its order"
        )
    places = matched(known, classes, synonyms, path.name)
    return Detector(
        path=path, card=card, classes=tuple(classes), names=known, places=places, layout=chosen, size=fixed, run=run
    )


def _count(values: Floats, layout: str) -> int:
    """Classes that the columns leave room for, masks included."""
    return int(values.shape[0 if layout == "yolov8" else 1]) - LAYOUTS[layout].extra


def _size(
    session: Any, metadata: Mapping[str, str], card: Card | None, asked: int | tuple[int, int] | None, name: str
) -> tuple[int, int]:
    """(rows, cols) of the input: the graph's own, else what was asked, else what the file says, else 640."""
    inputs = session.get_inputs()
    shape = inputs[0].shape
    if len(shape) != 4 or shape[1] not in (3, None) and isinstance(shape[1], int):
        raise BadModel(f"{name} takes {shape}, and a detector takes (1, 3, rows, cols): give a detector of pictures")
    if isinstance(shape[0], int) and shape[0] != 1:
        raise BadModel(f"{name} takes {shape[0]} pictures at once: export it for one, or with a free number")
    wanted = (asked, asked) if isinstance(asked, int) else asked
    said = literal(metadata.get("imgsz", ""))
    own = tuple(said) if isinstance(said, (list, tuple)) and len(said) == 2 else (said, said)
    free = wanted or ((card.chip, card.chip) if card else own if isinstance(own[0], int) else (DEFAULT_SIDE,) * 2)
    size = tuple(side if isinstance(side, int) else int(other) for side, other in zip(shape[2:], free, strict=True))
    if wanted is not None and size != tuple(wanted):
        raise UsageError(f"{name} takes pictures of {size[1]} x {size[0]} px only: leave the size out")
    if min(size) < 32:
        raise UsageError(f"an input of {size[1]} x {size[0]} px is too small for {name}: choose at least 32")
    return size[0], size[1]


KINDS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
"""What graphs may take."""


def _runner(session: Any, size: tuple[int, int], name: str) -> tuple[Callable[[Floats], Floats], int]:
    """One picture → its numbers, and how many columns at the end belong to outlines that are not used here."""
    entry = session.get_inputs()[0]
    if entry.type not in KINDS:
        raise BadModel(f"{name} takes {entry.type}: export it in float32 or float16")
    kind = KINDS[entry.type]

    def answer(fed: Floats) -> list[Any]:
        try:
            return list(session.run(None, {entry.name: fed[None].astype(kind, copy=False)}))
        except Exception as error:  # noqa: BLE001  (onnxruntime raises many kinds, none of them public)
            reason = " ".join(str(error).split())[:200]
            raise BadModel(
                f"{name} cannot see a picture of {size[1]} x {size[0]} px ({reason}): name its size"
            ) from None

    trial = answer(np.full((3, *size), GREY, np.float32))
    flat = [position for position, values in enumerate(trial) if values.ndim == 3 and len(values) == 1]
    if not flat:
        shapes = ", ".join(str(values.shape) for values in trial)
        raise BadModel(f"{name} answers with {shapes}, and (1, boxes, numbers) is wanted: export it with one output")
    prototypes = [values.shape[1] for values in trial if values.ndim == 4 and len(trial) == 2]

    def run(fed: Floats) -> Floats:
        return np.asarray(answer(fed)[flat[0]][0], np.float32)

    return run, sum(prototypes)
