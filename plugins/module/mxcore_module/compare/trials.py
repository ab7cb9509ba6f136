"""The runs of a comparison, in processes of their own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context

import attrs

import mxcore as mx
from mxcore_module.compare.problems import PROBLEMS, Minimization
from mxcore_module.train.data import load
from mxcore_module.train.errors import DivergedError
from mxcore_module.train.run import Measure, Settings, Training

__all__ = ["NETWORK", "Outcome", "Runner", "Trial", "prepare", "processes", "run"]

NETWORK = "network"
"""The problem that is not a function: a network and its data."""

# One thread each: processes use the cores, and the order of sums does not depend on their number.
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@attrs.frozen
class Trial:
    """A run: an optimizer as given, a learning rate, a seed, the data, the settings, and the problem's name."""

    label: str
    rate: float
    seed: int
    data: tuple[str, str | None]
    settings: Settings
    problem: str = NETWORK


@attrs.frozen
class Outcome:
    """The result of a run.

    Args:
        trial: the run.
        epochs: the measurements on the validation rows after each epoch.
        diverged: whether the loss became infinite or NaN, which ended the run.
        seconds: how long it trained.
    """

    trial: Trial
    epochs: tuple[Measure, ...]
    diverged: bool
    seconds: float

    @property
    def last(self) -> Measure | None:
        """The final measurement; None if it diverged."""
        return None if self.diverged or not self.epochs else self.epochs[-1]


def prepare(trial: Trial) -> Training | Minimization:
    """Prepare a run; of a network, the same as that of ``mxcore train`` with its seed.

    Raises:
        mxcore_module.train.errors.InputError, mxcore.commands.choice.ChoiceError: the run cannot be prepared.
        mxcore.catalogue.PluginError: likewise.
    """
    mx.random.seed(trial.seed)
    if trial.problem != NETWORK:
        return Minimization(PROBLEMS[trial.problem](), trial.settings.recipe, trial.settings.epochs)
    return Training(load(*trial.data, mx.random.generator("train", "split")), trial.settings)


def run(trial: Trial) -> Outcome:
    """Train; a run that diverges is also a result."""
    training = prepare(trial)
    epochs: list[Measure] = []
    begun, diverged = time.perf_counter(), False
    try:
        epochs.extend(update.validation for update in training.updates() if update.validation)
    except DivergedError:
        diverged = True
    return Outcome(trial, tuple(epochs), diverged, time.perf_counter() - begun)


Runner = Callable[[Sequence[Trial]], Generator[Outcome, None, None]]
"""Runs trials, and yields each as it finishes."""


@contextmanager
def processes(workers: int) -> Iterator[Runner]:
    """Start processes that run trials; those that have not begun are dropped at the end of the block."""
    with _environment(_ONE_THREAD):
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _let_the_parent_be_interrupted)

        def runner(trials: Sequence[Trial]) -> Generator[Outcome, None, None]:
            for future in as_completed([pool.submit(run, trial) for trial in trials]):
                yield future.result()

        try:
            yield runner
        finally:
            pool.shutdown(cancel_futures=True)


def _let_the_parent_be_interrupted() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
