"""The paths of optimizers on a test function."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import mxcore
from mxcore import random
from mxcore.optimizer import Optimizer, get_updater
from mxcore.testing.functions import FUNCTIONS, Function
from mxcore_plot.style import new_figure, style, widths

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path as MatplotlibPath

__all__ = ["follow", "own_random_numbers", "paths"]

Array = npt.NDArray[Any]

_BOX = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}
_PLATE: Any = {"fontsize": 9, "zorder": 3, "bbox": _BOX}
_LEVELS = 12
_GRID = 241
_POINTS = 300  # the size of the plane in the picture, roughly


def paths(
    optimizers: Mapping[str, mxcore.optimizer.Optimizer], function: str = "rosenbrock", steps: int = 500
) -> Figure:
    """Plot the paths of one or several optimizers on the contours of a test function, and its value at each step.

    >>> import mxcore as mx
    >>> steady, hasty = mx.optimizer.SGD(learning_rate=0.1), mx.optimizer.SGD(learning_rate=10)
    >>> figure = mx.plot.paths({"steady": steady, "hasty": hasty}, "beale", steps=50)
    >>> plane, values = figure.axes
    >>> [line.get_label() for line in values.lines]
    ['steady', 'hasty (diverges)']

    The functions are in :data:`mxcore.testing.functions.FUNCTIONS`. The attribute ``descent`` of an optimizer class has
    suitable arguments.

    Args:
        optimizers: the optimizers, by label; they are not modified.
        function: ``"rosenbrock"`` or ``"beale"``.
        steps: the number of steps.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there are no optimizers, no steps, or no such function.
    """
    if not optimizers:
        raise ValueError("optimizers must name at least one optimizer, got none")
    if function not in FUNCTIONS:
        raise ValueError(f"function must be one of {', '.join(FUNCTIONS)}, got {function!r}")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    found = {name: follow(optimizer, FUNCTIONS[function], steps) for name, optimizer in optimizers.items()}
    with style():
        figure = new_figure(10, 4.4)
        plane, values = figure.subplots(1, 2, width_ratios=(1.15, 1))
        _contours(plane, FUNCTIONS[function])
        left, right, bottom, top = FUNCTIONS[function].window
        for path, width in zip(
            found.values(), widths([*found.values()], (right - left, top - bottom), 1.6), strict=True
        ):
            _draw_path(plane, path, width)
        _marks(plane, FUNCTIONS[function])
        _draw_values(values, found, FUNCTIONS[function], steps)
        figure.legend(*values.get_legend_handles_labels(), loc="outside upper left", ncols=6)
    return figure


def follow(optimizer: Optimizer, function: Function, steps: int) -> Array:
    """Return the path of an optimizer, of shape ``(steps + 1, n)``, including the starting point.

    It uses a copy of the optimizer, with the same noise each time. The path ends where the function is not finite.
    """
    update, place = get_updater(copy.deepcopy(optimizer)), np.array(function.begin)
    places = [place.copy()]
    with own_random_numbers(), np.errstate(all="ignore"):
        for _ in range(steps):
            update("place_weight", function.gradient(place), place)
            if not np.isfinite(function.value(place)):
                break
            places.append(place.copy())
    return np.array(places)


@contextlib.contextmanager
def own_random_numbers() -> Iterator[None]:
    """Whatever is drawn in the block is the same each time, and leaves the program's own random numbers as they are."""
    before = random.get_state()
    random.seed(0)
    try:
        yield
    finally:
        random.set_state(before)


def _contours(axes: Axes, function: Function) -> None:
    left, right, bottom, top = function.window
    x, y = np.meshgrid(np.linspace(left, right, _GRID), np.linspace(bottom, top, _GRID))
    values = function.value(np.array([x, y]))
    levels = np.geomspace(np.quantile(values, 0.01), values.max(), _LEVELS)
    # The bands between lines are an image: in an SVG file, their outlines would be nine tenths of it.
    bands = np.sqrt(levels[:-1] * levels[1:])[np.clip(np.digitize(values, levels) - 1, 0, len(levels) - 2)]
    shades = np.where(values < levels[0], levels[0], bands)
    bands_drawn = axes.imshow(shades, cmap="Greys", norm=_shades(levels), interpolation="none", origin="lower")
    bands_drawn.set(extent=function.window, zorder=0)
    axes.set_aspect("auto")
    lines = axes.contour(x, y, values, levels, colors="#ffffff", linewidths=0.7, zorder=0.5)
    lines.set_paths([_simpler(path, (right - left, top - bottom)) for path in lines.get_paths()])
    axes.set(xlim=(left, right), ylim=(bottom, top), title=function.name, xlabel="x", ylabel="y")
    axes.grid(visible=False)


def _simpler(path: MatplotlibPath, size: tuple[float, float]) -> MatplotlibPath:
    """An outline without the points that nobody would see the lack of."""
    from matplotlib.transforms import Affine2D

    to_points = Affine2D().scale(_POINTS / size[0], _POINTS / size[1])
    drawn = to_points.transform_path(path)
    drawn.should_simplify, drawn.simplify_threshold = True, 0.4
    return to_points.inverted().transform_path(drawn.cleaned(simplify=True))


def _shades(levels: Array) -> Any:
    """Return colours from white, for the lowest level, to a grey on which every line colour is visible."""
    from matplotlib.colors import LogNorm

    return LogNorm(levels[0], levels[-1] * (levels[-1] / levels[0]) ** 2)


def _draw_path(axes: Axes, path: Array, width: float) -> None:
    (line,) = axes.plot(*path.T, linewidth=width)
    axes.plot(*path[-1], "o", color=line.get_color(), markersize=4.4 + width, markeredgecolor="white", zorder=3.5)


def _marks(axes: Axes, function: Function) -> None:
    for place, marker, text in ((function.begin, "o", "start"), (function.lowest, "*", "minimum")):
        size = 7 if marker == "o" else 13
        axes.plot(*place, marker, color="white", markeredgecolor="black", markersize=size, zorder=4)
        axes.annotate(text, (place[0], place[1]), (0, 11), textcoords="offset points", ha="center", **_PLATE)


def _draw_values(axes: Axes, found: Mapping[str, Array], function: Function, steps: int) -> None:
    curves = {name: function.value(path.T) for name, path in found.items()}
    seen, highest = np.concatenate([*curves.values()]), 30 * function.value(function.begin)
    limits = max(seen[seen > 0].min() / 2, 1e-15), min(seen.max() * 2, highest)
    lines = [np.column_stack([np.arange(len(one)), np.log(np.clip(one, *limits))]) for one in curves.values()]
    drawn = widths(lines, (steps, np.log(limits[1] / limits[0])), 1.3)
    for (name, curve), width in zip(curves.items(), drawn, strict=True):
        axes.plot(curve, label=name if len(curve) > steps else f"{name} (diverges)", linewidth=width)
    axes.set(yscale="log", title="Value at each step", xlabel="step", xlim=(0, steps), ylim=limits)
    axes.minorticks_off()
