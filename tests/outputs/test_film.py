"""Annotated video, crops, tables and the picture of a watch."""

import csv
import struct

import numpy as np
import pytest
from PIL import Image

from outcrop.core.errors import BadInput, MissingExtra, UsageError
from outcrop.core.grid import Grid
from outcrop.core.scene import Detections, scene_from_array
from outcrop.outputs.film import (
    ENCODERS,
    VideoWriter,
    annotated,
    burn,
    pixels_of,
    write_crop,
    write_frames,
    write_tracks,
)
from outcrop.outputs.film_timeline import Curve, Row, Timeline, nice_top, rows_of, tick_name, write_timeline

av = pytest.importorskip("av", reason="needs PyAV: install the extra 'video'")

ROWS, COLS = 49, 63


def picture(level):
    """A picture with odd sides, grey with a bright block."""
    values = np.full((ROWS, COLS, 3), level, np.uint8)
    values[10:20, 10:20] = (250, 160, 30)
    return values


def scene(level=60):
    return scene_from_array(
        "one",
        np.moveaxis(picture(level), 2, 0).astype(np.float32) / 255,
        Grid(shape=(ROWS, COLS)),
        ("red", "green", "blue"),
    )


def seen():
    return Detections(
        scene=scene(), classes=("flame", "smoke"), boxes=np.array([[10, 10, 20, 20]], np.float32),
        scores=np.array([0.9], np.float32), labels=np.array([0]),
    )  # fmt: skip


@pytest.mark.parametrize("suffix", [".webm", ".mp4"])
def test_a_video_keeps_pictures_and_their_own_times(tmp_path, suffix):
    moments = [3.0, 3.1, 3.5, 4.0, 6.25]
    with VideoWriter(tmp_path / f"out{suffix}", rate=10) as video:
        for number, moment in enumerate(moments):
            video.add(moment, picture(40 + 30 * number))
    assert video.frames == 5 and [p.name for p in tmp_path.iterdir()] == [f"out{suffix}"]
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert stream.codec_context.name in ("vp9", "libvpx-vp9", "vp8", "mpeg4")
    assert [f.time for f in frames] == pytest.approx([m - 3 for m in moments], abs=0.002)
    levels = [f.to_ndarray(format="rgb24")[30:48, 30:62].mean() for f in frames]
    assert levels == pytest.approx([40 + 30 * n for n in range(5)], abs=5)
    assert frames[0].to_ndarray(format="rgb24")[15, 15] == pytest.approx((250, 160, 30), abs=25), "colours stay"


def test_a_browser_may_play_an_mp4_before_all_of_it_has_come(tmp_path):
    with VideoWriter(tmp_path / "out.mp4") as video:
        video.add(0, picture(40))
    data, at, kinds = (tmp_path / "out.mp4").read_bytes(), 0, []
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        kinds.append(kind)
        at += size
    assert kinds.index(b"moov") < kinds.index(b"mdat")


def test_no_encoder_under_the_gpl_is_ever_asked_for():
    assert not any("264" in name or "265" in name or "xvid" in name for name in ENCODERS)


def test_a_video_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="mine"), VideoWriter(tmp_path / "out.webm") as video:
        video.add(0, picture(1))
        raise ValueError("mine")
    with pytest.raises(BadInput, match="would hold no frame"), VideoWriter(tmp_path / "out.webm"):
        pass
    with pytest.raises(UsageError, match="one of"), VideoWriter(tmp_path / "out.webm") as video:
        video.add(0, picture(1))
        video.add(1, picture(1)[:20])
    assert list(tmp_path.iterdir()) == []


def test_wrong_names_and_missing_libraries_are_told(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"\.webm"):
        VideoWriter(tmp_path / "out.avi")
    with pytest.raises(UsageError, match="with block"):
        VideoWriter(tmp_path / "out.webm").add(0, picture(0))
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingExtra, match="video"):
        VideoWriter(tmp_path / "out.webm")


def test_the_time_is_burnt_at_the_lower_edge():
    plain = np.full((90, 120, 3), 60, np.uint8)
    changed = (burn(plain, "0:00:01.0") != plain).any(axis=2)
    assert changed.shape == (90, 120) and changed[-10:].all(axis=1).any() and not changed[:60].any()
    assert (plain == 60).all(), "the picture given is not touched"


def test_an_annotated_frame_goes_through_the_overlay_given_with_one_name_for_each_box():
    said = []

    def overlay(base, detections, names):
        said.extend(names)
        return np.where(base == 60, 90, base).astype(np.uint8)

    frame = annotated(scene(), seen(), overlay, tracks={0: 4})
    assert frame.shape == (ROWS, COLS, 3) and frame[40, 50].tolist() == [90, 90, 90]
    assert said[0].startswith(f"{seen().classes[int(seen().labels[0])]} 4, 0.") and len(said) == len(seen().labels)
    assert pixels_of(scene())[15, 15].tolist() == [250, 160, 30]


@pytest.mark.parametrize("box", [(10, 10, 20, 20), (-5, -5, 500, 500), (62, 48, 62, 48), (60, 5, 3, 1), None])
def test_a_crop_shows_the_place_whatever_the_box(tmp_path, box):
    path = write_crop(tmp_path / "alerts" / "a.jpg", scene(), box)
    with Image.open(path) as image:
        assert image.format == "JPEG" and 1 <= image.width <= COLS and 1 <= image.height <= ROWS
        if box == (10, 10, 20, 20):
            red, _, blue = image.getpixel((image.width // 2 - 1, image.height // 2 - 1))
            assert red > 200 and blue < 90


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_tables_hold_a_row_for_each_detection_and_each_empty_frame(tmp_path):
    entry = {"track": 1, "label": "flame", "score": 0.5, "box": [1, 2, 3, 4], "area": 7, "flow": 2.5}
    lines = [
        {"kind": "session", "film": "one"},
        {"kind": "frame", "session": 1, "index": 0, "seconds": 0.0, "detections": [entry, {**entry, "track": None}], "measured": {}},
        {"kind": "frame", "session": 1, "index": 1, "seconds": 0.5, "detections": [], "measured": {"wind": 3.0}},
    ]  # fmt: skip
    rows = table(write_frames(tmp_path / "frames.csv", lines, ("flow", "wind")))
    assert [(r["index"], r["track"], r["right"], r["flow"], r["wind"]) for r in rows] == [
        ("0", "1", "3", "2.5", ""), ("0", "", "3", "2.5", ""), ("1", "", "", "", "3"),
    ]  # fmt: skip
    track = {
        "track": 1, "label": "flame", "born": 0.0, "last": 9.0, "hits": 5, "seconds_seen": 9.0, "seconds_not_seen": 0.0,
        "seconds_not_observed": 0.0, "flicker": None, "measured": {"flow": {"median": 2.0, "low": 1.0, "high": 3.0}},
    }  # fmt: skip
    (row,) = table(write_tracks(tmp_path / "tracks.csv", [track]))
    assert (row["flow_median"], row["flow_low"], row["flow_high"], row["flicker_hz"]) == ("2", "1", "3", "")


def test_the_timeline_shows_what_was_seen_where_it_was(tmp_path):
    spans = [(0.0, 50.0, "seen"), (50.0, 100.0, "not seen")]
    times = np.linspace(0, 100, 400)
    line = Timeline(
        title="one", start=0, stop=100, rows=[Row(name="flame 1", spans=spans)],
        curves=[Curve(name="area, px", seconds=times, values=np.where(times < 50, 180.0, np.nan))], alerts=[(60.0, "flame out")],
    )  # fmt: skip
    with Image.open(write_timeline(tmp_path / "a.timeline.png", line, width=800)) as image:
        values = np.asarray(image.convert("RGB")).astype(int)
    orange = (abs(values - np.array([230, 159, 0])) < 12).all(axis=2)
    columns = np.flatnonzero(orange[52:74].any(axis=0))
    assert columns.min() == pytest.approx(132, abs=2) and columns.max() == pytest.approx((132 + 772) / 2, abs=2)
    red = (abs(values - np.array([200, 30, 30])) < 40).all(axis=2)
    assert np.median(np.flatnonzero(red[45:140].any(axis=0))) == pytest.approx(132 + 0.6 * 640, abs=2)


def test_a_timeline_of_nothing_is_still_a_picture(tmp_path):
    empty = Curve(name="none", seconds=np.empty(0), values=np.empty(0))
    one = Curve(name="one", seconds=np.array([3.0]), values=np.array([0.0]))
    path = write_timeline(
        tmp_path / "a.png", Timeline(title="", start=0, stop=0, rows=[Row(name="x", spans=[])], curves=[empty, one])
    )
    with Image.open(path) as image:
        assert image.width == 1200


def test_ticks_and_tops_are_round():
    assert [tick_name(s, 60) for s in (0, 60, 3600, 3660, 90_000)] == ["0", "1 min", "1 h", "1 h 1 min", "1 d 1 h"]
    assert [nice_top(v) for v in (0, 0.013, 1, 23, 99)] == pytest.approx([1, 0.02, 1, 25, 100])
    rows = rows_of([{"track": 3, "label": "smoke", "spells": [[0, 1, "seen"]]}], ("flame", "smoke"))
    assert rows == [Row(name="smoke 3", spans=[(0.0, 1.0, "seen")], label=1)]
