"""MXNet's first interface to training, which scripts from before ``Module`` use."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np

from mxcore.backend import Array
from mxcore_module.base_module import DEFAULT_INITIALIZER
from mxcore_module.callback import LogValidationMetricsCallback
from mxcore_module.checkpoint import load_checkpoint, save_checkpoint
from mxcore_module.graph import Symbol
from mxcore_module.io import DataIter, NDArrayIter, ResizeIter
from mxcore_module.module import Module
from mxcore_module.module_interface import Params, require

__all__ = ["FeedForward"]


class FeedForward:
    """A network that is trained and used with arrays or iterators.

    It is deprecated: use :class:`~mxcore_module.module.Module`.

    >>> import numpy as np, mxcore as mx, warnings
    >>> warnings.simplefilter("ignore", DeprecationWarning)
    >>> layer = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=2, name="fc")
    >>> net = mx.symbol.SoftmaxOutput(layer, name="softmax")
    >>> x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> model = mx.model.FeedForward(net, num_epoch=20, learning_rate=1.0, numpy_batch_size=2)
    >>> model.fit(x, np.array([0, 0, 1, 1]))
    >>> model.predict(x).argmax(axis=1)
    array([0, 0, 1, 1])

    Args:
        symbol: the network, whose data and labels have names that end in ``data`` and ``label``.
        ctx: the device, or a list of several.
        num_epoch: the epoch at which to stop.
        epoch_size: the number of batches in an epoch; by default, those of the data.
        optimizer: the optimizer, or its name.
        initializer: the initializer of the parameters.
        numpy_batch_size: the batch size for arrays.
        arg_params: the parameters to begin with, by name.
        aux_params: likewise for auxiliary states.
        allow_extra_params: whether these may have names that the network does not have.
        begin_epoch: the number of the first epoch.
        kwargs: arguments of the optimizer.
    """

    def __init__(
        self,
        symbol: Symbol,
        ctx: Any = None,
        num_epoch: int | None = None,
        epoch_size: int | None = None,
        optimizer: Any = "sgd",
        initializer: Any = DEFAULT_INITIALIZER,
        numpy_batch_size: int = 128,
        arg_params: Params | None = None,
        aux_params: Params | None = None,
        allow_extra_params: bool = False,
        begin_epoch: int = 0,
        **kwargs: Any,
    ) -> None:
        warnings.warn("mx.model.FeedForward is deprecated: use mx.mod.Module", DeprecationWarning, stacklevel=2)
        self.symbol = symbol
        self.ctx = ctx
        self.num_epoch = num_epoch
        self.epoch_size = epoch_size
        self.optimizer = optimizer
        self.initializer = initializer
        self.numpy_batch_size = numpy_batch_size
        self.arg_params = arg_params
        self.aux_params = aux_params
        self.allow_extra_params = allow_extra_params
        self.begin_epoch = begin_epoch
        self.kwargs = kwargs

    def _batches(self, data: Any, label: Any, training: bool) -> Any:
        if isinstance(data, DataIter) or hasattr(data, "provide_data"):
            return data
        rows = len(data)
        label = np.zeros(rows) if label is None else label
        how = "roll_over" if training else "pad"
        return NDArrayIter(data, label, min(rows, self.numpy_batch_size), shuffle=training, last_batch_handle=how)

    def _module(self, batches: Any, **kwargs: Any) -> Module:
        data = [name for name, *_ in batches.provide_data]
        labels = [name for name in self.symbol.list_arguments() if name.endswith("label") and name not in data]
        return Module(self.symbol, data, labels, context=self.ctx, **kwargs)

    def _trained(self, batches: Any) -> Module:
        require(self.arg_params is not None, "call fit first, or pass arg_params: the parameters have no values yet")
        module = self._module(batches)
        module.bind(batches.provide_data, for_training=False)
        module.set_params(self.arg_params or {}, self.aux_params or {}, allow_extra=self.allow_extra_params)
        return module

    def fit(
        self,
        X: Any,  # noqa: N803  # MXNet's name
        y: Any = None,
        eval_data: Any = None,
        eval_metric: Any = "acc",
        epoch_end_callback: Any = None,
        batch_end_callback: Any = None,
        kvstore: Any = "local",
        logger: Any = None,
        work_load_list: Any = None,
        monitor: Any = None,
        eval_end_callback: Any = None,
        eval_batch_end_callback: Any = None,
    ) -> None:
        """Train; see ``Module.fit`` for the arguments.

        Args:
            X: an iterator, or an array with a row for each sample.
            y: the labels, if ``X`` is an array.
            eval_data: an iterator, or a pair of arrays, on which to score after each epoch.
            eval_metric: the metric.
            epoch_end_callback: called after each epoch.
            batch_end_callback: called after each batch.
            kvstore: where the weights are updated.
            logger: where messages go.
            work_load_list: with several devices, the share of each in a batch.
            monitor: a monitor.
            eval_end_callback: called after each scoring.
            eval_batch_end_callback: called after each batch of a scoring.
        """
        batches = self._batches(X, y, training=True)
        if self.epoch_size is not None:
            batches = ResizeIter(batches, self.epoch_size, reset_internal=False)
        if isinstance(eval_data, (tuple, list)):
            eval_data = self._batches(eval_data[0], eval_data[1], training=False)
        module = self._module(batches, logger=logger or logging, work_load_list=work_load_list)
        module.fit(
            batches,
            eval_data=eval_data,
            eval_metric=eval_metric,
            epoch_end_callback=epoch_end_callback,
            batch_end_callback=batch_end_callback,
            kvstore=kvstore,
            optimizer=self.optimizer,
            optimizer_params=self.kwargs,
            eval_end_callback=eval_end_callback or LogValidationMetricsCallback(),
            eval_batch_end_callback=eval_batch_end_callback,
            initializer=self.initializer,
            arg_params=self.arg_params,
            aux_params=self.aux_params,
            allow_missing=True,
            begin_epoch=self.begin_epoch,
            num_epoch=self.num_epoch,
            monitor=monitor,
        )
        self.arg_params, self.aux_params = module.get_params()

    def predict(
        self,
        X: Any,  # noqa: N803  # MXNet's name
        num_batch: int | None = None,
        return_data: bool = False,
        reset: bool = True,
    ) -> Any:
        """Return the outputs; with ``return_data``, a tuple of outputs, data and labels. See ``Module.predict``."""
        batches = self._batches(X, None, training=False)
        module, found = self._trained(batches), []
        for outputs, _, batch in module.iter_predict(batches, num_batch, reset):
            rows = len(outputs[0])
            parts = (outputs, batch.data, batch.label or []) if return_data else (outputs,)
            found.append([[np.asarray(one)[:rows] for one in part] for part in parts])
        merged: list[list[Array]] = [
            [np.concatenate(parts) for parts in zip(*kind, strict=True)] for kind in zip(*found, strict=True)
        ]
        results = tuple(part[0] if len(part) == 1 else part for part in merged)
        return results if return_data else results[0]

    def score(
        self,
        X: Any,  # noqa: N803  # MXNet's name
        eval_metric: Any = "acc",
        num_batch: int | None = None,
        batch_end_callback: Any = None,
        reset: bool = True,
    ) -> Any:
        """Return the value of a metric on an iterator with labels; see ``Module.score``."""
        module = self._trained(X)
        values = module.score(X, eval_metric, num_batch, batch_end_callback, reset=reset)
        return values[0][1] if len(values) == 1 else [value for _, value in values]

    def save(self, prefix: str, epoch: int | None = None) -> None:
        """Write the network and its parameters; see :func:`save_checkpoint`."""
        number = self.num_epoch if epoch is None else epoch
        require(number is not None, "save needs epoch=, the number in the file name")
        save_checkpoint(prefix, number or 0, self.symbol, self.arg_params or {}, self.aux_params or {})

    @staticmethod
    def load(prefix: str, epoch: int, ctx: Any = None, **kwargs: Any) -> FeedForward:
        """Create a model from the files of :meth:`save`; ``kwargs`` are further arguments of the class."""
        symbol, arg_params, aux_params = load_checkpoint(prefix, epoch)
        return FeedForward(symbol, ctx, arg_params=arg_params, aux_params=aux_params, begin_epoch=epoch, **kwargs)

    @staticmethod
    def create(
        symbol: Symbol,
        X: Any,  # noqa: N803  # MXNet's name
        y: Any = None,
        ctx: Any = None,
        num_epoch: int | None = None,
        epoch_size: int | None = None,
        optimizer: Any = "sgd",
        initializer: Any = DEFAULT_INITIALIZER,
        eval_data: Any = None,
        eval_metric: Any = "acc",
        epoch_end_callback: Any = None,
        batch_end_callback: Any = None,
        kvstore: Any = "local",
        logger: Any = None,
        work_load_list: Any = None,
        **kwargs: Any,
    ) -> FeedForward:
        """Create a model and train it; the arguments are those of the class and of :meth:`fit`."""
        model = FeedForward(symbol, ctx, num_epoch, epoch_size, optimizer, initializer, **kwargs)
        model.fit(
            X,
            y,
            eval_data,
            eval_metric,
            epoch_end_callback,
            batch_end_callback,
            kvstore,
            logger,
            work_load_list,
        )
        return model
