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
    seed: Annotated[int, typer.Option(help="The same seed cuts the same pictures.")] = 0,
) -> None:
    """Cut training pictures from scenes and outlines, with every outline in every mask and folds by place."""
    from outcrop.face import samples as run

    opening = options(100_000_000, Vertical.auto, None, None, None, "auto", None, None, bands)
    files = run(
        task, polygons, scenes, out, options=opening, seed=seed, size=size, per_deposit=per_deposit, background=background,
        folds=folds,
    )  # fmt: skip
    typer.echo(f"{len(files) // 2} pictures with masks, and {files[-1]}")


def _sections(sections: list[dict[str, object]], out: Path) -> None:
    """Facts of the parts of a report on standard output, and where the page is."""
    for section in sections:
        typer.echo(str(section["title"]))
        for name, value in section["facts"]:  # type: ignore[attr-defined]
            typer.echo(f"  {value:>10}  {name}")
    typer.echo(f"report: {out / 'report.html'}")
