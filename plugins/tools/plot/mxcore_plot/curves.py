"""The curves of schedules."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mxcore.lr_scheduler import LRScheduler, evaluate
from mxcore_plot.style import columns, new_figure, style, widths

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["schedules", "whole"]

Schedule = LRScheduler | Callable[[int], float]
Rates = npt.NDArray[np.float64]

_LONGEST, _USUAL = 2**20, 1000
_POINTS = 4000
_SETTLED = 0.002  # of the height of a curve


def schedules(schedules: Mapping[str, Schedule], updates: int | None = None) -> Figure:
    """Plot the learning rates of one or several schedules against updates.

    >>> import mxcore as mx
    >>> cosine = mx.lr_scheduler.create("cosine", max_update=500)
    >>> figure = mx.plot.schedules({"cosine": cosine, "root": lambda update: 0.01 * update**-0.5}, updates=600)
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['cosine', 'root']

    Args:
        schedules: the schedules, by label; they are not modified.
        updates: how many updates to show; by default, until none of the schedules changes any more, or 1000 if they
            never settle.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there are no schedules, or no updates.
    """
    if not schedules:
        raise ValueError("schedules must name at least one schedule, got none")
    if updates is not None and updates < 1:
        raise ValueError(f"updates must be at least 1, got {updates}")
    with style():
        figure = new_figure(6.6, 3.6)
        axes = figure.subplots()
        length = updates or whole(schedules.values())
        curves = {name: np.column_stack(_curve(schedule, length)) for name, schedule in schedules.items()}
        highest = max(curve[:, 1].max() for curve in curves.values())
        drawn = widths([*curves.values()], (length, highest or 1.0), 1.9)
        for (name, curve), width in zip(curves.items(), drawn, strict=True):
            axes.plot(*curve.T, label=name, linewidth=width)
        axes.set(xlabel="update", ylabel="learning rate", xlim=(0, length))
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
        axes.ticklabel_format(axis="y", style="sci", scilimits=(-4, 5), useMathText=True)
        figure.legend(loc="outside upper left", ncols=columns(schedules, 76))
    return figure


def _rates(schedule: Schedule, updates: Rates) -> Rates:
    # A copy: a schedule in MXNet's style may count its calls.
    return evaluate(copy.deepcopy(schedule), updates)


def _curve(schedule: Schedule, length: int) -> tuple[Rates, Rates]:
    """Return the points of a line: a rate that jumps between constant parts becomes a step, not a slope."""
    updates = np.unique(np.linspace(1, length, _POINTS).astype(int))
    rates = _rates(schedule, updates)
    change = np.abs(np.diff(rates))
    before, after = np.append(0, change[:-1]), np.append(change[1:], 0)
    jumps = np.flatnonzero(change > 10 * np.maximum(before, after)) + 1
    return np.insert(updates.astype(float), jumps, updates[jumps]), np.insert(rates, jumps, rates[jumps - 1])


def whole(schedules: Iterable[Schedule]) -> int:
    """Return a round number of updates that shows all schedules."""
    ends = [end for end in map(_end, schedules) if end]
    length = max(ends) * 1.08 if ends else _USUAL
    unit = 10 ** max(0, int(np.log10(length)) - 1)
    return int(np.ceil(length / unit) * unit)


def _end(schedule: Schedule) -> int:
    """Return the update after which the rate no longer changes visibly; 0 if it never changes, or always does."""
    updates = np.unique(np.geomspace(1, _LONGEST, _POINTS).astype(int))
    rates = _rates(schedule, updates)
    moving = np.flatnonzero(np.abs(rates - rates[-1]) > _SETTLED * np.ptp(rates))
    end = int(updates[moving[-1] + 1]) if moving.size else 0
    return end if end < _LONGEST / 2 else 0
