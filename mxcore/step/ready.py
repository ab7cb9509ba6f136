"""Steps of several optimizers that belong to one update: all of them are checked before the first one writes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from mxcore.kernel import Call, commit
from mxcore.kernel.run.job import Job
from mxcore.step.counts import Tally


@attrs.frozen
class Ready:
    """A step of which only the writes are left, which cannot fail.

    Attributes:
        backend: the library of its arrays.
        device: their device.
        writes: the calls that write, without that of the job.
        job: the native side, if there is one.
        highest: the highest update count after the step.
        over_all: whether it reduces over all parameters.
    """

    backend: Any
    device: int
    writes: Iterable[Call]
    job: Job | None
    highest: int
    over_all: bool

    def calls(self) -> Iterable[Call]:
        """Return the calls that write. Threads that help with a job may begin at once."""
        return self.writes if self.job is None else [self.job.call(), *self.writes]


def finish(tally: Tally, steps: Sequence[Ready]) -> None:
    """Let all steps write, in one go unless they use several threads or devices.

    Args:
        tally: where they count.
        steps: the steps, each of other parameters.
    """
    if not steps:
        return
    # Each was prepared as if it were the only one, and may set its own highest count.
    highest = (setattr, tally.highest, "value", max(tally.highest.value, *(one.highest for one in steps)))
    devices = {(one.backend.name, one.device) for one in steps}
    if len(devices) > 1 or any(one.job is not None and one.job.parallel for one in steps):
        for one in steps:
            with one.backend.on(one.device):
                commit(one.calls())
        commit([highest])
        return
    with steps[0].backend.on(steps[0].device):
        commit(itertools.chain(*[one.calls() for one in steps], [highest]))
