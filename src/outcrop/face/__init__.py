"""The Python door: the same verbs and words as the command line."""

from outcrop.core.task import Result
from outcrop.face.land import audit, change, samples
from outcrop.face.make import convert, draw, evaluate, train, watch
from outcrop.face.runs import Paths, assumptions, load_task, measure, predict, summary, write

__all__ = [
    "Paths", "Result", "assumptions", "audit", "change", "convert", "draw", "evaluate", "load_task", "measure", "predict", "samples",
    "summary", "train", "watch", "write",
]  # fmt: skip
