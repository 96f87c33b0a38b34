"""Hot spots of a satellite scene with short-wave infrared bands, each as the flare that it would be."""

from collections.abc import Mapping

import numpy as np

from outcrop.core.estimate import Assumption
from outcrop.core.scene import Scene
from outcrop.core.task import Measurement, Section
from outcrop.tasks.flares.gas.record import export_record
from outcrop.tasks.flares.options import FlareOptions
from outcrop.tasks.flares.space.hotspots import find_hotspots
from outcrop.tasks.flares.space.places import flare_estimates
from outcrop.tasks.flares.tables import COUNTED_AT, MOST, Answer, SpaceFound, at_reference


def measure_hotspots(
    scene: Scene, given: Mapping[str, Assumption], options: FlareOptions, rng: np.random.Generator
) -> Answer:
    """Hot spots of a satellite scene with short-wave infrared bands."""
    found = find_hotspots(scene, sun_zenith=options.sun_zenith)
    parts, rows, points = [], [], []
    for number, spot in enumerate(found.spots, start=1):
        place = {"spot": number, "longitude": spot.longitude, "latitude": spot.latitude}
        rows.append(
            {
                **place,
                "pixels": spot.pixels,
                "area_m2": spot.area,
                "power_mw": spot.power,
                "saturated": spot.saturated,
                "nhi_swir": spot.index,
            }
        )
        points.append(
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [spot.longitude, spot.latitude]},
                "properties": {**rows[-1]},
            }
        )
        if number <= MOST and np.isfinite(spot.power):
            note = {"note": "saturated: a lower bound"} if spot.saturated else {}
            for name, value in flare_estimates(spot, rng, given).items():
                told = at_reference(value, COUNTED_AT, options) if name == "gas flow" else value
                parts.append(
                    Measurement(
                        name="flared gas" if name == "gas flow" else name,
                        estimate=told,
                        method="radiance at 2.2 µm of one moment",
                        about={**place, **note},
                    )
                )
    section = Section(
        title="Hot spots", text=found.notes, facts=(("hot spots", str(len(found.spots))),), columns=("spot", "pixels", "area, m²", "power, MW", "index"),
        rows=tuple((str(r["spot"]), str(r["pixels"]), f"{r['area_m2']:.0f}", f"{r['power_mw']:.3g}", f"{r['nhi_swir']:.2f}") for r in rows[:40]),
        shapes={"hot spot": [[(s.longitude, s.latitude)] for s in found.spots if np.isfinite(s.longitude)]},
    )  # fmt: skip
    columns = ("spot", "longitude", "latitude", "pixels", "area_m2", "power_mw", "saturated", "nhi_swir")
    return parts, SpaceFound(
        tables={"hotspots.csv": (columns, rows)},
        section=section,
        points=points,
        records=[export_record(source="satellite", **options.facts)] if rows else [],
    )
