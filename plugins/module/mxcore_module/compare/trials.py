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

# One thread each: processes use the cores, and sums are in the same order however many of them there are.
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@attrs.frozen
class Trial:
    """One run: an optimizer as it was called, a learning rate, a seed, the data and the settings."""

    label: str
    rate: float
    seed: int
    data: tuple[str, str | None]
    settings: Settings


@attrs.frozen
class Outcome:
    """What a run found.

    Args:
        trial: the run.
        epochs: what the rows held out said after each epoch.
        diverged: whether the loss ceased to be a finite number, which ended the run.
        seconds: how long it trained.
    """

    trial: Trial
    epochs: tuple[Measure, ...]
    diverged: bool
    seconds: float

    @property
    def last(self) -> Measure | None:
        """What was measured at the end; None if it diverged."""
        return None if self.diverged or not self.epochs else self.epochs[-1]


def prepare(trial: Trial) -> Training:
    """The run, ready to be trained; the same as ``mxcore train`` with its seed.

    Raises:
        mxcore_module.train.errors.InputError, mxcore.commands.choice.ChoiceError: it cannot be.
        mxcore.catalogue.PluginError: likewise.
    """
    mx.random.seed(trial.seed)
    return Training(load(*trial.data, mx.random.generator("train", "split")), trial.settings)


def run(trial: Trial) -> Outcome:
    """Train; a run that diverges is a result too."""
    training = prepare(trial)
    epochs: list[Measure] = []
    begun, diverged = time.perf_counter(), False
    try:
        epochs.extend(update.validation for update in training.updates() if update.validation)
    except DivergedError:
        diverged = True
    return Outcome(trial, tuple(epochs), diverged, time.perf_counter() - begun)


def run_all(trials: Sequence[Trial], workers: int) -> Generator[Outcome, None, None]:
    """Run all in so many processes, and yield each when it is done; closing the iterator stops the rest."""
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
