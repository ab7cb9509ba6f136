"""The values that initializers draw."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mxcore.initializer import InitDesc, Initializer
from mxcore_plot.descent import own_random_numbers
from mxcore_plot.style import columns, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["SHAPES", "fill", "values"]

Array = npt.NDArray[Any]

SHAPES = ((64, 32), (2, 2, 8, 8), (64,), (12,))
"""The shapes of a weight that are tried, in this order: a layer's, a kernel's, two vectors'."""
_BINS = 49  # odd, so that what is all 0 has a bar around 0


def values(initializers: Mapping[str, Initializer], shape: tuple[int, ...] | None = None) -> Figure:
    """The weight that an initializer fills, as an image, and how its values and those of others are distributed.

    >>> import mxcore as mx
    >>> narrow, wide = mx.init.Normal(0.1), mx.init.Normal(0.5)
    >>> figure = mx.plot.values({"narrow": narrow, "wide": wide})
    >>> weight, spread, scale = figure.axes
    >>> weight.get_title('left'), [text.get_text() for text in figure.legends[0].get_texts()]
    ('narrow: 64 × 32', ['narrow', 'wide'])

    Args:
        initializers: each initializer by what the picture calls it; the first makes the image.
        shape: the shape of the weight. If you don't pass one, the first of ``SHAPES`` that all initializers take.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there is no initializer, or one of them cannot fill such a weight.
    """
    if not initializers:
        raise ValueError("initializers must name at least one initializer, got none")
    filled = fill(initializers, (shape,) if shape is not None else SHAPES)
    with style():
        figure = new_figure(10, 3.6)
        weight, spread = figure.subplots(1, 2, width_ratios=(1, 1.4))
        name, first = next(iter(filled.items()))
        _draw_weight(weight, name, first)
        _draw_spread(spread, filled)
        figure.legend(*spread.get_legend_handles_labels(), loc="outside upper left", ncols=columns(filled, 110))
    return figure


def fill(initializers: Mapping[str, Initializer], shapes: tuple[tuple[int, ...], ...] = SHAPES) -> dict[str, Array]:
    """A weight of the first shape that all initializers take, from each of them.

    Raises:
        ValueError: they take none of the shapes.
    """
    for shape in shapes:
        try:
            with own_random_numbers():
                return {name: _filled(initializer, shape) for name, initializer in initializers.items()}
        except ValueError as error:
            refused = error
    raise ValueError(f"initializers cannot fill a weight of shape {' or '.join(map(str, shapes))}: {refused}")


def _filled(initializer: Initializer, shape: tuple[int, ...]) -> Array:
    array = np.zeros(shape)
    copy.deepcopy(initializer)(InitDesc("layer_weight"), array)
    return array


def _draw_weight(axes: Axes, name: str, weight: Array) -> None:
    flat = weight.reshape(-1, weight.shape[-1] if weight.ndim else 1)
    bound = float(abs(flat).max()) or 1.0
    image = axes.imshow(flat, cmap="RdBu_r", vmin=-bound, vmax=bound, aspect="auto", interpolation="none")
    axes.figure.colorbar(image, ax=axes, pad=0.03).outline.set_visible(False)
    axes.set_title(f"{name.partition('(')[0]}: {' × '.join(map(str, weight.shape))}")
    axes.grid(visible=False)
    axes.set(xticks=[], yticks=[])


def _draw_spread(axes: Axes, filled: Mapping[str, Array]) -> None:
    everything = np.concatenate([array.ravel() for array in filled.values()])
    low, high = float(everything.min()), float(everything.max())
    room = 0.04 * (high - low) or max(0.5 * abs(high), 0.5)
    edges = np.linspace(low - room, high + room, _BINS + 1)
    for number, (name, array) in enumerate(filled.items()):
        share = np.histogram(array, edges)[0] / array.size
        axes.stairs(share, edges, fill=True, alpha=0.35, color=f"C{number}")
        axes.stairs(share, edges, linewidth=1.6, color=f"C{number}", label=name)
    axes.set(title="How the values are distributed", xlabel="value", ylabel="share of the values", ylim=(0, None))
