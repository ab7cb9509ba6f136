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
    """The rates of one schedule, or of several, against updates.

    >>> import mxcore as mx
    >>> cosine = mx.lr_scheduler.create("cosine", max_update=500)
    >>> figure = mx.plot.schedules({"cosine": cosine, "root": lambda update: 0.01 * update**-0.5}, updates=600)
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['cosine', 'root']

    Args:
        schedules: each schedule by what the picture calls it; they are not changed.
        updates: how many updates are shown. Not given: as many as it takes until none of the schedules changes any
            more, or 1000 where they never come to rest.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there is no schedule, or no update.
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
    # A copy: a schedule in MXNet's way may keep count of what it was asked.
    return evaluate(copy.deepcopy(schedule), updates)


def _curve(schedule: Schedule, length: int) -> tuple[Rates, Rates]:
    """The places of a line: a rate that stays, jumps and stays again makes a corner, not a slope."""
    updates = np.unique(np.linspace(1, length, _POINTS).astype(int))
    rates = _rates(schedule, updates)
    change = np.abs(np.diff(rates))
    before, after = np.append(0, change[:-1]), np.append(change[1:], 0)
    jumps = np.flatnonzero(change > 10 * np.maximum(before, after)) + 1
    return np.insert(updates.astype(float), jumps, updates[jumps]), np.insert(rates, jumps, rates[jumps - 1])


def whole(schedules: Iterable[Schedule]) -> int:
    """A round number of updates that shows all of the schedules."""
    ends = [end for end in map(_end, schedules) if end]
    length = max(ends) * 1.08 if ends else _USUAL
    unit = 10 ** max(0, int(np.log10(length)) - 1)
    return int(np.ceil(length / unit) * unit)


def _end(schedule: Schedule) -> int:
    """The first update from which on nobody would see the rate change; 0 if it never changes, or always does."""
    updates = np.unique(np.geomspace(1, _LONGEST, _POINTS).astype(int))
    rates = _rates(schedule, updates)
    moving = np.flatnonzero(np.abs(rates - rates[-1]) > _SETTLED * np.ptp(rates))
    end = int(updates[moving[-1] + 1]) if moving.size else 0
    return end if end < _LONGEST / 2 else 0
