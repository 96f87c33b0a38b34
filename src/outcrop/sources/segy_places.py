"""Which trace of a SEG-Y file stands where: inline and crossline numbers → a grid of file positions.

Traces may come sorted by inline, by crossline or not at all; numbers may descend, be negative, skip, or be
missing (a 2-D line); traces may be missing (holes) or repeated. Pre-stack data, many traces to one place,
is refused unless one offset is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import NoGeometry

Words = Mapping[str, NDArray[Any]]

OTHER_LABELS = (("field_record", "ensemble", "9 and 21"), ("trace_in_file", "ensemble", "5 and 21"))
"""Where older programs put inline and crossline numbers, tried when both standard words are empty."""

MOST_REPEATED = 0.01
"""Share of traces that may repeat a place already taken and still count as a seam, not as pre-stack data."""

LEAST_FILLED = 0.02
"""Share of the grid's places that must hold a trace; below it the words read are hardly line numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The grid.

    Attributes:
        inlines, crosslines: labels in file order.
        traces: (n_inlines, n_crosslines) number of the trace in the file, -1 where none stands.
        repeats: (n, 2) number of a trace that repeats a place, and of the trace taken for that place.
        notes: what was odd.
    """

    inlines: NDArray[np.int64]
    crosslines: NDArray[np.int64]
    traces: NDArray[np.int64]
    repeats: NDArray[np.int64]
    notes: tuple[str, ...] = ()


def place_traces(name: str, words: Words, offset: float | None = None, guess: bool = True) -> Places:
    """Put every trace of the file, or every trace of one offset, in its place.

    Args:
        words: trace header words by name, (traces,) each.
        offset: the offset to take of pre-stack data.
        guess: look for line numbers elsewhere when both their words are empty.

    Raises:
        NoGeometry: the traces are pre-stack, or their numbers do not make a grid.
    """
    taken = np.arange(len(words["inline"]))
    if offset is not None:
        taken = np.flatnonzero(words["offset"] == offset)
        if not len(taken):
            raise NoGeometry(f"{name} has no trace with offset {offset:g}: choose one of {_few(words['offset'])}")
        words = {key: values[taken] for key, values in words.items()}
    found = _place(name, words, guess)
    return replace(
        found,
        traces=np.where(found.traces >= 0, taken[found.traces], -1),
        repeats=taken[found.repeats],
    )


def _place(name: str, words: Words, guess: bool) -> Places:
    """The grid of all traces given."""
    inline, crossline, notes = words["inline"].astype(np.int64), words["crossline"].astype(np.int64), []
    if guess and len(inline) > 1 and not inline.any() and not crossline.any():
        for first, second, where in OTHER_LABELS:
            if _is_grid(words[first], words[second]) and not np.ptp(words["offset"]):
                inline, crossline = words[first].astype(np.int64), words[second].astype(np.int64)
                notes.append(f"Bytes 189 and 193 are empty; inline and crossline numbers come from bytes {where}.")
                break
    if len(inline) > 1 and not np.ptp(inline) and not np.ptp(crossline):
        _refuse_gathers(name, words, notes)
        return _line(int(inline[0]), len(inline), notes)
    return _grid(name, inline, crossline, words, notes)


def _is_grid(inline: NDArray[Any], crossline: NDArray[Any]) -> bool:
    """True when two words number the traces of a 3-D survey: both vary, no pair repeats, half of all pairs are there."""
    rows, columns = np.unique(inline, return_inverse=True), np.unique(crossline, return_inverse=True)
    shape = len(rows[0]), len(columns[0])
    if min(shape) < 2 or shape[0] * shape[1] > 2 * len(inline):
        return False
    return len(np.unique(rows[1] * shape[1] + columns[1])) == len(inline)


def _grid(name: str, inline: NDArray[np.int64], crossline: NDArray[np.int64], words: Words, notes: list[str]) -> Places:
    """The grid of traces whose numbers vary."""
    count = len(inline)
    if _is_path(inline, crossline) and not np.ptp(words["offset"]):
        notes.append(f"Line numbers run along a path through a survey: read as a 2-D line of {count} traces from 1.")
        return _line(1, count, notes)
    inlines, crosslines = _labels(inline), _labels(crossline)
    places = len(inlines) * len(crosslines)
    if count < LEAST_FILLED * places:
        raise NoGeometry(
            f"{name} has {count} traces for {len(inlines)} inline and {len(crosslines)} crossline numbers, so these can "
            "hardly be line numbers: name the right bytes (--byte inline=9 --byte crossline=21, say)"
        )
    notes += _label_notes("Inline", inlines) + _label_notes("Crossline", crosslines)
    rows, columns = _positions(inline, inlines), _positions(crossline, crosslines)
    cell = rows * len(crosslines) + columns
    used, first = np.unique(cell, return_index=True)
    traces = np.full(places, -1, np.int64)
    traces[used] = first
    again = np.flatnonzero(traces[cell] != np.arange(count))
    if len(again):
        _refuse_repeats(name, len(again), count, words)
        one = inline[again[0]], crossline[again[0]]
        notes.append(
            f"{len(again)} of {count} traces repeat a place already taken (inline {one[0]}, crossline {one[1]} and so "
            "on); the first at each place is read."
        )
    return Places(
        inlines=inlines,
        crosslines=crosslines,
        traces=traces.reshape(len(inlines), len(crosslines)),
        repeats=np.stack([again, traces[cell[again]]], axis=1),
        notes=tuple(notes),
    )


def _is_path(inline: NDArray[np.int64], crossline: NDArray[np.int64]) -> bool:
    """True when both numbers change along a single line of traces, as on an arbitrary line through a survey.

    Along a line they change steadily; words that are no line numbers jump about.
    """
    count, inlines, crosslines = len(inline), len(np.unique(inline)), len(np.unique(crossline))
    turns = max(2.0, 0.1 * count)
    steady = all(np.abs(np.diff(word)).sum() <= turns * np.ptp(word) for word in (inline, crossline))
    return steady and count < 2 * max(inlines, crosslines) and 4 * count < inlines * crosslines


def _line(label: int, count: int, notes: list[str]) -> Places:
    """A 2-D line: one inline, its traces numbered from 1."""
    return Places(
        inlines=np.array([label], np.int64),
        crosslines=np.arange(1, count + 1, dtype=np.int64),
        traces=np.arange(count, dtype=np.int64)[None],
        repeats=np.empty((0, 2), np.int64),
        notes=tuple(notes),
    )


def _labels(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels of the lines, evenly stepped with missing lines filled in, in the order in which the file runs.

    Lines are filled in only where that does not double their number: three lines far apart stay three lines.
    """
    found = np.unique(values)
    if len(found) > 1:
        step = int(np.gcd.reduce(np.diff(found)))
        if (found[-1] - found[0]) // step + 1 <= 2 * len(found):
            found = np.arange(found[0], found[-1] + step, step)
    steps = np.diff(values)
    falling = len(steps) > 0 and steps.any() and np.median(np.sign(steps[steps != 0])) < 0
    return np.ascontiguousarray(found[::-1]) if falling else found


def _positions(values: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Position of each value among labels that ascend or descend."""
    if labels[0] > labels[-1]:
        return len(labels) - 1 - np.searchsorted(labels[::-1], values)
    return np.searchsorted(labels, values)


def _label_notes(what: str, labels: NDArray[np.int64]) -> list[str]:
    """A note on numbers that do not step evenly."""
    steps = np.unique(np.diff(labels))
    return [f"{what} numbers step unevenly ({steps[0]} to {steps[-1]})."] if len(steps) > 1 else []


def _refuse_gathers(name: str, words: Words, notes: list[str]) -> None:
    """Refuse traces without line numbers that are shot or CDP gathers; note those that only look like it."""
    count = len(words["inline"])
    inline, crossline = int(words["inline"][0]), int(words["crossline"][0])
    offsets, records, ensembles = (len(np.unique(words[key])) for key in ("offset", "field_record", "ensemble"))
    gathers = (1 < records < count) or (1 < ensembles < count) or offsets > 1
    numbered = len(np.unique(words["sequence"])) == count and not (inline or crossline)
    if not gathers or ensembles == count:
        return
    if numbered:
        notes.append(
            f"The traces are numbered as one line and read as such, but they come from {records} field records with "
            f"{offsets} offsets: this looks like pre-stack data, in which salt has not its true shape."
        )
        return
    choice = f", or ask for one of the offsets (--offset) {_few(words['offset'])}" if offsets > 1 else ""
    raise NoGeometry(
        f"{name} holds {count} pre-stack traces, of field records {_few(words['field_record'])}, that all have inline "
        f"{inline} and crossline {crossline}: stack them first{choice}"
    )


def _refuse_repeats(name: str, repeated: int, count: int, words: Words) -> None:
    """Refuse places with several traces: pre-stack data, or wrong bytes."""
    if np.ptp(words["offset"]) and repeated > MOST_REPEATED * count:
        raise NoGeometry(
            f"{name} is pre-stack, several traces to each place: stack it first, or ask for one of its offsets "
            f"(--offset) {_few(words['offset'])}"
        )
    if repeated > MOST_REPEATED * count:
        raise NoGeometry(
            f"{name} gives {repeated} of {count} traces the inline and crossline of another trace: "
            "name the right bytes (--byte inline=9 --byte crossline=21, say)"
        )


def _few(numbers: NDArray[Any]) -> str:
    """The first few different numbers and the last."""
    values = np.unique(numbers).tolist()
    return ", ".join(map(str, values[:8])) + (f" ... {values[-1]}" if len(values) > 8 else "")
