"""Recipe search with Optuna; processes and machines that share the output folder share the search.

The study lives in ``<out>/study.log``, an Optuna journal file: start the same command on as many machines as
see the folder, and each takes the next trial. Unpromising trials stop early (median rule).
"""

from pathlib import Path
from typing import Any

import numpy as np

from outcrop.core.errors import MissingExtra
from outcrop.core.task import Task
from outcrop.engine.folds import assign
from outcrop.engine.learn import _recipe
from outcrop.engine.train import Epoch, Trainer

LOSSES = ("bce", "bce + 0.5*dice", "focal", "lovasz-symmetric + 0.1*bce")


def suggested(trial: Any) -> dict[str, str]:
    """The settings that one trial tries, as text for ``Recipe.changed``."""
    return {
        "learning_rate": repr(trial.suggest_float("learning_rate", 1e-4, 3e-3, log=True)),
        "weight_decay": repr(trial.suggest_float("weight_decay", 1e-4, 1e-1, log=True)),
        "augment.scale": repr(trial.suggest_float("augment.scale", 0.0, 0.6)),
        "augment.brightness": repr(trial.suggest_float("augment.brightness", 0.0, 0.3)),
        "phases": f'[[0.3, "bce"], [0.7, "{trial.suggest_categorical("loss", LOSSES)}"]]',
    }


def tune(
    task: Task,
    data: Path,
    out: Path,
    *,
    trials: int,
    settings: dict[str, str],
    fold: int = 0,
    recipe: str | None = None,
) -> dict[str, Any]:
    """Try recipes on one fold and give the best settings; every trial's checkpoint and log are kept in ``out``.

    Raises:
        MissingExtra: optuna is not installed.
    """
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError:
        raise MissingExtra("optuna", "cluster", "tuning needs it") from None
    out.mkdir(parents=True, exist_ok=True)
    labelled = task.examples(data)
    base = _recipe(task, recipe).changed(settings)
    place = assign(labelled, base.folds, base.fold_count, base.seed)
    learn, hold = np.flatnonzero(place != fold), np.flatnonzero(place == fold)

    def trial(trial: optuna.Trial) -> float:
        trainer = Trainer(
            base.changed(suggested(trial)),
            labelled,
            learn,
            hold,
            len(task.classes),
            out / f"trial-{trial.number}",
            fold=fold,
        )

        def report(epoch: Epoch) -> None:
            trial.report(epoch.valid_iou, epoch.epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        trainer.run(report)
        return trainer.log[-1].valid_iou

    storage = JournalStorage(JournalFileBackend(str(out / "study.log")))
    study = optuna.create_study(study_name=base.name, storage=storage, direction="maximize", load_if_exists=True)
    study.optimize(trial, n_trials=trials)
    return {**study.best_params, "valid_iou": study.best_value}
