"""The records of a benchmark: an experiment, its contestants and its references."""

from __future__ import annotations

import importlib
import itertools
import math
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import attrs

from mxcore_bench.device import CPU, Device

__all__ = ["Entrant", "Experiment", "LeftOutError", "Reference", "Sampler", "Setup", "Step", "peer", "timed"]

Step = Callable[[], object]
"""What is timed."""
Setup = Callable[[int], Step]
"""The setup, which is not timed: it receives how often the step will be called, and returns the step."""
Sampler = Callable[[int], float]
"""Takes a sample of that many steps, and returns the seconds per step."""


class LeftOutError(Exception):
    """A contestant or an experiment cannot run here; the message says why."""


@attrs.frozen
class Entrant:
    """A contestant before it is built.

    Args:
        family: what it is, such as ``torch fused``.
        build: creates its sampler for the subject of the experiment, or raises :class:`LeftOutError`.
        threads: how many threads to use; None if it chooses itself.
        case: its case, if these differ within an experiment.
    """

    family: str
    build: Callable[[Any], Sampler] = attrs.field(repr=False)
    threads: int | None = None
    case: str = ""

    @property
    def name(self) -> str:
        """The family, the number of threads and the case, which together are unique in an experiment."""
        threads = "" if self.threads is None else f" {self.threads}T"
        return f"{self.family}{threads}" + (f", {self.case}" if self.case else "")


@attrs.frozen
class Reference:
    """What the contestants of an experiment are compared with in a column of the table.

    Args:
        name: the name of the column.
        family: the family of the reference; None for a contestant's own.
        equal_threads: compare with the member that has the same number of threads, instead of the fastest one.
        case: the case of the reference; None for a contestant's own.
    """

    name: str
    family: str | None
    equal_threads: bool = True
    case: str | None = None

    def pick(self, entrant: Entrant, medians: Mapping[Entrant, float]) -> Entrant | None:
        """Return the member of the family with which to compare ``entrant``, given the median times of all."""
        wanted = (
            entrant.family if self.family is None else self.family,
            entrant.case if self.case is None else self.case,
        )
        family = [one for one in medians if (one.family, one.case) == wanted]
        if self.equal_threads and entrant.threads is not None:
            return next((one for one in family if one.threads == entrant.threads), None)
        if self.equal_threads:  # one that chooses itself may use every core
            return max(family, key=lambda one: one.threads or 0, default=None)
        return min(family, key=medians.__getitem__, default=None)


@attrs.frozen
class Experiment:
    """Contestants that do the same work, timed in turns.

    Args:
        workload: the name of the workload.
        title: its name in tables.
        group: steps, overhead, calls, fills or start.
        prepare: creates the subject that all contestants share, such as the arrays.
        entrants: the contestants.
        references: what they are compared with; the plot uses the last one that was measured.
        optimizer: the name of the optimizer, if there is one.
        dtype: the dtype of the weights, if there are any.
        tensors: how many arrays a step covers.
        parameters: how many numbers a step covers.
        bytes_per_parameter: how many bytes a perfect step moves to and from memory per parameter.
        memory: roughly how many bytes of memory the experiment needs.
        device: the device of its arrays.
    """

    workload: str
    title: str
    group: str
    prepare: Callable[[], Any] = attrs.field(repr=False)
    entrants: tuple[Entrant, ...] = attrs.field(repr=False)
    references: tuple[Reference, ...]
    optimizer: str | None = None
    dtype: str | None = None
    tensors: int = 0
    parameters: int = 0
    bytes_per_parameter: int = 0
    memory: int = 0
    device: Device = CPU

    @property
    def label(self) -> str:
        """The title, the optimizer and the dtype in one line."""
        return ", ".join(part for part in (self.title, self.optimizer, self.dtype) if part)


def timed(
    setup: Setup, *, updates: int = 1, at_most: int | None = None, wait: Callable[[], object] = lambda: None
) -> Sampler:
    """Return a sampler that calls the step of ``setup`` in a loop.

    Args:
        setup: creates the step.
        updates: how many updates a step has, if the sample measures single updates. The sampler then counts updates
            instead of steps.
        at_most: how often the step of a setup may be called, for setups that prepare something for each call. A larger
            sample uses several setups, whose time does not count.
        wait: waits for work that a step has only started.
    """

    def sample(repetitions: int) -> float:
        steps, seconds = math.ceil(repetitions / updates), 0.0
        for done in range(0, steps, at_most or steps):
            calls = min(at_most or steps, steps - done)
            step = setup(calls + 1)
            if repetitions > 1:
                step()  # brings its data back into the caches that another contestant has used
            wait()
            start = time.perf_counter()
            for _ in itertools.repeat(None, calls):
                step()
            wait()
            seconds += time.perf_counter() - start
        return seconds / (steps * updates)

    return sample


def peer(module: str) -> ModuleType:
    """Import an optional module.

    Raises:
        LeftOutError: it is not installed, or cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise LeftOutError(f"{(error.name or module).partition('.')[0]} is not installed") from error
    except (ImportError, OSError) as error:
        raise LeftOutError(f"{module} cannot be imported: {error}") from error
