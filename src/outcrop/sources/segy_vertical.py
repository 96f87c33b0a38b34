"""The vertical axis of a SEG-Y file: time or depth, where it starts and how it is stepped.

SEG-Y has one field for the sample interval, named microseconds, and no field that says "depth". Depth volumes
put millimetres, or plain metres, into the same field. So the text header is searched for plain words first,
and then the interval is held against what reflection seismic data can have: 0.1 to 10 ms.
"""

import re

import numpy as np
from numpy.typing import NDArray

from outcrop.core.errors import NoGeometry, UsageError
from outcrop.core.grid import Axis
from outcrop.sources.segy_headers import SegyOptions

TIME, DEPTH = Axis("two-way time", "ms"), Axis("depth", "m")
AXES = {"time": TIME, "depth": DEPTH, "samples": Axis("sample", "sample")}
FOOT = 0.3048
"""Metres in an international foot, exact."""

CARD = re.compile(r"^C[ 0-9][0-9] ?")
"""What a line of the text header starts with, "C 1 "."""

STATED = re.compile(r"VERTICAL (?:AXIS|DOMAIN)\W*(?:IS |IN )?(DEPTH|TIME|TWO-WAY TIME|SAMPLES)")
WORDS = {
    "depth": re.compile(
        r"\bDEPTH[- ]DOMAIN|\bDOMAIN\W*DEPTH|\bIN DEPTH\b|\bDEPTH (?:SECTION|VOLUME|CUBE|STACK|STEP|INTERVAL|INCREMENT)\b"
        r"|\bSAMPLE (?:INTERVAL|RATE)[^\w.]{0,12}\d+(?:\.\d+)? ?(?:M|METERS?|METRES?|FT|FEET)\b"
        r"|\bZ[- ]?(?:UNITS?|DOMAIN)\W*(?:M|METERS?|METRES?|FT|FEET|DEPTH)\b"
    ),
    "time": re.compile(
        r"\bTIME[- ]DOMAIN|\bDOMAIN\W*TIME|\bIN TIME\b|\bTWO[- ]WAY[- ]TIME\b|\bTWT\b"
        r"|\bSAMPLE (?:INTERVAL|RATE)[^\w.]{0,12}\d+(?:\.\d+)? ?(?:MS|MSEC|MILLISECONDS?)\b"
        r"|\bZ[- ]?(?:UNITS?|DOMAIN)\W*(?:MS|MSEC|S|TIME|TWT)\b"
    ),
}
"""Plain statements only: "PSDM" or "Trace start time/depth" stand in the headers of time and depth volumes alike."""

LONGEST_TIME, SHORTEST_TIME = 10_000, 100
"""Sample intervals (µs) from which on, and below which, a field cannot be the time step of reflection data."""

NEGATIVE = 2**15
"""Fields of 16 bits from here on are below 0 as the standard's first revisions write numbers; no survey has such steps otherwise."""

USUAL_TIME = (250, 500, 1000, 2000, 3000, 4000, 6000, 8000)
"""Sample intervals (µs) that are not worth a note."""


def vertical_axis(
    name: str, text: str, interval: float, delay: float, feet: bool, options: SegyOptions
) -> tuple[Axis, float, float, list[str]]:
    """Axis, place of the first sample, sample step (both in the axis' unit), notes.

    Args:
        text: the text headers.
        interval: the sample interval field as it stands, 0 where there is none.
        delay: the delay field after its scalar: ms, or m (ft) of depth.
        feet: the measurement system is feet: depths become metres.

    Raises:
        NoGeometry: no interval is given anywhere.
        UsageError: an option makes no sense.
    """
    if options.vertical not in ("auto", "time", "depth"):
        raise UsageError(f"vertical axis {options.vertical!r} is unknown: choose auto, time or depth")
    if options.sample_interval is not None and not options.sample_interval > 0:
        raise UsageError(f"a sample interval of {options.sample_interval:g} is not a distance: give one above 0")
    if not interval and options.sample_interval is None:
        raise NoGeometry(f"{name} gives no sample interval: give one, in ms or in m of depth (--sample-interval)")
    if options.sample_interval is None and NEGATIVE <= interval < 2**16:
        told = f"{interval - 2**16:g} as sample interval (bytes 3217-3218)"
        raise NoGeometry(
            f"{name} gives {told}, and more than 0 is wanted: give it, in ms or in m of depth (--sample-interval)"
        )
    domain, notes = (options.vertical, []) if options.vertical != "auto" else _domain(text, interval)
    step, first = interval / 1000, delay
    if domain == "depth" and interval < SHORTEST_TIME:
        step = interval
    if domain == "depth" and feet:
        step, first = step * FOOT, first * FOOT
        notes.append("Depths are in feet by the binary header; they are converted to metres.")
    if options.sample_interval is not None:
        if interval and not np.isclose(step, options.sample_interval):
            notes.append(f"The file gives a sample interval of {step:g} {AXES[domain].unit}; yours is taken instead.")
        step = options.sample_interval
    return AXES[domain], first, step, notes


def _domain(text: str, interval: float) -> tuple[str, list[str]]:
    """ "time" or "depth", and why."""
    lines = (CARD.sub("", text[start : start + 80]) for start in range(0, len(text), 80))
    words = " ".join(" ".join(lines).upper().split())
    stated = STATED.findall(words)
    if stated:  # the last one: who adds a line to a header knows better
        return {"DEPTH": "depth", "SAMPLES": "samples"}.get(stated[-1], "time"), []
    said = [domain for domain, pattern in WORDS.items() if pattern.search(words)]
    if len(said) == 1:
        step = interval if interval < SHORTEST_TIME else interval / 1000
        note = f"The text header says depth: the sample interval field, {interval:g}, is read as {step:g} m, not as µs."
        return said[0], [note] if said[0] == "depth" else []
    both = "The text header speaks of time and of depth. " if said else ""
    change = "say so if it is not (--vertical)"
    if interval >= LONGEST_TIME:
        note = (
            f"{both}A sample interval field of {interval:g} would be {interval / 1000:g} ms, too coarse for reflection "
            f"data in time: it is read as {interval / 1000:g} m of depth; {change}."
        )
        return "depth", [note]
    if 0 < interval < SHORTEST_TIME:
        note = (
            f"{both}A sample interval field of {interval:g} would be {interval:g} µs, too fine for reflection data in "
            f"time: it is read as {interval:g} m of depth; {change}."
        )
        return "depth", [note]
    if both or interval not in (0, *USUAL_TIME):
        return "time", [f"{both}The sample interval is read as {interval / 1000:g} ms of two-way time; {change}."]
    return "time", []


def first_sample(delay: NDArray[np.int16], scalar: NDArray[np.int16]) -> tuple[float, list[str]]:
    """Delay of the first sample (ms, or depth units) shared by the traces, and a note if some differ.

    Args:
        delay: (traces,) bytes 109-110.
        scalar: (traces,) bytes 215-216: a negative one divides, a positive one multiplies, 0 counts as 1.
    """
    given = delay * scale_factor(scalar)
    values, counts = np.unique(given, return_counts=True)
    shared = float(values[counts.argmax()])
    if len(values) == 1:
        return shared, []
    odd = int(len(given) - counts.max())
    note = (
        f"{odd} of {len(given)} traces give another delay than {shared:g} (from {values[0]:g} to {values[-1]:g}); "
        f"they are placed as if theirs were {shared:g} too."
    )
    return shared, [note]


def scale_factor(scalar: NDArray[np.int16]) -> NDArray[np.float64]:
    """What a SEG-Y scalar multiplies by: a negative one divides, a positive one multiplies, 0 counts as 1.

    >>> scale_factor(np.array([-100, 0, 21], np.int16)).tolist()
    [0.01, 1.0, 21.0]
    """
    size = np.maximum(np.abs(scalar.astype(np.float64)), 1)
    return np.where(scalar < 0, 1 / size, size)
