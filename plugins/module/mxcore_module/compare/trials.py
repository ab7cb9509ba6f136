"""The runs of a comparison, in processes of their own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context

import attrs

import mxcore as mx
from mxcore_module.train.data import load
from mxcore_module.train.errors import DivergedError
from mxcore_module.train.run import Measure, Settings, Training

__all__ = ["Outcome", "Trial", "prepare", "run", "run_all"]

# One thread each: processes use the cores, and the order of sums does not depend on their number.
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@attrs.frozen
class Trial:
    """A run: an optimizer as given, a learning rate, a seed, the data and the settings."""

    label: str
    rate: float
    seed: int
    data: tuple[str, str | None]
    settings: Settings


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


def prepare(trial: Trial) -> Training:
    """Prepare the training of a run, the same as ``mxcore train`` with its seed.

    Raises:
        mxcore_module.train.errors.InputError, mxcore.commands.choice.ChoiceError: the run cannot be prepared.
        mxcore.catalogue.PluginError: likewise.
    """
    mx.random.seed(trial.seed)
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


def run_all(trials: Sequence[Trial], workers: int) -> Generator[Outcome, None, None]:
    """Run all trials in several processes, and yield each as it finishes; closing the iterator stops the rest."""
    with _environment(_ONE_THREAD):
        pool = ProcessPoolExecutor(min(workers, len(trials)), get_context("spawn"), _let_the_parent_be_interrupted)
        try:
            for future in as_completed([pool.submit(run, trial) for trial in trials]):
                yield future.result()
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
