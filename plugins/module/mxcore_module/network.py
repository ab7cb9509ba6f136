"""A symbol with arrays on one device: its parameters, and its passes over batches."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mxcore.backend import Array, Context
from mxcore_module.base_module import DEFAULT_INITIALIZER, BaseModule, require
from mxcore_module.executor import Executor
from mxcore_module.graph import Symbol
from mxcore_module.inputs import check_labels, check_match, checked_names, describe, one_context, paired
from mxcore_module.io import DataBatch, DataDesc
from mxcore_module.metric import EvalMetric
from mxcore_module.parameters import NewValues, Params

__all__ = ["Network"]


class Network(BaseModule):
    """Everything in a :class:`~mxcore_module.module.Module` except its optimizer and its files.

    It takes the same arguments.
    """

    def __init__(
        self,
        symbol: Symbol,
        data_names: Sequence[str] | None = ("data",),
        label_names: Sequence[str] | None = ("softmax_label",),
        logger: Any = logging,
        context: Context | Sequence[Context] | None = None,
        work_load_list: Sequence[float] | None = None,
        fixed_param_names: Sequence[str] | None = None,
        state_names: Sequence[str] | None = None,
    ) -> None:
        self.symbol = symbol
        self.logger = logger
        self.data_names = checked_names(symbol, "data_names", data_names)
        self.label_names = checked_names(symbol, "label_names", label_names, strict=False)
        self.state_names = checked_names(symbol, "state_names", state_names)
        self.fixed_param_names = checked_names(symbol, "fixed_param_names", fixed_param_names)
        self.context = one_context(context)
        inputs = {*self.data_names, *self.label_names, *self.state_names}
        self._param_names = [name for name in symbol.list_arguments() if name not in inputs]
        self._aux_names = symbol.list_auxiliary_states()
        self._executor: Executor | None = None
        self._loaded: dict[str, Array] = {}  # values from before `bind`
        self.data_shapes: list[DataDesc] = []
        self.label_shapes: list[DataDesc] = []
        self.for_training = self.inputs_need_grad = False

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs."""
        return self.symbol.list_outputs()

    @property
    def output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """The names and shapes of the outputs, for the shapes of the data that were bound."""
        arguments = self._bound().arg_dict
        given = {name: shape for name, shape in self.data_shapes + self.label_shapes if name in arguments}
        shapes = self.symbol.infer_shape_partial(**given)[1]
        return list(zip(self.output_names, shapes, strict=True))

    @property
    def gradients(self) -> dict[str, Array]:
        """The gradient arrays, by name; with ``grad_req="add"``, you have to reset them to 0 yourself."""
        return self._bound().grad_dict

    def _bound(self) -> Executor:
        if self._executor is None:
            raise AssertionError("call bind first: it allocates the arrays")
        return self._executor

    def _ready(self) -> Executor:
        executor = self._bound()
        require(self.params_initialized, "call init_params (or set_params) first: the parameters have no values yet")
        return executor

    # --- binding -----------------------------------------------------------------------------------------------------

    def bind(
        self,
        data_shapes: Sequence[Any],
        label_shapes: Sequence[Any] | None = None,
        for_training: bool = True,
        inputs_need_grad: bool = False,
        force_rebind: bool = False,
        shared_module: Network | None = None,
        grad_req: str | Sequence[str] | Mapping[str, str] = "write",
    ) -> None:
        """Allocate the arrays. A second call is ignored, with a warning in the log.

        Args:
            data_shapes: for each input a :class:`~mxcore_module.io.DataDesc` or ``(name, shape)``.
            label_shapes: likewise for labels; by default, they are inferred.
            for_training: whether to compute gradients.
            inputs_need_grad: whether to compute gradients of the data, too.
            force_rebind: whether to bind again; parameters keep their values.
            shared_module: a module with which to share parameters of the same name.
            grad_req: ``"write"``, ``"add"`` or ``"null"``, for all arguments, in their order, or by name.

        Raises:
            ValueError: the names are not those of the module.
            ShapeError: the shapes contradict each other or those of the parameters.
        """
        if self._executor is not None and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        data, labels = describe(data_shapes), describe(label_shapes or ())
        check_match("data", self.data_names, data)
        known_labels = check_labels(self.symbol, self.label_names, labels)
        own = {*self._param_names, *self._aux_names}
        shared = {} if shared_module is None else shared_module._held()
        held = {name: array for name, array in {**self._held(), **shared}.items() if name in own}
        requests = self._requests(grad_req, inputs_need_grad) if for_training else {}
        executor = Executor.allocate(
            self.symbol,
            self.context,
            {**{name: array.shape for name, array in held.items()}, **dict(data + known_labels)},
            dtypes={desc.name: desc.dtype for desc in data + known_labels},
            grad_req=requests,
            keep=held,
        )
        for name, values in self._loaded.items():
            executor.fill(name, values)
        self._executor, self._loaded = executor, {}
        self.data_shapes, self.label_shapes = data, labels
        self.for_training, self.inputs_need_grad = for_training, inputs_need_grad
        self.binded = True
        self.params_initialized = self.params_initialized or (bool(shared) and own <= set(held))

    def _held(self) -> dict[str, Array]:
        """Return the arrays of initialised parameters."""
        if self._executor is None or not self.params_initialized:
            return {}
        arguments = self._executor.arg_dict
        return {**{name: arguments[name] for name in self._param_names}, **self._executor.aux_dict}

    def _requests(self, grad_req: str | Sequence[str] | Mapping[str, str], inputs_need_grad: bool) -> dict[str, str]:
        arguments = self.symbol.list_arguments()
        if isinstance(grad_req, str):
            given = dict.fromkeys(arguments, grad_req)
        else:
            given = dict(grad_req if isinstance(grad_req, Mapping) else zip(arguments, grad_req, strict=True))
        trained = {name for name in self._param_names if name not in self.fixed_param_names}
        wanted = trained | set(self.data_names if inputs_need_grad else ())
        return {name: request if name in wanted else "null" for name, request in given.items()}

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
        """Initialise all parameters and auxiliary states. A second call is ignored, with a warning.

        Args:
            initializer: an initializer, its name or string, or a function of a name and an array. With None, only what
                ``arg_params`` and ``aux_params`` contain is set.
            arg_params: values by name, used instead of the initializer.
            aux_params: likewise for auxiliary states.
            allow_missing: whether ``arg_params`` and ``aux_params`` may be incomplete; the initializer does the rest.
            force_init: whether to do it again.
            allow_extra: whether they may contain names that the network does not have.

        Raises:
            AssertionError: the module is not bound.
            RuntimeError: values are missing.
            ValueError: there are extra values, or a shape is wrong.
        """
        if self.params_initialized and not force_init:
            warnings.warn(
                "the parameters are already initialised: init_params is ignored without force_init=True",
                UserWarning,
                stacklevel=2,
            )
            return
        executor = self._bound()
        parameters = {name: executor.arg_dict[name] for name in self._param_names}
        new = NewValues(initializer, self.symbol.attr_dict(), allow_missing, allow_extra)
        made = new.of("arg_params", parameters, arg_params) | new.of("aux_params", executor.aux_dict, aux_params)
        for name, values in made.items():
            executor.fill(name, values)
        self.params_initialized = True

    def get_params(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return copies of the parameters and auxiliary states, by name, on the module's device."""
        executor = self._ready()
        copy = self.context.backend.copy
        return (
            {name: copy(executor.arg_dict[name]) for name in self._param_names},
            {name: copy(executor.aux_dict[name]) for name in self._aux_names},
        )

    def set_params(
        self,
        arg_params: Params,
        aux_params: Params | None = None,
        allow_missing: bool = False,
        force_init: bool = True,
        allow_extra: bool = False,
    ) -> None:
        """Set parameters and auxiliary states. See :meth:`init_params` for the arguments.

        Raises:
            RuntimeError: values are missing, and ``allow_missing`` is not set.
            ValueError: there are extra values, and ``allow_extra`` is not set, or a shape is wrong.
        """
        self.init_params(None, arg_params, aux_params or {}, allow_missing, force_init, allow_extra)

    def preload(self, source: str, arg_params: Params, aux_params: Params) -> None:
        """Keep values for :meth:`bind`; messages refer to them as ``source``.

        Raises:
            ValueError: a parameter or auxiliary state has no value.
        """
        found = {*arg_params, *aux_params}
        if missing := [name for name in (*self._param_names, *self._aux_names) if name not in found]:
            raise ValueError(f"{source} has no {', '.join(missing)}, which the network needs")
        self._loaded = {name: arg_params[name] for name in self._param_names}
        self._loaded.update((name, aux_params[name]) for name in self._aux_names)
        self.params_initialized = True

    def set_states(self, states: Sequence[Any] | None = None, value: float | None = None) -> None:
        """Set the arrays of ``state_names``, either to arrays in the same order or all to one number.

        Raises:
            ValueError: neither or both are given, or shapes do not fit.
        """
        executor = self._bound()
        if (states is None) == (value is None):
            raise ValueError("set_states takes either states, one array for each of state_names, or value=")
        for name, given in zip(self.state_names, states or [value] * len(self.state_names), strict=True):
            if states is None:
                self.context.backend.fill(executor.arg_dict[name], given)
            else:
                executor.fill(name, given)

    def get_states(self) -> list[Array]:
        """Return copies of the arrays of ``state_names``."""
        return [self.context.backend.copy(self._ready().arg_dict[name]) for name in self.state_names]

    # --- passes ------------------------------------------------------------------------------------------------------

    def forward(self, data_batch: DataBatch, is_train: bool | None = None) -> None:
        """Compute the outputs of a batch; see :meth:`get_outputs`.

        A batch may have another size than was bound: the other shapes are inferred again, and parameters stay.

        Args:
            data_batch: the batch; labels may be missing.
            is_train: whether operators behave as in training; by default as bound.

        Raises:
            AssertionError: the module is not bound, or its parameters are not initialised.
            ValueError: the number of arrays differs from what was bound, or their shapes do not fit.
        """
        executor = self._ready()
        inputs = self._named(data_batch, executor)
        shapes = {name: tuple(np.shape(values)) for name, values in inputs.items()}
        if any(executor.arg_dict[name].shape != shape for name, shape in shapes.items()):
            executor = executor.reshape(shapes, fixed=self._param_names)
        for name, values in inputs.items():
            executor.fill(name, values)
        executor.forward(self.for_training if is_train is None else is_train)
        self._executor = executor

    def _named(self, data_batch: DataBatch, executor: Executor) -> dict[str, Array]:
        """Return the arrays of a batch by name, without labels that the symbol does not use."""
        data = paired("data", data_batch.provide_data or self.data_shapes, data_batch.data)
        labels = data_batch.label if self.label_shapes or data_batch.provide_label else None
        named = paired("label", data_batch.provide_label or self.label_shapes, labels or ()) if labels else {}
        return {name: values for name, values in {**data, **named}.items() if name in executor.arg_dict}

    def backward(self, out_grads: Array | Sequence[Array] | None = None) -> None:
        """Compute the gradients; outputs that are not losses need ``out_grads``, one for each output."""
        self._ready().backward(out_grads)

    def get_outputs(self, merge_multi_context: bool = True) -> list[Array]:
        """Return the outputs of the last forward pass."""
        return list(self._ready().outputs)

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Array]:
        """Return the gradients of the data, after a bind with ``inputs_need_grad``.

        Raises:
            AssertionError: it was bound without ``inputs_need_grad``.
        """
        gradients = self._ready().grad_dict
        require(self.inputs_need_grad, "bind with inputs_need_grad=True to get gradients of the data")
        return [gradients[name] for name in self.data_names]

    def update_metric(self, eval_metric: EvalMetric, labels: Sequence[Array] | None, pre_sliced: bool = False) -> None:
        """Update a metric with the outputs of the last forward pass, and labels in the order of ``label_shapes``."""
        names = [desc.name for desc in self.label_shapes] or self.label_names
        outputs = dict(zip(self.output_names, self.get_outputs(), strict=True))
        eval_metric.update_dict(dict(zip(names, labels or (), strict=False)), outputs)

    def _concatenate(self, parts: Sequence[Array]) -> Array:
        backend = self.context.backend
        with backend.on(self.context.device_id):
            return backend.xp.concatenate(parts)
