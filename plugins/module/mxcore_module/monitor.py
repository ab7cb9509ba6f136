"""Statistics of the arrays inside of a network, while it is trained: ``mx.monitor``, also ``mx.mon``."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from mxcore.backend import Array, backend_of
from mxcore_module.arrays import plain

__all__ = ["Monitor"]

log = logging.getLogger(__name__)


def _norm(array: Array) -> float:
    """Return the root of the mean square."""
    host = np.asarray(backend_of(array).to_host(plain(array)))
    return math.sqrt(float(np.square(host, dtype=np.float64).sum()) / max(host.size, 1))


def _text(value: Any) -> str:
    if hasattr(value, "shape"):
        value = np.asarray(backend_of(value).to_host(plain(value))) if hasattr(value, "ndim") else value
        value = value.reshape(-1)[0] if getattr(value, "size", 1) == 1 else value
    return f"{value}\t"


class Monitor:
    r"""Logs a statistic of every operator's output and of every parameter, once in so many batches.

    >>> import numpy as np, mxcore as mx
    >>> layer = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=1, name="fc")
    >>> mod = mx.mod.Module(layer, label_names=None)
    >>> mod.bind([("data", (2, 3))])
    >>> mod.init_params("one")
    >>> monitor = mx.monitor.Monitor(interval=10, stat_func=lambda x: x.max(), pattern=".*(output|weight)")
    >>> mod.install_monitor(monitor)
    >>> monitor.tic()
    >>> mod.forward(mx.io.DataBatch([np.ones((2, 3))]))
    >>> monitor.toc()
    [(1, 'fc_output', '3.0\t'), (1, 'fc_weight', '1.0\t')]

    Args:
        interval: the number of batches from one report to the next.
        stat_func: called with an array; returns a number or an array, or a list of these. By default, the norm divided
            by the root of the size.
        pattern: a regular expression for the names to report.
        sort: whether to sort a report by name.
        monitor_all: whether to report the inputs of operators, too.
    """

    def __init__(
        self,
        interval: int,
        stat_func: Callable[[Array], Any] | None = None,
        pattern: str = ".*",
        sort: bool = False,
        monitor_all: bool = False,
    ) -> None:
        self.interval = interval
        self.stat_func = stat_func or _norm
        self.re_prog = re.compile(pattern)
        self.sort = sort
        self.monitor_all = monitor_all
        self.activated = False
        self.step = 0
        self.queue: list[tuple[int, str, Any]] = []
        self.exes: list[Any] = []

    def stat_helper(self, name: str, array: Array) -> None:
        """Queue the statistic of an array, if there is to be a report and its name is wanted."""
        if self.activated and self.re_prog.match(name):
            self.queue.append((self.step, name, self.stat_func(array)))

    def install(self, exe: Any) -> None:
        """Watch an executor, such as that of ``symbol.simple_bind``; ``install_monitor`` of a module calls it."""
        exe.set_monitor_callback(self.stat_helper, self.monitor_all)
        self.exes.append(exe)

    def tic(self) -> None:
        """Begin a batch, and a report if it is time for one."""
        if self.step % self.interval == 0:
            self.queue = []
            self.activated = True
        self.step += 1

    def toc(self) -> list[tuple[int, str, str]]:
        """End the batch, and return what there is to report: the batch's number, a name and its statistic."""
        if not self.activated:
            return []
        for exe in self.exes:
            for name, array in {**exe.arg_dict, **exe.aux_dict}.items():
                self.stat_helper(name, array)
        self.activated = False
        found = sorted(self.queue, key=lambda entry: entry[1]) if self.sort else self.queue
        self.queue = []
        return [
            (step, name, "".join(map(_text, value if isinstance(value, list) else [value])))
            for step, name, value in found
        ]

    def toc_print(self) -> None:
        """End the batch, and log what there is to report."""
        for step, name, text in self.toc():
            log.info("Batch: %7d %-30s %s", step, name, text)
