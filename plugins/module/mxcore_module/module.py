"""The module: a symbol with parameters and an optimizer, on one device. ``mx.module``, also ``mx.mod``.

>>> import numpy as np, mxcore as mx
>>> data = mx.symbol.Variable("data")
>>> net = mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(data, num_hidden=1, name="fc"), name="out")
>>> x = np.linspace(-1, 1, 8).reshape(8, 1)
>>> batches = mx.io.NDArrayIter(x, 3 * x[:, 0] + 1, batch_size=4, label_name="out_label")
>>> mod = mx.mod.Module(net, label_names=["out_label"])
>>> mod.fit(batches, eval_metric="mse", optimizer_params={"learning_rate": 0.5}, num_epoch=40)
>>> mod.get_params()[0]["fc_weight"].round(3)
array([[3.]], dtype=float32)
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import mxcore as mx
from mxcore.backend import Array
from mxcore.kvstore import KVStore
from mxcore.lr_scheduler import LRScheduler
from mxcore.optimizer import Optimizer
from mxcore.updater import Updater
from mxcore_module import checkpoint
from mxcore_module.base_module import DEFAULT_OPTIMIZER_PARAMS, BaseModule, OptimizerParams
from mxcore_module.checkpoint import load_checkpoint, save_checkpoint
from mxcore_module.io import DataDesc
from mxcore_module.network import Network
from mxcore_module.optimization import OnStore, make_optimizer, store_of

__all__ = ["BaseModule", "Module", "load_checkpoint", "save_checkpoint"]


class Module(Network):
    """A network that you can train, score and use for predictions.

    >>> import numpy as np, mxcore as mx
    >>> layer = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=2, name="fc")
    >>> mod = mx.mod.Module(mx.symbol.SoftmaxOutput(layer, name="softmax"))
    >>> x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> batches = mx.io.NDArrayIter(x, x[:, 0] > 0, batch_size=2)

    :meth:`fit` does everything; :meth:`score` and :meth:`predict` show the result:

    >>> mod.fit(batches, optimizer="adam", optimizer_params={"learning_rate": 0.1}, num_epoch=5)
    >>> mod.score(batches, "acc")
    [('accuracy', 1.0)]
    >>> mod.predict(batches).argmax(axis=1)
    array([0, 0, 1, 1])

    The same steps one by one, for your own loop:

    >>> mod = mx.mod.Module(mod.symbol)
    >>> mod.bind(batches.provide_data, batches.provide_label)
    >>> mod.init_params("xavier")
    >>> mod.init_optimizer(optimizer="sgd", optimizer_params={"learning_rate": 0.1})
    >>> batches.reset()
    >>> for batch in batches:
    ...     mod.forward_backward(batch)
    ...     mod.update()
    >>> mod.optimizer.num_update
    2

    Args:
        symbol: the network.
        data_names: the arguments that are data.
        label_names: the arguments that are labels, or None.
        logger: where messages go: the ``logging`` module or a logger.
        context: the device; a list of one is accepted.
        work_load_list: accepted for compatibility with MXNet; no effect.
        fixed_param_names: parameters that are not trained.
        state_names: arguments that are neither data nor parameters, such as the states of a recurrent network. They
            are 0 until you call :meth:`set_states`.

    Raises:
        ValueError: a name is not an argument of the symbol (for a label: a warning), or there are several devices.
    """

    _updater: Updater[Optimizer] | OnStore | None = None
    _loaded_states: str | None = None  # set by `load` for `init_optimizer`

    # --- the optimizer -----------------------------------------------------------------------------------------------

    def init_optimizer(
        self,
        kvstore: str | KVStore | None = "local",
        optimizer: Any = "sgd",
        optimizer_params: OptimizerParams = DEFAULT_OPTIMIZER_PARAMS,
        force_init: bool = False,
    ) -> None:
        """Create the optimizer. A second call is ignored, with a warning in the log.

        Args:
            kvstore: where the weights are updated: a store, or the name of one, such as ``"dist_sync"``; in this module
                with ``"local"``, ``"device"`` or None. Weights of a store begin as those of worker 0.
            optimizer: a name, created with ``rescale_grad=1 / batch size`` unless ``optimizer_params`` has another,
                where the batch is that of all workers if the store adds their gradients; or an instance, which is given
                the names of the parameters if it does not have them.
            optimizer_params: the arguments for a name, as a dict or pairs.
            force_init: whether to do it again, discarding the state of the previous optimizer.

        Raises:
            AssertionError: the module is not bound, or its parameters are not initialised.
            mxcore.catalogue.PluginError: there is no such store, or no such optimizer.
        """
        self._ready()
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring...")
            return
        store, batch = store_of(kvstore), self._batch_size()
        if store is not None and store.type.startswith("dist_sync"):
            batch *= store.num_workers
        made = make_optimizer(optimizer, dict(optimizer_params), self.symbol, self._param_names, batch)
        if store is None:
            updater: Updater[Optimizer] | OnStore = mx.optimizer.get_updater(made)
        else:
            updater = OnStore(store, made, [(self._param_names[index], weight) for index, _, weight in self._trained()])
        if self._loaded_states is not None:
            self._load(updater, self._loaded_states)
        self._updater, self._loaded_states = updater, None
        self.optimizer_initialized = True

    def save_optimizer_states(self, fname: str | os.PathLike[str]) -> None:
        """Write the state of the optimizer to a file; see :func:`mxcore.save_state`."""
        updater = self._with_optimizer()
        if isinstance(updater, OnStore):
            updater.store.save_optimizer_states(fname)
        else:
            mx.save_state(fname, updater)

    def load_optimizer_states(self, fname: str | os.PathLike[str]) -> None:
        """Restore the state of the optimizer from a file of :meth:`save_optimizer_states`."""
        self._load(self._with_optimizer(), fname)

    @staticmethod
    def _load(updater: Updater[Optimizer] | OnStore, fname: str | os.PathLike[str]) -> None:
        if isinstance(updater, OnStore):
            updater.store.load_optimizer_states(fname)
        else:
            mx.load_state(fname, updater)

    def _batch_size(self) -> int:
        first = self.data_shapes[0]
        return int(first.shape[max(DataDesc.get_batch_axis(first.layout), 0)])

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer in use."""
        return self._with_optimizer().optimizer

    _optimizer = optimizer  # the attribute that scripts for MXNet use

    def _with_optimizer(self) -> Updater[Optimizer] | OnStore:
        self._ready()
        if self._updater is None:
            raise AssertionError("call init_optimizer first: there is no optimizer yet")
        return self._updater

    def _observe(self, metric: float) -> None:
        schedule = self._with_optimizer().optimizer.lr_scheduler
        if isinstance(schedule, LRScheduler):
            schedule.observe(metric)

    def update(self) -> None:
        """Update all parameters from their gradients, in one call of the optimizer."""
        updater = self._with_optimizer()
        if trained := self._trained():
            indices, grads, weights = map(list, zip(*trained, strict=True))
            updater(indices, grads, weights)

    def _trained(self) -> list[tuple[int, Array, Array]]:
        """Return the index, gradient and weight of each parameter that is trained."""
        grads, weights = self._ready().grad_dict, self._ready().arg_dict
        return [(index, grads[name], weights[name]) for index, name in enumerate(self._param_names) if name in grads]

    # --- files -------------------------------------------------------------------------------------------------------

    def save_params(self, fname: str | os.PathLike[str]) -> None:
        """Write parameters and auxiliary states to one safetensors file."""
        checkpoint.save_parameters(fname, *self.get_params())

    def load_params(self, fname: str | os.PathLike[str]) -> None:
        """Set parameters and auxiliary states from a file of :meth:`save_params`."""
        self.set_params(*checkpoint.load_parameters(fname))

    def evaluating(self) -> AbstractContextManager[None]:
        """Put the weights to evaluate with in place of those that are trained for a block.

        ``score`` and ``predict`` do it by themselves. See :meth:`mxcore.optimizer.Updater.evaluating`.
        """
        if self._updater is None:
            return nullcontext()
        arrays = self._ready().arg_dict
        return self._updater.evaluating([arrays[name] for name in self._param_names])

    def save_checkpoint(
        self, prefix: str, epoch: int, save_optimizer_states: bool = False, save_evaluation_params: bool = False
    ) -> None:
        """Write ``prefix-symbol.json``, ``prefix-NNNN.params`` and further files on request.

        Args:
            prefix: where the files go, and how their names begin.
            epoch: the number in the names.
            save_optimizer_states: whether to write ``prefix-NNNN.states``.
            save_evaluation_params: whether to write the weights to evaluate with, to
                ``prefix-NNNN-evaluation.params``.
        """
        if save_optimizer_states:
            self._with_optimizer()  # an error before anything is written
        save_checkpoint(prefix, epoch, self.symbol, *self.get_params())
        if save_evaluation_params:
            with self.evaluating():
                checkpoint.save_parameters(checkpoint.params_file(prefix, epoch, evaluation=True), *self.get_params())
        if save_optimizer_states:
            self.save_optimizer_states(checkpoint.states_file(prefix, epoch))

    @staticmethod
    def load(
        prefix: str,
        epoch: int,
        load_optimizer_states: bool = False,
        load_evaluation_params: bool = False,
        **kwargs: Any,
    ) -> Module:
        """Create a module from the files of :meth:`save_checkpoint`. You still have to bind it.

        Args:
            prefix: the start of the file names.
            epoch: the number in the file names.
            load_optimizer_states: whether :meth:`init_optimizer` restores the optimizer's state.
            load_evaluation_params: whether to load the weights to evaluate with instead of those that are trained.
            kwargs: further arguments of :class:`Module`.

        Raises:
            ValueError: a file holds something else, or lacks parameters of the network.
        """
        symbol, arg_params, aux_params = load_checkpoint(prefix, epoch)
        file = checkpoint.params_file(prefix, epoch, load_evaluation_params)
        if load_evaluation_params:
            arg_params, aux_params = checkpoint.load_parameters(file)
        module = Module(symbol, **kwargs)
        module.preload(file, arg_params, aux_params)
        if load_optimizer_states:
            module._loaded_states = checkpoint.states_file(prefix, epoch)
        return module
