"""Callbacks that a training loop calls after each batch or epoch: speed, checkpoints, progress.

A batch callback takes one :class:`BatchEndParam`; an epoch callback takes ``(epoch, symbol, arg_params, aux_params)``.
Messages go to the ``logging`` module, like all messages of mxcore.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from mxcore_module.checkpoint import params_file, save_checkpoint

if TYPE_CHECKING:
    from rich.progress import Progress

    from mxcore_module.metric import EvalMetric

__all__ = [
    "BatchEndParam",
    "LogValidationMetricsCallback",
    "ProgressBar",
    "Speedometer",
    "do_checkpoint",
    "log_train_metric",
    "module_checkpoint",
]

log = logging.getLogger(__name__)

EpochCallback = Callable[..., None]


class _Savable(Protocol):
    """What a checkpoint needs of a module."""

    def save_checkpoint(self, prefix: str, epoch: int, save_optimizer_states: bool = False) -> None: ...


class BatchEndParam(NamedTuple):
    """The state of a training loop when it calls a callback.

    >>> import numpy as np, mxcore as mx
    >>> def stop_if_nan(param):
    ...     name, value = param.eval_metric.get()
    ...     if np.isnan(value):
    ...         raise FloatingPointError(f"{name} is nan in batch {param.nbatch} of epoch {param.epoch}")
    >>> metric = mx.metric.create("loss")
    >>> metric.update(None, [np.array([1.0, np.nan])])
    >>> stop_if_nan(mx.callback.BatchEndParam(epoch=2, nbatch=7, eval_metric=metric, locals=None))
    Traceback (most recent call last):
        ...
    FloatingPointError: loss is nan in batch 7 of epoch 2

    Attributes:
        epoch: the epoch's number, from 0.
        nbatch: the batch's number within the epoch, from 0.
        eval_metric: the running metric, or None.
        locals: the local variables of the loop.
    """

    epoch: int
    nbatch: int
    eval_metric: EvalMetric | None
    locals: dict[str, Any] | None


def _values(metric: EvalMetric | None) -> str:
    return "".join(f"\t{name}={value:f}" for name, value in metric.get_name_value()) if metric else ""


def _check_period(name: str, period: int) -> int:
    if int(period) < 1:
        raise ValueError(f"{name} must be at least 1, got {period}")
    return int(period)


def do_checkpoint(prefix: str, period: int = 1) -> EpochCallback:
    """Return an epoch callback that saves ``prefix-symbol.json``, the network, and ``prefix-NNNN.params``.

    >>> import numpy as np, mxcore as mx, tempfile, os
    >>> layer = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=2)
    >>> mod = mx.mod.Module(mx.symbol.SoftmaxOutput(layer, name="softmax"))
    >>> batches = mx.io.NDArrayIter(np.eye(4), np.array([0, 1, 0, 1]), batch_size=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save = mx.callback.do_checkpoint(os.path.join(folder, "net"), period=2)
    ...     mod.fit(batches, num_epoch=4, epoch_end_callback=save)
    ...     sorted(os.listdir(folder))
    ['net-0002.params', 'net-0004.params', 'net-symbol.json']

    Args:
        prefix: where the files go, and how their names begin.
        period: saves after every so many epochs. The number in the name counts completed epochs.

    Raises:
        ValueError: if ``period`` is below 1.
    """
    period = _check_period("period", period)

    def save(epoch: int, symbol: Any, arg_params: dict[str, Any], aux_params: dict[str, Any]) -> None:
        if (epoch + 1) % period == 0:
            save_checkpoint(prefix, epoch + 1, symbol, arg_params, aux_params)
            log.info('Saved checkpoint to "%s"', params_file(prefix, epoch + 1))

    return save


def module_checkpoint(
    mod: _Savable, prefix: str, period: int = 1, save_optimizer_states: bool = False
) -> EpochCallback:
    """Return an epoch callback that calls ``mod.save_checkpoint``, which can also save the optimizer's state.

    >>> import numpy as np, mxcore as mx, tempfile, os
    >>> layer = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=2)
    >>> mod = mx.mod.Module(mx.symbol.SoftmaxOutput(layer, name="softmax"))
    >>> batches = mx.io.NDArrayIter(np.eye(4), np.array([0, 1, 0, 1]), batch_size=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     prefix = os.path.join(folder, "net")
    ...     save = mx.callback.module_checkpoint(mod, prefix, period=2, save_optimizer_states=True)
    ...     mod.fit(batches, num_epoch=2, epoch_end_callback=save)
    ...     sorted(os.listdir(folder))
    ...     mod = mx.mod.Module.load(prefix, 2, load_optimizer_states=True)
    ...     mod.fit(batches, num_epoch=4, begin_epoch=2)
    ['net-0002.params', 'net-0002.states', 'net-symbol.json']
    >>> mod.optimizer.num_update  # two batches in each of four epochs
    8

    Args:
        mod: the module that is being trained.
        prefix: where the files go, and how their names begin.
        period: saves after every so many epochs. The number in the name counts completed epochs.
        save_optimizer_states: whether to write ``prefix-NNNN.states`` as well.

    Raises:
        ValueError: if ``period`` is below 1.
    """
    period = _check_period("period", period)

    def save(epoch: int, *_: object) -> None:
        if (epoch + 1) % period == 0:
            mod.save_checkpoint(prefix, epoch + 1, save_optimizer_states)

    return save


def log_train_metric(period: int, auto_reset: bool = False) -> Callable[[BatchEndParam], None]:
    """Return a batch callback that logs the training metric.

    >>> import logging, sys, numpy as np, mxcore as mx
    >>> logger, handler = logging.getLogger("mxcore_module.callback"), logging.StreamHandler(sys.stdout)
    >>> logger.addHandler(handler)
    >>> logger.setLevel(logging.INFO)
    >>> metric = mx.metric.create("loss")
    >>> report = mx.callback.log_train_metric(period=2)
    >>> for nbatch in range(4):
    ...     metric.update(None, [np.array([float(nbatch)])])
    ...     report(mx.callback.BatchEndParam(0, nbatch, metric, None))
    Iter[0] Batch[0] Train-loss=0.000000
    Iter[0] Batch[2] Train-loss=1.000000
    >>> logger.removeHandler(handler)
    >>> logger.setLevel(logging.NOTSET)

    Args:
        period: the number of batches between log lines.
        auto_reset: whether to reset the metric after each line.

    Raises:
        ValueError: if ``period`` is below 1.
    """
    period = _check_period("period", period)

    def report(param: BatchEndParam) -> None:
        if param.nbatch % period or param.eval_metric is None:
            return
        for name, value in param.eval_metric.get_name_value():
            log.info("Iter[%d] Batch[%d] Train-%s=%f", param.epoch, param.nbatch, name, value)
        if auto_reset:
            param.eval_metric.reset_local()

    return report


class Speedometer:
    """A batch callback that logs samples per second and the training metric.

    >>> import logging, sys, numpy as np, mxcore as mx
    >>> logger, handler = logging.getLogger("mxcore_module.callback"), logging.StreamHandler(sys.stdout)
    >>> logger.addHandler(handler)
    >>> logger.setLevel(logging.INFO)
    >>> metric = mx.metric.create("loss")
    >>> speed = mx.callback.Speedometer(batch_size=32, frequent=2)
    >>> for nbatch in range(5):
    ...     metric.update(None, [np.array([float(nbatch)])])
    ...     speed(mx.callback.BatchEndParam(0, nbatch, metric, None))
    Epoch[0] Batch [0-2] Speed: ... samples/sec loss=1.000000
    Epoch[0] Batch [2-4] Speed: ... samples/sec loss=3.500000
    >>> metric.get_global()  # of the whole epoch
    ('loss', 2.0)
    >>> logger.removeHandler(handler)
    >>> logger.setLevel(logging.NOTSET)

    Args:
        batch_size: the number of samples in a batch.
        frequent: the number of batches between log lines.
        auto_reset: whether to reset the metric after each line, so that a line covers only its own batches. What is
            reported for the whole epoch still covers all of them.

    Raises:
        ValueError: if ``frequent`` is below 1.
    """

    def __init__(self, batch_size: int, frequent: int = 50, auto_reset: bool = True) -> None:
        self.batch_size = batch_size
        self.frequent = _check_period("frequent", frequent)
        self.auto_reset = auto_reset
        self._started: float | None = None
        self._last = 0

    def __call__(self, param: BatchEndParam) -> None:
        """Start the clock at the first batch of an epoch, and log after every ``frequent`` batches."""
        new_epoch, self._last = param.nbatch < self._last, param.nbatch
        if self._started is None or new_epoch:
            self._started = time.perf_counter()
        elif param.nbatch % self.frequent == 0:
            self._log(param, time.perf_counter() - self._started)
            self._started = time.perf_counter()

    def _log(self, param: BatchEndParam, seconds: float) -> None:
        speed = self.frequent * self.batch_size / max(seconds, 1e-9)
        if param.eval_metric is None:
            log.info("Iter[%d] Batch [%d]\tSpeed: %.2f samples/sec", param.epoch, param.nbatch, speed)
            return
        first = param.nbatch - self.frequent if self.auto_reset else 0
        log.info(
            "Epoch[%d] Batch [%d-%d]\tSpeed: %.2f samples/sec%s",
            param.epoch,
            first,
            param.nbatch,
            speed,
            _values(param.eval_metric),
        )
        if self.auto_reset:
            param.eval_metric.reset_local()


class ProgressBar:
    """A batch callback that draws a progress bar for each epoch, next to the training metric.

    The bar closes with the last batch. If an epoch may stop earlier, use a ``with`` block or call :meth:`close`.

    >>> import numpy as np, mxcore as mx
    >>> metric = mx.metric.create("loss")
    >>> with mx.callback.ProgressBar(total=3, length=10) as bar:
    ...     for nbatch in range(3):
    ...         metric.update(None, [np.array([float(nbatch)])])
    ...         bar(mx.callback.BatchEndParam(0, nbatch, metric, None))
    Epoch 0 ━━━━━━━━━━ 3/3 loss=1.000000

    Args:
        total: the number of batches in an epoch.
        length: the width of the bar, in characters.

    Raises:
        ValueError: if either is below 1.
    """

    def __init__(self, total: int, length: int = 80) -> None:
        self.total = _check_period("total", total)
        self.length = _check_period("length", length)
        self._progress: Progress | None = None
        self._last = 0

    def __enter__(self) -> Self:
        """Nothing is drawn before the first batch."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the bar."""
        self.close()

    def __call__(self, param: BatchEndParam) -> None:
        """Move the bar to ``nbatch``, in a new line for a new epoch."""
        if param.nbatch < self._last:
            self.close()
        self._last = param.nbatch
        bar = self._bar(param.epoch)
        values = _values(param.eval_metric).strip().replace("\t", "  ")
        bar.update(bar.task_ids[0], completed=param.nbatch + 1, values=values)
        if param.nbatch + 1 >= self.total:
            self.close()

    def _bar(self, epoch: int) -> Progress:
        if self._progress is None:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            text = TextColumn("{task.description}"), TextColumn("{task.fields[values]}", markup=False)
            self._progress = Progress(text[0], BarColumn(self.length), MofNCompleteColumn(), text[1])
            self._progress.add_task(f"Epoch {epoch}", total=self.total, values="")
            self._progress.start()
        return self._progress

    def close(self) -> None:
        """Stop updating the bar, leaving it on the screen, and release the screen."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class LogValidationMetricsCallback:
    """A callback for ``eval_end_callback`` that logs the metric of a validation.

    >>> import logging, sys, numpy as np, mxcore as mx
    >>> logger, handler = logging.getLogger("mxcore_module.callback"), logging.StreamHandler(sys.stdout)
    >>> logger.addHandler(handler)
    >>> logger.setLevel(logging.INFO)
    >>> metric = mx.metric.create("loss")
    >>> metric.update(None, [np.array([1.0])])
    >>> mx.callback.LogValidationMetricsCallback()(mx.callback.BatchEndParam(2, 7, metric, None))
    Epoch[2] Validation-loss=1.000000
    >>> logger.removeHandler(handler)
    >>> logger.setLevel(logging.NOTSET)
    """

    def __call__(self, param: BatchEndParam) -> None:
        """Log every value of the metric, if there is one."""
        if param.eval_metric is not None:
            for name, value in param.eval_metric.get_name_value():
                log.info("Epoch[%d] Validation-%s=%f", param.epoch, name, value)
