"""Films out: annotated video, crops of what an alert is about, and tables by frame and by track.

Video is written with codecs that are free to use and that browsers play: VP9 in WebM or MP4, else AV1 or VP8. The
encoders x264 and x265 are never used, because they are under the GPL.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from outcrop.core.errors import BadInput, MissingExtra, UsageError
from outcrop.core.scene import Detections, Scene
from outcrop.outputs import replacing
from outcrop.outputs.picture import COLOURS
from outcrop.outputs.table import write_table

Pixels = NDArray[np.uint8]
"""(rows, cols, 3), red, green, blue."""

ENCODERS: dict[str, dict[str, str]] = {
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "crf": "30", "b": "0"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "crf": "12", "b": "4M"},
    "mpeg4": {"qscale": "3"},
}
"""Encoders by preference with their settings; the first that is there is taken."""

CONTAINERS = {".webm": ("webm", ("libvpx-vp9", "libvpx")), ".mp4": ("mp4", ("libvpx-vp9", "mpeg4"))}
"""Suffix → container and its encoders."""

TICKS = 1000
"""Time steps a second."""

FRAMES = ("session", "index", "seconds", "utc", "track", "label", "score", "left", "top", "right", "bottom", "area")
TRACKS = (
    "track", "label", "born", "last", "hits", "seconds_seen", "seconds_not_seen", "seconds_not_observed",
    "flicker_hz", "flicker_amplitude",
)  # fmt: skip

Overlay = Callable[[Pixels, Detections, Sequence[str]], Pixels]
"""Draws boxes and outlines into a picture, and at each box what is to be said of it."""


def pixels_of(scene: Scene) -> Pixels:
    """A scene of three bands, 0..1, as 8 bit, (rows, cols, 3); black where it saw nothing."""
    values = scene.read(scene.grid.whole)
    return np.ascontiguousarray(np.moveaxis(np.rint(np.clip(np.nan_to_num(values), 0, 1) * 255).astype(np.uint8), 0, 2))


class VideoWriter:
    """A video that appears under its name when its block ends without an error.

    >>> with VideoWriter(Path("film.webm"), rate=10) as video:  # doctest: +SKIP
    ...     video.add(0.0, picture)
    """

    def __init__(self, path: Path, *, rate: float | None = None) -> None:
        """Prepare ``path`` (.webm or .mp4).

        Args:
            rate: frames a second that the header claims; each frame keeps its own time.

        Raises:
            UsageError: another suffix.
            MissingExtra: PyAV is not installed.
            BadInput: PyAV is built without a free encoder for this container.
        """
        if path.suffix.lower() not in CONTAINERS:
            raise UsageError(f"{path.name} was asked for: give a name that ends in {' or '.join(CONTAINERS)}")
        self.path, self.frames = path, 0
        self._rate = Fraction(rate or 25).limit_denominator(1000)
        self._format, wanted = CONTAINERS[path.suffix.lower()]
        self.encoder = _encoder(wanted, path)
        self._open = ExitStack()
        self._container: Any = None
        self._stream: Any = None
        self._shape: tuple[int, int] = (0, 0)
        self._last = -1
        self._begun: float | None = None

    def __enter__(self) -> Self:
        av = av_library()
        part = self._open.enter_context(replacing(self.path))
        early = {"movflags": "faststart"} if self._format == "mp4" else {}  # browsers begin before all of it has come
        self._container = av.open(str(part), "w", format=self._format, container_options=early)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._stream is None:
                raise BadInput(f"{self.path.name} would hold no frame: give at least one")
            if kind is None:
                self._container.mux(self._stream.encode())
        except BaseException as failure:
            self._container.close()
            if not self._open.__exit__(type(failure), failure, None):
                raise
        else:
            self._container.close()
            self._open.__exit__(kind, error, trace)

    def add(self, seconds: float, picture: Pixels) -> None:
        """Add a frame; times rise, the first one is where the video begins, all have the first one's shape.

        Raises:
            UsageError: a frame of another shape, or outside the with block.
        """
        av = av_library()
        if self._container is None:
            raise UsageError(f"{self.path.name} is not open: add frames inside its with block")
        if self._stream is None:
            self._begin(picture.shape[:2])
        if picture.shape[:2] != self._shape:
            raise UsageError(f"{self.path.name} has frames of {self._shape}, one of {picture.shape[:2]} came")
        self._begun = seconds if self._begun is None else self._begun
        even = np.pad(picture, ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), "rgb24")
        self._last = max(round((seconds - self._begun) * TICKS), self._last + 1)
        frame.pts, frame.time_base = self._last, Fraction(1, TICKS)
        self._container.mux(self._stream.encode(frame))
        self.frames += 1

    def _begin(self, shape: tuple[int, ...]) -> None:
        self._shape = (shape[0], shape[1])
        stream = self._container.add_stream(self.encoder, rate=self._rate, options=dict(ENCODERS[self.encoder]))
        stream.height, stream.width = (side + side % 2 for side in self._shape)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS)
        stream.codec_context.thread_count = 2
        self._stream = stream


def av_library() -> Any:
    """PyAV, or the sentence that says how to get it."""
    try:
        import av
    except ImportError:
        raise MissingExtra("av", "video") from None
    return av


def _encoder(wanted: Sequence[str], path: Path) -> str:
    """The first encoder that this build has."""
    av = av_library()
    for name in wanted:
        try:
            av.Codec(name, "w")
        except (ValueError, av.FFmpegError):
            continue
        return name
    raise BadInput(
        f"{path.name} cannot be written: this build of PyAV has none of {', '.join(wanted)}; install another"
    )


PLAIN = str.maketrans("²³⁻·–…", "23-.-.")
"""Signs that the font which ships with Pillow lacks."""


def lettering(text: str, size: int) -> tuple[str, ImageFont.FreeTypeFont | ImageFont.ImageFont]:
    """A text as it can be drawn, and a font for it: names in other scripts need a font of this machine's."""
    shown = text.translate(PLAIN)
    if shown.isascii():
        return shown, ImageFont.load_default(size)
    for name in ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf"):
        try:
            return text, ImageFont.truetype(name, size)
        except OSError:
            continue
    return shown.encode("ascii", "replace").decode(), ImageFont.load_default(size)


def burn(picture: Pixels, text: str) -> Pixels:
    """A picture with a line of text, such as time and counts, on a dark band at the lower edge."""
    if not text:
        return picture
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image, "RGBA")
    text, font = lettering(text, max(round(picture.shape[0] / 36), 9))
    left, top, _, bottom = draw.textbbox((0, 0), text, font=font)
    y = picture.shape[0] - (bottom - top) - 8
    draw.rectangle((0, y, picture.shape[1], picture.shape[0]), fill=(0, 0, 0, 150))
    draw.text((6 - left, y + 4 - top), text, font=font, fill=(255, 255, 255))
    return np.asarray(image)


def annotated(
    scene: Scene, seen: Detections, overlay: Overlay, *, tracks: Mapping[int, int] | None = None, text: str = ""
) -> Pixels:
    """One frame of an annotated video, (rows, cols, 3).

    Args:
        overlay: draws the boxes and outlines of detections into a picture.
        tracks: index of a detection → id of its track, said beside its class and score.
        text: what stands below.
    """
    tracks = tracks or {}
    names = [
        f"{seen.classes[int(label)]}{f' {tracks[index]},' if index in tracks else ''} {score:.2f}"
        for index, (label, score) in enumerate(zip(seen.labels, seen.scores, strict=True))
    ]
    return burn(overlay(pixels_of(scene), seen, names), text)


def clock(seconds: float) -> str:
    """Seconds as hours, minutes and seconds.

    >>> clock(3725.04)
    '1:02:05.0'
    """
    tenths = round(seconds * 10)
    return f"{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths % 600 / 10:04.1f}"


def write_crop(path: Path, scene: Scene, box: Sequence[float] | None, *, longest: int = 1280) -> Path:
    """A JPEG of the place of a box with as much again around it, or of the whole scene; the box is marked."""
    image = Image.fromarray(pixels_of(scene))
    if box is not None:
        left, top, right, bottom = box
        margin = max(right - left, bottom - top, 24.0) / 2
        line = max(round(max(image.size) / 640), 1)
        ImageDraw.Draw(image).rectangle((left, top, max(right, left), max(bottom, top)), outline=COLOURS[0], width=line)
        edges = (left - margin, top - margin, right + margin, bottom + margin)
        inside = [max(edges[0], 0), max(edges[1], 0), min(edges[2], image.width), min(edges[3], image.height)]
        if inside[2] - inside[0] >= 1 and inside[3] - inside[1] >= 1:
            image = image.crop((int(inside[0]), int(inside[1]), int(np.ceil(inside[2])), int(np.ceil(inside[3]))))
    image.thumbnail((longest, longest))
    with replacing(path) as part:
        image.save(part, format="JPEG", quality=90)
    return path


def write_frames(path: Path, lines: Iterable[Mapping[str, Any]], measured: Sequence[str] = ()) -> Path:
    """One row per detection of the frame lines of a log, one without a detection for a frame that shows nothing.

    Args:
        measured: names of further numbers to write, each a column.
    """

    def rows() -> Iterable[dict[str, Any]]:
        for line in lines:
            if line.get("kind", "frame") != "frame":
                continue
            place = {name: line.get(name) for name in FRAMES[:4]}
            own = {name: line.get("measured", {}).get(name) for name in measured}
            entries: Sequence[Mapping[str, Any]] = line.get("detections") or ({},)
            for entry in entries:
                box = dict(zip(FRAMES[7:11], entry.get("box", ()), strict=False))
                found = {name: entry.get(name) for name in (*FRAMES[4:7], "area")}
                more = {name: entry[name] for name in measured if name in entry}
                yield {**place, **found, **box, **own, **more}

    return write_table(path, (*FRAMES, *measured), rows())


def write_tracks(path: Path, tracks: Iterable[Mapping[str, Any]]) -> Path:
    """One row per track of a summary, with the median and the ends of the 90 % interval of each measured number."""
    told = list(tracks)
    names = sorted({name for track in told for name in track.get("measured", {})})
    columns = [f"{name}_{part}" for name in names for part in ("median", "low", "high")]
    rows = []
    for track in told:
        row = {name: track.get(name) for name in TRACKS[:8]}
        rhythm = track.get("flicker") or {}
        row |= {"flicker_hz": rhythm.get("frequency"), "flicker_amplitude": rhythm.get("amplitude")}
        for name, value in track.get("measured", {}).items():
            row |= {f"{name}_{part}": value.get(part) for part in ("median", "low", "high")}
        rows.append(row)
    return write_table(path, (*TRACKS, *columns), rows)
