"""What a learning-rate finder has found, and its picture."""

from __future__ import annotations

import os
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from mxcore import catalogue

__all__ = ["Floats", "Result"]

Floats = npt.NDArray[np.float64]


@attrs.frozen(eq=False, repr=False)
class Result:
    """The losses at growing learning rates, and the learning rates that they suggest.

    The suggestions are None if the smoothed loss never fell.

    >>> import numpy as np
    >>> from mxcore_lrfind import Result
    >>> losses = np.array([4.0, 3.0, 1.0, 2.0])
    >>> Result(np.array([0.1, 1.0, 10.0, 100.0]), losses, losses, "all rates were tried").minimum
    10.0

    Args:
        rates: the learning rate of each update.
        losses: the loss that ``step`` returned for each.
        smoothed: the smoothed losses.
        message: why the test ended.
    """

    rates: Floats
    losses: Floats
    smoothed: Floats
    message: str

    @property
    def suggestion(self) -> float | None:
        """The rate at which the smoothed loss falls most steeply against the logarithm of the rate."""
        lowest = int(self.smoothed.argmin())
        if lowest == 0:
            return None
        # The first means are of few losses, and differ by chance. Nothing after the minimum is wanted either.
        first = min(len(self.rates) // 10, lowest - 1)
        slopes = np.gradient(self.smoothed, np.log(self.rates))[first : lowest + 1]
        return float(self.rates[first + int(slopes.argmin())])

    @property
    def minimum(self) -> float | None:
        """The rate at which the smoothed loss is lowest, which is too high for training."""
        lowest = int(self.smoothed.argmin())
        return float(self.rates[lowest]) if lowest else None

    @property
    def tenth(self) -> float | None:
        """A tenth of :attr:`minimum`, the other rule of thumb."""
        return None if self.minimum is None else self.minimum / 10

    def __repr__(self) -> str:
        if self.suggestion is None:
            found = "suggestion=None (the loss never fell: lower start, or check the step)"
        else:
            found = f"suggestion={self.suggestion:.3g}, minimum / 10={self.tenth:.3g}"
        span = f"{len(self.rates)} rates from {self.rates[0]:.3g} to {self.rates[-1]:.3g}"
        return f"Result({found}, {span}, {self.message!r})"

    def plot(self, path: str | os.PathLike[str], title: str = "") -> None:
        """Draw the losses against the learning rate, as PDF, PNG or SVG depending on the file name.

        >>> import numpy as np, pathlib, tempfile
        >>> from mxcore_lrfind import Result
        >>> losses = np.array([3.0, 2.0, 1.0, 5.0])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "rates.svg")
        ...     Result(np.array([1e-3, 1e-2, 1e-1, 1.0]), losses, losses, "").plot(path)
        ...     path.read_text()[:5]
        '<?xml'

        Args:
            path: the file.
            title: the title above the picture.

        Raises:
            mxcore.catalogue.NotInstalledError: mxcore-plot is not installed; the message says how to install it.
            ValueError: the name of the file has another ending.
            OSError: the file cannot be written.
        """
        plot = catalogue.load("namespace", "plot")
        with plot.style():
            figure = plot.new_figure(6.6, 3.6)
            axes = figure.subplots()
            axes.plot(self.rates, self.losses, color=plot.COLOURS[0], alpha=0.25, linewidth=0.9, label="each update")
            axes.plot(self.rates, self.smoothed, color=plot.COLOURS[0], label="smoothed")
            self._mark(axes, plot.COLOURS[1:])
            _scale(axes, self.losses.min(), self.smoothed.max())
            axes.set(xlabel="learning rate", ylabel="loss", title=title)
            axes.legend()
        plot.save(figure, path)

    def _mark(self, axes: Any, colours: tuple[str, ...]) -> None:
        for name, rate, line, colour in (
            ("steepest", self.suggestion, "-", colours[0]),
            ("minimum / 10", self.tenth, "--", colours[1]),
        ):
            if rate is not None:
                axes.axvline(rate, color=colour, linestyle=line, linewidth=1.3, label=f"{name}: {rate:.2g}")


def _scale(axes: Any, low: float, high: float) -> None:
    """Use a logarithmic axis of rates, and let the smoothed losses decide the height, not the worst batch."""
    axes.set_xscale("log")
    margin = 0.1 * (high - low) or 1.0
    axes.set_ylim(low - margin, high + margin)
