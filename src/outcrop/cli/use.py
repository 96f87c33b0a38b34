"""Verbs that use models: tasks, models, draw, predict, measure, report."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from outcrop.cli import app

if TYPE_CHECKING:
    from outcrop.core.task import Result

Room = Annotated[str, typer.Argument(help="The room: salt. `outcrop tasks` lists them.")]
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


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """NAME=VALUE texts → dict."""
    from outcrop.core.errors import UsageError

    wrong = [text for text in given or [] if "=" not in text]
    if wrong:
        raise UsageError(f"{option} {wrong[0]!r} has no '=': give NAME=VALUE")
    return dict(text.split("=", 1) for text in given or [])


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str, float], None]]:
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


def _options(
    max_pixels: int, vertical: Vertical, sample_interval: float | None, spacing: str | None, header_bytes: list[str] | None,
    endian: str, offset: float | None,
) -> Any:  # fmt: skip
    """What the files do not say themselves, as the sources want it."""
    from outcrop.core.errors import UsageError
    from outcrop.sources.array import ArrayOptions
    from outcrop.sources.image import PictureOptions
    from outcrop.sources.open import Options
    from outcrop.sources.segy import SegyOptions

    known = ("inline", "crossline", "x", "y")
    where = _pairs(header_bytes, "--byte")
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
        picture=PictureOptions(max_pixels=max_pixels),
        segy=SegyOptions(
            vertical=vertical.value, sample_interval=sample_interval, spacing=apart, endian=endian, offset=offset,  # type: ignore[arg-type]
            **places,
        ),
        array=ArrayOptions(vertical=vertical.value, sample_interval=sample_interval, spacing=apart),
    )  # fmt: skip


PER_INPUT, MOST_ROWS = 3, 24
"""Measurements shown of each input, and rows shown in all."""


def _tell(result: "Result", as_json: bool) -> None:
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


@app.command()
def tasks(as_json: Json = False) -> None:
    """List the rooms: what each looks for and what its numbers rest on."""
    from outcrop import tasks as rooms

    loaded = [rooms.load(name) for name in rooms.names()]
    if as_json:
        facts = [{"name": t.name, "title": t.title, "classes": t.classes, "recipes": list(t.recipes)} for t in loaded]
        typer.echo(json.dumps(facts, indent=1))
        return
    for task in loaded:
        typer.echo(f"{task.name:10} {task.title}")
        for name, a in task.assumptions.items():
            typer.echo(f"{'':10} assumes {name} = {a.best:g} {a.unit} ({a.low:g} to {a.high:g}; {a.source})")


@app.command()
def models(
    task: Annotated[str | None, typer.Argument(help="Only this room's models.")] = None, as_json: Json = False
) -> None:
    """List the shipped models with their cards."""
    from dataclasses import asdict

    from outcrop import tasks as rooms
    from outcrop.engine.ensembles import shipped
    from outcrop.models.runtime import load

    cards = []
    for name in [task] if task else rooms.names():
        for paths in shipped(rooms.load(name)).values():
            cards += [{"file": str(p), **asdict(load(p).card)} for p in paths]
    if as_json:
        typer.echo(json.dumps(cards, indent=1))
        return
    for card in cards:
        size = Path(card["file"]).stat().st_size / 1e6
        typer.echo(
            f"{card['task']:10} {Path(card['file']).name:22} {size:5.1f} MB  {card['precision']:8} chip {card['chip']} px"
        )
        typer.echo(f"{'':10} {card['data']}")
        typer.echo(f"{'':10} limits: {card['limits']}")


@app.command()
def draw(
    task: Room, out: Out, seed: Annotated[int, typer.Option(help="The same seed draws the same scene.")] = 0,
    settings: Annotated[list[str] | None, typer.Option("--set", help="A setting of the room: NAME=VALUE.")] = None,
    overwrite: Overwrite = False,
) -> None:  # fmt: skip
    """Draw a made-up scene with known truth: files, mask and truth.json."""
    from outcrop.core.errors import UsageError
    from outcrop.face import draw as run

    given = _pairs(settings, "--set")
    if own := sorted({"task", "out", "seed", "overwrite"} & set(given)):
        raise UsageError(f"{own[0]!r} is no setting: say it outside --set, see `outcrop draw --help`")
    for path in run(task, out, seed=seed, overwrite=overwrite, **given):
        typer.echo(str(path))


@app.command()
def predict(
    task: Room, inputs: Inputs, out: Out,
    model: Annotated[list[str] | None, typer.Option("--model", "-m", help="Model file or shipped set, in place of the fitting one.")] = None,
    assume: Assume = None,
    threshold: Annotated[float | None, typer.Option(help="Probability that makes a pixel count, in place of the card's.")] = None,
    flips: Annotated[Flips, typer.Option(help="Mirror images: alternate costs nothing, all doubles the work.")] = Flips.alternate,
    engine: Annotated[Engine, typer.Option(help="auto takes openvino when installed and in agreement.")] = Engine.auto,
    formats: Annotated[list[str] | None, typer.Option("--format", help="Extra files for the whole run, e.g. kaggle.")] = None,
    vertical: Annotated[Vertical, typer.Option(help="Vertical axis of seismic data.")] = Vertical.auto,
    sample_interval: Annotated[float | None, typer.Option(help="In ms (time) or m (depth).")] = None,
    spacing: Annotated[str | None, typer.Option(help="Metres between inlines,crosslines: 25 or 25,12.5.")] = None,
    header_bytes: Annotated[list[str] | None, typer.Option("--byte", help="SEG-Y trace header byte: inline=9, crossline=21, x=73, y=77.")] = None,
    endian: Annotated[str, typer.Option(help="Byte order of SEG-Y: auto, big, little.")] = "auto",
    offset: Annotated[float | None, typer.Option(help="The offset to take from pre-stack SEG-Y.")] = None,
    max_pixels: Annotated[int, typer.Option(help="Larger pictures are refused.")] = 100_000_000,
    seed: Annotated[int, typer.Option(help="Of the Monte Carlo draws.")] = 0,
    overwrite: Overwrite = False, resume: Resume = False, as_json: Json = False,
) -> None:  # fmt: skip
    """See files with a room's models and measure what was seen: maps, quantities and a report in one folder."""
    from outcrop.face import predict as run

    with _progress(as_json) as report:
        result = run(
            task, inputs, out, models=model or (), assume=_pairs(assume, "--assume"), threshold=threshold, flips=flips.value,
            engine=engine.value, formats=formats or (), seed=seed, overwrite=overwrite, resume=resume, progress=report,
            options=_options(max_pixels, vertical, sample_interval, spacing, header_bytes, endian, offset),
        )  # fmt: skip
    _tell(result, as_json)


@app.command()
def measure(
    task: Room, inputs: Inputs, out: Out, assume: Assume = None,
    threshold: Annotated[float | None, typer.Option(help="Probability that makes a pixel count.")] = None,
    vertical: Annotated[Vertical, typer.Option(help="Vertical axis of seismic data.")] = Vertical.auto,
    sample_interval: Annotated[float | None, typer.Option(help="In ms (time) or m (depth).")] = None,
    spacing: Annotated[str | None, typer.Option(help="Metres between inlines,crosslines: 25 or 25,12.5.")] = None,
    seed: Annotated[int, typer.Option(help="Of the Monte Carlo draws.")] = 0,
    overwrite: Overwrite = False, as_json: Json = False,
) -> None:  # fmt: skip
    """Measure earlier probabilities or masks, without a model."""
    from outcrop.face import measure as run

    with _progress(as_json) as report:
        result = run(
            task, inputs, out, assume=_pairs(assume, "--assume"), threshold=threshold, seed=seed, overwrite=overwrite,
            options=_options(100_000_000, vertical, sample_interval, spacing, None, "auto", None), progress=report,
        )  # fmt: skip
    _tell(result, as_json)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    truth: Annotated[
        Path | None, typer.Option(help="truth-SEED.json of a drawn scene, shown beside what was measured.")
    ] = None,
) -> None:
    """Write report.html of a finished run again."""
    from outcrop.outputs.report import read_record, read_truths, write_report
    from outcrop.tasks import load

    record = read_record(folder / "summary.json")
    truths = read_truths(truth) if truth else None
    typer.echo(str(write_report(folder / "report.html", load(record["task"]).title, record, folder, truths)))
