"""Logs of runs: learning rates, norms and numbers of your own, as CSV or JSON lines.

>>> import pathlib, tempfile
>>> import numpy as np, mxcore as mx
>>> path = pathlib.Path(tempfile.mkdtemp(), "run.csv")
>>> update, weight = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.25)), np.array([3.0, 4.0])
>>> with mx.runlog.open(path, update, every=2) as log:
...     for _ in range(4):
...         log.add(loss=float(weight @ weight) / 2)
...         update("w", weight.copy(), weight)
>>> for row in mx.runlog.read(path):
...     print(row["update"], row["learning_rate"], row["grad_norm"], row["loss"])
2 0.25 3.75 7.03125
4 0.25 2.109375 2.224731...

A log is a hook plugin, registered while it is open. On updates that are not logged, it only compares counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from mxcore.optimizer import Updater
from mxcore_runlog.files import Csv, JsonLines, read, writer_for
from mxcore_runlog.log import Log
from mxcore_runlog.options import Options, by_name
from mxcore_runlog.writer import Row, Writer

__all__ = ["Csv", "JsonLines", "Log", "Row", "Writer", "open", "read"]


def open(
    destination: str | os.PathLike[str] | Writer | Iterable[str | os.PathLike[str] | Writer],
    updaters: Updater[Any] | Mapping[str, Updater[Any]] | None = None,
    *,
    every: int = 1,
    columns: Iterable[str] = ("learning_rate", "grad_norm", "weight_norm", "nonfinite"),
    parameters: bool | str = False,
) -> Log:
    r"""Log the updates of a run, from now until the log is closed.

    Each row has ``update``, the update count, and ``time``, in seconds since 1970. Columns may be

    * ``grad_norm``: :math:`\lVert c\,g \rVert_2` of the gradients :math:`g` as they were passed, times
      :math:`c` = ``rescale_grad``, before clipping;
    * ``weight_norm``: :math:`\lVert w \rVert_2` of the weights after the update;
    * ``step_norm``: :math:`\lVert w_t - w_{t-1} \rVert_2`; the weights are copied before each logged update;
    * ``nonfinite``: how many elements of the gradients are not finite;
    * ``learning_rate`` and ``wd``, with schedule and multipliers, and any other number among the optimizer's
      hyper-parameters.

    Norms are computed in float64, and of the float32 master if a weight has one. A row covers all parameters of the
    updater: it has the norm of all of them together, and the largest of each setting.

    >>> import pathlib, tempfile
    >>> import numpy as np, mxcore as mx
    >>> path = pathlib.Path(tempfile.mkdtemp(), "run.jsonl")
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.5))
    >>> names, weights = ["fc_weight", "fc_bias"], [np.zeros(2), np.zeros(1)]
    >>> with mx.runlog.open(path, update, columns=["grad_norm", "step_norm"], parameters=".*_weight"):
    ...     update(names, [np.array([3.0, 4.0]), np.array([12.0])], weights)
    >>> for row in mx.runlog.read(path):
    ...     print(row.get("parameter"), row["grad_norm"], row["step_norm"])
    None 13.0 6.5
    fc_weight 5.0 2.5

    A file that exists is continued. A last line that a crash has left incomplete is removed, with a warning.

    Args:
        destination: a path that ends in ``.csv`` or ``.jsonl``, a :class:`Writer`, or a list of these.
        updaters: an updater; a dict of updaters, whose keys then are in the column ``updater``; or None to log every
            updater of this process, as "0", "1", ….
        every: log the updates whose count is a multiple of this.
        columns: what to log.
        parameters: True to add a row for each parameter, with its name in the column ``parameter``; or a regular
            expression that the whole names must match.

    Returns:
        The log, whose :meth:`~Log.add` takes numbers of your own.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: an argument is out of range, a column is unknown, or a file is not a log with these columns.
    """
    several = isinstance(destination, Iterable) and not isinstance(destination, (str, os.PathLike))
    destinations: Any = destination if several else [destination]
    writers = [writer_for(one) for one in destinations]
    if not writers:
        raise ValueError("there is no destination to write to")
    options, named = Options(every, columns, parameters), by_name(updaters)
    options.check(named.values())
    log = Log(writers, named, options)
    log.start()
    return log
