"""Training data of the flares room: photos with boxes for the detector, with outlines for the segmenter.

Layout: folders ``flare``, ``fire``, ``smoke``, ``drawn`` with ``images/``, ``labels/`` (YOLO boxes; 0 flame, 1 smoke) and,
where outlines are known, ``polygons/`` (YOLO outlines); ``negatives`` with photos that show neither. A folder that holds
``images/`` itself, or pictures only, is taken too where outlines are asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from outcrop.core.errors import BadInput, DamagedFile, UsageError
from outcrop.core.labelled import IGNORE, Boxed, Labelled
from outcrop.core.scene import Floats
from outcrop.sources.boxes import PICTURES, Marked, read_yolo_set

CLASSES = ("flame", "smoke")

BITS = 16
"""Side of the difference hash: each bit says whether a cell of a 16 x 17 miniature is darker than its right neighbour."""

SIDE = 320
"""Long side of photos with outlines, pixels: what a CPU can learn from in an hour."""

SPARE = 0.4
"""Share of the photos without fire that are left for judging false alarms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One set of pictures.

    Attributes:
        folder: where it lies.
        always: True where its pictures train in every fold and are never held out.
        alike: pictures of which at most so many of the 256 bits of the hash differ show the same place.
        copies: False where pictures with equal hashes are dropped but for the first.
        labelled: False where the pictures show neither flame nor smoke and have no labels.
    """

    folder: str
    always: bool = True
    alike: int = 24
    copies: bool = True
    labelled: bool = True


KINDS = {
    "flare": Kind(folder="flare", always=False, alike=40),
    "fire": Kind(folder="fire", copies=False),
    "smoke": Kind(folder="smoke"),
    "drawn": Kind(folder="drawn", alike=0),
    "negative": Kind(folder="negatives", labelled=False),
    "spare": Kind(folder="negatives", always=False, labelled=False),
}
"""Word in ``Boxed.kinds`` → the set. "negative" and "spare" are two parts of one folder, told apart by a hash of the
file name, so that false alarms can be counted on photos that no stage of the training saw."""


def boxed(folder: Path, kinds: Sequence[str] | None = None) -> Boxed:
    """Photos with boxes, decoded when they are wanted.

    Copies and neighbours in time share a group; pictures that always train are dropped where they are alike to one that
    may be held out.

    Args:
        kinds: words of ``KINDS``; None takes the sets that lie in the folder.

    Raises:
        BadInput: no such set, a picture without a label file, or labels that do not fit.
        UsageError: no such kind.
    """
    words = tuple(k for k, v in KINDS.items() if (folder / v.folder).is_dir()) if kinds is None else tuple(kinds)
    unknown = [word for word in words if word not in KINDS]
    if unknown:
        raise UsageError(f"no kind of pictures {unknown[0]!r}: choose among {', '.join(KINDS)}")
    if not words:
        folders = ", ".join(dict.fromkeys(kind.folder for kind in KINDS.values()))
        raise BadInput(f"{folder} holds none of the folders {folders}: point to the folder above them")
    paths: list[Path] = []
    marks: list[Marked | None] = []
    names: list[str] = []
    for word in words:
        found = _set(folder / KINDS[word].folder, word)
        paths += [path for path, _ in found]
        marks += [mark for _, mark in found]
        names += [word] * len(found)
    bits = np.array([difference_hash(path) for path in paths])
    kept, groups = _sorted_out(names, [path.stem for path in paths], bits)
    chosen = tuple(paths[i] for i in kept)
    return Boxed(
        ids=tuple(f"{names[i]}/{paths[i].stem}" for i in kept),
        read=lambda position: pixels(chosen[position]),
        boxes=tuple(_boxes(marks[i]) for i in kept),
        labels=tuple(np.zeros(0, np.int64) if (mark := marks[i]) is None else mark.labels for i in kept),
        groups=tuple(groups[i] for i in kept),
        kinds=tuple(names[i] for i in kept),
        always=np.array([KINDS[names[i]].always for i in kept]),
    )


def _boxes(mark: Marked | None) -> Floats:
    """Boxes cut at the picture's edges, (k, 4)."""
    if mark is None:
        return np.zeros((0, 4), np.float32)
    rows, cols = mark.shape
    return np.clip(mark.boxes, 0, (cols, rows, cols, rows)).astype(np.float32)


def _set(folder: Path, word: str) -> list[tuple[Path, Marked | None]]:
    """Pictures of one kind with what is marked in them."""
    if not KINDS[word].labelled:
        return [(path, None) for path in _pictures(folder) if _spare(path) == (word == "spare")]
    marked, bare = read_yolo_set(folder / "images", folder / "labels", CLASSES)
    if bare:
        raise BadInput(
            f"{folder / 'labels'} has no file for {len(bare)} pictures, first {bare[0]}: write an empty one where nothing is seen"
        )
    return [(folder / "images" / mark.name, mark) for mark in marked]


def _pictures(folder: Path) -> list[Path]:
    """Picture files of a folder, sorted."""
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in PICTURES)
    if not found:
        raise BadInput(f"{folder} holds no picture: give JPEG or PNG files")
    return found


def _spare(path: Path) -> bool:
    """True for the photos without fire that are left for judging; it depends on the name alone."""
    return int(sha256(path.stem.encode()).hexdigest()[:8], 16) < SPARE * 2**32


def pixels(path: Path) -> NDArray[np.uint8]:
    """A picture, (3, rows, cols), red, green, blue, as it is shown.

    Raises:
        DamagedFile: it cannot be decoded.
    """
    try:
        with Image.open(path) as image:
            shown = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise DamagedFile(f"{path} cannot be decoded ({error}): fetch it again, or take it out") from None
    return np.ascontiguousarray(np.asarray(shown).transpose(2, 0, 1))


def difference_hash(path: Path) -> NDArray[np.bool_]:
    """What a picture looks like in 256 bits: brighter or darker to the right, cell by cell."""
    with Image.open(path) as image:
        # JPEG decoders give half or a quarter of the size at a fraction of the cost.
        image.draft("L", (BITS * 17, BITS * 16))
        small = image.convert("L").resize((BITS + 1, BITS), Image.Resampling.BILINEAR)
    levels = np.asarray(small, np.int16)
    return np.asarray((levels[:, 1:] > levels[:, :-1]).ravel())


def distances(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Differing bits of hashes (n, bits) and (m, bits), (n, m)."""
    one, two = first.astype(np.float32), second.astype(np.float32)
    return np.asarray(one @ (1 - two).T + (1 - one) @ two.T)


def alike(bits: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
    """Group number of every picture, (n,): chains of pictures of which at most ``most`` bits differ."""
    from scipy.sparse.csgraph import connected_components

    return np.asarray(connected_components(distances(bits, bits) <= most)[1], np.int64)


def _sorted_out(
    names: Sequence[str], stems: Sequence[str], bits: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], list[str]]:
    """Positions of the pictures to keep, and the group of every picture."""
    kept = np.ones(len(names), bool)
    groups = [""] * len(names)
    words = np.array(names)
    for word, kind in KINDS.items():
        members = np.flatnonzero(words == word)
        if not len(members):
            continue
        number = alike(bits[members], kind.alike)
        earliest = members[np.unique(number, return_index=True)[1]]
        for i, n in zip(members, number.tolist(), strict=True):
            groups[i] = f"{word}/{stems[earliest[n]]}"
        if not kind.copies:
            _, once = np.unique(bits[members], axis=0, return_index=True)
            kept[np.setdiff1d(members, members[once])] = False
    always = np.array([KINDS[name].always for name in names])
    held = np.flatnonzero(~always)
    if len(held) and always.any():
        reach = np.array([KINDS[names[i]].alike for i in held.tolist()])
        leaks = (distances(bits[always], bits[held]) <= reach).any(1)
        kept[np.flatnonzero(always)[leaks]] = False
    return np.flatnonzero(kept), groups


def examples(
    folder: Path, *, company: bool = False, training: bool = False, boxes: bool = False, side: int = SIDE
) -> Labelled | Boxed:  # fmt: skip
    """Training data of the room: photos with boxes where ``boxes`` is set (``boxed``), else with outlines (``outlined``)."""
    return boxed(folder) if boxes else outlined(folder, company=company, training=training, side=side)


def outlined(folder: Path, *, company: bool = False, training: bool = False, side: int = SIDE) -> Labelled:
    """Photos with outlines: 0 background, 1 flame, 2 smoke; flame where both are drawn.

    Args:
        folder: holds ``flare/``, or ``images/`` and ``polygons/``; as company, pictures alone, which show neither.
        training: mask 255 on both sides of outlines, which are drawn by hand.
        side: photos are brought down to this long side.

    Raises:
        BadInput: no pictures, or pictures without outlines that are not company.
    """
    root = folder / "flare" if (folder / "flare").is_dir() else folder
    if (root / "images").is_dir():
        marked, bare = read_yolo_set(root / "images", root / "polygons", CLASSES)
        paths = [root / "images" / mark.name for mark in marked]
        if bare:
            raise BadInput(
                f"{root / 'polygons'} has no file for {len(bare)} pictures, first {bare[0]}: draw outlines for all"
            )
    elif company:
        paths = _pictures(root)
        marked = ()
    else:
        raise BadInput(f"{folder} holds neither flare/ nor images/: point to photos with polygons/ beside them")
    images = [reduced(pixels(path), side) for path in paths]
    masks = [
        mask_of(mark, (i.shape[1], i.shape[2]), training=training)
        for mark, i in zip(marked, images, strict=bool(marked))
    ]
    masks = masks or [np.zeros(i.shape[1:], np.uint8) for i in images]
    number = alike(np.array([difference_hash(path) for path in paths]), KINDS["flare"].alike)
    return Labelled(
        ids=tuple(path.stem for path in paths),
        images=tuple(images),
        masks=tuple(masks),
        groups=tuple(f"{root.name}/{paths[int(np.argmax(number == n))].stem}" for n in number),
        strata=np.array([int((m == 1).any()) + 2 * int((m == 2).any()) for m in masks], np.int64),
        context=np.zeros((len(paths), 2), np.float32),
    )


def reduced(picture: NDArray[np.uint8], side: int) -> Floats:
    """A picture (3, rows, cols) uint8 as network input 0..1, float32, its long side at most ``side``."""
    rows, cols = picture.shape[1:]
    factor = min(side / max(rows, cols), 1.0)
    image = Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0)))
    if factor < 1:
        image = image.resize((max(round(cols * factor), 1), max(round(rows * factor), 1)), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(image, np.float32).transpose(2, 0, 1) / np.float32(255))


def mask_of(mark: Marked, shape: tuple[int, int], *, training: bool) -> NDArray[np.uint8]:
    """Outlines as a mask of (rows, cols); a pixel is of a class where at least half of it is."""
    from scipy import ndimage

    planes = np.zeros((len(CLASSES), *mark.shape), np.float32)
    for position, label in enumerate(mark.labels):
        part = mark.pixels(position)
        if part is not None:
            planes[(int(label), *part.window.slices)][part.inside] = 1
    small = [np.asarray(Image.fromarray(p).resize((shape[1], shape[0]), Image.Resampling.BOX)) >= 0.5 for p in planes]
    mask = np.where(small[0], 1, np.where(small[1], 2, 0)).astype(np.uint8)
    if training:
        edge = ndimage.maximum_filter(mask, 3) != ndimage.minimum_filter(mask, 3)
        mask[edge] = IGNORE
    return mask
