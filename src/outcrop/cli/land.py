"""Verbs of rooms that look at land: audit, change, samples."""

from pathlib import Path
from typing import Annotated

import typer

from outcrop.cli import app
from outcrop.cli.words import (
    Out,
    Overwrite,
    RegistryColumn,
    RegistryKind,
    Room,
    Stacked,
    Vertical,
    options,
    pairs,
    register,
)  # fmt: skip


@app.command()
def audit(
    folder: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    registry: Annotated[Path, typer.Option(help="Register to compare with: CSV, Excel or GeoPackage.", show_default=False)],
    registry_kind: RegistryKind = None, registry_column: RegistryColumn = None,
) -> None:  # fmt: skip
    """Compare the deposits of a finished run with a register: tables, a map and counts in its report."""
    from outcrop.face import audit as run

    result = run(folder, **register(registry, registry_kind, registry_column))
    _sections(result.record["sections"], result.out)


@app.command()
def change(
    before: Annotated[Path, typer.Argument(help="Folder of the earlier run, or its deposits.gpkg.")],
    after: Annotated[Path, typer.Argument(help="Folder of the later run, or its deposits.gpkg.")],
    out: Out,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="shared_edge=0.5: how far the errors of the two dates go together, 0 to 1."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the Monte Carlo draws.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Compare two dates: which deposits are the same, grown, shrunk, new, gone, merged or split, and how surely."""
    from outcrop.face import change as run

    result = run(before, after, out, seed=seed, overwrite=overwrite, **pairs(settings, "--set"))
    _sections(result.record["sections"], result.out)


@app.command()
def samples(
    task: Room,
    polygons: Annotated[Path, typer.Argument(help="Vector file with the outlines of all deposits.")],
    scenes: Annotated[list[Path], typer.Argument(help="Scenes, files and folders.", show_default=False)],
    out: Out,
    size: Annotated[int, typer.Option(help="Side of the pictures, pixels.")] = 448,
    per_deposit: Annotated[int, typer.Option(help="Pictures for every deposit and scene.")] = 2,
    background: Annotated[float, typer.Option(help="Pictures without a deposit, as a share of the others.")] = 0.25,
    folds: Annotated[int, typer.Option(help="Folds by place, at most.")] = 5,
    bands: Annotated[str | None, typer.Option(help="Bands by name or number, red first: B4,B3,B2.")] = None,
    stack: Stacked = False,
    look_alikes: Annotated[
        Path | None,
        typer.Option(help="Vector file with outlines of what only looks like a deposit: pictures of them too."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed cuts the same pictures.")] = 0,
) -> None:
    """Cut training pictures from scenes and outlines, with every outline in every mask and folds by place."""
    from outcrop.face import samples as run
    from outcrop.sources.open import stack as stacked

    opening = options(100_000_000, Vertical.auto, None, None, None, "auto", None, None, bands)
    scenes, opening = stacked(scenes, opening) if stack else (scenes, opening)
    files = run(
        task, polygons, scenes, out, options=opening, seed=seed, size=size, per_deposit=per_deposit, background=background,
        folds=folds, look_alikes=look_alikes, **_named(bands),
    )  # fmt: skip
    typer.echo(f"{len(files) // 2} pictures with masks, and {files[-1]}")


@app.command()
def composite(
    catalogue: Annotated[Path, typer.Argument(help="catalog.json or collection.json of a STAC catalogue on disk.")],
    out: Out,
    bbox: Annotated[str, typer.Option(help="west,south,east,north in degrees.", show_default=False)],
    dates: Annotated[str, typer.Option(help="2021-01-01/2021-12-31: first and last day.", show_default=False)],
    cloud: Annotated[float, typer.Option(help="Largest cloud cover of a product, percent.")] = 100.0,
    level: Annotated[str | None, typer.Option(help="L1C or L2A, where the catalogue holds both.")] = None,
    bands: Annotated[str, typer.Option(help="Bands by name, in the order of the file.")] = "B4,B3,B2",
    least: Annotated[int, typer.Option(help="Clear looks below which a pixel stays unseen.")] = 1,
    overwrite: Overwrite = False,
) -> None:
    """Make one cloud-free scene of the Sentinel-2 looks of a place: the median of every pixel over a span of time."""
    from outcrop.engine.composite import bbox_of, dates_of
    from outcrop.engine.composite import composite as run

    names = [name.strip() for name in bands.split(",")]
    box, span = bbox_of(bbox), dates_of(dates)
    for path in run(
        catalogue, out, bbox=box, dates=span, cloud=cloud, level=level, bands=names, least=least, overwrite=overwrite
    ):
        typer.echo(str(path))


def _named(bands: str | None) -> dict[str, tuple[str, ...]]:
    """Bands that are called by name, for the pictures; numbers only say where red, green and blue are."""
    names = tuple(name.strip() for name in bands.split(",")) if bands else ()
    return {} if not names or any(name.isdecimal() for name in names) else {"bands": names}


def _sections(sections: list[dict[str, object]], out: Path) -> None:
    """Facts of the parts of a report on standard output, and where the page is."""
    for section in sections:
        typer.echo(str(section["title"]))
        for name, value in section["facts"]:  # type: ignore[attr-defined]
            typer.echo(f"  {value:>10}  {name}")
    typer.echo(f"report: {out / 'report.html'}")
