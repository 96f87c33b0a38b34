"""Satellite tables measured: Nightfire rows and catalogues of sites, operators' months, hot spots of a scene.

Each gives measurements, tables and points on a map; nothing is seen by a model here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from outcrop.core.errors import BadInput
from outcrop.core.estimate import DRAWS, Assumption, Estimate
from outcrop.core.table import Table
from outcrop.core.task import Measurement, Section
from outcrop.tasks.flares.gas.assumptions import replaced
from outcrop.tasks.flares.gas.emissions import UNITS, emissions_of
from outcrop.tasks.flares.gas.flow import FLOW_UNIT, change_reference
from outcrop.tasks.flares.gas.record import record_of
from outcrop.tasks.flares.options import FlareOptions
from outcrop.tasks.flares.space.catalogue import Catalogue, is_catalogue, read_catalogue
from outcrop.tasks.flares.space.heat import SITE_ERROR, SLOPE
from outcrop.tasks.flares.space.history import NEEDS
from outcrop.tasks.flares.space.nightfire import is_nightfire, read_nightfire
from outcrop.tasks.flares.space.operator_scores import Score, evaluate
from outcrop.tasks.flares.space.operators import estimate, fit, predict
from outcrop.tasks.flares.space.sites import Site, measure_sites

COUNTED_AT = 15.0
"""°C: Nightfire's calibration does not name the reference temperature of its volumes; this is taken."""

REPORTED_AT = 15.56
"""°C, 60 °F: of volumes that US states collect."""

MOST = 24
"""Sites that get measurements of their own; all of them are in the tables."""

Rows = tuple[tuple[str, ...], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceFound:
    """What was found, for the files.

    Attributes:
        tables: ending of the file → (columns, rows).
        points: GeoJSON features.
        records: export records, one a site.
        section: a part of the report.
    """

    tables: Mapping[str, Rows]
    section: Section
    points: Sequence[Mapping[str, Any]] = ()
    records: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


Answer = tuple[list[Measurement], SpaceFound]


def measure_table(
    table: Table, given: Mapping[str, Assumption], options: FlareOptions, rng: np.random.Generator
) -> Answer:
    """A table judged by its columns.

    Raises:
        BadInput: none of the kinds that are known.
    """
    if is_nightfire(table):
        return _nightfire(table, given, options, rng)
    if is_catalogue(table):
        return _catalogue(read_catalogue(table), given, options, rng)
    if set(NEEDS) <= {name.casefold() for name in table.columns}:
        return _operators(table, options, rng)
    raise BadInput(
        f"{table.id} holds neither VIIRS Nightfire rows (Lat_GMTCO, Lon_GMTCO, Date_Mscan, Temp_BB, Area_BB), nor sites with "
        f"volumes (latitude, longitude, bcm), nor operators' months ({', '.join(NEEDS)}): give one of these"
    )


def _emitted(
    flow: Estimate, given: Mapping[str, Assumption], options: FlareOptions, rng: np.random.Generator
) -> tuple[list[Measurement], Mapping[str, Any]]:
    """The flow and what it burns to, and the draws of the latter."""
    named = replaced(given)
    emitted = emissions_of(flow.draws, options.gas, named, rng, reference=options.reference, gwp=options.gwp)
    names = {"co2": "CO2", "ch4": "CH4", "co2e": "CO2e"}
    return [
        Measurement(name=names[key], estimate=Estimate(draws=emitted[key], unit=UNITS[key]), method="combustion of the gas",
                    about={"gwp": options.gwp} if key == "co2e" else {})
        for key in names
    ], emitted  # fmt: skip


def at_reference(flow: Estimate, counted: float, options: FlareOptions) -> Estimate:
    """A flow at the reference temperature that was asked for."""
    draws = np.resize(flow.draws, DRAWS)  # volumes of many sites come as fewer draws
    return Estimate(draws=change_reference(draws, counted, options.reference), unit=FLOW_UNIT)


def _nightfire(
    table: Table, given: Mapping[str, Assumption], options: FlareOptions, rng: np.random.Generator
) -> Answer:
    rows = read_nightfire(table)
    found = measure_sites(rows, rng, assumptions=given)
    total = at_reference(found.total, COUNTED_AT, options)
    reference = f"{options.reference:g} °C, 101.325 kPa"
    bound = any(site.upper_bound for site in found.sites)
    about = {
        "sites": len(found.sites),
        "reference": reference,
        **({"note": "mean over nights with a flame: an upper bound"} if bound else {}),
    }
    emissions, _ = _emitted(total, given, options, rng)
    parts = [
        Measurement(
            name="flared gas",
            estimate=total,
            method="modified radiant heat of clear nights, Nightfire's calibration",
            about=about,
        )
    ]
    parts += emissions
    for site in found.sites[:MOST]:
        parts.append(
            Measurement(name="flared gas", estimate=at_reference(site.volume, COUNTED_AT, options), method="modified radiant heat of clear nights",
                        about={"site": site.id, "latitude": site.latitude, "longitude": site.longitude, "lit_nights": site.lit, "clear_nights": site.clear})
        )  # fmt: skip
    months = [
        {"site": s.id, "month": m.month, "lit": m.lit, "clear": m.clear, **_moved(m.value, m.low, m.high, options)}
        for s in found.sites
        for m in s.months
    ]
    points = [_moved_point(point, options) for point in found.points()]
    columns = tuple(points[0]["properties"])
    rest = [
        {**p["properties"], "longitude": p["geometry"]["coordinates"][0], "latitude": p["geometry"]["coordinates"][1]}
        for p in points
    ]
    said = dict.fromkeys(note for note in (*rows.notes, *found.notes) if not note.startswith("volumes are at"))
    facts = (
        ("sites", str(len(found.sites))),
        ("rows used", str(len(rows.latitude))),
        *((f"rows {what}", str(count)) for what, count in found.dropped.items() if count),
    )
    section = Section(
        title="Sites seen from space", text=("Each point is a place where flames were seen within 750 m of one another.", f"Volumes are told at {reference}; Nightfire's calibration names no reference temperature, and 15 °C is taken for it.", *said),
        facts=facts, columns=("site", "thousand m³/day", "90 % interval", "clear nights", "lit", "temperature, K"),
        rows=tuple(_site_row(site, options) for site in found.sites[:40]), shapes={"flare": [[(s.longitude, s.latitude)] for s in found.sites]},
    )  # fmt: skip
    records = [_record(site, given, options, rng) for site in found.sites[:MOST]]
    tables = {
        "sites.csv": ((*columns, "longitude", "latitude"), rest),
        "months.csv": (("site", "month", "lit", "clear", "value", "low", "high"), months),
    }
    return parts, SpaceFound(tables=tables, section=section, points=points, records=records)


def _moved(value: float, low: float, high: float, options: FlareOptions) -> dict[str, float]:
    factor = float(change_reference(1.0, COUNTED_AT, options.reference))
    return {"value": value * factor, "low": low * factor, "high": high * factor}


def _moved_point(point: Mapping[str, Any], options: FlareOptions) -> dict[str, Any]:
    """A site's GeoJSON with its volumes at the reference temperature that was asked for."""
    told = point["properties"]
    flow = _moved(told["volume"], told["volume_low"], told["volume_high"], options)
    moved = {
        "volume": flow["value"],
        "volume_low": flow["low"],
        "volume_high": flow["high"],
        "reference_c": options.reference,
    }
    return {**point, "properties": {**told, **moved}}


def _site_row(site: Site, options: FlareOptions) -> tuple[str, ...]:
    flow = at_reference(site.volume, COUNTED_AT, options)
    low, high = flow.interval()
    return (
        str(site.id),
        f"{flow.value:.3g}",
        f"{low:.3g} to {high:.3g}",
        str(site.clear),
        str(site.lit),
        f"{site.temperature:.0f}",
    )


def _record(
    site: Site, given: Mapping[str, Assumption], options: FlareOptions, rng: np.random.Generator
) -> Mapping[str, Any]:
    flow = at_reference(site.volume, COUNTED_AT, options)
    named = replaced(given)
    _, emitted = _emitted(flow, given, options, rng)
    facts: dict[str, Any] = {
        "site_id": f"site {site.id}", "latitude": site.latitude, "longitude": site.longitude, "period_start": site.first, "period_end": site.last,
        "source": "satellite", "sensor": "VIIRS Nightfire", "observations": site.clear, "volume_method": "modified radiant heat", **options.facts,
    }  # fmt: skip
    return record_of(flow.draws, emitted, options.gas, named, reference=options.reference, gwp=options.gwp, **facts)


def _catalogue(
    found: Catalogue, given: Mapping[str, Assumption], options: FlareOptions, rng: np.random.Generator
) -> Answer:
    """A catalogue's own volumes summed: the error of Nightfire's slope is common to all sites, that of a site its own."""
    slope = given[SLOPE].draw(rng).draws / given[SLOPE].best
    error = given[SITE_ERROR]
    own = (error.high - error.low) / 2 / 6**0.5  # standard deviation of a symmetric triangle, in ln
    years: list[int | None] = [int(year) for year in np.unique(found.year[np.isfinite(found.year)])]
    parts: list[Measurement] = []
    for year in [*years[::-1]] or [None]:
        volume = found.volume if year is None else found.volume[found.year == year]
        spread = own * float(np.sqrt((volume**2).sum()))
        draws = np.maximum(volume.sum() * slope + rng.normal(0, spread, len(slope)), 0.0)
        about = {"sites": len(volume), "note": "volumes of a catalogue are satellite estimates, not meters"} | (
            {"year": year} if year else {}
        )
        total = at_reference(Estimate(draws=draws, unit=FLOW_UNIT), COUNTED_AT, options)
        parts.append(Measurement(name="flared gas", estimate=total, method="sum of the catalogue's sites", about=about))
        if len(parts) == 1:
            parts += _emitted(total, given, options, rng)[0]
    order = np.argsort(-found.volume)[:40]
    section = Section(
        title="Sites of a catalogue", text=found.notes, facts=(("sites", str(len(found))), *((f"billion m³ in {year}", f"{found.bcm[found.year == year].sum():.4g}") for year in years)),
        columns=("site", "thousand m³/day"), rows=tuple((found.names[i], f"{found.volume[i]:.3g}") for i in order),
        shapes={"flare": [[(float(x), float(y))] for x, y in zip(found.longitude, found.latitude, strict=True)][:2000]},
    )  # fmt: skip
    rows = [
        {
            "site": found.names[i],
            "year": found.year[i],
            "longitude": found.longitude[i],
            "latitude": found.latitude[i],
            "bcm": found.bcm[i],
        }
        for i in range(len(found))
    ]
    return parts, SpaceFound(
        tables={"sites.csv": (("site", "year", "longitude", "latitude", "bcm"), rows)}, section=section
    )


def _operators(table: Table, options: FlareOptions, rng: np.random.Generator) -> Answer:
    """What operators will have reported, from the satellite and their earlier reports; and how good that was before."""
    model = fit(table)
    wanted = predict(model, table, since=None) or predict(model, table, since=model.last)
    last = max(one.month for one in wanted)
    parts = [
        Measurement(name="flared gas", estimate=at_reference(estimate(model, one, rng), REPORTED_AT, options),
                    method="satellite and the latest report of the operator", about={"operator": one.operator, "month": one.month, "report_age_months": one.age})
        for one in wanted if one.month == last
    ]  # fmt: skip
    parts.sort(key=lambda m: -m.estimate.value)
    scores = evaluate(table, rng)
    section = Section(
        title="Operators' months",
        text=("Errors are of months that lay ahead of everything the estimate was learnt from; volumes as US states count them, at 60 °F.",),
        columns=("estimate", "months", "median error", "its 95 % interval", "MAE, thousand m³/day", "RMSE", "R²", "within a factor 2", "90 % interval holds"),
        rows=tuple(_score_row(score) for score in scores),
    )  # fmt: skip
    rows = [
        {
            "operator": one.operator,
            "month": one.month,
            "value": one.value,
            "low": one.low,
            "high": one.high,
            "report_age_months": one.age,
            "reported": one.reported,
            "reference_c": REPORTED_AT,
        }
        for one in wanted
    ]
    columns = ("operator", "month", "value", "low", "high", "report_age_months", "reported", "reference_c")
    return parts, SpaceFound(tables={"operators.csv": (columns, rows)}, section=section)


def _score_row(score: Score) -> tuple[str, ...]:
    held = "–" if score.coverage is None else f"{100 * score.coverage:.0f} %"
    return (
        score.name, str(score.rows), f"{100 * score.median_error:.1f} %", f"{100 * score.low:.0f} to {100 * score.high:.0f} %", f"{score.mae:.1f}",
        f"{score.rmse:.1f}", f"{score.r2:.2f}", f"{100 * score.within_two:.0f} %", held,
    )  # fmt: skip
