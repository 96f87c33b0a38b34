"""A film of a flare: what is measured in each frame, and what the whole log says of flames, smoke and gas.

Frames are averaged before heat is computed, and the error of the length law is common to all of them: looking longer
makes the flicker average out, and nothing else.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.core.estimate import DRAWS, Assumption, Estimate
from outcrop.core.scene import Detections
from outcrop.core.task import Measurement, Seen, Watched
from outcrop.monitor.log import read
from outcrop.outputs.film import write_frames, write_tracks
from outcrop.outputs.film_timeline import Curve, Timeline, rows_of, write_timeline
from outcrop.tasks.flares.gas.assumptions import replaced
from outcrop.tasks.flares.gas.emissions import UNITS, emissions_of
from outcrop.tasks.flares.gas.estimate import flow_of_site, shared_draws
from outcrop.tasks.flares.gas.flow import FLOW_UNIT
from outcrop.tasks.flares.gas.record import export_record, record_of
from outcrop.tasks.flares.look.flame import flame_features
from outcrop.tasks.flares.look.picture import look_at
from outcrop.tasks.flares.look.scale import scale_draws
from outcrop.tasks.flares.measure import EMITTED, FLAME, constant
from outcrop.tasks.flares.options import FlareOptions

Line = Mapping[str, Any]


def measure_frame(found: Detections) -> dict[str, Any]:
    """Length and brightness of every flame of a frame, px of the film and 0..1; smoke cannot be judged at night."""
    picture = found.scene.read(found.scene.grid.whole)
    ratio = abs(found.scene.grid.transform.a)
    lengths: list[float | None] = [None] * len(found.boxes)
    bright: list[float | None] = [None] * len(found.boxes)
    for place, outlined in enumerate(found.outlines):
        if found.classes[found.labels[place]] == FLAME and outlined.inside.any():
            features = flame_features(picture, outlined.inside, window=outlined.window)
            lengths[place], bright[place] = round(features.length * ratio, 2), round(features.brightness, 4)
    blind = ("smoke",) if look_at(picture).night else ()
    return {"length": lengths, "brightness": bright, "blind": blind}


def measure_film(
    watched: Watched, given: Mapping[str, Assumption], options: FlareOptions, rng: np.random.Generator
) -> tuple[list[Measurement], Mapping[str, Any]]:
    """What a whole log says: how long flames burnt, minutes of visible smoke, gas where a scale is known."""
    facts = watched.facts
    flames = [track for track in facts["tracks"] if track["label"] == FLAME]
    parts = [Measurement(name="flames", estimate=constant(len(flames), "1"), method="tracks through the film")]
    for track in flames:
        parts += _track(track)
    smoke = facts["smoke"]["worst_window"]
    parts.append(
        Measurement(
            name="visible smoke in 2 h", estimate=constant(smoke["smoke"] / 60, "min"),
            method="most smoke in any two hours (40 CFR 60.18 allows 5 min)",
            about={"observed_min": round(smoke["observed"] / 60, 2), "verdict": smoke["verdict"]},
        )
    )  # fmt: skip
    record = {
        "source": "CCTV", "sensor": facts["film"], "observed_at": facts["began"], "observations": facts["frames"],
        "lit": bool(flames), "smoke_minutes_per_2h": round(smoke["smoke"] / 60, 2), **options.facts,
    }  # fmt: skip
    scale = scale_draws(given, watched.film.shape, rng)
    lengths = [draws for track in flames if (draws := _length(track, rng)) is not None]
    if scale is None or not lengths:
        return parts, export_record(**record)
    named = replaced(given)
    shared = shared_draws(named, options.gas, rng, reference=options.reference)
    sizes = [(length * scale, None) for length in lengths]
    site = flow_of_site(sizes, named, options.gas, rng, reference=options.reference, shared=shared)
    lit = float(np.mean([_share(track) for track in flames]))
    emitted = emissions_of(
        site["flow"], options.gas, named, rng, reference=options.reference, gwp=options.gwp, richness=site["richness"]
    )
    method = "mean flame length of the film through API 521's and Heskestad's laws, while lit"
    about = {"reference": f"{options.reference:g} °C, 101.325 kPa", "lit_share": round(lit, 4)}
    gas = [
        Measurement(name="flared gas", estimate=Estimate(draws=site["flow"], unit=FLOW_UNIT), method=method, about=about),
        Measurement(name="heat release", estimate=Estimate(draws=site["heat"], unit="MW"), method=method),
        *(Measurement(name=name, estimate=Estimate(draws=emitted[key], unit=UNITS[key]), method="combustion of the gas") for key, name in EMITTED.items()),
    ]  # fmt: skip
    kept = record_of(
        site["flow"],
        emitted,
        options.gas,
        named,
        reference=options.reference,
        gwp=options.gwp,
        **{"volume_method": method, **record},
    )
    return [*gas, *parts], kept


def _share(track: Line) -> float:
    """Share of the time looked at in which a flame was seen."""
    seen, unseen = float(track["seconds_seen"]), float(track["seconds_not_seen"])
    return seen / (seen + unseen) if seen + unseen else 0.0


def _length(track: Line, rng: np.random.Generator) -> NDArray[np.float64] | None:
    """Draws of a flame's mean length, px, with the doubt that flicker leaves; None where it was never outlined."""
    found = track["measured"].get("length")
    if not found:
        return None
    spread = max(float(found["mean_high"]) - float(found["mean_low"]), 0.0) / 3.29
    return np.maximum(rng.normal(float(found["mean"]), spread, DRAWS), 1.0)


def _track(track: Line) -> list[Measurement]:
    """Time lit and length of one flame."""
    about: dict[str, Any] = {"flame": track["track"], "seconds_not_observed": round(track["seconds_not_observed"], 2)}
    if rhythm := track["flicker"]:
        about["flicker_hz"] = rhythm["frequency"]
    parts = [
        Measurement(name="lit share", estimate=constant(_share(track), "1"), method="time seen over time looked at", about=about),
        Measurement(name="time lit", estimate=constant(track["seconds_seen"], "s"), method="spells of the track", about=about),
    ]  # fmt: skip
    if found := track["measured"].get("length"):
        low, middle, high = (float(found[key]) for key in ("low", "median", "high"))
        draws = np.interp(np.linspace(0, 1, DRAWS), [0, 0.05, 0.5, 0.95, 1], [low, low, middle, high, high])
        parts.append(
            Measurement(
                name="flame length",
                estimate=Estimate(draws=draws, unit="px"),
                method="median of the frames; interval by blocks of them",
                about=about,
            )
        )
    return parts


def _timeline(watched: Watched, lines: Sequence[Line]) -> Timeline:
    """When each flame and plume was seen, and the area of all flames through time."""
    frames = [line for line in lines if line.get("kind") == "frame"]
    seconds = np.array([float(line["seconds"]) for line in frames])
    areas = np.array([sum(float(e["area"] or 0) for e in line["detections"] if e["label"] == FLAME) for line in frames])
    facts = watched.facts
    start = float(seconds[0]) if len(seconds) else 0.0
    alerts = [
        (float(line["seconds"]), str(line.get("alert", "alert")))
        for line in lines
        if line.get("event") == "alert" and "seconds" in line
    ]
    return Timeline(
        title=str(facts["film"]), start=start, stop=start + max(float(facts["seconds"]), 1e-3), rows=rows_of(facts["tracks"], (FLAME, "smoke")),
        curves=(Curve(name="flame area, px²", seconds=seconds, values=areas),) if len(seconds) else (), alerts=alerts,
    )  # fmt: skip


def write_film(seen: Seen, folder: Path, stem: str) -> list[Path]:
    """Tables of frames and tracks, a time-line, the log's summary, and the record for forms."""
    watched = seen.prediction
    if not isinstance(watched, Watched):
        raise TypeError(f"{stem}: a film's log is wanted")
    lines = list(read(watched.log))
    tracks: Sequence[Line] = watched.facts["tracks"]
    files = [
        write_frames(folder / f"{stem}.frames.csv", lines, ("length", "brightness")),
        write_tracks(folder / f"{stem}.tracks.csv", tracks),
        write_timeline(folder / f"{stem}.timeline.overlay.png", _timeline(watched, lines)),
    ]
    summary = folder / f"{stem}.watch.json"
    summary.write_text(json.dumps(watched.facts, indent=1), encoding="utf-8")
    records = folder / f"{stem}.records.json"
    records.write_text(json.dumps({"records": [seen.found], "section": None}), encoding="utf-8")
    video = watched.log.with_name("annotated.webm")
    return [*files, summary, records, watched.log, *([video] if video.is_file() else [])]
