"""The common style of all plots: colours, fonts, and reproducible files."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mxcore.state.atomic import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "GREY", "columns", "new_figure", "render", "save", "style", "suffix_of", "widths"]

Line: TypeAlias = npt.NDArray[Any]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#e69f00", "#56b4e9", "#000000")
"""Colours that can be distinguished with any kind of colour vision, after Okabe and Ito, in order of use."""
GREY = "#555555"
SEEN = 0.004  # as a fraction of the plot: anything closer to a line is on it
_SAMPLE = 9  # in a legend: the width of a line sample, in characters
STEP, WIDEST = 3.0, 12.0  # points: the extra width for each line that would hide it, and the maximum
_DASHES = ("-", "--", ":", "-.")  # used after the last colour
_STYLE: Any = {
    "font.size": 10,
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": GREY,
    "axes.labelcolor": "#333333",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "#333333",
    "ytick.labelcolor": "#333333",
    "lines.linewidth": 1.9,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "svg.fonttype": "none",  # keeps text as text
    "svg.hashsalt": "mxcore",
}
_DPI = {"pdf": "figure", "png": "figure", "svg": 72}  # of an SVG file, the dpi of what is an image in it
_SHAPE, _LONG = re.compile(rb'(?<= d=")[^"]*'), re.compile(rb"\d+\.\d{2,}")
_METADATA: Any = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}


@contextlib.contextmanager
def style(changes: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Draw everything in the block in the style of this project.

    >>> import mxcore as mx
    >>> with mx.plot.style({"lines.linewidth": 3.0}):
    ...     axes = mx.plot.new_figure(4, 3).subplots()
    ...     (line,) = axes.plot([0.5, 0.1])
    >>> line.get_color() == mx.plot.COLOURS[0], line.get_linewidth()
    (True, 3.0)

    Args:
        changes: matplotlib parameters to override.
    """
    import matplotlib
    from matplotlib.rcsetup import cycler

    lines = cycler(linestyle=_DASHES) * cycler(color=COLOURS)
    parameters: Any = {**_STYLE, "axes.prop_cycle": lines, **(changes or {})}
    with matplotlib.rc_context(parameters):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches, with automatic layout, without pyplot's global state or a display.

    >>> import mxcore as mx
    >>> figure = mx.plot.new_figure(6.0, 3.5)
    >>> figure.get_size_inches()
    array([6. , 3.5])
    >>> left, right = figure.subplots(1, 2)
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=150, layout="constrained")


def widths(lines: Sequence[Line], size: tuple[float, float], width: float) -> list[float]:
    """Return line widths that keep overlapping lines visible: each is a step wider for every line that would hide it.

    >>> import numpy as np
    >>> from mxcore_plot.style import widths
    >>> line = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> widths([line, line[::-1] / 2, 1 - line * [1, -1]], (1.0, 1.0), 1.5)
    [1.5, 1.5, 1.5]
    >>> widths([line, line, line], (1.0, 1.0), 1.5)
    [7.5, 4.5, 1.5]

    Args:
        lines: the points of each line, of shape ``(n, 2)``, in drawing order.
        size: the width and height of the visible area, in the units of the points.
        width: the width of a line that nothing hides.
    """
    scaled = [np.asarray(line, np.float64) / size for line in lines]
    hiding = [sum(_hides(other, line) for other in scaled[i + 1 :]) for i, line in enumerate(scaled)]
    wider = min(STEP, WIDEST / max([1, *hiding]))
    return [width + wider * count for count in hiding]


def _hides(over: Line, line: Line) -> bool:
    """Return whether all points of a line visibly lie on another one."""
    start, step = over[:-1], np.diff(over, axis=0)
    if not len(step):
        start, step = over, np.zeros_like(over)
    length = np.maximum((step**2).sum(axis=1), np.finfo(float).tiny)
    for point in line:
        along = np.clip(((point - start) * step).sum(axis=1) / length, 0, 1)
        if ((start + along[:, None] * step - point) ** 2).sum(axis=1).min() > SEEN**2:
            return False
    return True


def columns(names: Iterable[str], line: int) -> int:
    """How many names stand beside each other in a legend above a picture.

    >>> from mxcore_plot.style import columns
    >>> columns(["adam", "sgd"], 76), columns(["x" * 60, "y"], 76)
    (4, 1)

    Args:
        names: the names.
        line: how many characters fit beside each other.
    """
    return max(1, min(4, line // (max(map(len, names)) + _SAMPLE)))


def suffix_of(path: str | os.PathLike[str]) -> str:
    """Return the format for a file name, ``"pdf"``, ``"png"`` or ``"svg"``.

    Raises:
        ValueError: the name has another ending.
    """
    suffix = Path(path).suffix[1:].lower()
    if suffix not in _METADATA:
        raise ValueError(f"{os.fspath(path)!r} must end in .pdf, .png or .svg")
    return suffix


def render(figure: Figure, format: str) -> bytes:
    r"""Render a figure as PDF, PNG or SVG, with the same bytes each time, without dates or random names.

    >>> import mxcore as mx
    >>> figure = mx.plot.new_figure(4, 3)
    >>> mx.plot.render(figure, "png")[:4]
    b'\x89PNG'
    >>> mx.plot.render(figure, "svg") == mx.plot.render(figure, "svg")
    True
    """
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=format, metadata=_METADATA[format], dpi=_DPI[format])
    return _smaller(buffer.getvalue()) if format == "svg" else buffer.getvalue()


def _smaller(svg: bytes) -> bytes:
    """The same picture: no indentation, and shapes to a tenth of a point, where matplotlib writes a millionth."""
    return _SHAPE.sub(
        lambda shape: _LONG.sub(lambda number: b"%.1f" % float(number[0]), shape[0]), re.sub(rb"\n +", b"\n", svg)
    )


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as PDF, PNG or SVG, depending on the file name; an existing file is replaced as a whole.

    >>> import pathlib, tempfile
    >>> import mxcore as mx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mx.plot.save(mx.plot.new_figure(4, 3), pathlib.Path(folder, "empty.svg"))
    ...     [path.name for path in pathlib.Path(folder).iterdir()]
    ['empty.svg']
    >>> mx.plot.save(mx.plot.new_figure(4, 3), "picture.gif")
    Traceback (most recent call last):
        ...
    ValueError: 'picture.gif' must end in .pdf, .png or .svg

    Raises:
        ValueError: the name has another ending; nothing has been written.
        OSError: the file cannot be written.
    """
    write_atomically(Path(path), render(figure, suffix_of(path)))
