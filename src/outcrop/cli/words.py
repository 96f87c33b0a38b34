"""What several verbs of the command line share: arguments, options, progress, and the table of what a run gave."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from outcrop.core.task import Result

Room = Annotated[str, typer.Argument(help="The room: salt, tailings or flares. `outcrop tasks` lists them.")]
Inputs = Annotated[list[Path], typer.Argument(help="Files and folders.", show_default=False)]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results, new or empty.", show_default=False)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write into a folder that holds other files.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")]
Json = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]
Assume = Annotated[
    list[str] | None,
    typer.Option(
        "--assume",
        "-a",
        help="Replace an assumption: NAME=VALUE or NAME=LOW:BEST:HIGH, e.g. 'salt velocity=4450:4500:4550'.",
    ),
]


Registry = Annotated[
    Path | None, typer.Option("--registry", help="Register to compare deposits with: CSV, Excel or GeoPackage.")
]
RegistryKind = Annotated[
    str | None, typer.Option("--registry-kind", help="Which register: sigbm, mg-area or sernageomin.")
]
RegistryColumn = Annotated[
    list[str] | None,
    typer.Option("--registry-column", help="Column of the register: id=, lon=, lat=, declared_area=, area_unit=ha ..."),
]


Stacked = Annotated[
    bool, typer.Option("--stack", help="Files of one band each: those of one scene are one input, by their names.")
]
Simplify = Annotated[
    float | None,
    typer.Option(help="Outlines with fewer points, none moved by more metres than this.", show_default=False),
]


Scale = Annotated[
    str | None,
    typer.Option(help="Metres per pixel of a photo at the flare: 0.12 or 0.11:0.12:0.14.", show_default=False),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="What the room is told beside numbers: NAME=VALUE, e.g. gas=associated."),
]


class Flips(StrEnum):
    """Mirror images at prediction."""

    none = "none"
    alternate = "alternate"
    all = "all"


class Engine(StrEnum):
    """What runs the models."""

    auto = "auto"
    onnxruntime = "onnxruntime"
    openvino = "openvino"


class Vertical(StrEnum):
    """What the vertical axis of seismic data is."""

    auto = "auto"
    time = "time"
    depth = "depth"


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """NAME=VALUE texts → dict."""
    from outcrop.core.errors import UsageError

    wrong = [text for text in given or [] if "=" not in text]
    if wrong:
        raise UsageError(f"{option} {wrong[0]!r} has no '=': give NAME=VALUE")
    return dict(text.split("=", 1) for text in given or [])


@contextmanager
def progress(quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """A live line per run on standard error, only where a person watches."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        line = bar.add_task("inputs", total=None)
        part = bar.add_task("", total=100, visible=False)

        def report(name: str, share: float) -> None:
            if share >= 1:
                bar.advance(line)
                bar.update(part, visible=False)
            else:
                bar.update(part, description=name, completed=100 * share, visible=True)

        yield report


def options(
    max_pixels: int, vertical: Vertical, sample_interval: float | None, spacing: str | None, header_bytes: list[str] | None,
    endian: str, offset: float | None, depths: Path | None = None, bands: str | None = None,
) -> Any:  # fmt: skip
    """What the files do not say themselves, as the sources want it."""
    from outcrop.core.errors import UsageError
    from outcrop.sources.array import ArrayOptions
    from outcrop.sources.geotiff import RasterOptions
    from outcrop.sources.image import PictureOptions, read_depths
    from outcrop.sources.open import Options
    from outcrop.sources.segy import SegyOptions

    known = ("inline", "crossline", "x", "y")
    where = pairs(header_bytes, "--byte")
    if strange := [name for name in where if name not in known]:
        raise UsageError(f"--byte {strange[0]} is unknown: choose one of {', '.join(known)}")
    try:
        places: dict[str, Any] = {f"{name}_byte": int(text) for name, text in where.items()}
        parts = [float(p) for p in spacing.split(",")] if spacing else []
        apart = (parts[0], parts[-1]) if parts else None
    except ValueError:
        raise UsageError("--byte wants whole numbers (inline=189), --spacing metres (25 or 25,12.5)") from None
    if len(parts) > 2 or not all(0 < p < inf for p in parts):
        raise UsageError(f"--spacing {spacing} is not one or two distances in metres: give 25 or 25,12.5")
    if sample_interval is not None and not 0 < sample_interval < inf:
        raise UsageError(f"--sample-interval {sample_interval:g} is no distance between samples: give one above 0")
    if endian not in ("auto", "big", "little"):
        raise UsageError(f"--endian {endian} is no byte order: choose auto, big or little")
    if max_pixels < 1:
        raise UsageError(f"--max-pixels {max_pixels} leaves no picture: give 1 or more")
    return Options(
        raster=RasterOptions(bands=tuple(name.strip() for name in bands.split(",")) if bands else ()),
        picture=PictureOptions(max_pixels=max_pixels, depths=read_depths(depths) if depths else {}),
        segy=SegyOptions(
            vertical=vertical.value, sample_interval=sample_interval, spacing=apart, endian=endian, offset=offset,  # type: ignore[arg-type]
            **places,
        ),
        array=ArrayOptions(vertical=vertical.value, sample_interval=sample_interval, spacing=apart),
    )  # fmt: skip


def register(
    registry: Path | None, kind: str | None, columns: list[str] | None, simplify: float | None = None
) -> dict[str, str]:
    """What the room is told about a register and about outlines, by the names of its settings."""
    given = {"registry": registry, "preset": kind, "simplify": simplify}
    said = {name: str(value) for name, value in given.items() if value is not None}
    return {**said, **pairs(columns, "--registry-column")}


def assumed(assume: list[str] | None, scale: str | None) -> dict[str, str]:
    """Replaced assumptions by name; ``--scale`` is one that photos often need."""
    return {**pairs(assume, "--assume"), **({"scale": scale} if scale else {})}


PER_INPUT, MOST_ROWS = 3, 24
"""Measurements shown of each input, and rows shown in all."""


def tell(result: "Result", as_json: bool) -> None:
    """Print what a run gave, and leave with 4 (or 3, when nothing could be used) if inputs were refused."""
    from rich.console import Console
    from rich.table import Table

    if as_json:
        typer.echo(json.dumps(result.record, indent=1))
    else:
        table = Table("input", "what", "value", "90 % interval", "unit", box=None, header_style="bold")
        shown = [
            m
            for e in result.record["inputs"]
            for m in ({"input": e["input"], **m} for m in e["measurements"][:PER_INPUT])
        ]
        for m in shown[:MOST_ROWS]:
            table.add_row(
                Path(m["input"]).name, m["name"], f"{m['value']:.4g}", f"{m['low']:.4g} to {m['high']:.4g}", m["unit"]
            )
        Console().print(table)
        if len(result.measurements) > len(shown[:MOST_ROWS]):
            typer.echo(f"all {len(result.measurements)} measurements: {result.out / 'measurements.csv'}")
        typer.echo(f"report: {result.out / 'report.html'}")
    for refusal in result.refused:
        typer.secho(f"outcrop: {refusal['error']}", fg="red", err=True)
    if result.refused:
        inputs = len(result.record["inputs"])
        typer.echo(f"outcrop: {len(result.refused)} of {inputs} inputs were refused", err=True)
        raise typer.Exit(3 if len(result.refused) == inputs else 4)
