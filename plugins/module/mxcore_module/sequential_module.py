"""A chain of modules, each of which takes the outputs of the one before it."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from mxcore.backend import Array
from mxcore.kvstore import KVStore
from mxcore_module.base_module import DEFAULT_INITIALIZER, DEFAULT_OPTIMIZER_PARAMS, BaseModule, OptimizerParams
from mxcore_module.metric import EvalMetric
from mxcore_module.module_interface import Params, require

__all__ = ["SequentialModule"]


class SequentialModule(BaseModule):
    """A chain of modules, each of which takes the outputs of the one before it as its data.

    >>> import mxcore as mx
    >>> first = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=4, name="fc1")
    >>> second = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=2, name="fc2")
    >>> chain = mx.mod.SequentialModule()
    >>> chain = chain.add(mx.mod.Module(first, label_names=None))
    >>> last = mx.mod.Module(mx.symbol.SoftmaxOutput(second, name="softmax"))
    >>> chain = chain.add(last, take_labels=True, auto_wiring=True)
    >>> chain.bind([("data", (8, 3))], [("softmax_label", (8,))])
    >>> chain.init_params()
    >>> sorted(chain.get_params()[0]), chain.output_shapes
    (['fc1_bias', 'fc1_weight', 'fc2_bias', 'fc2_weight'], [('softmax_output', (8, 2))])

    Args:
        logger: where messages go.
    """

    META_TAKE_LABELS = "take_labels"
    META_AUTO_WIRING = "auto_wiring"

    def __init__(self, logger: Any = logging) -> None:
        super().__init__(logger)
        self._modules: list[Any] = []
        self._metas: list[dict[str, Any]] = []
        self._label_shapes: Sequence[Any] | None = None

    def add(self, module: Any, **kwargs: Any) -> SequentialModule:
        """Append a module, and return the chain.

        Args:
            module: the module.
            kwargs: ``take_labels=True`` if it takes the labels; ``auto_wiring=True`` if its data are the outputs of the
                module before it, whatever their names.

        Raises:
            AssertionError: another argument is given.
        """
        known = (self.META_TAKE_LABELS, self.META_AUTO_WIRING)
        for key in kwargs:
            require(key in known, f"add takes {' and '.join(known)}, got {key!r}")
        self._modules.append(module)
        self._metas.append(kwargs)
        self.binded = self.params_initialized = self.optimizer_initialized = False
        return self

    def _ready(self) -> None:
        require(self.binded, "call bind first: it allocates the arrays")
        require(self.params_initialized, "call init_params (or set_params) first: the parameters have no values yet")

    @property
    def data_names(self) -> list[str]:
        """The names of the first module's data."""
        return list(self._modules[0].data_names) if self._modules else []

    @property
    def output_names(self) -> list[str]:
        """The names of the last module's outputs."""
        return list(self._modules[-1].output_names) if self._modules else []

    @property
    def data_shapes(self) -> Any:
        """The descriptions of the first module's data."""
        require(self.binded, "call bind first: it allocates the arrays")
        return self._modules[0].data_shapes

    @property
    def label_shapes(self) -> Any:
        """The descriptions of the labels; None if no module takes them."""
        require(self.binded, "call bind first: it allocates the arrays")
        return self._label_shapes

    @property
    def output_shapes(self) -> Any:
        """The names and shapes of the last module's outputs."""
        require(self.binded, "call bind first: it allocates the arrays")
        return self._modules[-1].output_shapes

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
        """Bind all modules; see :meth:`Module.bind`.

        Raises:
            AssertionError: there is no module, or a ``shared_module``, which is not supported.
        """
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        require(for_training or not inputs_need_grad, "inputs_need_grad=True needs for_training=True")
        require(shared_module is None, "SequentialModule does not support shared_module")
        require(bool(self._modules), "add a module first: there is nothing to bind")
        taken = False
        for number, (module, meta) in enumerate(zip(self._modules, self._metas, strict=True)):
            takes = bool(meta.get(self.META_TAKE_LABELS))
            taken = taken or takes
            if meta.get(self.META_AUTO_WIRING):
                names = module.data_names
                require(len(names) == len(data_shapes), f"module {number} takes {len(names)} inputs, got {data_shapes}")
                data_shapes = [(name, shape) for name, (_, shape) in zip(names, data_shapes, strict=True)]
            module.bind(
                data_shapes=data_shapes,
                label_shapes=label_shapes if takes else None,
                for_training=for_training,
                inputs_need_grad=inputs_need_grad or (for_training and number > 0),
                force_rebind=force_rebind,
                shared_module=None,
                grad_req=grad_req,
            )
            data_shapes = module.output_shapes
        self.binded, self.for_training, self.inputs_need_grad = True, for_training, inputs_need_grad
        self._label_shapes = label_shapes if taken else None

    def init_params(
        self,
        initializer: Any = DEFAULT_INITIALIZER,
        arg_params: Params | None = None,
        aux_params: Params | None = None,
        allow_missing: bool = False,
        force_init: bool = False,
        allow_extra: bool = False,
    ) -> None:
        """Initialise the parameters of all modules; see :meth:`Module.init_params`. A second call is ignored.

        Raises:
            AssertionError: the chain is not bound, or two modules have parameters of the same name.
        """
        if self.params_initialized and not force_init:
            return
        require(self.binded, "call bind first: it allocates the arrays")
        for module in self._modules:
            # The values that are given are those of all modules, so each finds names of others.
            module.init_params(
                initializer=initializer,
                arg_params=arg_params,
                aux_params=aux_params,
                allow_missing=allow_missing,
                force_init=force_init,
                allow_extra=True,
            )
        names = [name for module in self._modules for params in module.get_params() for name in params]
        twice = sorted({name for name in names if names.count(name) > 1})
        require(not twice, f"several modules have parameters of the same names: {', '.join(twice)}")
        self.params_initialized = True

    def get_params(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return copies of the parameters and auxiliary states of all modules, by name."""
        self._ready()
        arg_params: dict[str, Array] = {}
        aux_params: dict[str, Array] = {}
        for module in self._modules:
            arg, aux = module.get_params()
            arg_params.update(arg)
            aux_params.update(aux)
        return arg_params, aux_params

    def init_optimizer(
        self,
        kvstore: str | KVStore | None = "local",
        optimizer: Any = "sgd",
        optimizer_params: OptimizerParams = DEFAULT_OPTIMIZER_PARAMS,
        force_init: bool = False,
    ) -> None:
        """Create an optimizer for each module; see :meth:`Module.init_optimizer`."""
        self._ready()
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring.")
            return
        for module in self._modules:
            module.init_optimizer(
                kvstore=kvstore, optimizer=optimizer, optimizer_params=optimizer_params, force_init=force_init
            )
        self.optimizer_initialized = True

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs of all modules, one after the other."""
        self._ready()
        data_batch = copy.copy(data_batch)
        for number, module in enumerate(self._modules):
            module.forward(data_batch, is_train=is_train)
            if number + 1 < len(self._modules):
                data_batch.data = module.get_outputs()
                if getattr(data_batch, "provide_data", None):
                    names = self._modules[number + 1].data_names
                    data_batch.provide_data = [
                        (name, array.shape) for name, array in zip(names, data_batch.data, strict=True)
                    ]

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients of all modules, from the last to the first."""
        self._ready()
        for number in reversed(range(len(self._modules))):
            self._modules[number].backward(out_grads=out_grads)
            if number:
                out_grads = self._modules[number].get_input_grads()

    def update(self) -> None:
        """Update the parameters of all modules."""
        self._ready()
        require(self.optimizer_initialized, "call init_optimizer first: there is no optimizer yet")
        for module in self._modules:
            module.update()

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """Return the outputs of the last module."""
        self._ready()
        return list(self._modules[-1].get_outputs(merge_multi_context=merge_multi_context))

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """Return the gradients of the data of the first module."""
        self._ready()
        require(self.inputs_need_grad, "bind with inputs_need_grad=True to get gradients of the data")
        return list(self._modules[0].get_input_grads(merge_multi_context=merge_multi_context))

    def update_metric(self, eval_metric: EvalMetric, labels: Sequence[Any] | None, pre_sliced: bool = False) -> None:
        """Update a metric by every module that takes the labels."""
        self._ready()
        for module, meta in zip(self._modules, self._metas, strict=True):
            if meta.get(self.META_TAKE_LABELS):
                module.update_metric(eval_metric, labels, pre_sliced)

    def install_monitor(self, mon: Any) -> None:
        """Let a monitor see all outputs of operators, in every module."""
        require(self.binded, "call bind first: it allocates the arrays")
        for module in self._modules:
            module.install_monitor(mon)
