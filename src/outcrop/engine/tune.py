"""Recipe search with Optuna; processes and machines that share the output folder share the search.

The search lives in ``<out>/study.log``, an Optuna journal file: start the same command on as many machines as
see the folder, and each takes the next trial until there are as many as wanted. What trial k tries follows from
(seed, k) and the trials finished before it, so a search stopped after a trial goes on as if it had not been.
Unpromising trials stop early (median rule).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from outcrop.core.errors import DamagedFile, MissingExtra, OutputExists, UsageError
from outcrop.core.labelled import Labelled, fingerprint
from outcrop.core.task import Task
from outcrop.engine.bands import asked, standardised
from outcrop.engine.device import device_of
from outcrop.engine.folds import assign
from outcrop.engine.learn import _recipe
from outcrop.engine.train import Epoch, Trainer, record, write_record
from outcrop.models.recipe import Recipe

if TYPE_CHECKING:
    import optuna

LOSSES = ("bce", "bce + 0.5*dice", "focal", "lovasz-symmetric + 0.1*bce")

SEARCHED: Mapping[str, Callable[[Any], str]] = {
    "learning_rate": lambda trial: repr(trial.suggest_float("learning_rate", 1e-4, 3e-3, log=True)),
    "weight_decay": lambda trial: repr(trial.suggest_float("weight_decay", 1e-4, 1e-1, log=True)),
    "augment.scale": lambda trial: repr(trial.suggest_float("augment.scale", 0.0, 0.6)),
    "augment.brightness": lambda trial: repr(trial.suggest_float("augment.brightness", 0.0, 0.3)),
    "phases": lambda trial: f'[[0.3, "bce"], [0.7, "{trial.suggest_categorical("loss", LOSSES)}"]]',
}
"""Setting → what a trial tries, as text for ``Recipe.changed``."""

Report = Callable[[int, float, bool], None]
"""(trial just finished, its IoU on the held-out fold, True when it was stopped early)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """What a search found.

    Attributes:
        trial: number of the best trial; its weights lie in ``<out>/trial-<number>``.
        trials: trials finished so far, early stops among them.
        valid_iou: IoU on the held-out fold after the last epoch, mean over its pictures, in [0, 1].
        settings: changes to the recipe that led there, given and found ones, as text for ``Recipe.changed``.
    """

    trial: int
    trials: int
    valid_iou: float
    settings: Mapping[str, str]


def tune(
    task: Task, data: Path, out: Path, *, trials: int, settings: Mapping[str, str], fold: int = 0,
    recipe: str | None = None, report: Report = lambda trial, valid_iou, stopped: None,
) -> Best:  # fmt: skip
    """Try settings of a recipe on one fold; every trial's checkpoint, log and record are kept in ``out``.

    Args:
        trials: finished trials wanted in all, those of earlier calls and other machines counted.
        settings: changes to the recipe, as text; those in ``SEARCHED`` are the search's own.
        fold: the fold that judges; the others train.
        recipe: of the room; the first one by default.

    Raises:
        UsageError: no such recipe, setting or fold, a setting that is searched, or another search in ``out``.
        OutputExists: ``out`` holds other files than a search's.
        DamagedFile: the search in ``out`` cannot be read.
        MissingExtra: optuna is not installed.
    """
    base = _base(task, recipe, settings, trials)
    if out.exists() and any(out.iterdir()) and not (out / "study.log").exists():
        raise OutputExists(f"{out} holds other files and no search to go on with: give another --out")
    _need_optuna()
    labelled = task.examples(data, training=True, **asked(task, base.bands))
    base = standardised(base, labelled)
    place = assign(labelled, base.folds, base.fold_count, base.seed, base.fold_parts)
    if fold not in place or fold < 0:
        raise UsageError(f"no picture lies in fold {fold}: choose 0 to {place.max()}")
    study = _study(out, {**base.as_dict(), "fold": fold, "pictures": fingerprint(labelled)})
    _search(study, _trial(task, base, labelled, place, fold, out), trials, base.seed, report)
    best = study.best_trial
    return Best(
        trial=best.number,
        trials=_finished(study),
        valid_iou=float(study.best_value),
        settings={**settings, **best.user_attrs["settings"]},
    )


def _need_optuna() -> None:
    try:
        import optuna
    except ImportError:
        raise MissingExtra("optuna", "cluster", "tuning needs it") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _base(task: Task, recipe: str | None, settings: Mapping[str, str], trials: int) -> Recipe:
    """The recipe that every trial changes, or a refusal of the call."""
    if trials < 1:
        raise UsageError(f"{trials} trials find nothing: give 1 or more")
    if own := [name for name in settings if name in SEARCHED]:
        raise UsageError(f"the search itself chooses {', '.join(own)}: leave that out of --set")
    base = _recipe(task, recipe).changed(dict(settings))
    if base.epochs < 1:
        raise UsageError(f"{base.epochs} epochs teach nothing: give epochs=1 or more")
    return base


def _study(out: Path, identity: dict[str, Any]) -> "optuna.Study":
    """The search in a folder, begun or gone on with; ``identity`` is what all its trials must share."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    out.mkdir(parents=True, exist_ok=True)
    path = out / "study.log"
    try:
        storage = JournalStorage(JournalFileBackend(str(path)))
        study = optuna.create_study(study_name="search", storage=storage, direction="maximize", load_if_exists=True)
        before = study.user_attrs.get("identity")
        if before is None:
            study.set_user_attr("identity", identity)
            return study
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # whatever stumbles over a broken line
        raise DamagedFile(f"{path} cannot be read as a search ({error}): start anew in another --out") from None
    # Settings that only one version of Outcrop knows cannot be compared.
    if changed := [name for name, value in identity.items() if before.get(name, value) != value]:
        raise UsageError(
            f"{out} holds a search with other {', '.join(changed)}: repeat its command or give another --out"
        )
    return study


def _trial(
    task: Task, base: Recipe, labelled: Labelled, place: np.ndarray, fold: int, out: Path
) -> Callable[["optuna.Trial"], float]:
    """What one trial does: train with other settings, and give the held-out IoU."""
    import optuna

    learn, hold = np.flatnonzero(place != fold), np.flatnonzero(place == fold)
    classes = len(task.classes)

    def run(trial: optuna.Trial) -> float:
        settings = {name: tried(trial) for name, tried in SEARCHED.items()}
        trial.set_user_attr("settings", settings)
        changed, folder = base.changed(settings), out / f"trial-{trial.number}"
        write_record(folder, record(changed, labelled, fold=fold, classes=classes, settings=settings))
        # fold + 1 as in ``learn.run_fold``: training with the settings found gives the weights found.
        trainer = Trainer(changed, labelled, learn, hold, classes, folder, fold=fold + 1, device=device_of())

        def pass_on(epoch: Epoch) -> None:
            trial.report(epoch.valid_iou, epoch.epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        trainer.run(pass_on)
        return trainer.log[-1].valid_iou

    return run


def _finished(study: "optuna.Study") -> int:
    """Trials that ran to their end or were stopped early."""
    from optuna.trial import TrialState

    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))


def _search(
    study: "optuna.Study", objective: Callable[["optuna.Trial"], float], trials: int, seed: int, report: Report
) -> None:
    """Run trials until there are enough, whoever ran them."""
    import optuna

    def seeded(trial: optuna.Trial) -> float:
        # One sampler a trial: machines that start together must not try the same, and a resumed search goes on alike.
        word = int(np.random.SeedSequence([seed, trial.number]).generate_state(1)[0])
        study.sampler = optuna.samplers.TPESampler(seed=word)
        return objective(trial)

    def tell(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        last = trial.intermediate_values[max(trial.intermediate_values)]
        report(trial.number, last, trial.state == optuna.trial.TrialState.PRUNED)

    while _finished(study) < trials:
        study.optimize(seeded, n_trials=1, callbacks=[tell])
