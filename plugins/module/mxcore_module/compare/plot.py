"""The plot of a comparison: the result of each learning rate, and learning curves at the best one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from mxcore_plot import new_figure, style

from mxcore_module.compare.summary import Contestant, Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

MOST = 10
"""How many contestants curves tell apart."""


def draw(contestants: Sequence[Contestant], score_name: str) -> Figure:
    """Plot score and loss against the learning rate and against epochs; of many contestants, the scores in their order.

    Lines are means over the seeds, bands range from the worst seed to the best, and crosses are rates at which a run
    diverged. Dots are the seeds at the best rate.
    """
    if len(contestants) > MOST:
        return _ranking(contestants, score_name)
    with style():
        figure = new_figure(10, 7)
        panels = figure.subplots(2, 2)
        for (by_rate, by_epoch), which in zip(panels, ("score", "loss"), strict=True):
            name = score_name if which == "score" else "loss"
            by_rate.set(xscale="log", title=f"{name.capitalize()} at each learning rate", xlabel="learning rate")
            by_epoch.xaxis.get_major_locator().set_params(integer=True)
            by_epoch.set(title=f"{name.capitalize()} at the best rate", xlabel="epoch")
            for axes in (by_rate, by_epoch):
                _scale(axes, name)
            for contestant in contestants:
                _draw_rates(by_rate, contestant, which)
                _draw_curves(by_epoch, contestant, which)
        figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside upper left", ncols=5)
    return figure


def _ranking(contestants: Sequence[Contestant], score_name: str) -> Figure:
    ranked = [one for one in sorted(contestants, key=lambda one: one.place) if one.best]
    with style():
        figure = new_figure(8, 1 + 0.22 * len(ranked))
        axes = figure.subplots()
        for place, contestant in enumerate(ranked):
            assert contestant.best
            scores = contestant.best.final("score")
            (dots,) = axes.plot(scores, np.full(len(scores), place), "o", color="C0", alpha=0.35, markersize=4)
            axes.plot(scores.mean(), place, "|", color=dots.get_color(), markersize=11, markeredgewidth=2)
        axes.set(xlabel=f"{score_name} at the best rate", ylim=(len(ranked) - 0.5, -0.5))
        axes.set_yticks(range(len(ranked)), [f"{one.label}, {one.best.rate:g}" for one in ranked if one.best])
        _scale(axes, score_name, "x")
    return figure


def _draw_rates(axes: Axes, contestant: Contestant, which: str) -> None:
    sound = [one for one in contestant.rates if not one.diverged]
    found = [one.final(which) for one in sound]
    colour = _draw_mean(axes, [one.rate for one in sound], found, contestant.label, "o")
    lost = [one.rate for one in contestant.rates if one.diverged]
    axes.plot(lost, np.full(len(lost), 0.03), "x", color=colour, transform=axes.get_xaxis_transform(), markersize=7)


def _draw_curves(axes: Axes, contestant: Contestant, which: str) -> None:
    best = contestant.best  # without one the line is empty, but still takes a colour
    found = [*best.curves(which).T] if best else []
    _draw_mean(axes, range(1, len(found) + 1), found, contestant.label)


def _draw_mean(axes: Axes, x: Sequence[float], found: Sequence[Floats], label: str, marker: str = "") -> str:
    """Draw the mean at each position, with a band from the lowest to the highest value; return the colour."""
    (line,) = axes.plot(x, [values.mean() for values in found], marker=marker, label=label, markersize=4.5)
    if found:
        lowest, highest = ([end(values) for values in found] for end in (np.min, np.max))
        axes.fill_between(x, lowest, highest, color=line.get_color(), alpha=0.15, linewidth=0)
    return str(line.get_color())


def _scale(axes: Axes, name: str, along: str = "y") -> None:
    from matplotlib.ticker import PercentFormatter

    if name == "accuracy":
        getattr(axes, f"{along}axis").set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    else:
        axes.set(**{f"{along}scale": "log"})
