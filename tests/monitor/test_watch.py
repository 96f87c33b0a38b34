"""The loop, on drawn films and on a camera with faults."""

import json
import threading

import numpy as np
import pytest
from PIL import Image

from outcrop.core.errors import BadInput, UsageError
from outcrop.core.film import Film, Frame
from outcrop.core.grid import Grid
from outcrop.core.scene import scene_from_array
from outcrop.monitor.alerts import Rules
from outcrop.monitor.camera import Camera, wanted
from outcrop.monitor.ledger import Ledger, Settings, summarise
from outcrop.monitor.log import read
from outcrop.monitor.tracks import Linking
from outcrop.monitor.watch import Analysed, Progress, watch

BANDS = ("red", "green", "blue")


def drawn(stage, count, *, step=1.0, lit=lambda n: True, smoke=lambda n: False, name="drawn"):
    """A film of drawn flames, a frame each ``step`` seconds."""

    def frames():
        for n in range(count):
            picture = stage.draw_flame(n, lit=lit(n), smoke=smoke(n)).astype(np.float32) / 255
            scene = scene_from_array(f"{name}#{n}", np.moveaxis(picture, 2, 0), Grid(shape=(48, 64)), BANDS)
            yield Frame(index=n, seconds=n * step, scene=scene)

    return Film(id=name, shape=(48, 64), rate=1 / step, frames=frames)


def flow(seen):
    """A number for each detection, and one for the frame."""
    return {"flow": [float(box[3] - box[1]) for box in seen.boxes], "sky": 0.1}


def of(summary, label):
    return [track for track in summary["tracks"] if track["label"] == label]


def lines(path, kind):
    return [line for line in read(path / "frames.jsonl") if line["kind"] == kind]


def test_a_flare_that_goes_out_is_told_once_with_a_picture(stage, see, tmp_path):
    film = drawn(stage, 120, lit=lambda n: not 40 <= n < 90 and n % 7 != 3)
    rules = Rules(out_after=20, settle=10)
    summary = watch(film, see, flow, tmp_path, rules=rules, settings=Settings(hold=5, patience=5))
    (flame,) = of(summary, "flame")
    assert [s for *_, s in flame["spells"]] == ["seen", "not seen", "seen"], "single missed frames are no spells"
    assert flame["spells"][1][:2] == [pytest.approx(40, abs=1), pytest.approx(90, abs=1)]
    (alert,) = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert alert["alert"] == "flame out" and alert["track"] == 1 and alert["seconds"] == pytest.approx(61, abs=2)
    assert "20 s of looking" in alert["about"] or "21 s of looking" in alert["about"]
    with Image.open(tmp_path / alert["picture"]) as picture:
        assert picture.format == "JPEG" and 10 < picture.width <= 64
    low, high = (flame["measured"]["flow"][end] for end in ("low", "high"))
    heights = [e["flow"] for line in lines(tmp_path, "frame") for e in line["detections"] if e["track"] == 1]
    assert low <= np.median(heights) <= high and flame["measured"]["flow"]["median"] == pytest.approx(
        np.median(heights)
    )
    assert summary["frames"] == 120 and summary["alerts"] == 1


def test_smoke_beyond_the_limit_is_told_and_the_worst_window_counted(stage, see, tmp_path):
    film = drawn(stage, 100, step=10.0, smoke=lambda n: 20 <= n < 52)
    summary = watch(film, see, flow, tmp_path)
    assert summary["smoke"]["worst_window"]["smoke"] == pytest.approx(320) and summary["smoke"][
        "seconds"
    ] == pytest.approx(320)
    assert summary["smoke"]["worst_window"]["verdict"] == "above"
    (alert,) = [line for line in lines(tmp_path, "event") if line["alert"] == "smoke"]
    assert alert["seconds"] == 510 and "more than 5.0 min" in alert["about"] and alert["track"] is None


def test_a_flame_where_none_was_is_told_but_not_the_known_ones(stage, see, tmp_path):
    def two(scene):
        picture = scene.read(scene.grid.whole)
        if int(scene.id.split("#")[1]) >= 80:
            picture = picture.copy()
            picture[:, 10:16, 4:10] = np.array([1, 0.7, 0.1])[:, None, None]
        halves = [picture.copy(), picture.copy()]
        halves[0][:, :, :20] = 0
        halves[1][:, :, 20:] = 0
        parts = [see(scene_from_array(scene.id, half, scene.grid, BANDS)) for half in halves]
        from dataclasses import replace

        joined = {name: np.concatenate([getattr(p, name) for p in parts]) for name in ("boxes", "scores", "labels")}
        return replace(parts[0], scene=scene, outlines=parts[0].outlines + parts[1].outlines, **joined)

    summary = watch(drawn(stage, 100), two, flow, tmp_path, rules=Rules(settle=20))
    (alert,) = lines(tmp_path, "event")
    assert alert["alert"] == "new flame" and alert["track"] == 2 and len(of(summary, "flame")) == 2


def test_a_cooldown_delays_an_alert_and_does_not_swallow_it(stage, see, tmp_path):
    film = drawn(stage, 200, lit=lambda n: n < 20 or 40 <= n < 50)
    watch(film, see, flow, tmp_path, rules=Rules(out_after=5, cooldown=60), settings=Settings(hold=5, patience=2))
    told = [line["seconds"] for line in lines(tmp_path, "event")]
    assert len(told) == 2 and told[0] == pytest.approx(26, abs=2) and told[1] == pytest.approx(told[0] + 60, abs=1)


def test_a_stopped_watch_goes_on_and_ends_as_one_that_was_not(stage, see, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    film = drawn(stage, 60, lit=lambda n: not 20 <= n < 45, smoke=lambda n: n > 30)
    settings, rules = Settings(hold=3, patience=5), Rules(out_after=10)
    expected = watch(film, see, flow, whole, settings=settings, rules=rules)
    for upto in (7, 18, 33, 1000):
        stop = threading.Event()

        def halt(progress, upto=upto, stop=stop):
            if progress.seconds >= upto:
                stop.set()

        got = watch(film, see, flow, parts, settings=settings, rules=rules, stop=stop, on_progress=halt)
        with (parts / "frames.jsonl").open("a") as file:
            file.write('{"kind":"frame","session":')  # killed in the middle of a line
    assert [line["index"] for line in lines(parts, "frame")] == list(range(60))
    told = [[(line["alert"], line["seconds"]) for line in lines(at, "event")] for at in (whole, parts)]
    assert told[0] == told[1] and got["sessions"] == 4
    drop = ("sessions", "log", "measured")
    plain = [{k: v for k, v in s.items() if k not in drop} for s in (expected, got)]
    for summary in plain:
        summary["tracks"] = [{k: v for k, v in t.items() if k not in drop} for t in summary["tracks"]]
    assert plain[0] == plain[1]


def test_the_summary_comes_from_the_log_alone(stage, see, tmp_path):
    told = watch(drawn(stage, 30), see, flow, tmp_path)
    again = summarise(tmp_path / "frames.jsonl")
    assert {k: v for k, v in told.items() if k != "notes"} == again


def test_a_frame_that_is_refused_and_one_that_cannot_show_smoke_are_told_apart(stage, see, tmp_path):
    def choosy(scene):
        if scene.id.endswith("#5"):
            raise BadInput("too dark")
        return see(scene)

    summary = watch(drawn(stage, 20), choosy, lambda seen: {"blind": ("smoke",)}, tmp_path)
    assert summary["frames"] == 19 and summary["events"] == {"refused": 1}
    assert summary["smoke"]["seconds_not_observed"] == 19 and of(summary, "flame")[0]["seconds_not_observed"] == 0


def test_numbers_of_the_wrong_length_are_refused(stage, see, tmp_path):
    with pytest.raises(UsageError, match="give one for each"):
        watch(drawn(stage, 3), see, lambda seen: {"flow": [1, 2, 3]}, tmp_path)


def test_minutes_and_seconds_between_frames_are_kept(stage, see, tmp_path):
    seen: list[Analysed] = []
    summary = watch(drawn(stage, 200), see, flow, tmp_path, every=5, minutes=1, on_frame=seen.append)
    assert [a.frame.index for a in seen] == list(range(0, 60, 5)) and summary["seconds"] == 55
    assert seen[-1].links == ((1, 0),) and seen[-1].line["detections"][0]["area"] > 100


def test_regions_and_thresholds_of_a_camera_choose_detections(stage, see):
    picture = np.moveaxis(stage.draw_flame(1, smoke=True).astype(np.float32) / 255, 2, 0)
    seen = see(scene_from_array("one", picture, Grid(shape=(48, 64)), BANDS))
    assert len(seen.boxes) == 2
    left = ((0, 0), (0.7, 0), (0.7, 1), (0, 1))
    assert wanted(seen, Camera(include=(left,))).labels.tolist() == [0]
    assert wanted(seen, Camera(exclude=(left,))).labels.tolist() == [1]
    assert len(wanted(seen, Camera(exclude=(left,))).outlines) == 1
    assert wanted(seen, Camera(thresholds={"flame": 0.95})).labels.tolist() == [1]
    notch = ((0, 0), (1, 0), (1, 1), (0.5, 0.1), (0, 1))
    assert wanted(seen, Camera(include=(notch,))).labels.tolist() == [1], "the flame stands in the notch"
    for wrong in (
        {"include": (((0, 0), (100, 0), (100, 100)),)},
        {"exclude": (((0, 0), (1, 1)),)},
        {"thresholds": {"a": 2}},
    ):
        with pytest.raises(UsageError):
            Camera(**wrong)


def test_a_camera_is_watched_through_a_cut_and_every_frame_is_accounted_for(stage, see, tmp_path):
    frames = [stage.jpeg(stage.draw_flame(n)) for n in range(60)]
    faults = {20: "cut", 35: "garbage", 45: "broken"}
    progress: list[Progress] = []
    with stage.Camera(frames, rate=40, faults=faults, down=0.3) as camera:
        summary = watch(camera.url, see, flow, tmp_path, timeout=0.6, patience=1.5, on_progress=progress.append)
        sent = sum(map(len, camera.connections[1:]))  # the first was to learn what it is
    logged = lines(tmp_path, "frame")
    numbers = [line["index"] for line in logged]
    assert numbers == sorted(set(numbers)) and summary["log"]["broken"] == summary["log"]["duplicates"] == 0
    skipped, missed = summary["frames_skipped"], summary["frames_missed"]
    # Of those sent, the cut one and the broken one could not be decoded; the cut has cost about 40 / s.
    assert (
        len(logged) + skipped + 2 == sent > 50 and numbers[-1] + 1 == len(logged) + skipped + 2 + missed and missed >= 3
    )
    assert summary["events"]["connected"] == 2 and summary["events"]["ended"] == 1 and summary["events"]["lost"] >= 1
    times = [line["seconds"] for line in logged]
    assert times == sorted(times) and max(np.diff(times)) >= 0.3, "time went on during the cut"
    assert [track["track"] for track in of(summary, "flame")] == [1], "the flame is the same after the cut"
    assert any(p.about.startswith("127.0.0.1") for p in progress) and progress[-1].frames == len(logged)


def test_a_camera_watched_again_keeps_its_tracks_and_its_clock(stage, see, tmp_path):
    with stage.Camera([stage.jpeg(stage.draw_flame(n)) for n in range(400)], rate=60) as camera:
        for session in (1, 2):
            stop = threading.Event()

            def halt(progress, stop=stop):
                if progress.frames >= 5:
                    stop.set()

            summary = watch(camera.url, see, flow, tmp_path, timeout=1, patience=2, stop=stop, on_progress=halt)
            assert summary["sessions"] == session
    logged = lines(tmp_path, "frame")
    times = [line["seconds"] for line in logged]
    assert times == sorted(times) and [t["track"] for t in of(summary, "flame")] == [1]
    assert {e["track"] for line in logged if line["session"] == 2 for e in line["detections"]} == {1}


def test_a_thousand_lines_are_taken_in_soon(stage):
    ledger = Ledger(Settings(linking=Linking()))
    ledger.take({"kind": "session", "film": "one"})
    for n in range(1000):
        entry = {"track": 1, "label": "flame", "score": 0.9, "box": [0, 0, 1, 1], "flow": 1.0 + n % 3}
        ledger.take({"kind": "frame", "index": n, "seconds": n / 10, "detections": [entry]})
    assert ledger.summary()["tracks"][0]["measured"]["flow"]["median"] == 2
