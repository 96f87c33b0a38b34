"""Verbs that use models: draw, predict, measure."""

from pathlib import Path
from typing import Annotated

import typer

from outcrop.cli import app
from outcrop.cli.words import (
    Assume,
    Engine,
    Flips,
    Inputs,
    Json,
    Out,
    Overwrite,
    Registry,
    RegistryColumn,
    RegistryKind,
    Resume,
    Room,
    Scale,
    Settings,
    Simplify,
    Stacked,
    Vertical,
    assumed,
    options,
    pairs,
    progress,
    register,
    tell,
)


@app.command()
def draw(
    task: Room, out: Out, seed: Annotated[int, typer.Option(help="The same seed draws the same scene.")] = 0,
    settings: Annotated[list[str] | None, typer.Option("--set", help="A setting of the room: NAME=VALUE.")] = None,
    overwrite: Overwrite = False,
) -> None:  # fmt: skip
    """Draw a made-up scene with known truth: files, mask and truth.json."""
    from outcrop.core.errors import UsageError
    from outcrop.face import draw as run

    given = pairs(settings, "--set")
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
    preset: Annotated[list[str] | None, typer.Option(help="Extra files in a regulator's form, e.g. anm.")] = None,
    bands: Annotated[str | None, typer.Option(help="Bands of rasters, by name or number, red first: B4,B3,B2.")] = None,
    stack: Stacked = False,
    no_area: Annotated[bool, typer.Option("--no-area", help="See rasters without a map projection too, for masks alone.")] = False,
    registry: Registry = None, registry_kind: RegistryKind = None, registry_column: RegistryColumn = None,
    simplify: Simplify = None, scale: Scale = None, settings: Settings = None,
    vertical: Annotated[Vertical, typer.Option(help="Vertical axis of seismic data.")] = Vertical.auto,
    sample_interval: Annotated[float | None, typer.Option(help="In ms (time) or m (depth).")] = None,
    spacing: Annotated[str | None, typer.Option(help="Metres between inlines,crosslines: 25 or 25,12.5.")] = None,
    header_bytes: Annotated[list[str] | None, typer.Option("--byte", help="SEG-Y trace header byte: inline=9, crossline=21, x=73, y=77.")] = None,
    endian: Annotated[str, typer.Option(help="Byte order of SEG-Y: auto, big, little.")] = "auto",
    offset: Annotated[float | None, typer.Option(help="The offset to take from pre-stack SEG-Y.")] = None,
    max_pixels: Annotated[int, typer.Option(help="Larger pictures are refused.")] = 100_000_000,
    depths: Annotated[Path | None, typer.Option(help="CSV (id, z): depths of pictures, for models that take one.")] = None,
    seed: Annotated[int, typer.Option(help="Of the Monte Carlo draws.")] = 0,
    overwrite: Overwrite = False, resume: Resume = False, as_json: Json = False,
) -> None:  # fmt: skip
    """See files with a room's models and measure what was seen: maps, quantities and a report in one folder."""
    from outcrop.face import predict as run
    from outcrop.sources.open import stack as stacked

    opening = options(
        max_pixels, vertical, sample_interval, spacing, header_bytes, endian, offset, depths, bands
    )  # fmt: skip
    inputs, opening = stacked(inputs, opening) if stack else (inputs, opening)
    with progress(as_json) as report:
        result = run(
            task, inputs, out, models=model or (), assume=assumed(assume, scale), threshold=threshold, flips=flips.value,
            engine=engine.value, formats=[*(formats or ()), *(preset or ())], no_area=no_area,
            settings={**register(registry, registry_kind, registry_column, simplify), **pairs(settings, "--set")}, seed=seed, overwrite=overwrite, resume=resume, progress=report,
            options=opening,
        )  # fmt: skip
    tell(result, as_json)


@app.command()
def measure(
    task: Room, inputs: Inputs, out: Out, assume: Assume = None,
    threshold: Annotated[float | None, typer.Option(help="Probability that makes a pixel count.")] = None,
    vertical: Annotated[Vertical, typer.Option(help="Vertical axis of seismic data.")] = Vertical.auto,
    sample_interval: Annotated[float | None, typer.Option(help="In ms (time) or m (depth).")] = None,
    spacing: Annotated[str | None, typer.Option(help="Metres between inlines,crosslines: 25 or 25,12.5.")] = None,
    no_area: Annotated[bool, typer.Option("--no-area", help="Take rasters without a map projection too.")] = False,
    simplify: Simplify = None, scale: Scale = None, settings: Settings = None,
    preset: Annotated[list[str] | None, typer.Option(help="Extra files in a regulator's form, e.g. epa-w.")] = None,
    bands: Annotated[str | None, typer.Option(help="Bands of rasters, by name or number: B12,B11,B8A for hot spots.")] = None,
    seed: Annotated[int, typer.Option(help="Of the Monte Carlo draws.")] = 0,
    overwrite: Overwrite = False, as_json: Json = False,
) -> None:  # fmt: skip
    """Measure earlier probabilities or masks, or a satellite table, without a model."""
    from outcrop.face import measure as run

    with progress(as_json) as report:
        result = run(
            task, inputs, out, assume=assumed(assume, scale), threshold=threshold, seed=seed, overwrite=overwrite, no_area=no_area,
            options=options(100_000_000, vertical, sample_interval, spacing, None, "auto", None, None, bands), progress=report,
            settings={**register(None, None, None, simplify), **pairs(settings, "--set")}, formats=preset or (),
        )  # fmt: skip
    tell(result, as_json)
