"""Results as a figure: for each workload, the time of every contestant relative to the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mxcore_plot.style import COLOURS, GREY, new_figure, save, style

from mxcore_bench import machine as machines
from mxcore_bench.results import Result, Row
from mxcore_bench.table import duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

# Selected by a word in a contestant's name.
_COLOURS = {
    "limit": "#9a9a9a",
    **dict(zip(("mxcore", "torch", "optax", "NumPy", "thinc", "DeepSpeed"), COLOURS, strict=False)),
}
_ROW, _FRAME, _WIDTH = 0.19, 0.85, 6.4  # inches: the height of a contestant, the margins of a panel, and its width
_COLUMNS = 2


def draw(path: Path, results: Sequence[Result], machine: Mapping[str, Any]) -> None:
    """Write a figure as PDF, PNG or SVG, depending on the file name.

    Args:
        path: the file.
        results: the experiments; those whose reference did not take part are not drawn.
        machine: the result of :func:`mxcore_bench.machine.describe`.
    """
    drawn = [result for result in results if result.plotted]
    columns = min(_COLUMNS, max(1, len(drawn)))
    lines = [drawn[at : at + columns] for at in range(0, len(drawn), columns)]
    heights = [_FRAME + _ROW * max(len(result.rows) for result in line) for line in lines] or [_FRAME]
    with style({"font.size": 9, "axes.spines.left": False, "axes.grid": False}):
        figure = new_figure(_WIDTH * columns, sum(heights) + 0.7)
        figure.suptitle(_headline(machine), x=0.01, ha="left", fontsize=10)
        grid = figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights)
        panels = [*grid.flat]
        for axes in panels:
            axes.set_visible(False)
        limits = _limits(drawn)
        for result, axes in zip(drawn, panels, strict=False):
            axes.set_visible(True)
            _panel(axes, result, limits)
    save(figure, path)


def _headline(machine: Mapping[str, Any]) -> str:
    """Return what the numbers mean, and on which machine, in lines short enough for one column."""
    cpu, rest = machines.line(dict(machine)).split(", Python ", 1)
    return f"Time per step against the reference (further to the left is faster)\n{cpu}\nPython {rest}"


def _ratios(result: Result) -> dict[Row, float]:
    """Return the contestants that can be compared with the reference of the plot, and their ratios."""
    reference = str(result.plotted)
    return {row: row.ratios[reference] for row in result.rows if reference in row.ratios}


def _limits(results: Sequence[Result]) -> tuple[float, float]:
    """Return a common axis range, with room for the labels at both ends."""
    ratios = [ratio for result in results for ratio in _ratios(result).values()]
    return min([0.5, *ratios]) / 8, max([2.0, *ratios]) * 8


def _panel(axes: Axes, result: Result, limits: tuple[float, float]) -> None:
    compared = _ratios(result)
    rows, ratios = [*compared], [*compared.values()]
    places = range(len(rows))
    # On a logarithmic axis, bars start at the reference.
    axes.barh(places, [ratio - 1 for ratio in ratios], left=1, height=0.7, color=[_colour(row) for row in rows])
    axes.set_xscale("log")
    axes.axvline(1, color="#333333", linewidth=0.9)
    axes.set_yticks(places, [row.contestant for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlim(*limits)
    for place, row, ratio in zip(places, rows, ratios, strict=True):
        _label(axes, place, row, ratio)
    axes.set_title(result.experiment.label, loc="left", fontsize=9.5, fontweight="bold")
    axes.set_xlabel(f"× {result.plotted}", fontsize=8)
    _ticks(axes)


def _label(axes: Axes, place: int, row: Row, ratio: float) -> None:
    """Draw the ratio and the time at the far end of the bar."""
    text = f"{ratio:.2g} · {duration(row.median_s)}" if ratio < 10 else f"{ratio:.0f} · {duration(row.median_s)}"
    side, gap = ("right", -3) if ratio < 1 else ("left", 3)
    axes.annotate(
        text, (ratio, place), (gap, 0), textcoords="offset points", ha=side, va="center", fontsize=7.5, color="#333333"
    )


def _ticks(axes: Axes) -> None:
    """Set plain numbers at 1, 2, 5 of every decade as ticks, but no more than fit."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 1000 else (1.0,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _colour(row: Row) -> str:
    return next((colour for word, colour in _COLOURS.items() if word.lower() in row.contestant.lower()), GREY)
