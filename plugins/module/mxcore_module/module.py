"""The module: a symbol with parameters and an optimizer, on its devices.

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
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import mxcore as mx
from mxcore.backend import Array
from mxcore.kvstore import KVStore
from mxcore.lr_scheduler import LRScheduler
from mxcore.optimizer import Optimizer
from mxcore.updater import Updater
from mxcore_module import checkpoint
from mxcore_module.base_module import DEFAULT_OPTIMIZER_PARAMS, OptimizerParams, require
from mxcore_module.checkpoint import load_checkpoint, save_checkpoint
from mxcore_module.network import Network
from mxcore_module.optimization import OnStore, ReadableUpdater, make_optimizer, store_of

__all__ = ["Module", "load_checkpoint", "save_checkpoint"]


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
        context: the device, or a list of several, which share each batch. Gradients are added in their order.
        work_load_list: with several devices, the share of each in a batch; by default all have the same.
        fixed_param_names: parameters that are not trained.
        state_names: arguments that are neither data nor parameters, such as the states of a recurrent network. They
            are 0 until you call :meth:`set_states`.
        group2ctxs: accepted for compatibility with MXNet: each device computes the whole network.
        compression_params: likewise: gradients are not compressed.

    Raises:
        ValueError: a name is not an argument of the symbol (for a label: a warning).
    """

    _engine: Updater[Optimizer] | OnStore | None = None
    _loaded_states: str | None = None  # set by `load` for `init_optimizer`
    _apart = 1  # how many devices update their own weights
    _order: Sequence[str] = ()  # the parameters in the order of their indices

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
                with ``"local"``, ``"device"`` or None. Weights of a store begin as those of worker 0. With several
                devices and None, each updates its own weights by its own gradients, and nothing is exchanged.
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
        group, store = self._bound(), store_of(kvstore)
        batch = group.inputs.batch_size()
        if store is not None and store.type.startswith("dist_sync"):
            batch *= store.num_workers
        apart = len(group.executors) if kvstore is None else 1
        names = [name for name in self._param_names for _ in range(apart)]
        made = make_optimizer(optimizer, dict(optimizer_params), self.symbol, names, batch)
        if store is None:
            updater: Updater[Optimizer] | OnStore = mx.optimizer.get_updater(made)
        else:
            self._order = self._param_names
            trained = [(index, self._order[index], weight) for index, _, weight in self._trained()]
            updater = OnStore(store, made, trained)
        if self._loaded_states is not None:
            self._load(updater, self._loaded_states)
        self._engine, self._loaded_states, self._apart, self._order = updater, None, apart, self._param_names
        group.spread(self._param_names)
        self.optimizer_initialized = True

    def borrow_optimizer(self, shared_module: Any) -> None:
        """Use the optimizer of another module with the same parameters, and its state.

        Raises:
            AssertionError: it has none.
        """
        require(shared_module.optimizer_initialized, "shared_module has no optimizer: call its init_optimizer first")
        self._engine, self._apart, self._order = shared_module._engine, shared_module._apart, shared_module._order
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

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer in use."""
        return self._with_optimizer().optimizer

    _optimizer = optimizer  # the attribute that scripts for MXNet use

    @property
    def _updater(self) -> ReadableUpdater | None:  # whose states they read
        return None if self._engine is None else ReadableUpdater(self._engine)

    @property
    def _kvstore(self) -> Any:  # which has the updater where there are several devices
        if isinstance(self._engine, OnStore):
            return self._engine.store
        return None if len(self._bound().executors) == 1 else SimpleNamespace(_updater=self._updater)

    def _with_optimizer(self) -> Updater[Optimizer] | OnStore:
        self._ready()
        if self._engine is None:
            raise AssertionError("call init_optimizer first: there is no optimizer yet")
        return self._engine

    def _observe(self, metric: float) -> None:
        schedule = self._with_optimizer().optimizer.lr_scheduler
        if isinstance(schedule, LRScheduler):
            schedule.observe(metric)

    def update(self) -> None:
        """Update all parameters from their gradients, in one call of the optimizer."""
        updater, group = self._with_optimizer(), self._ready()
        if self._apart > 1:
            self._update_apart(updater)
        elif trained := self._trained():
            indices, grads, weights = map(list, zip(*trained, strict=True))
            updater(indices, grads, weights)
            group.spread(self._param_names)

    def _trained(self) -> list[tuple[int, Array, Array]]:
        """Return the index, gradient and weight of each parameter that is trained."""
        group = self._ready()
        return [
            (index, group.gradient(name), group.first.arg_dict[name])
            for index, name in enumerate(self._order)
            if name in group.first.grad_dict
        ]

    def _update_apart(self, updater: Any) -> None:
        """Let each device update its own weights; their indices are those of MXNet."""
        executors = self._ready().executors
        for number, one in enumerate(executors):
            trained = [(index, name) for index, name in enumerate(self._order) if name in one.grad_dict]
            if trained:
                updater(
                    [index * len(executors) + number for index, _ in trained],
                    [one.grad_dict[name] for _, name in trained],
                    [one.arg_dict[name] for _, name in trained],
                )

    # --- files -------------------------------------------------------------------------------------------------------

    def evaluating(self) -> AbstractContextManager[None]:
        """Put the weights to evaluate with in place of those that are trained for a block.

        ``score`` and ``predict`` do it by themselves. See :meth:`mxcore.optimizer.Updater.evaluating`.
        """
        if self._engine is None:
            return nullcontext()
        return self._evaluating(self._engine)

    @contextmanager
    def _evaluating(self, updater: Any) -> Iterator[None]:
        group = self._ready()
        owners = group.executors[: self._apart]
        spread = [] if self._apart > 1 else self._param_names
        try:
            with updater.evaluating([one.arg_dict[name] for name in self._order for one in owners]):
                group.spread(spread)
                yield
        finally:
            group.spread(spread)

    def save_checkpoint(
        self,
        prefix: str,
        epoch: int,
        save_optimizer_states: bool = False,
        save_evaluation_params: bool = False,
        remove_amp_cast: bool = True,
    ) -> None:
        """Write ``prefix-symbol.json``, ``prefix-NNNN.params`` and further files on request.

        Args:
            prefix: where the files go, and how their names begin.
            epoch: the number in the names.
            save_optimizer_states: whether to write ``prefix-NNNN.states``.
            save_evaluation_params: whether to write the weights to evaluate with, to
                ``prefix-NNNN-evaluation.params``.
            remove_amp_cast: accepted for compatibility with MXNet: there are no such nodes.
        """
        if save_optimizer_states:
            self._with_optimizer()  # an error before anything is written
        save_checkpoint(prefix, epoch, self.symbol, *self.get_params())
        self.logger.info('Saved checkpoint to "%s"', checkpoint.params_file(prefix, epoch))
        if save_evaluation_params:
            with self.evaluating():
                checkpoint.save_parameters(checkpoint.params_file(prefix, epoch, evaluation=True), *self.get_params())
        if save_optimizer_states:
            self.save_optimizer_states(checkpoint.states_file(prefix, epoch))
            self.logger.info('Saved optimizer state to "%s"', checkpoint.states_file(prefix, epoch))

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
