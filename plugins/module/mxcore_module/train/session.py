"""One call of ``mxcore train``, from options to files, with progress messages."""

from __future__ import annotations

import contextlib
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

import mxcore.catalogue
import mxcore.random
from mxcore.backend import BackendError
from mxcore.commands import groups
from mxcore.commands.choice import Choice, ChoiceError
from mxcore.commands.options import INTERRUPTED, RefusedError
from mxcore.kvstore import KVStore
from mxcore_module.train import workers
from mxcore_module.train.data import load
from mxcore_module.train.errors import DivergedError, InputError
from mxcore_module.train.recipe import NO_SCHEDULER, Recipe, averaged, rate_argument
from mxcore_module.train.report import MODEL, RunFolder, configuration, free_folder, last_saved
from mxcore_module.train.resume import Stopped
from mxcore_module.train.run import Measure, Settings, Training, Update, context

__all__ = ["run"]

FAILED = 1

Show = Callable[[Update], None]


def run(options: Mapping[str, Any]) -> int:
    """Train and return the exit status: 0, 1 if the run diverged, or 130 if it was interrupted.

    Args:
        options: the values of the command's options, by parameter name.

    Raises:
        RefusedError: an option is invalid, and nothing has been written; or the results cannot be written.
    """
    with refusing():
        return _run(options)


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Turn what is wrong with options or files into a RefusedError."""
    try:
        yield
    except (InputError, ChoiceError, BackendError, mxcore.catalogue.PluginError) as error:
        raise RefusedError(str(error)) from error
    except OSError as error:
        raise RefusedError(f"cannot write the results: {error}") from error


def _run(options: Mapping[str, Any]) -> int:
    if options["kvstore"] is None:
        return _alone(options)
    return workers.run(options, _shared)


def _shared(options: Mapping[str, Any], store: KVStore) -> int:
    """Take part in a run of several workers, of which the first one reports."""
    training = _prepare(options, mxcore.random.seed(options["seed"]), store)
    if store.rank:
        with tempfile.TemporaryDirectory() as folder:
            for update in training.updates():
                if update.validation:  # worker 0 saves, and some stores need all workers for that
                    training.module.save_optimizer_states(Path(folder) / "states")
        return 0
    return _reported(training, options, options["seed"])


def _alone(options: Mapping[str, Any]) -> int:
    stopped = Stopped.read(options["resume"]) if options["resume"] else None
    if stopped:
        options = stopped.options(options)
    seed = mxcore.random.seed(stopped.config["seed"] if stopped else options["seed"])
    if options["lr_find"]:
        options = _with_found_rate(options, seed)
    return _reported(_prepare(options, seed), options, seed, stopped)


def _reported(training: Training, options: Mapping[str, Any], seed: int, stopped: Stopped | None = None) -> int:
    """Train, show how it goes, and write what a run leaves."""
    config = configuration(training, _as_given(options), seed)
    folder = _resume(training, stopped, config) if stopped else _begin(training, options["out"], config)
    click.echo(_introduction(training, seed))
    with folder:
        status = _train(training, folder)
        folder.draw(_title(training, seed))
    click.echo(f"Results in {folder.path}: {', '.join(file.name for file in folder.files())}")
    return status


def _prepare(options: Mapping[str, Any], seed: int, store: KVStore | None = None) -> Training:
    mxcore.random.seed(seed)
    dataset = load(options["data"], options["label"], mxcore.random.generator("train", "split"))
    return Training(dataset, _settings(options), store)


def search(options: Mapping[str, Any], seed: int, *, num: int = 100, **span: Any) -> Any:
    """Find a learning rate for the network and the optimizer that options describe, without their schedule.

    Args:
        options: the values of the command's options, by parameter name; those of the schedule are not needed.
        seed: the seed, as for a run.
        num: the number of updates.
        span: further arguments of ``mx.find_learning_rate``.

    Raises:
        InputError: a learning rate is given, or cannot be found.
        mxcore.catalogue.PluginError: mxcore-lrfind is not installed.
    """
    given = {"lr": options.get("lr"), **options["optimizer_arg"], **options.get("lr_scheduler_arg", {})}
    if rates := [name for name in ("lr", "learning_rate", "base_lr") if given.get(name) is not None]:
        raise InputError(f"the learning rate is to be found, but given as {rates[0]}={given[rates[0]]}: drop one")
    find = mxcore.catalogue.load("namespace", "find_learning_rate")
    constant: dict[str, Any] = {"lr": None, "lr_scheduler": NO_SCHEDULER, "lr_scheduler_arg": {}}
    training = _prepare({**options, **constant, "epochs": num}, seed)  # an epoch has at least one update
    updates = training.updates()
    try:
        # The network is not used again, so none of its weights need be put back.
        return find(lambda: next(updates).batch.loss, training.updater, [], num=num, **span)
    except ValueError as error:
        raise InputError(f"no learning rate can be found: {error}") from error


def _with_found_rate(options: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return the options of a run with the learning rate that is found for it."""
    found = search(options, seed)
    if found.suggestion is None:
        raise InputError("no learning rate can be found: the loss never fell. See mxcore lr-find, and pass --lr")
    rate = float(f"{found.suggestion:.3g}")
    click.echo(f"Found      a learning rate of {rate:g} in {len(found.rates)} updates: {found.message}")
    return {**options, "lr": rate, "lr_find": False}


def _begin(training: Training, path: Path | None, config: dict[str, Any]) -> RunFolder:
    """Create the folder of a new run."""
    path = path or free_folder(f"{training.dataset.name}-{training.recipe.optimizer.canonical_name}")
    folder = RunFolder(path, training.score_name)
    folder.write_config(config)
    if folder.replaced:
        click.echo(f"Replacing the earlier run in {path}.", err=True)
    return folder


def _resume(training: Training, stopped: Stopped, config: dict[str, Any]) -> RunFolder:
    """Return the folder of a stopped run, and the training restored from its last complete model."""
    for warning in stopped.compare(config):
        click.echo(f"Warning: {warning}; the results may differ in their last bits.", err=True)
    epoch = last_saved(stopped.path)
    try:
        if epoch:
            training.resume(str(stopped.path / MODEL), epoch)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot resume from epoch {epoch} in {str(stopped.path)!r}: {error}") from error
    folder = RunFolder(stopped.path, training.score_name, epoch * training.updates_per_epoch)
    click.echo(f"Resuming the run in {stopped.path} after {epoch} of {training.epochs} epochs.", err=True)
    return folder


def _settings(options: Mapping[str, Any]) -> Settings:
    scheduler = None
    if options["lr_scheduler"].lower() != NO_SCHEDULER:
        scheduler = Choice("lr_scheduler", options["lr_scheduler"], options["lr_scheduler_arg"])
    elif options["lr_scheduler_arg"]:
        given = ", ".join(options["lr_scheduler_arg"])
        raise InputError(f"lr_scheduler {NO_SCHEDULER!r} takes no arguments, got {given}")
    initializer = Choice("initializer", options["initializer"], options["initializer_arg"])
    optimizer = _optimizer(options)
    if options["average"]:
        optimizer = averaged(optimizer)
    recipe = Recipe(_with_groups(optimizer, options), initializer, scheduler, options["average"])
    return Settings(recipe, options["hidden"], options["epochs"], options["batch_size"], context(options["device"]))


ALIASES = {"lr": "learning_rate", "clip_norm": "clip_global_norm", "accumulate": "accumulate"}
"""Options that are arguments of any optimizer, with the names of those."""


def _optimizer(options: Mapping[str, Any]) -> Choice:
    """Return the named optimizer with its own defaults, or else this command's default."""
    given = dict(options["optimizer_arg"])
    for option, name in ALIASES.items():
        if (value := options[option]) is not None:
            if name in given:
                what = name.replace("_", " ").replace("learning rate", "the learning rate")
                raise InputError(f"{what} is given twice: --{option.replace('_', '-')} {value} and {name}: drop one")
            given[name] = value
    if options["optimizer"]:
        return Choice("optimizer", options["optimizer"], given)
    default = Recipe().optimizer
    ours = dict(default.arguments)
    schedule = options["lr_scheduler_arg"]
    if schedule and rate_argument(Choice("lr_scheduler", options["lr_scheduler"])) in schedule:
        del ours["learning_rate"]
    return Choice("optimizer", default.name, {**ours, **given})


def _with_groups(optimizer: Choice, options: Mapping[str, Any]) -> Choice:
    """Return the optimizer with the groups of the command line, which count first, and those of a file."""
    typed, file = groups.collect(options["group"]), options["groups"]
    stored = groups.read(Path(file)) if file else {}
    if not typed and not stored:
        return optimizer
    if "groups" in optimizer.arguments:
        raise InputError("groups are given twice: as options and as an argument of the optimizer: drop one")
    if twice := typed.keys() & stored.keys():
        raise InputError(f"the group {min(twice)!r} is given twice: --group and {file}: drop one")
    if stored:
        optimizer.create()  # so that the file is to blame for what follows only
        try:
            optimizer.with_defaults(groups=stored).create()
        except ChoiceError as error:
            raise InputError(f"{file}: {error}") from error
    return optimizer.with_defaults(groups={**typed, **stored})


def _as_given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in sorted(options.items())}


def _introduction(training: Training, seed: int) -> str:
    data, recipe = training.dataset, training.recipe
    layers = [data.train.x.shape[1], *training.hidden, len(data.classes) or 1]
    scheduler = f", {recipe.lr_scheduler.name} schedule" if recipe.lr_scheduler else ""
    return (
        f"Data       {data.name}: {len(data.train)} rows for training, {len(data.validation)} for validation\n"
        f"Network    {' - '.join(map(str, layers))}, {training.parameters:,} parameters\n"
        f"Algorithms {recipe.optimizer.name}, {recipe.initializer.name} weights{scheduler}, "
        f"from a learning rate of {training.starting_rate:g}\n"
        f"Run        {training.epochs} epochs, {_updates(training)}\n"
        f"Seed       {seed}"
    )


def _updates(training: Training) -> str:
    each, batches, rows = training.batches_per_update, training.total_updates, training.batch_size
    return f"{batches} updates of {rows} rows" if each == 1 else f"{batches // each} updates of {each} × {rows} rows"


def _title(training: Training, seed: int) -> str:
    recipe = training.recipe
    chosen = (recipe.optimizer, recipe.initializer, recipe.lr_scheduler)
    names = ", ".join(choice.name for choice in chosen if choice)
    return f"{training.dataset.name}  ·  {names}  ·  seed {seed}"


def _train(training: Training, folder: RunFolder) -> int:
    """Run the updates, report how the run ended, and return the exit status."""
    try:
        with _progress(training) as show:
            for update in training.updates():
                folder.add(update)
                if update.validation:
                    folder.save_model(training, update.epoch)
                show(update)
    except DivergedError as error:
        saved = last_saved(folder.path)
        model = f"and the model of epoch {saved}" if saved else "no model was saved"
        click.echo(f"Error: {error}. The measurements so far are kept, {model}.", err=True)
        return FAILED
    except KeyboardInterrupt:
        done, command = len(folder.history), shlex.join(["mxcore", "train", "--resume", str(folder.path)])
        click.echo(
            f"Interrupted after {done} of {training.total_updates} updates: partial metrics are kept. "
            f"Resume with: {command}",
            err=True,
        )
        return INTERRUPTED
    last = folder.history[-1].validation
    click.echo(
        f"Validation {_describe(last, training.score_name)}; the best epoch is {folder.best_epoch}" if last else ""
    )
    return 0


def _describe(measure: Measure, score_name: str) -> str:
    score = f"{measure.score:.1%}" if score_name == "accuracy" else f"{measure.score:.4g}"
    return f"{score_name} {score}, loss {measure.loss:.4f}"


def _progress(training: Training) -> contextlib.AbstractContextManager[Show]:
    """Shows progress: a live bar on a terminal, a line per epoch elsewhere."""
    return _bar(training) if sys.stderr.isatty() else _lines(training)


class _EpochMean:
    """The mean over the batches of an epoch so far, since single batches vary too much."""

    def __init__(self) -> None:
        self._epoch, self._seen = 0, list[Measure]()

    def __call__(self, update: Update) -> Measure:
        """Add an update, and return the mean."""
        if update.epoch != self._epoch:
            self._epoch, self._seen = update.epoch, []
        self._seen.append(update.batch)
        count = len(self._seen)
        return Measure(sum(one.loss for one in self._seen) / count, sum(one.score for one in self._seen) / count)


@contextlib.contextmanager
def _lines(training: Training) -> Iterator[Show]:
    mean = _EpochMean()

    def show(update: Update) -> None:
        found = _describe(mean(update), training.score_name)
        if update.validation:
            held_out = _describe(update.validation, training.score_name)
            rate = f"learning rate {update.learning_rate:.4g}"
            click.echo(f"Epoch {update.epoch}/{training.epochs}: {found}, {rate}; validation {held_out}", err=True)

    yield show


@contextlib.contextmanager
def _bar(training: Training) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    text = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[found]}", markup=False)
    with Progress(text[0], BarColumn(None), text[1], TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=training.total_updates, found="")
        mean = _EpochMean()

        def show(update: Update) -> None:
            epoch = f"Epoch {update.epoch}/{training.epochs}"
            found = f"{_describe(mean(update), training.score_name)}, rate {update.learning_rate:.3g}"
            bar.update(task, completed=update.number, description=epoch, found=found)

        yield show
