"""Surfaces on disk, read back byte by byte."""

import struct
from pathlib import Path

import numpy as np
import pytest

from outcrop.core.errors import UsageError
from outcrop.outputs.mesh import write_mesh, write_obj, write_ply

AXES = (("x", "m"), ("y", "m"), ("two-way time", "ms"))
VERTICES = np.array(
    [[605_000.25, 6_075_000.125, 800], [605_001, 6_075_000, 804], [605_000, 6_075_001, 804], [605_000, 6_075_000, 812]]
)
FACES = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]], np.int32)


def read_ply(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    header, body = path.read_bytes().split(b"end_header\n", 1)
    lines = header.decode("ascii").splitlines()
    count = {line.split()[1]: int(line.split()[2]) for line in lines if line.startswith("element")}
    vertices = np.frombuffer(body, "<f8", count["vertex"] * 3).reshape(-1, 3)
    rest = body[vertices.nbytes :]
    assert len(rest) == count["face"] * 13
    faces = [struct.unpack_from("<B3i", rest, 13 * i) for i in range(count["face"])]
    assert {row[0] for row in faces} == {3}
    return lines, vertices, np.array([row[1:] for row in faces])


def test_a_ply_gives_back_the_same_triangles_to_the_last_digit(tmp_path):
    lines, vertices, faces = read_ply(write_ply(tmp_path / "body-1.ply", VERTICES, FACES, AXES))
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    np.testing.assert_array_equal(vertices, VERTICES)
    np.testing.assert_array_equal(faces, FACES)


def test_an_obj_counts_its_corners_from_one(tmp_path):
    lines = write_obj(tmp_path / "body-1.obj", VERTICES, FACES, AXES).read_text().splitlines()
    assert "v 605000.250 6075000.125 800.000" in lines
    faces = [[int(word) for word in line.split()[1:]] for line in lines if line.startswith("f ")]
    np.testing.assert_array_equal(np.array(faces) - 1, FACES)


@pytest.mark.parametrize("name", ["a.ply", "a.obj"])
def test_the_units_stand_in_a_comment(tmp_path, name):
    path = write_mesh(tmp_path / name, VERTICES, FACES, AXES, comments=["body 1 of\nsürvey"])
    start = path.read_bytes()[:250].decode("ascii")
    assert "units: x = x (m), y = y (m), z = two-way time (ms)" in start
    assert "body 1 of s?rvey" in start


def test_an_unknown_ending_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"\.ply or \.obj"):
        write_mesh(tmp_path / "a.stl", VERTICES, FACES, AXES)


def test_a_surface_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError):
        write_ply(tmp_path / "a.ply", VERTICES[:, :2], FACES, AXES)
    assert not list(tmp_path.iterdir())
