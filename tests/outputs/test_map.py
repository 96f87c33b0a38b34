"""Outlines and points on a small map."""

import pytest

from outcrop.outputs.map import draw_map

SQUARE = [(-44.0, -20.0), (-43.9, -20.0), (-43.9, -20.1), (-44.0, -20.1), (-44.0, -20.0)]


def test_nothing_to_show_makes_no_map() -> None:
    assert draw_map({}) is None and draw_map({"a": []}) is None


def test_a_square_on_the_ground_is_a_square_on_the_map() -> None:
    at_sixty = [
        (10.0, 60.0),
        (10.2, 60.0),
        (10.2, 60.1),
        (10.0, 60.1),
        (10.0, 60.0),
    ]  # a degree of longitude is half as long
    drawn = draw_map({"deposit": [at_sixty]})
    assert drawn is not None
    corners = [tuple(map(float, pair.split())) for pair in drawn.layers[0][1].strip("MZ").split("L")]
    width, height = corners[1][0] - corners[0][0], corners[0][1] - corners[2][1]
    assert width == pytest.approx(height, rel=0.01) and width > 100
    assert corners[0][1] > corners[2][1], "north is up"


def test_the_bar_is_as_long_as_it_says() -> None:
    drawn = draw_map({"deposit": [SQUARE]})
    assert drawn is not None
    length, text = drawn.scale
    corners = [tuple(map(float, pair.split())) for pair in drawn.layers[0][1].strip("MZ").split("L")]
    assert text == "2 km" and length == pytest.approx(2 / 11.12 * (corners[2][1] - corners[0][1]), rel=0.01)


def test_kinds_keep_their_order_and_small_things_are_dots() -> None:
    tiny = [(-43.0, -20.0), (-42.9999, -20.0), (-42.9999, -20.0001), (-43.0, -20.0)]
    drawn = draw_map({"large": [SQUARE], "small": [tiny], "point": [[(-43.5, -20.5)]]})
    assert drawn is not None
    assert [(kind, bool(path), len(points)) for kind, path, points in drawn.layers] == [
        ("large", True, 0),
        ("small", False, 1),
        ("point", False, 1),
    ]
    assert all(0 < x < drawn.width and 0 < y < drawn.height for _, _, points in drawn.layers for x, y in points)


def test_one_point_alone_is_shown_with_ground_around_it() -> None:
    drawn = draw_map({"point": [[(179.9, -89.0)]]})
    assert drawn is not None and drawn.layers[0][2][0][0] == pytest.approx(drawn.width / 2)
