"""One call of ``mxcore compare``, from options to files, with progress messages."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import click

import mxcore.catalogue
from mxcore.backend import BackendError
from mxcore.commands.choice import Choice, ChoiceError, parse
from mxcore.commands.options import INTERRUPTED, RefusedError
from mxcore_module.compare import report
from mxcore_module.compare.summary import Contestant, summarise
from mxcore_module.compare.trials import Outcome, Trial, prepare, run_all
from mxcore_module.train.errors import InputError
from mxcore_module.train.recipe import NO_SCHEDULER, Recipe
from mxcore_module.train.report import configuration, free_folder
from mxcore_module.train.run import Settings, Training

__all__ = ["run"]

SPAN = (0.1, 10**-0.5, 1, 10**0.5, 10)
"""The default learning rates, as multiples of an optimizer's own default."""

Show = Callable[[Outcome], None]
Key = tuple[str, float, int]


def run(options: Mapping[str, Any]) -> int:
    """Run the comparison and return the exit status: 0, or 130 if it was interrupted.

    Raises:
        RefusedError: an option is invalid, and nothing has been written; or the results cannot be written.
    """
    try:
        trials = _trials(options)
        trainings = {trial.label: prepare(trial) for trial in reversed(trials)}  # checks every optimizer
        folder = options["out"] or free_folder("compare")
        folder.mkdir(parents=True, exist_ok=True)
    except (InputError, ChoiceError, BackendError, mxcore.catalogue.PluginError) as error:
        raise RefusedError(str(error)) from error
    except OSError as error:
        raise RefusedError(f"cannot write to the folder {str(folder)!r}: {error.strerror or error}") from error
    training = trainings[trials[0].label]
    outcomes, interrupted = _run(trials, options["workers"] or os.cpu_count() or 1, training.score_name)
    if outcomes:
        contestants = summarise(outcomes, training.score_name == "accuracy")
        _print(contestants, training.score_name)
        notes = [f"Interrupted: {len(outcomes)} of {len(trials)} runs were finished."] if interrupted else []
        for note in (ends := _ends(contestants)):
            click.echo(f"Warning: {note}", err=True)
        _write(folder, contestants, training.score_name, _texts(options, trials, trainings, " ".join(notes + ends)))
    return INTERRUPTED if interrupted else 0


def _trials(options: Mapping[str, Any]) -> list[Trial]:
    """Return all runs, ordered by optimizer, learning rate and seed."""
    texts = options["optimizers"]
    if repeated := [text for text in texts if texts.count(text) > 1]:
        raise ChoiceError(f"{repeated[0]!r} is given twice")
    choices = {text: Choice("optimizer", *parse(text.removeprefix("optimizer:"))) for text in texts}
    scheduler = options["lr_scheduler"]
    others = (
        Choice("initializer", *parse(options["initializer"])),
        None if scheduler.lower() == NO_SCHEDULER else Choice("lr_scheduler", *parse(scheduler)),
    )
    fixed = (options["hidden"], options["epochs"], options["batch_size"])
    return [
        Trial(label, rate, seed, (options["data"], options["label"]), Settings(Recipe(chosen, *others), *fixed))
        for label, choice in choices.items()
        for rate in options["rates"] or _rates(choice)
        for chosen in [attrs.evolve(choice, arguments={**choice.arguments, "learning_rate": rate})]
        for seed in range(1, options["seeds"] + 1)
    ]


def _rates(choice: Choice) -> list[float]:
    middle = choice.create().learning_rate
    return [float(f"{middle * factor:.3g}") for factor in SPAN]


def _run(trials: Sequence[Trial], workers: int, score_name: str) -> tuple[list[Outcome], bool]:
    """Return the finished runs, in the order of the trials, and whether they were interrupted."""
    finished: dict[Key, Outcome] = {}
    click.echo(f"{len(trials)} runs of {trials[0].settings.epochs} epochs, in {min(workers, len(trials))} processes")
    progress, runs = _progress(len(trials), score_name), contextlib.closing(run_all(trials, workers))
    with _interrupts() as noted, progress as show, runs as running, contextlib.suppress(KeyboardInterrupt):
        for outcome in running:
            finished[_key(outcome.trial)] = outcome
            show(outcome)
            if noted:
                break
    if noted:
        click.echo(f"Interrupted after {len(finished)} of {len(trials)} runs; the finished ones are kept.", err=True)
    return [finished[_key(trial)] for trial in trials if _key(trial) in finished], bool(noted)


@contextlib.contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Record interrupts as well as raising them: one that arrives in a finalizer is swallowed there."""
    noted: list[int] = []

    def note(number: int, _: object) -> None:
        noted.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


def _key(trial: Trial) -> Key:
    return trial.label, trial.rate, trial.seed


def _describe(outcome: Outcome, score_name: str) -> str:
    trial, last = outcome.trial, outcome.last
    who = f"{trial.label} at {trial.rate:g}, seed {trial.seed}"
    if last is None:
        return f"{who}: diverged"
    score = f"{last.score:.1%}" if score_name == "accuracy" else f"{last.score:.4g}"
    return f"{who}: {score_name} {score}, loss {last.loss:.4f}"


@contextlib.contextmanager
def _progress(total: int, score_name: str) -> Iterator[Show]:
    """Show a live bar on a terminal, or a line per run elsewhere."""
    done = 0
    if not sys.stderr.isatty():

        def line(outcome: Outcome) -> None:
            nonlocal done
            done += 1
            click.echo(f"{done}/{total} {_describe(outcome, score_name)}", err=True)

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (MofNCompleteColumn(), BarColumn(None), TextColumn("{task.description}", markup=False))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)
        yield lambda outcome: bar.update(task, advance=1, description=_describe(outcome, score_name))


def _print(contestants: Sequence[Contestant], score_name: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in report.COLUMNS:
        table.add_column(name.format(score=score_name), no_wrap=True)
    for contestant in contestants:
        table.add_row(*report.row(contestant))
    Console(width=None if sys.stdout.isatty() else 200, highlight=False, markup=False).print(table)


def _ends(contestants: Sequence[Contestant]) -> list[str]:
    """Return a sentence for each optimizer whose best rate is at the end of its range."""
    return [
        f"The best rate of {one.label}, {one.best.rate:g}, is the {one.at_the_end} one tried, so a "
        f"{one.at_the_end.replace('est', 'er')} one may be better: pass a wider range of --rates."
        for one in contestants
        if one.best and one.at_the_end
    ]


def _write(folder: Path, contestants: Sequence[Contestant], score_name: str, texts: Mapping[str, Any]) -> None:
    try:
        report.write(folder, contestants, score_name, texts)
    except OSError as error:
        raise RefusedError(f"cannot write to the folder {str(folder)!r}: {error.strerror or error}") from error
    click.echo(f"Results in {folder}: {', '.join(report.FILES)}")


def _texts(
    options: Mapping[str, Any], trials: Sequence[Trial], trainings: Mapping[str, Training], note: str
) -> dict[str, Any]:
    """Return the texts of the page."""
    training = trainings[trials[0].label]
    data, layers = training.dataset, "–".join(map(str, training.hidden)) or "none"
    versions: dict[str, str | None] = {}
    for one in trainings.values():
        versions |= configuration(one, {}, 0)["versions"]
    introduction = (
        f"{data.name}: {len(data.train)} rows to train, {len(data.validation)} to validate. Hidden layers {layers}, "
        f"{training.parameters:,} parameters, {training.epochs} epochs of {training.updates_per_epoch} updates, "
        f"{options['seeds']} seeds per learning rate."
    )
    return {
        "title": f"{_list(options['optimizers'])} on {data.name}",
        "introduction": introduction,
        "note": note,
        "command": _command(options),
        "single": _single(trials[0], options),
        "versions": versions,
    }


def _list(labels: Sequence[str]) -> str:
    *first, last = labels
    return f"{', '.join(first)} and {last}" if first else last


def _command(options: Mapping[str, Any]) -> str:
    """Return the command for the same comparison, in another folder."""
    words = [
        "mxcore",
        "compare",
        *options["optimizers"],
        *_common_options(options, ("seeds", "initializer", "lr_scheduler")),
    ]
    if options["rates"]:
        words += ["--rates", ",".join(f"{rate:g}" for rate in options["rates"])]
    return shlex.join(words)


def _common_options(options: Mapping[str, Any], more: Sequence[str] = ()) -> list[str]:
    words = []
    for name in ("data", "label", "epochs", "batch_size", *more):
        if options[name] is not None:
            words += [f"--{name.replace('_', '-')}", str(options[name])]
    return [*words, "--hidden", ",".join(map(str, options["hidden"]))]


def _single(trial: Trial, options: Mapping[str, Any]) -> str:
    """Return the command for one of the runs."""
    recipe = trial.settings.recipe
    words = ["mxcore", "train", "--seed", str(trial.seed), *_common_options(options)]
    for flag, choice in (
        ("optimizer", recipe.optimizer),
        ("initializer", recipe.initializer),
        ("lr-scheduler", recipe.lr_scheduler),
    ):
        words += [f"--{flag}", choice.name if choice else NO_SCHEDULER]
        for name, value in (choice.arguments if choice else {}).items():
            words += [f"--{flag}-arg", f"{name}={value}"]
    return shlex.join(words)
