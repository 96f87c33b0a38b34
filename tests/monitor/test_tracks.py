"""Linking detections through frames."""

import numpy as np
import pytest

from outcrop.core.grid import Grid
from outcrop.core.scene import Detections, scene_from_array
from outcrop.monitor.tracks import Linking, Track, Tracker, link_cost

SCENE = scene_from_array("one", np.zeros((3, 100, 100), np.float32), Grid(shape=(100, 100)), ("red", "green", "blue"))
AT_ONCE = Linking(hits=1, within=1)


def seen(*boxes, labels=None):
    """Detections from boxes; flames unless said otherwise."""
    return Detections(
        scene=SCENE, classes=("flame", "smoke"), boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.ones(len(boxes), np.float32), labels=np.array(labels or [0] * len(boxes), np.int64),
    )  # fmt: skip


def flame(x, y=50, high=20, wide=10):
    """A flame whose foot stands at (x, y)."""
    return (x - wide / 2, y - high, x + wide / 2, y)


def test_two_flames_keep_their_ids_whatever_the_order_of_the_detections():
    rng, tracker = np.random.default_rng(0), Tracker(AT_ONCE)
    for step in range(60):
        boxes = [flame(20, high=rng.uniform(8, 40)), flame(60, high=rng.uniform(8, 40))]
        order = rng.permutation(2)
        links = dict(tracker.step(float(step), seen(*[boxes[i] for i in order])))
        if step == 0:
            first = {id: order[i] for id, i in links.items()}
        assert {id: order[i] for id, i in links.items()} == first


def test_neighbours_are_linked_at_the_least_total_cost():
    """The greedy choice would give the middle detection to the wrong track and leave the other without one."""
    tracker = Tracker(AT_ONCE)
    tracker.step(0, seen(flame(20, wide=8), flame(30, wide=8)))
    assert tracker.step(1, seen(flame(26, wide=8), flame(36, wide=8))) == [(1, 0), (2, 1)]


def test_a_flame_that_shrinks_to_its_foot_stays_the_same():
    tracker = Tracker(AT_ONCE)
    tracker.step(0, seen(flame(50, high=40)))
    assert tracker.step(1, seen(flame(50, high=4, wide=3))) == [(1, 0)]


def test_a_track_is_born_after_enough_hits_and_a_passing_glare_is_not():
    tracker = Tracker(Linking(hits=3, within=5))
    pattern = [1, 0, 1, 0, 1, 1]
    given = [tracker.step(float(t), seen(*([flame(20)] * hit))) for t, hit in enumerate(pattern)]
    assert given == [[], [], [], [], [(1, 0)], [(1, 0)]] and tracker.tracks[0].hits == 4 and tracker.tracks[0].born == 0
    glare = Tracker(Linking(hits=3, within=5))
    assert all(not glare.step(float(t), seen(*([flame(20)] * (t % 4 == 0)))) for t in range(30))
    assert glare.tracks == ()


def test_a_flare_that_is_lit_again_is_the_same_until_its_gap_has_passed():
    tracker = Tracker(Linking(hits=1, within=1, gap=60))
    tracker.step(0, seen(flame(20)))
    tracker.step(30, seen())
    assert tracker.step(59, seen(flame(21))) == [(1, 0)]
    assert tracker.step(120, seen(flame(21))) == [(2, 0)]


def test_classes_are_not_mixed_and_have_their_own_gaps():
    tracker = Tracker(Linking(hits=1, within=1, gap=100, gaps={"smoke": 10}))
    assert tracker.step(0, seen(flame(20), flame(20), labels=[0, 1])) == [(1, 0), (2, 1)]
    assert tracker.step(50, seen(flame(20), flame(20), labels=[1, 0])) == [(1, 1), (3, 0)]


def test_tracks_of_an_earlier_watch_go_on():
    old = Track(id=7, label="flame", box=flame(20), born=0.0, seen=5.0, hits=9)
    tracker = Tracker(AT_ONCE, [old])
    assert tracker.step(6, seen(flame(21), flame(70))) == [(7, 0), (8, 1)]


def test_what_lies_far_away_is_never_linked():
    cost = link_cost(np.array([flame(20.0)]), np.array([flame(20.0), flame(24.0), flame(60.0)]))
    assert cost[0, 0] == pytest.approx(0) and 0 < cost[0, 1] < 2 and np.isinf(cost[0, 2])


def test_frames_without_detections_and_boxes_without_area_do_no_harm():
    tracker = Tracker(AT_ONCE)
    assert tracker.step(0, seen()) == []
    tracker.step(1, seen((5, 5, 5, 5)))
    assert tracker.step(2, seen((5, 5, 5, 5))) == [(1, 0)]
