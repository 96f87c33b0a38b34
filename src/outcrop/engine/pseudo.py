"""A second round: unlabelled pictures, labelled by models where they are sure (Babakhin et al. 2019).

A picture's confidence is the share of its pixels with probability below 0.2 or above 0.8. Pictures at or above a
least confidence are kept, constant ones are dropped, and the coverage classes are balanced so that the many
empty pictures do not drown the others.
"""

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from outcrop.core.errors import BadInput, DamagedFile
from outcrop.core.labelled import Labelled
from outcrop.core.scene import Floats

LOW, HIGH = 0.2, 0.8
CONFIDENCE = 0.9


def read_pictures(path: Path) -> tuple[tuple[str, ...], tuple[Floats, ...]]:
    """Grey pictures of a folder or a zip archive: ids, and (1, rows, cols) in [0, 1] each.

    A picture's id is its name without suffix; a second one of that name is called by its whole path in the archive.

    Raises:
        BadInput: no picture in it.
        DamagedFile: the archive or a picture cannot be read.
    """
    suffixes = (".png", ".webp", ".jpg", ".jpeg", ".tif", ".tiff")
    found: dict[str, Floats] = {}

    def keep(name: str, content: object) -> None:
        try:
            with Image.open(content) as image:  # type: ignore[arg-type]
                grey = np.asarray(image.convert("L"), np.float32)[None] / np.float32(255)
        except (OSError, ValueError, SyntaxError) as error:
            raise DamagedFile(f"{name} in {path} is no readable picture ({error}): take it out") from None
        stem = Path(name).stem
        found[name if stem in found else stem] = grey

    if path.suffix == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                for name in sorted(n for n in archive.namelist() if n.lower().endswith(suffixes)):
                    keep(name, io.BytesIO(archive.read(name)))
        except (OSError, zipfile.BadZipFile) as error:
            raise DamagedFile(f"{path} cannot be read as a .zip ({error}): make it again") from None
    else:
        for file in sorted(p for p in path.glob("*") if p.suffix.lower() in suffixes):
            keep(file.name, file)
    if not found:
        raise BadInput(f"{path} holds no pictures: give a folder or a .zip of {', '.join(suffixes)}")
    return tuple(found), tuple(found.values())


def confidence(probability: Floats) -> float:
    """Share of a picture's pixels whose probability, (classes, rows, cols), is below 0.2 or above 0.8."""
    return float(((probability < LOW) | (probability > HIGH)).mean())


def label(
    ids: Sequence[str], images: Sequence[Floats], probabilities: Sequence[Floats], stratum: Callable[[NDArray[np.uint8]], int],
    *, least: float = CONFIDENCE, limit: int | None = None, rng: np.random.Generator,
) -> Labelled:  # fmt: skip
    """The sure ones among unlabelled pictures.

    Args:
        probabilities: (classes, rows, cols) each.
        stratum: mask → coverage class, for balance.
        limit: at most this many pictures.
    """
    sure = [
        i for i, (image, p) in enumerate(zip(images, probabilities, strict=True))
        if confidence(p) >= least and image.min() < image.max()
    ]  # fmt: skip
    masks = {
        i: np.where(probabilities[i].max(0) >= 0.5, probabilities[i].argmax(0) + 1, 0).astype(np.uint8) for i in sure
    }
    strata = {i: stratum(masks[i]) for i in sure}
    kept = _balanced(strata, len(sure) if limit is None else limit, rng)
    return Labelled(
        ids=tuple(f"pseudo/{ids[i]}" for i in kept),
        images=tuple(images[i] for i in kept),
        masks=tuple(masks[i] for i in kept),
        groups=tuple(f"pseudo/{ids[i]}" for i in kept),
        strata=np.array([strata[i] for i in kept], np.int64),
        context=np.zeros((len(kept), 2), np.float32),
        always=np.ones(len(kept), bool),
    )


def _balanced(strata: dict[int, int], limit: int, rng: np.random.Generator) -> list[int]:
    """At most ``limit`` pictures, none of a class more than twice the mean size of the classes."""
    classes: dict[int, list[int]] = {}
    for i, s in strata.items():
        classes.setdefault(s, []).append(i)
    if not classes:
        return []
    most = max(int(2 * min(limit, len(strata)) / len(classes)), 1)
    kept = [int(i) for members in classes.values() for i in rng.permutation(members)[:most]]
    return sorted(int(i) for i in rng.permutation(kept)[:limit])
