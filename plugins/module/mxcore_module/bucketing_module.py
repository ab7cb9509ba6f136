"""A module for batches of several lengths, such as sentences: a network for each, with the same parameters."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from mxcore.backend import Array, Context
from mxcore.kvstore import KVStore
from mxcore_module import checkpoint
from mxcore_module.base_module import DEFAULT_INITIALIZER, DEFAULT_OPTIMIZER_PARAMS, BaseModule, OptimizerParams
from mxcore_module.graph import Symbol
from mxcore_module.io import DataDesc
from mxcore_module.metric import EvalMetric
from mxcore_module.module import Module
from mxcore_module.module_interface import Params, require
from mxcore_module.name import NameManager

__all__ = ["BucketingModule"]

Generator = Callable[[Any], tuple[Symbol, Sequence[str] | None, Sequence[str] | None]]


class BucketingModule(BaseModule):
    """A network for each bucket of batches, which share parameters and optimizer. A batch names its ``bucket_key``.

    >>> import numpy as np, mxcore as mx
    >>> def network(length):  # the sum of the elements, whose number is the key, times a weight
    ...     ones = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=1, no_bias=True, name=f"sum{length}")
    ...     net = mx.symbol.FullyConnected(ones, num_hidden=1, no_bias=True, name="fc")
    ...     return mx.symbol.LinearRegressionOutput(net, name="out"), ["data"], ["out_label"]
    >>> mod = mx.mod.BucketingModule(network, default_bucket_key=2)
    >>> mod.bind([("data", (1, 2))], [("out_label", (1, 1))])
    >>> mod.init_params("one")
    >>> mod.forward(mx.io.DataBatch([np.ones((1, 2))], bucket_key=2), is_train=False)
    >>> mod.get_outputs()
    [array([[2.]], dtype=float32)]

    Each bucket's network is bound when its first batch comes. Parameters that only some networks have are those of the
    default bucket's, so that its network must have all of them.

    Args:
        sym_gen: called with a bucket key; returns the symbol, and the names of data and labels.
        default_bucket_key: the bucket to bind first, usually the largest.
        logger: as in :class:`Module`.
        context: likewise.
        work_load_list: likewise.
        fixed_param_names: likewise.
        state_names: likewise.
        group2ctxs: likewise.
        compression_params: likewise.

    Raises:
        AssertionError: there is no ``default_bucket_key``.
        ValueError: a name is not an argument of the symbol.
    """

    def __init__(
        self,
        sym_gen: Generator,
        default_bucket_key: Any = None,
        logger: Any = logging,
        context: Context | Sequence[Context] | None = None,
        work_load_list: Sequence[float] | None = None,
        fixed_param_names: Sequence[str] | None = None,
        state_names: Sequence[str] | None = None,
        group2ctxs: Any = None,
        compression_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(logger)
        require(default_bucket_key is not None, "BucketingModule needs default_bucket_key, the bucket to bind first")
        self._default = default_bucket_key
        self._generate = sym_gen
        self._options = {
            "context": context,
            "work_load_list": work_load_list,
            "fixed_param_names": fixed_param_names,
            "state_names": state_names,
            "group2ctxs": group2ctxs,
            "compression_params": compression_params,
        }
        self._monitor: Any = None
        self._grad_req: Any = "write"
        self._unbound = self._made(default_bucket_key)
        self._buckets: dict[Any, Module] = {}
        self._key: Any = None

    def _made(self, key: Any) -> Module:
        with NameManager():
            symbol, data_names, label_names = self._generate(key)
        return Module(symbol, data_names, label_names, logger=self.logger, **self._options)

    def _current(self) -> Module:
        require(self.binded, "call bind first: it allocates the arrays")
        return self._buckets[self._key]

    @property
    def _curr_module(self) -> Module:  # what programs for MXNet use to reach the optimizer, among others
        return self._current()

    def _ready(self) -> Module:
        module = self._current()
        require(self.params_initialized, "call init_params (or set_params) first: the parameters have no values yet")
        return module

    # --- what it is made of ------------------------------------------------------------------------------------------

    @property
    def symbol(self) -> Symbol:
        """The network of the current bucket."""
        return self._current()._symbol  # type: ignore[return-value]  # a Module always has one

    @property
    def data_names(self) -> list[str]:
        """The names of the data of the current bucket."""
        return (self._current() if self.binded else self._unbound).data_names

    @property
    def label_names(self) -> list[str]:
        """The names of its labels."""
        return (self._current() if self.binded else self._unbound).label_names

    @property
    def output_names(self) -> list[str]:
        """The names of its outputs."""
        return (self._current() if self.binded else self._unbound).output_names

    @property
    def data_shapes(self) -> list[DataDesc]:
        """The descriptions of its data."""
        return self._current().data_shapes

    @property
    def label_shapes(self) -> list[DataDesc]:
        """The descriptions of its labels."""
        return self._current().label_shapes

    @property
    def output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """The names and shapes of its outputs."""
        return self._current().output_shapes

    # --- binding -----------------------------------------------------------------------------------------------------

    def bind(
        self,
        data_shapes: Sequence[Any],
        label_shapes: Sequence[Any] | None = None,
        for_training: bool = True,
        inputs_need_grad: bool = False,
        force_rebind: bool = False,
        shared_module: None = None,
        grad_req: str | Sequence[str] | Mapping[str, str] = "write",
    ) -> None:
        """Bind the network of the default bucket; see :meth:`Module.bind` for the arguments.

        Raises:
            AssertionError: there is a ``shared_module``, which this module does not support.
        """
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        require(shared_module is None, "BucketingModule does not support shared_module")
        values = self.get_params() if self.params_initialized and self.binded else None
        module = self._unbound if not self.binded else self._made(self._default)
        module.bind(data_shapes, label_shapes, for_training, inputs_need_grad, grad_req=grad_req)
        self._buckets, self._key, self._grad_req = {self._default: module}, self._default, grad_req
        self.for_training, self.inputs_need_grad, self.binded = for_training, inputs_need_grad, True
        if values is not None:
            module.set_params(*values)

    def switch_bucket(
        self, bucket_key: Any, data_shapes: Sequence[Any] | None, label_shapes: Sequence[Any] | None = None
    ) -> None:
        """Make another bucket the current one, and bind its network if it is new.

        Raises:
            AssertionError: the module is not bound.
        """
        self._current()
        if bucket_key not in self._buckets:
            first = self._buckets[self._default]
            require(first.params_initialized, "call init_params first: another bucket shares the parameters")
            module = self._made(bucket_key)
            module.bind(
                data_shapes or (),
                label_shapes,
                self.for_training,
                self.inputs_need_grad,
                shared_module=first,
                grad_req=self._grad_req,
            )
            if self._monitor is not None:
                module.install_monitor(self._monitor)
            self._buckets[bucket_key] = module
        self._key = bucket_key

    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Bind the network of the next batch, whose bucket does not become the current one."""
        self._ready()
        key = self._key
        self.switch_bucket(data_batch.bucket_key, data_batch.provide_data, data_batch.provide_label)
        self._current().prepare(data_batch, sparse_row_id_fn)
        self._key = key

    def install_monitor(self, mon: Any) -> None:
        """Let a monitor see all outputs of operators, in every bucket."""
        self._current()
        self._monitor = mon
        for module in self._buckets.values():
            module.install_monitor(mon)

    # --- parameters --------------------------------------------------------------------------------------------------

    def init_params(
        self,
        initializer: Any = DEFAULT_INITIALIZER,
        arg_params: Params | None = None,
        aux_params: Params | None = None,
        allow_missing: bool = False,
        force_init: bool = False,
        allow_extra: bool = False,
    ) -> None:
        """Initialise all parameters; see :meth:`Module.init_params`. A second call is ignored."""
        if self.params_initialized and not force_init:
            return
        self._current()
        module = self._buckets[self._default]
        module.init_params(initializer, arg_params, aux_params, allow_missing, force_init, allow_extra)
        self.params_initialized = True

    def get_params(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return copies of the parameters and auxiliary states, by name."""
        require(self.params_initialized, "call init_params (or set_params) first: the parameters have no values yet")
        return self._buckets[self._default].get_params()

    def set_params(
        self,
        arg_params: Params,
        aux_params: Params | None = None,
        allow_missing: bool = False,
        force_init: bool = True,
        allow_extra: bool = False,
    ) -> None:
        """Set parameters and auxiliary states; see :meth:`Module.set_params`."""
        if self.params_initialized and not force_init:
            warnings.warn("the parameters are already initialised: set_params is ignored", UserWarning, stacklevel=2)
            return
        self._current()
        self._buckets[self._default].set_params(arg_params, aux_params, allow_missing, True, allow_extra)
        self.params_initialized = True

    def get_states(self, merge_multi_context: bool = True) -> list[Any]:
        """Return the states of the current bucket; see :meth:`Module.get_states`."""
        return self._ready().get_states(merge_multi_context)

    def set_states(self, states: Sequence[Any] | None = None, value: float | None = None) -> None:
        """Set the states of the current bucket; see :meth:`Module.set_states`."""
        self._ready().set_states(states, value)

    # --- training ----------------------------------------------------------------------------------------------------

    def init_optimizer(
        self,
        kvstore: str | KVStore | None = "local",
        optimizer: Any = "sgd",
        optimizer_params: OptimizerParams = DEFAULT_OPTIMIZER_PARAMS,
        force_init: bool = False,
    ) -> None:
        """Create the optimizer, for all buckets; see :meth:`Module.init_optimizer`."""
        current = self._ready()
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring.")
            return
        current.init_optimizer(kvstore, optimizer, optimizer_params, force_init)
        for module in self._buckets.values():
            if module is not current:
                module.borrow_optimizer(current)
        self.optimizer_initialized = True

    def evaluating(self) -> AbstractContextManager[None]:
        """Put the weights to evaluate with in place of those that are trained for a block."""
        return self._buckets[self._default].evaluating() if self.optimizer_initialized else nullcontext()

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs of a batch, by the network of its bucket."""
        self._ready()
        self.switch_bucket(data_batch.bucket_key, data_batch.provide_data, data_batch.provide_label)
        self._current().forward(data_batch, is_train)

    def backward(self, out_grads: Array | Sequence[Array] | None = None) -> None:
        """Compute the gradients; see :meth:`Module.backward`."""
        self._ready().backward(out_grads)

    def update(self) -> None:
        """Update all parameters of the current bucket from their gradients."""
        require(self.optimizer_initialized, "call init_optimizer first: there is no optimizer yet")
        self._ready().update()

    def _observe(self, metric: float) -> None:
        self._ready()._observe(metric)

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """Return the outputs of the last forward pass; see :meth:`Module.get_outputs`."""
        return self._ready().get_outputs(merge_multi_context)

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """Return the gradients of the data; see :meth:`Module.get_input_grads`."""
        return self._ready().get_input_grads(merge_multi_context)

    def update_metric(self, eval_metric: EvalMetric, labels: Sequence[Any] | None, pre_sliced: bool = False) -> None:
        """Update a metric with the outputs of the last forward pass; see :meth:`Module.update_metric`."""
        self._ready().update_metric(eval_metric, labels, pre_sliced)

    # --- files -------------------------------------------------------------------------------------------------------

    def save_checkpoint(self, prefix: str, epoch: int, remove_amp_cast: bool = False) -> None:
        """Write ``prefix-NNNN.params`` and, for each bucket, ``prefix-KEY-symbol.json``.

        Args:
            prefix: where the files go, and how their names begin.
            epoch: the number in the name.
            remove_amp_cast: accepted for compatibility with MXNet: there are no such nodes.
        """
        self._current()
        self.save_params(checkpoint.params_file(prefix, epoch))
        for key, module in self._buckets.items():
            module.symbol.save(f"{prefix}-{key}-symbol.json")

    @staticmethod
    def load(
        prefix: str | os.PathLike[str], epoch: int, sym_gen: Any = None, default_bucket_key: Any = None, **kwargs: Any
    ) -> BucketingModule:
        """Create a module with the parameters of :meth:`save_checkpoint`. You still have to bind it.

        Args:
            prefix: the start of the file names.
            epoch: the number in the file name.
            sym_gen: the function that makes the networks, as when they were saved.
            default_bucket_key: likewise.
            kwargs: further arguments of :class:`BucketingModule`.
        """
        params = checkpoint.load_parameters(checkpoint.params_file(os.fspath(prefix), epoch))
        return BucketingModule.load_dict(None, sym_gen, default_bucket_key, *params, **kwargs)

    @staticmethod
    def load_dict(
        sym_dict: Mapping[Any, Symbol] | None = None,
        sym_gen: Any = None,
        default_bucket_key: Any = None,
        arg_params: Params | None = None,
        aux_params: Params | None = None,
        **kwargs: Any,
    ) -> BucketingModule:
        """Create a module with given parameters. You still have to bind it.

        Args:
            sym_dict: networks by bucket key, used instead of those that ``sym_gen`` makes.
            sym_gen: the function that makes the networks.
            default_bucket_key: the bucket to bind first.
            arg_params: the parameters.
            aux_params: the auxiliary states.
            kwargs: further arguments of :class:`BucketingModule`.
        """
        require(sym_gen is not None, "load needs sym_gen, which makes the networks")

        def generate(key: Any) -> Any:
            symbol, data_names, label_names = sym_gen(key)
            return (sym_dict or {}).get(key, symbol), data_names, label_names

        module = BucketingModule(generate, default_bucket_key, **kwargs)
        module._unbound.preload("the file", arg_params or {}, aux_params or {})
        module.params_initialized = True
        return module
