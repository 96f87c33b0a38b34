"""Outcrop sees what extraction leaves in the earth, on it and above it, and measures it, with error bars.

The public face: ``predict``, ``measure``, ``audit``, ``change``, ``convert``, ``draw``, ``samples``, ``train``,
``evaluate``, ``watch``, ``load_task``, ``open_source`` and ``open_scenes``. Everything is imported when first used, so that ``import outcrop`` costs nothing.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "predict": "outcrop.face",
    "measure": "outcrop.face",
    "audit": "outcrop.face",
    "change": "outcrop.face",
    "convert": "outcrop.face",
    "draw": "outcrop.face",
    "samples": "outcrop.face",
    "train": "outcrop.face",
    "evaluate": "outcrop.face",
    "watch": "outcrop.face",
    "load_task": "outcrop.face",
    "open_source": "outcrop.sources.open",
    "open_scenes": "outcrop.sources.open",
}

__all__ = [
    "__version__",
    "audit",
    "change",
    "convert",
    "draw",
    "evaluate",
    "load_task",
    "measure",
    "open_scenes",
    "open_source",
    "predict",
    "samples",
    "train",
    "watch",
]

if TYPE_CHECKING:
    from outcrop.face import audit, change, convert, draw, evaluate, load_task, measure, predict, samples, train, watch
    from outcrop.sources.open import open_scenes, open_source


def __getattr__(name: str) -> Any:
    """Import a public function when it is first asked for."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'outcrop' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
