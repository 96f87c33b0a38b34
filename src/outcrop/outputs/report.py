"""The report of a run, ``report.html``: what was found, how sure it is, what it rests on, and where the files are."""

import io
import json
from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

from PIL import Image

from outcrop.core.errors import BadInput
from outcrop.outputs.map import draw_map
from outcrop.outputs.page import data_uri, write_page

MOST_CARDS = 48
"""Inputs shown with their pictures; the others are in measurements.csv."""

PARTS = ("body", "deposit", "flame", "plume", "site", "spot", "operator", "month", "year")
"""What a measurement may belong to, of several of its name; said behind the name."""

SHOWN_SIDE = 900
"""Longest side of a picture in the report, pixels; smaller ones are enlarged by whole factors up to about 400."""


def number(value: float | None) -> str:
    """Four significant digits, with thousands in groups: 1234567 → 1 235 000; 0.01234 → 0.01234; a dash for nothing."""
    if value is None or isnan(value):
        return "–"
    if value and not 1e-3 <= abs(value) < 1e7:
        return f"{value:.3e}"
    digits = f"{value:.4g}"
    return digits if "e" not in digits and abs(value) < 1e4 else f"{float(digits):,.0f}".replace(",", "\u202f")


SCALES = {"m³": ((1e9, "km³"), (1e6, "million m³")), "m²": ((1e6, "km²"), (1e4, "ha"))}
"""Units that people say, by the plain unit: (how many plain ones it holds, its name), the largest first."""


def friendly(value: float, unit: str) -> tuple[float, str]:
    """What to divide by, and the unit to say, for a quantity of this size: (7.2e8, "m³") → (1e9, "km³")."""
    fitting = ((size, name) for size, name in SCALES.get(unit, ()) if abs(value) >= size / 10)
    return next(fitting, (1.0, unit))


def _picture(path: Path) -> str | None:
    """A picture file as a data address, enlarged without smoothing when small."""
    try:
        with Image.open(path) as image:
            cols, rows = image.size
            factor = max(min(400 // max(cols, rows, 1), 4), 1)
            shown = image.convert("RGB").resize((cols * factor, rows * factor), Image.Resampling.NEAREST)
            shown.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
            store = io.BytesIO()
            shown.save(store, format="PNG")
    except OSError:
        return None
    return data_uri(store.getvalue())


def _part(key: str, value: Any) -> str:
    """Which one of several: "deposit area 3" needs no more, "flared gas, site 3" does."""
    return f" {value}" if key in ("body", "deposit") else f", {key} {value}"


def _rows(measurements: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Measurements as the table shows them, with the interval's place on a bar from 0 to its upper end."""
    rows = []
    for m in measurements:
        size, unit = friendly(m["value"], m["unit"])
        value, low, high = (number(m[key] / size) for key in ("value", "low", "high"))
        truth = m.get("truth")
        top = max(m["high"], m["value"], 1e-30)
        spans = m["low"] >= 0 and "crest" not in m["name"]
        rows.append(
            {
                "name": m["name"] + "".join(_part(key, m["about"][key]) for key in PARTS if key in m["about"]),
                "value": value, "low": low, "high": high, "unit": unit, "method": m["method"],
                "note": m["about"].get("note", ""), "truth": None if truth is None else number(truth / size),
                "bar": (100 * m["low"] / top, 100 * (m["high"] - m["low"]) / top, 100 * m["value"] / top) if spans else None,
            }
        )  # fmt: skip
    return rows


def write_report(
    path: Path,
    title: str,
    record: Mapping[str, Any],
    folder: Path,
    truths: Mapping[str, Mapping[str, float]] | None = None,
) -> Path:
    """Write the page of a finished run.

    Args:
        record: what ``summary.json`` holds.
        folder: where the run's files lie.
        truths: input stem → measurement name → true value, for drawn scenes; shown beside the measured ones.
    """
    good = [e for e in record["inputs"] if "error" not in e]
    order = list(range(len(good)))
    if len(good) > MOST_CARDS:
        order.sort(key=lambda i: -max((m["value"] for m in good[i]["measurements"]), default=0.0))
    cards = []
    for i in order[:MOST_CARDS]:
        entry = good[i]
        known = (truths or {}).get(entry["stem"], {})
        # Of several of one name, sites and their sum say, the first is the one that the truth speaks of.
        firsts = {m["name"]: place for place, m in reversed(list(enumerate(entry["measurements"])))}
        measurements = [
            {**m, "truth": known.get(m["name"]) if firsts[m["name"]] == place else None}
            for place, m in enumerate(entry["measurements"])
        ]
        pictures = [(_picture(folder / f), f) for f in entry["files"] if f.endswith("overlay.png")]
        cards.append(
            {
                "name": Path(entry["input"]).name,
                "rows": _rows(measurements[:12]),
                "more": max(len(measurements) - 12, 0),
                "pictures": [(uri, name) for uri, name in pictures if uri],
                "files": entry["files"],
                "notes": entry["notes"],
                "models": entry["models"],
            }
        )
    sections = [{**section, "map": draw_map(section["shapes"])} for section in record.get("sections", [])]
    context = {
        "sections": sections, "title": title, "record": record, "cards": cards, "inputs": len(record["inputs"]), "good": len(good),
        "has_truth": bool(truths), "number": number,
    }  # fmt: skip
    return write_page(path, "report.html.j2", **context)


RECORD = frozenset(("task", "outcrop", "models", "assumptions", "seed", "inputs", "refused"))
"""What a record must hold to be reported."""


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BadInput(f"{path} is missing or damaged: give what Outcrop wrote") from None


def read_record(path: Path) -> dict[str, Any]:
    """The record of a finished run from its ``summary.json``.

    Raises:
        BadInput: it is missing, damaged, or something else.
    """
    record = _read(path)
    if not isinstance(record, dict) or not record.keys() >= RECORD:
        raise BadInput(f"{path} is not the record of a run: give the folder of a finished run")
    return record


def read_truths(path: Path) -> dict[str, dict[str, float]]:
    """True values by input stem and measurement name, from a ``truth-SEED.json``.

    Raises:
        BadInput: it is missing, damaged, or something else.
    """
    drawn = _read(path)
    if not isinstance(drawn, Mapping) or "seed" not in drawn or not isinstance(drawn.get("truth"), Mapping):
        raise BadInput(f"{path} does not say what is true of a drawn scene: give a truth-SEED.json of `outcrop draw`")
    return truths_of(drawn)


def truths_of(drawn: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """True values by input stem and measurement name, from the content of a ``truth-SEED.json``."""
    found: dict[str, dict[str, float]] = {}
    for name, value in drawn["truth"].items():
        several = value if isinstance(value, Mapping) else {f"drawn-{drawn['seed']}": value}
        for stem, true in several.items():
            found.setdefault(stem, {})[name] = true
    return found
