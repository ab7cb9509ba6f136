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

import click

import mxcore.catalogue
from mxcore.backend import BackendError
from mxcore.commands.choice import ChoiceError
from mxcore.commands.options import INTERRUPTED, RefusedError
from mxcore_module.compare import report
from mxcore_module.compare.entrants import EVERY, first_trials, further_trials, installed
from mxcore_module.compare.summary import Contestant, summarise
from mxcore_module.compare.trials import NETWORK, Outcome, Runner, Trial, prepare, processes
from mxcore_module.train.errors import InputError
from mxcore_module.train.recipe import NO_SCHEDULER
from mxcore_module.train.report import described, free_folder, versions

__all__ = ["run"]

Show = Callable[[Outcome], None]
Key = tuple[str, float, int]


def run(options: Mapping[str, Any]) -> int:
    """Run the comparison and return the exit status: 0, or 130 if it was interrupted.

    Raises:
        RefusedError: an option is invalid, and nothing has been written; or the results cannot be written.
    """
    try:
        trials = first_trials(options)
        trainings = {trial.label: prepare(trial) for trial in reversed(trials)}  # checks every optimizer
        folder = options["out"] or free_folder("compare")
        folder.mkdir(parents=True, exist_ok=True)
    except (InputError, ChoiceError, BackendError, mxcore.catalogue.PluginError) as error:
        raise RefusedError(str(error)) from error
    except OSError as error:
        raise RefusedError(f"cannot write to the folder {str(folder)!r}: {error.strerror or error}") from error
    training = trainings[trials[0].label]
    notes = [f"Left out: {_left_out()}."] if EVERY in options["optimizers"] and installed()[1] else []
    contestants, interrupted = _tuned(trials, options, training.score_name)
    if contestants:
        if EVERY in options["optimizers"]:
            contestants.sort(key=lambda one: one.place)
        _print(contestants, training.score_name)
        notes += [interrupted] * bool(interrupted) + _ends(contestants)
        for note in notes:
            click.echo(f"Warning: {note}", err=True)
        _write(folder, contestants, training.score_name, _texts(options, trials, trainings, " ".join(notes)))
    return INTERRUPTED if interrupted else 0


def _left_out() -> str:
    return "; ".join(f"{name} ({reason.splitlines()[0]})" for name, reason in installed()[1].items())


def _tuned(trials: list[Trial], options: Mapping[str, Any], score_name: str) -> tuple[list[Contestant], str]:
    """Run all trials, and with ``--tune`` those that follow from them; also return a note if it was interrupted."""
    every, asked, workers = list[Outcome](), 0, min(options["workers"] or os.cpu_count() or 1, len(trials))
    click.echo(f"{len(trials)} runs of {trials[0].settings.epochs} epochs, in {workers} processes")
    with _interrupts() as noted, processes(workers) as runner:
        while trials:
            if every:
                click.echo(f"{len(trials)} more, at rates beyond the best")
            asked += len(trials)
            every += _run(runner, trials, score_name, noted)
            contestants = summarise(every, score_name == "accuracy")
            if noted:
                click.echo(f"Interrupted after {len(every)} of {asked} runs; the finished ones are kept.", err=True)
                return contestants, f"Interrupted: {len(every)} of {asked} runs were finished."
            trials = further_trials(contestants, options) if options["tune"] else []
    return contestants, ""


def _run(runner: Runner, trials: Sequence[Trial], score_name: str, noted: Sequence[int]) -> list[Outcome]:
    """Return the finished runs, in the order of the trials; ``noted`` has the interrupts."""
    finished: dict[Key, Outcome] = {}
    with (
        _progress(len(trials), score_name) as show,
        contextlib.closing(runner(trials)) as running,
        contextlib.suppress(KeyboardInterrupt),
    ):
        for outcome in running:
            finished[_key(outcome.trial)] = outcome
            show(outcome)
            if noted:
                break
    return [finished[_key(trial)] for trial in trials if _key(trial) in finished]


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
    options: Mapping[str, Any], trials: Sequence[Trial], trainings: Mapping[str, Any], note: str
) -> dict[str, Any]:
    """Return the texts of the page."""
    training = trainings[trials[0].label]
    found: dict[str, str | None] = {}
    for one in trainings.values():
        found |= versions(described(one.recipe, one.optimizer, getattr(one, "initializer", None)))
    introduction = f"{training.introduction} {options['seeds']} seeds per learning rate."
    return {
        "title": f"{_list(options['optimizers'])} on {training.name}",
        "introduction": introduction,
        "note": note,
        "command": _command(options),
        "single": _single(trials[0], options),
        "versions": found,
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
        *_common_options(options, ("initializer",)),
        *(["--tune"] if options["tune"] else []),
    ]
    for name in ("seeds", "lr_scheduler"):
        words += [f"--{name.replace('_', '-')}", str(options[name])]
    if options["rates"]:
        words += ["--rates", ",".join(f"{rate:g}" for rate in options["rates"])]
    return shlex.join(words)


def _common_options(options: Mapping[str, Any], more: Sequence[str] = ()) -> list[str]:
    if options["problem"] != NETWORK:
        return ["--problem", options["problem"], "--epochs", str(options["epochs"])]
    words = []
    for name in ("data", "label", "epochs", "batch_size", *more):
        if options[name] is not None:
            words += [f"--{name.replace('_', '-')}", str(options[name])]
    return [*words, "--hidden", ",".join(map(str, options["hidden"]))]


def _single(trial: Trial, options: Mapping[str, Any]) -> str:
    """Return the command for one of the runs; without a network, for those of its optimizer at its rate."""
    if options["problem"] != NETWORK:
        return _command({**options, "optimizers": [trial.label], "rates": [trial.rate], "tune": False})
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
