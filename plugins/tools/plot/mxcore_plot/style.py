"""What the pictures of this project have in common: colours, type, and files with the same bytes each time."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mxcore.state.atomic import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "GREY", "new_figure", "render", "save", "style", "suffix_of"]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#e69f00", "#56b4e9", "#000000")
"""Colours that people with any kind of colour vision tell apart, after Okabe and Ito, in the order of their use."""
GREY = "#555555"
_DASHES = ("-", "--", ":", "-.")  # for what comes after the last colour
_STYLE: Any = {
    "font.size": 10,
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
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "mxcore",
}
_METADATA: Any = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}


@contextlib.contextmanager
def style(changes: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Whatever is drawn in the block looks like the pictures of this project.

    >>> import mxcore as mx
    >>> with mx.plot.style({"lines.linewidth": 3.0}):
    ...     axes = mx.plot.new_figure(4, 3).subplots()
    ...     (line,) = axes.plot([0.5, 0.1])
    >>> line.get_color() == mx.plot.COLOURS[0], line.get_linewidth()
    (True, 3.0)

    Args:
        changes: parameters of matplotlib that one picture needs otherwise.
    """
    import matplotlib
    from matplotlib.rcsetup import cycler

    lines = cycler(linestyle=_DASHES) * cycler(color=COLOURS)
    parameters: Any = {**_STYLE, "axes.prop_cycle": lines, **(changes or {})}
    with matplotlib.rc_context(parameters):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches that arranges itself; made without pyplot: nothing global, no display.

    >>> import mxcore as mx
    >>> figure = mx.plot.new_figure(6.0, 3.5)
    >>> figure.get_size_inches()
    array([6. , 3.5])
    >>> left, right = figure.subplots(1, 2)
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=150, layout="constrained")


def suffix_of(path: str | os.PathLike[str]) -> str:
    """The format that a file's name asks for, ``"png"`` or ``"svg"``.

    Raises:
        ValueError: it asks for another one.
    """
    suffix = Path(path).suffix[1:].lower()
    if suffix not in _METADATA:
        raise ValueError(f"{os.fspath(path)!r} must end in .png or .svg")
    return suffix


def render(figure: Figure, format: str) -> bytes:
    r"""A figure as the bytes of a PNG or SVG file: the same ones each time, with no date and no random names.

    >>> import mxcore as mx
    >>> figure = mx.plot.new_figure(4, 3)
    >>> mx.plot.render(figure, "png")[:4]
    b'\x89PNG'
    >>> mx.plot.render(figure, "svg") == mx.plot.render(figure, "svg")
    True
    """
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=format, metadata=_METADATA[format])
    return buffer.getvalue()


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure, as PNG or SVG by the end of the name; a file there is replaced whole or not at all.

    >>> import pathlib, tempfile
    >>> import mxcore as mx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mx.plot.save(mx.plot.new_figure(4, 3), pathlib.Path(folder, "empty.svg"))
    ...     [path.name for path in pathlib.Path(folder).iterdir()]
    ['empty.svg']
    >>> mx.plot.save(mx.plot.new_figure(4, 3), "picture.pdf")
    Traceback (most recent call last):
        ...
    ValueError: 'picture.pdf' must end in .png or .svg

    Raises:
        ValueError: the name ends in something else; nothing has been written.
        OSError: the file cannot be written.
    """
    write_atomically(Path(path), render(figure, suffix_of(path)))
