"""Video files and video streams, decoded picture by picture with PyAV.

Times are the film's own time stamps, so a variable frame rate is kept. Pictures are turned upright (display matrix)
and their pixels made square (sample aspect ratio). Damaged pictures are left out and counted.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from outcrop.core.errors import BadInput, DamagedFile, MissingExtra, TooLarge, UnknownFormat
from outcrop.sources.film_address import Address
from outcrop.sources.film_stream import MOST_PIXELS, Pixels, Stream, Taken, Tally

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,apng,mpegts,mpeg,mpegvideo,m4v,h264,hevc,ogg,asf,flv,mxf,mjpeg,ivf,dv"
"""Containers of pictures alone: play lists, which name further files, are not among them."""

FILE_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
HTTP_OPTIONS = {
    "protocol_whitelist": "http,https,tcp,tls,crypto,httpproxy",
    "format_whitelist": f"{CONTAINERS},hls,applehttp,mpjpeg",
}
RTSP_OPTIONS = {
    "protocol_whitelist": "rtsp,rtsps,rtp,srtp,udp,tcp,tls,crypto",
    "format_whitelist": "rtsp",
    "rtsp_transport": "tcp",
    "allowed_media_types": "video",
}
OPTIONS = {"http": HTTP_OPTIONS, "https": HTTP_OPTIONS, "rtsp": RTSP_OPTIONS, "rtsps": RTSP_OPTIONS}

WIDE_RANGE = {16: "PQ", 18: "HLG"}
"""Transfer curves (ITU-T H.273) whose levels do not fit the ordinary range."""

LONG_GAP = 1.0
"""Seconds without a picture, by a camera's own clock, beyond which pictures count as lost; a shorter wait may be a
camera that slows down in the dark."""


def av_library() -> ModuleType:
    """PyAV, or the sentence that says how to get it."""
    try:
        import av
    except ImportError:
        raise MissingExtra("av", "video") from None
    return av


def open_video(source: Path | Address, *, timeout: float = 10.0, start: float = 0.0) -> Stream:
    """Open a video file or address.

    Args:
        timeout: seconds to wait for a network, at opening and for each picture.
        start: seconds of the film before which pictures need not be decoded.

    Raises:
        UnknownFormat: no video inside.
        DamagedFile: a video that cannot be opened.
        TooLarge: frames of more than ``MOST_PIXELS``.
        ConnectionError: an address that does not answer.
        MissingExtra: PyAV is not installed.
    """
    av = av_library()
    name = source.id if isinstance(source, Address) else source.name
    container = _opened(av, source, name, timeout)
    try:
        return _stream(av, container, name, isinstance(source, Address), start)
    except Exception:
        container.close()
        raise


def _opened(av: ModuleType, source: Path | Address, name: str, timeout: float) -> Any:
    """An open container. What the library says is not passed on, since it repeats the address with its password."""
    try:
        if isinstance(source, Address):
            return av.open(source.whole, options=dict(OPTIONS[source.scheme]), timeout=(timeout, timeout))
        return av.open(f"file:{source.resolve()}", options=dict(FILE_OPTIONS))
    except (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError):
        raise BadInput(f"{name} wants a name and a password: give them as rtsp://name:password@host/...") from None
    except av.error.HTTPNotFoundError:
        raise BadInput(f"{name} does not exist on its host: check the path of the address") from None
    except av.FFmpegError as error:
        if isinstance(source, Address):
            raise ConnectionError(f"{name} gives no film ({error.strerror})") from None
        raise _refused(source) from None


def _refused(path: Path) -> Exception:
    """What to say of a file that no demuxer opens: broken, when it begins like a film, else no film at all."""
    with suppress(OSError), path.open("rb") as file:
        start = file.read(16)
        if start[4:8] == b"ftyp" or start.startswith((b"\x1aE\xdf\xa3", b"RIFF", b"GIF8", b"G@")):
            return DamagedFile(f"{path.name} is cut off or damaged, its index cannot be read: copy or record it again")
    return UnknownFormat(f"{path.name} is no video that Outcrop reads: give mp4, mov, mkv, webm, avi, gif or mpeg-ts")


def _stream(av: ModuleType, container: Any, name: str, remote: bool, start: float) -> Stream:
    """What an open container holds."""
    if not container.streams.video:
        raise UnknownFormat(f"{name} holds no pictures: give a video")
    video = container.streams.video[0]
    rows, cols = video.codec_context.height, video.codec_context.width
    if rows * cols > MOST_PIXELS:
        raise TooLarge(f"{name} has frames of {cols} x {rows} pixels, more than {MOST_PIXELS}: scale it down")
    live = remote and not container.duration
    video.thread_type = "SLICE" if live else "AUTO"  # frame threads would hold pictures of a camera back
    rate = video.average_rate or video.guessed_rate
    tally = Tally()
    taken = _decoded(av, container, video, name, tally, float(rate) if rate else None, live, start)
    first = next(taken, None)
    if first is None:
        raise DamagedFile(f"{name} holds no picture that can be decoded: copy or record it again")
    shape = first.pixels().shape[:2]
    return Stream(
        shape=(int(shape[0]), int(shape[1])),
        rate=float(rate) if rate else None,
        live=live,
        taken=_again(first, taken),
        close=container.close,
        tally=tally,
        began=_began(container.metadata.get("creation_time")),
        notes=tuple(tally.notes),
    )


def _again(first: Taken, rest: Iterator[Taken]) -> Iterator[Taken]:
    yield first
    yield from rest


def _began(text: str | None) -> datetime | None:
    """When a recorder says the film was made; clocks that were never set are not believed."""
    try:
        told = datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return None
    return told if told and told.year >= 1990 else None


def _packets(container: Any, video: Any, start: float) -> Iterator[tuple[Any, int]]:
    """(packet, pictures before it that need no decoding): from the last key picture at or before ``start``."""
    held: deque[Any] = deque()
    passed, waiting = 0, start > 0
    for packet in container.demux(video):
        if not waiting:
            yield packet, passed
            continue
        if packet.is_keyframe:
            passed += len(held)
            held.clear()
        held.append(packet)
        if packet.pts is None or (packet.pts - (video.start_time or 0)) * packet.time_base >= start:
            waiting = False
            yield from ((one, passed) for one in held)
            held.clear()
    yield from ((one, passed) for one in held)


def _decoded(
    av: ModuleType, container: Any, video: Any, name: str, tally: Tally, rate: float | None, live: bool, start: float
) -> Iterator[Taken]:
    """Every picture that decodes, in order of time."""
    clock = _Clock(rate, float((video.start_time or 0) * video.time_base), live)
    index, doubtful, aspect = -1, False, _aspect(video)
    try:
        for packet, passed in _packets(container, video, start):
            try:
                frames = video.decode(packet)
            except av.error.EOFError:
                continue
            except av.FFmpegError:
                tally.damaged, index, doubtful = tally.damaged + 1, index + 1, True
                continue
            for frame in frames:
                index += 1
                if frame.is_corrupt:
                    tally.damaged, doubtful = tally.damaged + 1, True
                    continue
                doubtful = doubtful and not frame.key_frame
                seconds, lost = clock.read(frame, index + passed)
                index += lost
                _remark(frame, tally, name)
                notes = ("it follows a damaged picture and may be smeared",) if doubtful else ()
                yield Taken(index=index + passed, seconds=seconds, pixels=_pixels(av, frame, name, aspect), notes=notes)
    except av.FFmpegError as error:
        if live:
            raise ConnectionError(f"{name} fell silent ({error.strerror})") from None
        tally.note(f"{name} breaks off after {clock.last:.1f} s ({error.strerror})")
    if live:
        raise ConnectionError(f"{name} ended its stream")
    _told_length(container, video, name, tally, clock.last + 1 / (rate or 25.0))


def _told_length(container: Any, video: Any, name: str, tally: Tally, read: float) -> None:
    """Note a film that ends before its own header says so."""
    told = float(video.duration * video.time_base) if video.duration else 0.0
    if not told and container.duration and len(container.streams) == 1:
        told = container.duration / 1e6
    if read < told * 0.98 - 0.1:
        tally.note(f"{name} gives {read:.1f} s of the {told:.1f} s that it claims: it is cut off or damaged")


class _Clock:
    """Time stamps made seconds that only rise."""

    def __init__(self, rate: float | None, first: float, live: bool) -> None:
        self.step = 1 / rate if rate else 0.04
        self.first: float | None = None if live else first
        self.live = live
        self.last = 0.0
        self._begun = False
        self._shift = 0.0

    def read(self, frame: Any, index: int) -> tuple[float, int]:
        """(seconds since the first picture, pictures lost before this one by a camera's own clock)."""
        told = frame.time if frame.pts is not None and frame.time is not None else None
        if self.first is None:
            self.first = told or 0.0
        seconds = (told - self.first if told is not None else index * self.step) + self._shift
        if self._begun and seconds <= self.last:  # the recorder's clock was set back
            self._shift += self.last + self.step - seconds
            seconds = self.last + self.step
        gap = seconds - self.last if self._begun and self.live else 0.0
        self._begun, self.last = True, max(seconds, 0.0)
        return self.last, round(gap / self.step) - 1 if gap > max(LONG_GAP, 3 * self.step) else 0


def _remark(frame: Any, tally: Tally, name: str) -> None:
    """Note what makes the levels or the rows of a picture unlike a photograph's."""
    if frame.interlaced_frame:
        tally.note(f"{name} is interlaced: edges of what moves are combed")
    if frame.color_trc in WIDE_RANGE:
        tally.note(f"{name} has the wide range {WIDE_RANGE[frame.color_trc]}: its levels are shown as they are")


def _pixels(av: ModuleType, frame: Any, name: str, aspect: float) -> Callable[[], Pixels]:
    """Decodes one picture: upright, with square pixels."""

    def pixels() -> Pixels:
        try:
            shown = frame.reformat(width=round(frame.width * aspect), height=frame.height, format="rgb24")
            values = shown.to_ndarray()
        except (av.FFmpegError, ValueError, MemoryError):
            raise DamagedFile(f"{name} holds a picture that cannot be shown: record it again") from None
        return np.ascontiguousarray(np.rot90(values, round(frame.rotation / 90)))

    return pixels


def _aspect(video: Any) -> float:
    """Width of a pixel in heights; 1 where nothing believable is told."""
    ratio = float(video.sample_aspect_ratio or 1)
    return ratio if 0.2 < ratio < 5 else 1.0
