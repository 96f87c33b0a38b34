"""Verbs that make models: train, evaluate, tune."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outcrop.cli import app
from outcrop.cli.words import Out, Overwrite, Room, pairs

if TYPE_CHECKING:
    from outcrop.engine.train import Epoch
    from outcrop.engine.train_boxes import BoxEpoch

Data = Annotated[
    Path, typer.Argument(help="Folder of labelled data, as the room's docs describe it.", show_default=False)
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Change a setting of the recipe: NAME=VALUE, e.g. epochs=10.")
]


@app.command()
def train(
    task: Room, data: Data, out: Out,
    recipe: Annotated[str | None, typer.Option(help="Recipe of the room; the first one by default.")] = None,
    fold: Annotated[list[int] | None, typer.Option(help="Only these folds; -1 trains on everything.")] = None,
    settings: Settings = None,
    pseudo: Annotated[Path | None, typer.Option(help="Unlabelled pictures (folder or .zip) for a second round.")] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help="Run, or model file(s), that label them, fold by fold; of several the mean."),
    ] = None,
    start: Annotated[Path | None, typer.Option(help="Run, or model file(s), whose weights to start from.")] = None,
    also: Annotated[
        list[Path] | None, typer.Option(help="Further labelled folders that train in every fold, never held out.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads; 0 takes all cores.")] = 0,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps; auto takes a CUDA card where there is one.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in --out was stopped.")] = False,
) -> None:  # fmt: skip
    """Train a recipe, fold by fold, with checkpoints, curves and held-out predictions in --out."""
    from rich.console import Console

    from outcrop.engine.teach import teach as run
    from outcrop.tasks import load

    console = Console(stderr=True)

    def report(fold: int, epoch: "Epoch | BoxEpoch", epochs: int) -> None:
        pair = (getattr(epoch, "train_iou", None), getattr(epoch, "valid_iou", None))  # boxes have none
        overlap = f"IoU {pair[0]:.4f} / {pair[1]:.4f}  " if pair[0] is not None else ""
        losses = f"loss {epoch.train_loss:.4f} / {epoch.valid_loss:.4f}"
        console.print(f"fold {fold}  epoch {epoch.epoch + 1}/{epochs}  {losses}  {overlap}{epoch.seconds:.0f} s")

    folder = run(
        load(task), data, out, recipe=recipe, folds=fold, settings=pairs(settings, "--set"), pseudo=pseudo, teacher=teacher,
        start=start, also=also or (), threads=threads, device=device, resume=resume, report=report,
    )  # fmt: skip
    typer.echo(str(folder))


@app.command()
def evaluate(
    task: Room, data: Data, out: Out,
    run: Annotated[list[Path] | None, typer.Option(help="Training run, or a model file for each fold (folder/pictures), judged by what each fold held out. Several are averaged.")] = None,
    model: Annotated[list[str] | None, typer.Option("--model", "-m", help="Or model files, on data they never saw.")] = None,
    flips: Annotated[bool, typer.Option(help="Average with the mirror image.")] = True,
    metric: Annotated[str | None, typer.Option(help="Headline metric: kaggle, iou or dice; the room's own unless said.")] = None,
    export: Annotated[bool, typer.Option("--export", help="Write the folds as model files with calibrated cards.")] = False,
    overwrite: Overwrite = False,
) -> None:  # fmt: skip
    """Judge a model on pictures it never saw: metrics.json, plots and a page."""
    from outcrop.engine.teach import judge
    from outcrop.tasks import load

    found = judge(
        load(task),
        data,
        out,
        run=run or (),
        models=model or (),
        flips=flips,
        export=export,
        overwrite=overwrite,
        metric=metric,
    )
    low, high = found.score.low, found.score.high
    typer.echo(f"{found.metric} {found.score.value:.4f} (90 %: {low:.4f} to {high:.4f}) over {found.pictures} pictures")
    typer.echo(f"folds: mean {found.fold_mean:.4f}, spread {found.fold_spread:.4f}")
    typer.echo(f"page: {out / 'evaluation.html'}")


@app.command()
def tune(
    task: Room, data: Data, out: Out,
    recipe: Annotated[str | None, typer.Option(help="Recipe of the room; the first one by default.")] = None,
    trials: Annotated[int, typer.Option(help="Trials in all, those already in --out counted.")] = 20,
    settings: Settings = None,
    fold: Annotated[int, typer.Option(help="The fold that judges.")] = 0,
) -> None:  # fmt: skip
    """Search a recipe's learning rate, decay, loss and augmentation; several machines may share --out."""
    import shlex

    from rich.console import Console

    from outcrop.engine.tune import tune as run
    from outcrop.tasks import load

    console = Console(stderr=True)

    def report(trial: int, valid_iou: float, stopped: bool) -> None:
        console.print(f"trial {trial}  IoU {valid_iou:.4f}{'  stopped early' if stopped else ''}")

    best = run(
        load(task), data, out, recipe=recipe, trials=trials, settings=pairs(settings, "--set"), fold=fold, report=report,
    )  # fmt: skip
    typer.echo(f"best of {best.trials}: trial {best.trial}, IoU {best.valid_iou:.4f}")
    typer.echo(" ".join(f"--set {shlex.quote(f'{name}={value}')}" for name, value in best.settings.items()))
