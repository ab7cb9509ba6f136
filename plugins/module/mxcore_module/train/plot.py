"""The curves of a training run: loss, accuracy and learning rate against updates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from mxcore_plot import COLOURS, new_figure, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mxcore_module.train.run import Update

__all__ = ["draw_curves"]

TRAINING, VALIDATION, RATE = COLOURS[:3]

Floats = npt.NDArray[np.float64]


def draw_curves(path: Path, history: Sequence[Update], title: str, score_name: str = "accuracy") -> None:
    """Write a figure with three panels, as PDF, PNG or SVG depending on the file name.

    Args:
        path: the file.
        history: the updates, in order; at least one.
        title: the title above the panels.
        score_name: the name of the score.
    """
    with style({"font.size": 11}):
        figure = new_figure(11.5, 3.7)
        figure.get_layout_engine().set(w_pad=0.12)  # type: ignore[union-attr, call-arg]  # a constrained layout
        figure.suptitle(title, x=0.012, ha="left", fontsize=12.5, fontweight="bold")
        loss, score, rate = figure.subplots(1, 3, sharex=True)
        _draw_measure(loss, history, "loss")
        _draw_measure(score, history, "score")
        _draw_rate(rate, history)
        _scale_loss(loss)
        if score_name == "accuracy":
            _scale_accuracy(score)
        for axes, label in ((loss, "loss"), (score, score_name), (rate, "learning rate")):
            axes.set(xlabel="update", ylabel=label)
        for handle in score.legend(loc="best", fontsize=10).legend_handles[:1]:
            handle.set(alpha=0.5, linewidth=1.2)  # the lines of the batches are too faint for a legend
    save(figure, path)


def _draw_measure(axes: Axes, history: Sequence[Update], which: str) -> None:
    """Draw each batch faintly, with the running mean on top, and the validation rows after each epoch."""
    numbers = [update.number for update in history]
    values = np.array([getattr(update.batch, which) for update in history], np.float64)
    axes.plot(numbers, values, color=TRAINING, alpha=0.25, linewidth=0.7, label="each batch")
    axes.plot(numbers, _running_mean(values), color=TRAINING, linewidth=1.9, label="running mean")
    held_out = [(update.number, getattr(update.validation, which)) for update in history if update.validation]
    if held_out:
        where, found = zip(*held_out, strict=True)
        axes.plot(where, found, "o-", color=VALIDATION, markersize=3.5, linewidth=1.3, label="validation")


def _running_mean(values: Floats) -> Floats:
    """Return an exponential mean over about a thirtieth of the run, corrected for the bias towards its start."""
    keep = 1 - 1 / max(1.0, len(values) / 30)
    mean, weight, means = 0.0, 0.0, []
    for value in values:
        mean, weight = keep * mean + value, keep * weight + 1
        means.append(mean / weight)
    return np.array(means)


def _draw_rate(axes: Axes, history: Sequence[Update]) -> None:
    rates = [update.learning_rate for update in history]
    axes.step([update.number for update in history], rates, where="post", color=RATE, linewidth=1.9)
    levels = sorted({rate for rate in rates if rate > 0})
    if levels and levels[-1] >= 5 * levels[0]:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    if len(levels) <= 6:
        axes.set_yticks(levels, [f"{level:.3g}" for level in levels], minor=False)
        axes.set_yticks([], minor=True)


def _scale_loss(axes: Axes) -> None:
    """Set a logarithmic axis whose range follows the means, not the luckiest batch."""
    batches, *means = (np.asarray(line.get_ydata(), np.float64) for line in axes.lines)
    drawn = np.concatenate(means)
    drawn = drawn[np.isfinite(drawn)]
    if drawn.size and (drawn > 0).all() and (batches >= 0).any():
        axes.set_yscale("log")
        axes.set_ylim(drawn.min() / 3, drawn.max() * 2)


def _scale_accuracy(axes: Axes) -> None:
    from matplotlib.ticker import PercentFormatter

    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_ylim(top=1.02)
