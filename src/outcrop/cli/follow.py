"""Verbs of rooms that look at photos and films: watch, convert."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outcrop.cli import app
from outcrop.cli.words import Engine, Out, Overwrite, Room

if TYPE_CHECKING:
    from outcrop.monitor.watch import Progress


@app.command()
def watch(
    task: Room,
    source: Annotated[str, typer.Argument(help="Address of a camera (http, https, rtsp), a film, or a folder of frames.")],
    out: Out,
    model: Annotated[list[str] | None, typer.Option("--model", "-m", help="Model file, in place of the shipped ones.")] = None,
    engine: Annotated[Engine, typer.Option(help="What runs the models.")] = Engine.auto,
    rate: Annotated[float | None, typer.Option(help="Frames a second of a folder whose pictures tell no time.")] = None,
    every: Annotated[float | None, typer.Option(help="Least seconds between frames that are looked at.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop after this time; a camera is watched without end otherwise.")] = None,
    patience: Annotated[float, typer.Option(help="Seconds without a frame after which a camera is given up.")] = 600.0,
    video: Annotated[bool, typer.Option("--video", help="Write annotated.webm too.")] = False,
    threshold: Annotated[float | None, typer.Option(help="Least score of a detection, in place of the card's.")] = None,
) -> None:  # fmt: skip
    """Follow a camera or a film: tracks of flames and smoke, when they were seen, alerts, all in a log that a second call goes on with."""
    import signal
    from threading import Event

    from rich.console import Console

    from outcrop.face import watch as run

    console, stop = Console(stderr=True), Event()
    signal.signal(signal.SIGINT, lambda number, frame: stop.set())  # the frame in hand is finished and logged

    def tell(step: "Progress") -> None:
        if step.about:
            console.print(f"{step.seconds:.1f} s  {step.about}")
        elif console.is_terminal and step.frames % 10 == 0:
            console.print(f"{step.seconds:.1f} s  {step.frames} frames  {step.alerts} alerts", end="\r")

    found = run(
        task, source, out, models=model or (), engine=engine.value, rate=rate, every=every, minutes=minutes, patience=patience, video=video,
        threshold=threshold, stop=stop, on_progress=tell,
    )  # fmt: skip
    facts = found.facts
    typer.echo(
        f"{facts['frames']} frames of {facts['seconds']:.1f} s, {facts['frames_missed']} missed, {facts['alerts']} alerts"
    )
    for track in facts["tracks"]:
        typer.echo(
            f"  {track['label']} {track['track']}: seen {track['seconds_seen']:.1f} s, not seen {track['seconds_not_seen']:.1f} s"
        )
    typer.echo(f"log: {found.log}")


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="COCO json, or a folder with YOLO labels (and pictures beside them).")],
    out: Out,
    to: Annotated[str, typer.Option(help="yolo or coco.", show_default=False)],
    classes: Annotated[str | None, typer.Option(help="Class names in their order, where the labels do not say them: flame,smoke.")] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the pictures, where it is not found by itself.")] = None,
    overwrite: Overwrite = False,
) -> None:  # fmt: skip
    """Turn labels of pictures from YOLO to COCO or back; classes go by their names, never by their numbers."""
    from outcrop.face import convert as run

    names = tuple(name.strip() for name in classes.split(",")) if classes else None
    found = run(source, out, to, classes=names, images=images, overwrite=overwrite)
    for note in found.notes:
        typer.echo(note, err=True)
    typer.echo(
        f"{found.objects} objects of {', '.join(found.classes)} in {found.pictures} pictures: {found.written[0] if found.written else out}"
    )
