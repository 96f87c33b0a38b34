"""Verbs that show what there is: tasks, models, report."""

import json
from pathlib import Path
from typing import Annotated

import typer

from outcrop.cli import app
from outcrop.cli.words import Json


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
            value = f"{a.best:g} {a.unit} ({a.low:g} to {a.high:g}; " if a.best == a.best else f"? {a.unit} ("
            typer.echo(f"{'':10} assumes {name} = {value}{a.source})")


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
