"""What one photo says of its flares: size and look of each flame and plume; with a scale, heat, gas and emissions.

Without a scale sizes stay in pixels and only shares of the gas are said. All flames of a photo share one scale, one
gas and one error of the length law, for these do not average out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop import __version__
from outcrop.core.calibration import Calibration, ModelError
from outcrop.core.estimate import DRAWS, Assumption, Estimate
from outcrop.core.scene import Detections, Floats
from outcrop.core.task import Measurement
from outcrop.tasks.flares.gas.assumptions import replaced
from outcrop.tasks.flares.gas.emissions import UNITS as EMISSION_UNITS
from outcrop.tasks.flares.gas.emissions import emissions_of
from outcrop.tasks.flares.gas.estimate import breakdown, flow_of_flame, shared_draws
from outcrop.tasks.flares.gas.flow import FLOW_UNIT, heat_of_flow
from outcrop.tasks.flares.gas.record import export_record, record_of
from outcrop.tasks.flares.look.flame import FlameFeatures, flame_features, outline_draws
from outcrop.tasks.flares.look.scale import scale_draws
from outcrop.tasks.flares.look.smoke import SmokeFeatures, opacity_draws, smoke_features
from outcrop.tasks.flares.options import FlareOptions

Reals = NDArray[np.float64]

FLAME, SMOKE = "flame", "smoke"

EMITTED = {"co2": "CO2", "ch4": "CH4", "n2o": "N2O", "co2e": "CO2e", "black_carbon": "black carbon"}
"""Key of the emissions → name of the measurement."""

UNSEEN = "the segmentation saw no pixel of it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flame:
    """One outlined flame: its features, and draws of its length and area in pixels of the photo."""

    number: int
    features: FlameFeatures
    lengths: Reals
    areas: Reals


@dataclass(frozen=True, slots=True, kw_only=True)
class FlareFound:
    """What was found on the way, for the files.

    Attributes:
        about: plain values of each detection, in the order of the detections.
        record: the export record of this photo; see ``gas.record``.
        costs: which input costs how much of the interval of the gas flow; see ``gas.estimate.breakdown``.
        sizes: total area, px², and the length of one flame of all the heat, px, for a site's own line.
        flow: median gas flow by physics, thousand m³/day; None without a scale.
    """

    about: Sequence[Mapping[str, Any]]
    record: Mapping[str, Any]
    costs: Sequence[Mapping[str, Any]] = ()
    sizes: Mapping[str, float] = field(default_factory=dict)
    flow: float | None = None


def constant(value: float, unit: str) -> Estimate:
    """A plain number among estimates: a count, a score."""
    return Estimate(draws=np.full(DRAWS, float(value)), unit=unit)


def measure_photo(
    found: Detections, given: Mapping[str, Assumption], options: FlareOptions, calibration: Calibration, rng: np.random.Generator
) -> tuple[list[Measurement], FlareFound]:  # fmt: skip
    """Measurements of a photo, those of the whole first.

    Args:
        given: every assumption of the room by name.
        calibration: the models' own errors; "flame length" corrects lengths.
    """
    picture = found.scene.read(found.scene.grid.whole)
    ratio = abs(found.scene.grid.transform.a)
    rows, cols = (round(side * ratio) for side in found.scene.grid.shape)
    scale = scale_draws(given, (rows, cols), rng)
    about: list[dict[str, Any]] = [{} for _ in found.boxes]
    flames = _flames(found, picture, ratio, calibration, rng, about)
    parts = [m for flame in flames for m in _flame(flame, scale, about[flame.number])]
    plumes = _plumes(found, picture, ratio, scale, rng, about)
    counts = {name: int((found.labels == place).sum()) for place, name in enumerate(found.classes)}
    whole = [
        Measurement(name="flames", estimate=constant(counts[FLAME], "1"), method="detections over the threshold"),
        Measurement(name="plumes", estimate=constant(counts[SMOKE], "1"), method="detections over the threshold"),
    ]
    facts = {**_facts(found, flames, plumes, scale is not None), **options.facts}
    if not flames:
        return [*whole, *plumes], FlareFound(about=about, record=export_record(**facts))
    sizes = {"area": float(sum(f.features.area for f in flames)) * ratio**2, "length": _one_length(flames)}
    if scale is None and options.calibration is None:
        kept = FlareFound(about=about, record=export_record(**facts), sizes=sizes)
        return [*whole, *_shares(flames), *parts, *plumes], kept
    gas, costs, record, flow = _gas(flames, sizes, scale, given, options, rng, facts)
    kept = FlareFound(about=about, record=record, costs=costs, sizes=sizes, flow=flow)
    return [*gas, *whole, *parts, *plumes], kept


def _flames(
    found: Detections, picture: Floats, ratio: float, calibration: Calibration, rng: np.random.Generator, about: list[dict[str, Any]]
) -> list[Flame]:  # fmt: skip
    """Every flame that has an outline; fills in what is said about it."""
    error = calibration.errors.get("flame length")
    flames: list[Flame] = []
    for place in np.flatnonzero(found.labels == found.classes.index(FLAME)):
        outlined = found.outlines[place] if found.outlines else None
        if outlined is None or not outlined.inside.any():
            about[place]["note"] = UNSEEN
            continue
        features = flame_features(picture, outlined.inside, window=outlined.window)
        lengths, areas = outline_draws(features, rng, DRAWS)
        if isinstance(error, ModelError):
            factor = error.draw(rng, DRAWS)
            lengths, areas = lengths * factor, areas * factor
        about[place] |= {
            "flame": len(flames) + 1, "length_px": round(features.length * ratio, 2), "area_px": round(features.area * ratio**2, 1),
            "width_px": round(features.width * ratio, 2), "aspect": round(features.aspect, 3), "tilt_deg": round(features.tilt, 1),
            "brightness": round(features.brightness, 4), "saturated": round(features.saturated, 4), "colour": features.colour,
            "touches_edge": features.touches_edge, "bloomed": features.bloomed,
        }  # fmt: skip
        flames.append(Flame(number=int(place), features=features, lengths=lengths * ratio, areas=areas * ratio**2))
    return flames


def _flame(flame: Flame, scale: Reals | None, facts: Mapping[str, Any]) -> list[Measurement]:
    """Length, area and tilt of one flame, in metres where there is a scale."""
    about: dict[str, Any] = {"flame": facts["flame"], "colour": facts["colour"], "brightness": facts["brightness"]}
    notes = []
    if flame.features.touches_edge:
        notes.append("it goes on outside the picture: lower bounds")
    if flame.features.bloomed:
        notes.append("saturated in the dark: its halo makes it look larger")
    about |= {"note": "; ".join(notes)} if notes else {}
    lengths, areas, units = flame.lengths, flame.areas, ("px", "px²")
    if scale is not None:
        lengths, areas, units = lengths * scale, areas * scale**2, ("m", "m²")
    return [
        Measurement(name="flame length", estimate=Estimate(draws=lengths, unit=units[0]), method="extent along the principal axis", about=about),
        Measurement(name="flame area", estimate=Estimate(draws=areas, unit=units[1]), method="outlined pixels", about=about),
        Measurement(name="flame tilt", estimate=constant(flame.features.tilt, "°"), method="principal axis from the vertical, right is positive", about=about),
    ]  # fmt: skip


def _plumes(
    found: Detections, picture: Floats, ratio: float, scale: Reals | None, rng: np.random.Generator, about: list[dict[str, Any]]
) -> list[Measurement]:  # fmt: skip
    """Area of every plume, and its opacity where it can be said."""
    covers = np.zeros(found.scene.grid.shape, np.uint8)
    for part in found.outlines:
        covers[part.window.slices] += part.inside
    parts: list[Measurement] = []
    number = 0
    for place in np.flatnonzero(found.labels == found.classes.index(SMOKE)):
        outlined = found.outlines[place] if found.outlines else None
        if outlined is None or not outlined.inside.any():
            about[place]["note"] = UNSEEN
            continue
        number += 1
        others = covers > 0
        others[outlined.window.slices] = covers[outlined.window.slices] > outlined.inside
        seen = smoke_features(picture, outlined.inside, window=outlined.window, others=others)
        about[place] |= {
            "plume": number, "area_px": round(seen.area * ratio**2, 1), "opacity": seen.opacity, "densest": seen.densest,
            "ringelmann": seen.ringelmann, "colour": seen.colour, "touches_edge": seen.touches_edge, "reason": seen.reason,
        }  # fmt: skip
        parts += _plume(seen, number, ratio, scale, rng)
    return parts


def _plume(
    seen: SmokeFeatures, number: int, ratio: float, scale: Reals | None, rng: np.random.Generator
) -> list[Measurement]:
    area = seen.area * ratio**2 * (np.ones(DRAWS) if scale is None else scale**2)
    about: dict[str, Any] = {"plume": number, "colour": seen.colour}
    noted = {**about, **({"note": seen.reason} if seen.reason else {})}
    parts = [
        Measurement(name="smoke area", estimate=Estimate(draws=area, unit="px²" if scale is None else "m²"), method="outlined pixels", about=noted)
    ]  # fmt: skip
    opacity = opacity_draws(seen, rng, DRAWS)
    if opacity is not None:
        about |= {"ringelmann": seen.ringelmann, "note": "lower bound: light that the smoke scatters hides some of it"}
        method = "darkening against the sky around it, in linear light"
        parts.append(
            Measurement(name="smoke opacity", estimate=Estimate(draws=opacity, unit="1"), method=method, about=about)
        )
    return parts


def _one_length(flames: Sequence[Flame]) -> float:
    """Length, px, of one flame that gives as much heat as all of them: heat goes as length to the power 2.094."""
    return float(sum(np.median(flame.lengths) ** 2.094 for flame in flames) ** (1 / 2.094))


def _shares(flames: Sequence[Flame]) -> list[Measurement]:
    """Without a scale: which part of the photo's gas each of several flames burns."""
    if len(flames) < 2:
        return []
    heats = [flame.lengths**2.094 for flame in flames]
    total = np.sum(heats, axis=0)
    return [
        Measurement(name="share of flared gas", estimate=Estimate(draws=heat / total, unit="1"), method="length to the power 2.094; no scale is known", about={"flame": place + 1})
        for place, heat in enumerate(heats)
    ]  # fmt: skip


def _gas(
    flames: Sequence[Flame], sizes: Mapping[str, float], scale: Reals | None, given: Mapping[str, Assumption], options: FlareOptions,
    rng: np.random.Generator, facts: Mapping[str, Any],
) -> tuple[list[Measurement], Sequence[Mapping[str, Any]], Mapping[str, Any], float | None]:  # fmt: skip
    """Heat, gas and emissions of all flames together, what costs how much, the record, and the flow by physics."""
    named = replaced(given)
    shared = shared_draws(named, options.gas, rng, reference=options.reference)
    physics, costs, flow = None, [], np.zeros(DRAWS)
    if scale is not None:
        ways = {"reference": options.reference, "shared": shared}
        seen = [flow_of_flame(f.lengths * scale, f.areas * scale**2, named, options.gas, rng, **ways) for f in flames]  # type: ignore[arg-type]
        flow = np.sum([one["flow"] for one in seen], axis=0)
        physics = float(np.median(flow))
        largest = max(flames, key=lambda f: float(np.median(f.lengths)))
        middle = float(np.median(scale))
        costs = breakdown(
            largest.lengths * middle, largest.areas * middle**2, named, options.gas, rng, reference=options.reference,
            scale=scale / middle,
        )  # fmt: skip
    method, note = "flame length through API 521's and Heskestad's laws", "one photo is good to a factor of 2 to 3"
    lhv = shared["richness"] * options.gas.lower_heating_value(options.reference)
    if (line := options.calibration) is not None:
        flow = line.predict(sizes[line.kind], line.unit, rng)
        method, note, costs = (
            f"the site's own line, from {line.readings} meter readings",
            " ".join(line.notes(sizes[line.kind])),
            [],
        )
    heat = heat_of_flow(flow, lhv)
    emitted = emissions_of(
        flow, options.gas, named, rng, reference=options.reference, gwp=options.gwp, richness=shared["richness"]
    )
    counted = {
        "reference": f"{options.reference:g} °C, 101.325 kPa",
        "gas": str(options.gas),
        **({"note": note} if note else {}),
    }
    parts = [
        Measurement(name="flared gas", estimate=Estimate(draws=flow, unit=FLOW_UNIT), method=method, about=counted),
        Measurement(name="heat release", estimate=Estimate(draws=heat, unit="MW"), method=method),
    ]  # fmt: skip
    for key, name in EMITTED.items():
        extra = {"gwp": options.gwp} if key == "co2e" else {}
        parts.append(
            Measurement(name=name, estimate=Estimate(draws=emitted[key], unit=f"{EMISSION_UNITS[key]}"), method="combustion of the gas", about=extra)
        )  # fmt: skip
    record = record_of(
        flow,
        emitted,
        options.gas,
        named,
        reference=options.reference,
        gwp=options.gwp,
        **{"volume_method": method, **facts},
    )
    return parts, costs, record, physics


def _facts(found: Detections, flames: Sequence[Flame], plumes: Sequence[Measurement], scaled: bool) -> dict[str, Any]:
    """Fields of the export record that the photo itself knows."""
    scores = found.scores[found.labels == found.classes.index(FLAME)]
    opacity = [m.estimate.value for m in plumes if m.name == "smoke opacity"]
    largest = max(flames, key=lambda f: float(np.median(f.lengths)), default=None)
    return {
        "source": "photo", "lit": bool(len(scores)), "observations": 1,
        "observed_at": found.scene.acquired.isoformat() if found.scene.acquired else None,
        "scale_source": "given by the user" if scaled else None,
        "tilt_deg": round(largest.features.tilt, 1) if largest else None,
        "opacity_percent": round(100 * max(opacity), 1) if opacity else None,
        "detector_confidence": round(float(scores.max()), 4) if len(scores) else None, "model_version": f"outcrop {__version__}",
    }  # fmt: skip
