"""A film or a camera through a room's eyes: each frame prepared, seen, measured, logged; an annotated video beside it."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any

from outcrop.core.errors import UsageError
from outcrop.core.film import Film
from outcrop.core.scene import Detections, Scene
from outcrop.core.task import Task, Watched
from outcrop.engine.spot import Spotter
from outcrop.monitor.alerts import Rules
from outcrop.monitor.camera import Camera
from outcrop.monitor.watch import LOG, Analysed, Progress, watch
from outcrop.outputs.box_overlay import overlay
from outcrop.outputs.film import VideoWriter, annotated, clock


def watched(
    source: Film | str, spotter: Spotter, task: Task, folder: Path, *, video: bool = True, every: float | None = None,
    minutes: float | None = None, stop: Event | None = None, rules: Rules | None = None, camera: Camera | None = None,
    threshold: float | None = None, patience: float = 600.0, on_progress: Callable[[Progress], None] | None = None,
) -> Watched:  # fmt: skip
    """Watch a film to its end or a camera until it is enough.

    Leaves ``frames.jsonl``, alerts and, with ``video``, ``annotated.webm`` in ``folder``; a second call goes on.

    Args:
        every: least seconds between frames that are looked at.
        minutes: after which to stop.

    Raises:
        UsageError: the room looks at no films.
        BadInput: the film cannot be read.
    """
    if task.frame is None:
        raise UsageError(f"the room {task.name} looks at no films: give it pictures")
    folder.mkdir(parents=True, exist_ok=True)

    def see(scene: Scene) -> Detections:
        prepared = task.prepare(scene, {}).source
        return spotter.spot(prepared if isinstance(prepared, Scene) else scene, threshold)

    with ExitStack() as stack:
        writer = stack.enter_context(VideoWriter(folder / "annotated.webm")) if video else None

        def draw(analysed: Analysed) -> None:
            if writer is not None:
                tracks = {index: track for track, index in analysed.links}
                text = clock(analysed.frame.seconds)
                writer.add(
                    analysed.frame.seconds,
                    annotated(analysed.seen.scene, analysed.seen, overlay, tracks=tracks, text=text),
                )

        facts: Mapping[str, Any] = watch(
            source, see, task.frame, folder, every=every, minutes=minutes, stop=stop, rules=rules, camera=camera, patience=patience,
            on_progress=on_progress, on_frame=draw, about={"models": [model.sha256 for model in spotter.models]},
        )  # fmt: skip
    film = (
        source
        if isinstance(source, Film)
        else Film(id=str(facts["film"]), shape=(0, 0), rate=None, frames=lambda: iter(()), live=True)
    )
    return Watched(film=film, log=folder / LOG, facts=facts)
