"""A volume gives its sections by label, with the axes that an interpreter expects."""

from dataclasses import replace

import numpy as np
import pytest

from outcrop.core.errors import WrongUnit
from outcrop.core.grid import Axis, Window
from outcrop.core.scene import Floats
from outcrop.core.volume import Direction, Volume

CUBE = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
"""(inlines, crosslines, samples)."""


def read(direction: Direction, start: int, stop: int) -> Floats:
    return CUBE[start:stop] if direction == "inline" else CUBE[:, start:stop].swapaxes(0, 1)


VOLUME = Volume(
    id="F3", inlines=np.array([120, 118, 116]), crosslines=np.array([300, 301, 302, 303]), vertical=Axis("two-way time", "ms"),
    first_sample=400.0, sample_step=4.0, samples=5, live=np.ones((3, 4), bool), read=read, spacing=(25.0, 12.5),
)  # fmt: skip


def test_a_reversed_inline_keeps_its_label() -> None:
    sections = list(VOLUME.sections("inline"))
    assert [s.id for s in sections] == ["F3/inline-120", "F3/inline-118", "F3/inline-116"]


def test_an_inline_stands_with_its_samples_downwards() -> None:
    section = list(VOLUME.sections("inline"))[1]
    assert section.grid.shape == (5, 4)
    assert np.array_equal(section.read(section.grid.whole)[0], CUBE[1].T)


def test_a_crossline_runs_along_the_inlines() -> None:
    section = list(VOLUME.sections("crossline"))[2]
    assert section.id == "F3/crossline-302"
    assert np.array_equal(section.read(section.grid.whole)[0], CUBE[:, 2].T)


def test_a_section_is_read_window_by_window() -> None:
    section = next(VOLUME.sections("inline"))
    assert np.array_equal(section.read(Window(row=1, col=2, height=3, width=2))[0], CUBE[0].T[1:4, 2:4])


def test_nothing_is_read_before_it_is_asked_for() -> None:
    calls: list[tuple[str, int, int]] = []

    def counted(direction: Direction, start: int, stop: int) -> Floats:
        calls.append((direction, start, stop))
        return read(direction, start, stop)

    sections = list(replace(VOLUME, read=counted).sections("crossline"))
    assert not calls
    sections[3].read(Window(row=0, col=0, height=1, width=1))
    assert calls == [("crossline", 3, 4)]


def test_the_grid_of_a_section_counts_metres_along_and_time_down() -> None:
    grid = VOLUME.section_grid("inline")
    assert [axis.unit for axis in grid.axes] == ["m", "ms"]
    assert grid.transform @ (2, 3) == (25.0, 412.0)
    assert VOLUME.section_grid("crossline").transform @ (2, 3) == (50.0, 412.0)


def test_a_section_without_spacing_counts_traces() -> None:
    grid = replace(VOLUME, spacing=(None, None)).section_grid("inline")
    assert grid.axes[0] == Axis("along line", "trace")
    with pytest.raises(WrongUnit, match="give the distance between traces with --spacing"):
        grid.pixel_size("m")


def test_a_trace_stands_for_its_cell() -> None:
    assert VOLUME.cell_area() == 25.0 * 12.5


@pytest.mark.parametrize("spacing", [(None, 12.5), (25.0, None), (None, None), (0.0, 12.5)])
def test_a_cell_of_unknown_size_is_refused(spacing: tuple[float | None, float | None]) -> None:
    with pytest.raises(WrongUnit, match="F3 does not say how far its lines lie apart"):
        replace(VOLUME, spacing=spacing).cell_area()


def test_one_inline_is_a_line() -> None:
    line = replace(VOLUME, inlines=np.array([1]), live=np.ones((1, 4), bool))
    assert line.is_line and line.shape == (1, 4, 5)
    assert (line.along, line.trace_spacing) == ("inline", 12.5)


def test_one_crossline_is_a_line_too() -> None:
    line = replace(VOLUME, crosslines=np.array([1]), live=np.ones((3, 1), bool))
    assert line.is_line and line.shape == (3, 1, 5)
    assert (line.along, line.trace_spacing) == ("crossline", 25.0)


def test_a_single_trace_runs_along_its_inline() -> None:
    trace = replace(VOLUME, inlines=np.array([1]), crosslines=np.array([1]), live=np.ones((1, 1), bool))
    assert trace.is_line and trace.along == "inline"


def test_a_whole_volume_is_no_line() -> None:
    assert not VOLUME.is_line and VOLUME.shape == (3, 4, 5) and VOLUME.along == "inline"
