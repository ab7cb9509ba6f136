"""Training, scoring and prediction, built on passes over single batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from mxcore.backend import Array
from mxcore.kvstore import KVStore
from mxcore_module import metric as metrics
from mxcore_module.arrays import concatenated
from mxcore_module.callback import BatchEndParam
from mxcore_module.io import DataBatch
from mxcore_module.metric import EvalMetric
from mxcore_module.module_interface import ModuleInterface, Params, require

__all__ = ["DEFAULT_INITIALIZER", "DEFAULT_OPTIMIZER_PARAMS", "BaseModule", "require"]

DEFAULT_INITIALIZER = '["uniform", {"scale": 0.01}]'  # a string: the initializer is a plugin, created when needed
DEFAULT_OPTIMIZER_PARAMS = (("learning_rate", 0.01),)

OptimizerParams = Mapping[str, Any] | Sequence[tuple[str, Any]]
Callbacks = Callable[..., None] | Sequence[Callable[..., None]] | None


def _call(callbacks: Callbacks, *args: Any) -> None:
    if callable(callbacks):
        callbacks = [callbacks]
    for callback in callbacks or ():
        callback(*args)


class BaseModule(ModuleInterface):
    """The loops over batches; subclasses define what to do with each batch.

    >>> import numpy as np, mxcore as mx
    >>> class Doubler(mx.mod.BaseModule):
    ...     binded = params_initialized = True
    ...     def forward(self, data_batch, is_train=None):
    ...         self.outputs = [2 * array for array in data_batch.data]
    ...     def get_outputs(self):
    ...         return self.outputs
    ...     def update_metric(self, eval_metric, labels):
    ...         eval_metric.update(labels, self.outputs)
    >>> x = np.arange(4.0)
    >>> batches = mx.io.NDArrayIter(x, 2 * x + 1, batch_size=2)
    >>> Doubler().score(batches, "mae")
    [('mae', 1.0)]
    >>> [outputs[0].tolist() for outputs, _, _ in Doubler().iter_predict(batches)]
    [[0.0, 2.0], [4.0, 6.0]]

    Args:
        logger: where messages go: the ``logging`` module or a logger.

    Attributes:
        binded: whether the arrays have been allocated.
        params_initialized: whether the parameters have values.
        optimizer_initialized: whether there is an optimizer.
        for_training: whether it was bound for training.
        inputs_need_grad: whether gradients of the data are computed.
    """

    # --- loops -------------------------------------------------------------------------------------------------------

    def forward_backward(self, data_batch: DataBatch) -> None:
        """Compute the outputs and the gradients of one batch."""
        self.forward(data_batch, is_train=True)
        self.backward()

    def fit(
        self,
        train_data: Any,
        eval_data: Any = None,
        eval_metric: Any = "acc",
        epoch_end_callback: Callbacks = None,
        batch_end_callback: Callbacks = None,
        kvstore: str | KVStore | None = "local",
        optimizer: Any = "sgd",
        optimizer_params: OptimizerParams = DEFAULT_OPTIMIZER_PARAMS,
        eval_end_callback: Callbacks = None,
        eval_batch_end_callback: Callbacks = None,
        initializer: Any = DEFAULT_INITIALIZER,
        arg_params: Params | None = None,
        aux_params: Params | None = None,
        allow_missing: bool = False,
        force_rebind: bool = False,
        force_init: bool = False,
        begin_epoch: int = 0,
        num_epoch: int | None = None,
        validation_metric: Any = None,
        monitor: Any = None,
        sparse_row_id_fn: Any = None,
    ) -> None:
        """Train for some epochs, after binding, initialising and creating the optimizer if necessary.

        Args:
            train_data: the batches of an epoch, a :class:`~mxcore_module.io.DataIter`.
            eval_data: batches on which to score after each epoch. The learning-rate scheduler is told the first metric,
                after the callbacks.
            eval_metric: the metric during training: a name, a function, a metric or a list of these.
            epoch_end_callback: called with ``(epoch, symbol, arg_params, aux_params)``; one or a list.
            batch_end_callback: called with a :class:`~mxcore_module.callback.BatchEndParam`; one or a list.
            kvstore: as in :meth:`Module.init_optimizer <mxcore_module.module.Module.init_optimizer>`.
            optimizer: likewise.
            optimizer_params: likewise.
            eval_end_callback: called after each scoring.
            eval_batch_end_callback: called after each batch of a scoring.
            initializer: as in :meth:`Module.init_params <mxcore_module.module.Module.init_params>`.
            arg_params: values for parameters; other names are ignored.
            aux_params: values for auxiliary states; other names are ignored.
            allow_missing: whether parameters without a value in ``arg_params`` are initialised.
            force_rebind: whether to bind again.
            force_init: whether to initialise the parameters and create the optimizer again.
            begin_epoch: the number of the first epoch.
            num_epoch: the epoch at which to stop; required.
            validation_metric: the metric for ``eval_data``; by default ``eval_metric``.
            monitor: a :class:`~mxcore_module.monitor.Monitor`, which logs statistics of arrays.
            sparse_row_id_fn: accepted for compatibility with MXNet; see :meth:`prepare`.

        Raises:
            AssertionError: ``num_epoch`` is not given.
            ValueError: an epoch has no batch.
        """
        require(num_epoch is not None, "fit needs num_epoch=, the epoch at which to stop")
        self._bind_to(train_data, force_rebind, monitor)
        self._initialise(initializer, arg_params, aux_params, allow_missing, force_init)
        forced = {"force_init": True} if force_init else {}
        self.init_optimizer(kvstore=kvstore, optimizer=optimizer, optimizer_params=optimizer_params, **forced)
        eval_metric = metrics.create(eval_metric)
        for epoch in range(begin_epoch, num_epoch or 0):
            self._train_epoch(epoch, train_data, eval_metric, batch_end_callback, monitor, sparse_row_id_fn)
            self._end_epoch()
            if epoch_end_callback is not None:
                _call(epoch_end_callback, epoch, self.symbol, *self.get_params())
            if eval_data is not None:
                scored = eval_metric if validation_metric is None else validation_metric
                self._validate(epoch, eval_data, scored, eval_batch_end_callback, eval_end_callback)
            train_data.reset()

    def _bind_to(self, train_data: Any, force_rebind: bool, monitor: Any) -> None:
        if not self.binded or force_rebind:
            shapes = {"data_shapes": train_data.provide_data, "label_shapes": train_data.provide_label}
            self.bind(**shapes, for_training=True, force_rebind=force_rebind)
        if monitor is not None:
            self.install_monitor(monitor)

    def _initialise(
        self, initializer: Any, arg_params: Params | None, aux_params: Params | None, allow_missing: bool, force: bool
    ) -> None:
        if not self.params_initialized or force or arg_params is not None or initializer != DEFAULT_INITIALIZER:
            self.init_params(
                initializer=initializer,
                arg_params=arg_params,
                aux_params=aux_params,
                allow_missing=allow_missing,
                force_init=force,
                allow_extra=True,
            )

    def _train_epoch(
        self,
        epoch: int,
        train_data: Any,
        eval_metric: EvalMetric,
        callbacks: Callbacks,
        monitor: Any,
        sparse_row_id_fn: Any,
    ) -> None:
        started, nbatch = time.perf_counter(), 0
        eval_metric.reset()
        batches = iter(train_data)
        following = data_batch = next(batches, None)
        if data_batch is None:
            raise ValueError(f"train_data gave no batch in epoch {epoch}: call its reset(), or check that it has rows")
        values: list[tuple[str, float]] = []
        while following is not None:
            data_batch = following
            if monitor is not None:
                monitor.tic()
            self.forward_backward(data_batch)
            self.update()
            self._measure(eval_metric, data_batch)
            # Only now: an iterator may reuse the arrays of the last batch.
            if (following := next(batches, None)) is not None:
                self.prepare(following, sparse_row_id_fn=sparse_row_id_fn)
            else:
                values = eval_metric.get_global_name_value()
            if monitor is not None:
                monitor.toc_print()
            _call(callbacks, BatchEndParam(epoch, nbatch, eval_metric, locals()))
            nbatch += 1
        for name, value in values:
            self.logger.info("Epoch[%d] Train-%s=%f", epoch, name, value)
        self.logger.info("Epoch[%d] Time cost=%.3f", epoch, time.perf_counter() - started)

    def _measure(self, eval_metric: EvalMetric, data_batch: Any) -> None:
        if isinstance(data_batch, list):
            self.update_metric(eval_metric, [one.label for one in data_batch], pre_sliced=True)
        else:
            self.update_metric(eval_metric, data_batch.label)

    def _end_epoch(self) -> None:
        """Do what is to be done once per epoch, before its callbacks."""

    def _validate(
        self, epoch: int, eval_data: Any, metric: Any, batch_callbacks: Callbacks, end_callbacks: Callbacks
    ) -> None:
        values = self.score(
            eval_data, metric, batch_end_callback=batch_callbacks, score_end_callback=end_callbacks, epoch=epoch
        )
        for name, value in values:
            self.logger.info("Epoch[%d] Validation-%s=%f", epoch, name, value)
        if values:
            self._observe(values[0][1])

    def _observe(self, metric: float) -> None:
        """Follow the first metric of a validation."""

    def evaluating(self) -> AbstractContextManager[None]:
        """Use the weights to evaluate and deploy with in a block; here, they are those that are trained."""
        return nullcontext()

    def _passes(
        self, eval_data: Any, num_batch: int | None, reset: bool, sparse_row_id_fn: Any = None
    ) -> Iterator[tuple[int, DataBatch]]:
        """Iterate over batches, computing the outputs of each."""
        require(self.binded and self.params_initialized, "call bind and init_params first")
        if reset:
            eval_data.reset()
        for nbatch, data_batch in enumerate(eval_data):
            if nbatch == num_batch:
                return
            self.prepare(data_batch, sparse_row_id_fn=sparse_row_id_fn)
            with self.evaluating():
                self.forward(data_batch, is_train=False)
            yield nbatch, data_batch

    def score(
        self,
        eval_data: Any,
        eval_metric: Any,
        num_batch: int | None = None,
        batch_end_callback: Callbacks = None,
        score_end_callback: Callbacks = None,
        reset: bool = True,
        epoch: int = 0,
        sparse_row_id_fn: Any = None,
    ) -> list[tuple[str, float]]:
        """Evaluate a metric on a data set. As in MXNet, rows that only pad the last batch count, too.

        Args:
            eval_data: the batches, with labels.
            eval_metric: a name, a function, a metric or a list of these.
            num_batch: the number of batches after which to stop.
            batch_end_callback: called with a :class:`~mxcore_module.callback.BatchEndParam`; one or a list.
            score_end_callback: called in the same way, once at the end.
            reset: whether to start ``eval_data`` over.
            epoch: the epoch to report to callbacks.
            sparse_row_id_fn: accepted for compatibility with MXNet; see :meth:`prepare`.

        Returns:
            The names and values of the metric.
        """
        eval_metric = metrics.create(eval_metric)
        eval_metric.reset()
        done = 0
        for nbatch, data_batch in self._passes(eval_data, num_batch, reset, sparse_row_id_fn):
            self._measure(eval_metric, data_batch)
            _call(batch_end_callback, BatchEndParam(epoch, nbatch, eval_metric, locals()))
            done = nbatch + 1
        _call(score_end_callback, BatchEndParam(epoch, done, eval_metric, locals()))
        values: list[tuple[str, float]] = eval_metric.get_global_name_value()
        return values

    def iter_predict(
        self, eval_data: Any, num_batch: int | None = None, reset: bool = True, sparse_row_id_fn: Any = None
    ) -> Iterator[tuple[list[Array], int, DataBatch]]:
        """Yield ``(outputs, batch number, batch)`` for each batch, without padding rows.

        Args:
            eval_data: the batches.
            num_batch: the number after which to stop.
            reset: whether to start ``eval_data`` over.
            sparse_row_id_fn: accepted for compatibility with MXNet; see :meth:`prepare`.
        """
        for nbatch, data_batch in self._passes(eval_data, num_batch, reset, sparse_row_id_fn):
            yield [output[: len(output) - (data_batch.pad or 0)] for output in self.get_outputs()], nbatch, data_batch

    def predict(
        self,
        eval_data: Any,
        num_batch: int | None = None,
        merge_batches: bool = True,
        reset: bool = True,
        always_output_list: bool = False,
        sparse_row_id_fn: Any = None,
    ) -> Any:
        """Return the outputs for a data set, without padding rows.

        Args:
            eval_data: batches, or an array that is a single batch.
            num_batch: the number of batches after which to stop.
            merge_batches: whether to concatenate the outputs of all batches.
            reset: whether to start ``eval_data`` over.
            always_output_list: whether to return a list even for a single output.
            sparse_row_id_fn: accepted for compatibility with MXNet; see :meth:`prepare`.

        Returns:
            A list with an array for each output of the symbol, or the array itself if there is only one; without
            ``merge_batches``, a list of such lists; if ``eval_data`` is an array, the first output.

        Raises:
            ValueError: there are no batches, or they have different numbers of outputs.
        """
        if hasattr(eval_data, "shape"):
            require(self.binded and self.params_initialized, "call bind and init_params first")
            with self.evaluating():
                self.forward(DataBatch([eval_data]), is_train=False)
            return self.get_outputs()[0]
        batches = [outputs for outputs, _, _ in self.iter_predict(eval_data, num_batch, reset, sparse_row_id_fn)]
        if not merge_batches:
            return batches
        if not batches:
            raise ValueError("eval_data gave no batch: pass reset=True, or check that it has rows")
        merged = [concatenated(parts) for parts in zip(*batches, strict=True)]
        return merged if always_output_list or len(merged) > 1 else merged[0]
