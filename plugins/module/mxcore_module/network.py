"""A symbol with arrays on one or several devices: its parameters, and its passes over batches."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mxcore.backend import Array, Context
from mxcore_module.arrays import readable
from mxcore_module.base_module import DEFAULT_INITIALIZER, BaseModule, require
from mxcore_module.executor_group import ExecutorGroup
from mxcore_module.graph import Symbol
from mxcore_module.inputs import (
    Inputs,
    check_labels,
    check_match,
    checked_names,
    contexts_of,
    describe,
    joined,
    paired,
    work_of,
)
from mxcore_module.io import DataDesc
from mxcore_module.metric import EvalMetric
from mxcore_module.parameters import NewValues, Params, others, requested

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
        group2ctxs: Any = None,
        compression_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(logger)
        self._symbol = symbol
        self.data_names = checked_names(symbol, "data_names", data_names)
        self.label_names = checked_names(symbol, "label_names", label_names, strict=False)
        self.state_names = checked_names(symbol, "state_names", state_names)
        self.fixed_param_names = checked_names(symbol, "fixed_param_names", fixed_param_names)
        self._contexts = contexts_of(context)
        self.context = self._contexts[0]
        self._shares = work_of(work_load_list, self._contexts)
        inputs = {*self.data_names, *self.label_names, *self.state_names}
        self._param_names = [name for name in symbol.list_arguments() if name not in inputs]
        self._aux_names = symbol.list_auxiliary_states()
        self._group: ExecutorGroup | None = None
        self._loaded: dict[str, Array] = {}  # values from before `bind`

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs."""
        return list(self.symbol.list_outputs())

    @property
    def data_shapes(self) -> list[DataDesc]:
        """The descriptions of the data of the last batch, or those that were bound."""
        return self._group.inputs.data if self._group else []

    @property
    def label_shapes(self) -> list[DataDesc]:
        """The descriptions of the labels, likewise."""
        return self._group.inputs.labels if self._group else []

    @property
    def output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """The names and shapes of the outputs, for :attr:`data_shapes`."""
        given = {desc.name: desc.shape for desc in self._bound().inputs.known(self.symbol)}
        shapes = self.symbol.infer_shape_partial(**given)[1]
        return list(zip(self.output_names, shapes, strict=True))

    @property
    def gradients(self) -> dict[str, Array]:
        """The gradient arrays, by name; with ``grad_req="add"``, you have to reset them to 0 yourself.

        With several contexts, these are new arrays: the sums of parameters' gradients.
        """
        group = self._bound()
        return {name: readable(group.gradient(name)) for name in group.first.grad_dict}

    @property
    def _exec_group(self) -> ExecutorGroup | None:  # what programs for MXNet use to clip gradients, among others
        return self._group

    def _bound(self) -> ExecutorGroup:
        if self._group is None:
            raise AssertionError("call bind first: it allocates the arrays")
        return self._group

    def _ready(self) -> ExecutorGroup:
        group = self._bound()
        require(self.params_initialized, "call init_params (or set_params) first: the parameters have no values yet")
        return group

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
        if self._group is not None and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        inputs = self._inputs(data_shapes, label_shapes)
        require(for_training or not inputs_need_grad, "inputs_need_grad=True needs for_training=True")
        own = {*self._param_names, *self._aux_names}
        held = self._held()
        if shared_module is not None:
            require(len(shared_module._contexts) >= len(self._contexts), "shared_module must have as many contexts")
            pairs = zip(held, shared_module._held(), strict=False)
            held = [{name: one for name, one in {**mine, **theirs}.items() if name in own} for mine, theirs in pairs]
        trained = {*self._param_names} - {*self.fixed_param_names} | {*(self.data_names if inputs_need_grad else ())}
        requests = requested(self.symbol.list_arguments(), trained, grad_req) if for_training else {}
        work = list(zip(self._contexts, self._shares, strict=True))
        group = ExecutorGroup.bind(self.symbol, inputs, work, requests, held, self._param_names)
        for name, values in self._loaded.items():
            group.fill(name, values)
        self._group, self._loaded = group, {}
        self.for_training, self.inputs_need_grad = for_training, inputs_need_grad
        self.binded = True
        found = shared_module is not None and shared_module.params_initialized and own <= set(held[0])
        self.params_initialized = self.params_initialized or found
        if found and shared_module is not None and shared_module.optimizer_initialized:
            self.borrow_optimizer(shared_module)

    def _inputs(self, data_shapes: Any, label_shapes: Any) -> Inputs:
        data, labels = describe("data", data_shapes), describe("label", label_shapes or ())
        check_match("data", self.data_names, data)
        return Inputs(data, check_labels(self.symbol, self.label_names, labels))

    def _held(self) -> list[dict[str, Array]]:
        """Return the arrays of initialised parameters on each context."""
        if self._group is None or not self.params_initialized:
            return [{} for _ in self._contexts]
        return [
            {**{name: one.arg_dict[name] for name in self._param_names}, **one.aux_dict}
            for one in self._group.executors
        ]

    def _end_epoch(self) -> None:
        """Give all contexts the means of what they have computed apart, such as moving averages."""
        if len(self._contexts) > 1:
            self.set_params(*self.get_params())

    def reshape(self, data_shapes: Sequence[Any], label_shapes: Sequence[Any] | None = None) -> None:
        """Change the shapes of the inputs, given as to :meth:`bind`; all else stays as it is.

        Raises:
            AssertionError: the module is not bound.
            TypeError: something is no shape.
            ShapeError: the shapes contradict those of the parameters.
        """
        group = self._bound()
        self._group = group.reshaped(self._inputs(data_shapes, label_shapes), self._shares)

    def install_monitor(self, mon: Any) -> None:
        """Let a :class:`~mxcore_module.monitor.Monitor` see all outputs of operators.

        Raises:
            AssertionError: the module is not bound.
        """
        for one in self._bound().execs:
            mon.install(one)

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
            allow_extra: whether names that the network does not have are ignored without a warning.

        Raises:
            AssertionError: the module is not bound.
            RuntimeError: values are missing.
            ValueError: a shape is wrong.
        """
        if self.params_initialized and not force_init:
            warnings.warn(
                "the parameters are already initialised: init_params is ignored without force_init=True",
                UserWarning,
                stacklevel=2,
            )
            return
        group = self._bound()
        if allow_missing and not allow_extra and (extra := others(self.symbol, arg_params, aux_params)):
            warnings.warn(f"the network has no {extra}: these values are ignored", UserWarning, stacklevel=2)
        parameters = {name: group.first.arg_dict[name] for name in self._param_names}
        new = NewValues(initializer, self.symbol.attr_dict(), allow_missing)
        made = new.of("arg_params", parameters, arg_params) | new.of("aux_params", group.first.aux_dict, aux_params)
        for name, values in made.items():
            group.fill(name, values)
        self.params_initialized = True

    def get_params(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return copies of the parameters and auxiliary states, by name, on the first of the module's devices.

        With several, these are the means over them.
        """
        group = self._ready()
        return (
            {name: readable(group.mean(name)) for name in self._param_names},
            {name: readable(group.mean(name)) for name in self._aux_names},
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

        Other names are ignored, so that a part of a network takes its parameters from those of all.

        Raises:
            RuntimeError: values are missing, and ``allow_missing`` is not set.
            ValueError: a shape is wrong, or there are other names beside ``allow_missing`` without ``allow_extra``.
        """
        if allow_missing and not allow_extra and (extra := others(self.symbol, arg_params, aux_params)):
            raise ValueError(f"the network has no {extra}: pass allow_extra=True to ignore these values")
        self.init_params(None, arg_params, aux_params or {}, allow_missing, force_init, allow_extra=True)

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

        Args:
            states: for each an array, or a list of arrays, one for each context.
            value: the number.

        Raises:
            ValueError: neither or both are given, or shapes do not fit.
        """
        group = self._bound()
        if (states is None) == (value is None):
            raise ValueError("set_states takes either states, one array for each of state_names, or value=")
        for name, given in zip(self.state_names, states or [value] * len(self.state_names), strict=True):
            parts = given if isinstance(given, (list, tuple)) else [given] * len(group.executors)
            for one, part in zip(group.executors, parts, strict=True):
                one.fill(name, np.full(one.arg_dict[name].shape, part) if states is None else part)

    def get_states(self, merge_multi_context: bool = True) -> list[Any]:
        """Return copies of the arrays of ``state_names``; without ``merge_multi_context`` a list for each, by context.

        Raises:
            ValueError: they are to be merged, but there are several contexts.
        """
        executors = self._ready().executors
        copy = self.context.backend.copy
        parts = [[readable(copy(one.arg_dict[name])) for one in executors] for name in self.state_names]
        if merge_multi_context and len(executors) > 1:
            raise ValueError("states of several contexts are not merged: pass merge_multi_context=False")
        return [part[0] for part in parts] if merge_multi_context else parts

    # --- passes ------------------------------------------------------------------------------------------------------

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs of a batch; see :meth:`get_outputs`.

        A batch may have other shapes than were bound: the other shapes are inferred again, and parameters stay.

        Args:
            data_batch: the batch; labels may be missing. Or a list of batches of equal shapes, one for each context.
            is_train: whether operators behave as in training; by default as bound.

        Raises:
            AssertionError: the module is not bound, or its parameters are not initialised.
            ValueError: the number of arrays differs from what was bound, or their shapes do not fit.
        """
        group = self._ready()
        inputs = self._named(joined(data_batch) if isinstance(data_batch, list) else data_batch)
        shapes = {name: tuple(np.shape(values)) for name, values in inputs.items()}
        if any(desc.name in shapes and desc.shape != shapes[desc.name] for desc in group.inputs.all()):
            group = group.reshaped(group.inputs.shaped(shapes), self._shares)
        group.forward(inputs, self.for_training if is_train is None else is_train)
        self._group = group

    def _named(self, data_batch: Any) -> dict[str, Array]:
        """Return the arrays of a batch by name, without labels that the symbol does not use."""
        provide_data, provide_label = (getattr(data_batch, f"provide_{what}", None) for what in ("data", "label"))
        given = getattr(data_batch, "label", None)
        data = paired("data", provide_data or self.data_shapes, data_batch.data)
        labels = given if self.label_shapes or provide_label else None
        named = paired("label", provide_label or self.label_shapes, labels or ()) if labels else {}
        arguments = self._bound().first.arg_dict
        return {name: values for name, values in {**data, **named}.items() if name in arguments}

    def backward(self, out_grads: Array | Sequence[Array] | None = None) -> None:
        """Compute the gradients; outputs that are not losses need ``out_grads``, one for each output."""
        self._ready().backward(out_grads)

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """Return the outputs of the last forward pass.

        Without ``merge_multi_context``, each is a list of the parts that the contexts have computed.
        """
        return self._ready().outputs(merge_multi_context)

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """Return the gradients of the data, after a bind with ``inputs_need_grad``.

        Raises:
            AssertionError: it was bound without ``inputs_need_grad``.
        """
        group = self._ready()
        require(self.inputs_need_grad, "bind with inputs_need_grad=True to get gradients of the data")
        return group.input_gradients(self.data_names, merge_multi_context)

    def update_metric(self, eval_metric: EvalMetric, labels: Sequence[Any] | None, pre_sliced: bool = False) -> None:
        """Update a metric with the outputs of the last forward pass, and labels in the order of ``label_shapes``.

        Each context counts as a batch of its own.

        Args:
            eval_metric: the metric.
            labels: an array for each label; with ``pre_sliced``, for each context a list of them.
            pre_sliced: whether the labels are those of a list of batches.
        """
        names = [desc.name for desc in self.label_shapes] or self.label_names
        given = list(zip(*(labels or ()), strict=True)) if pre_sliced else labels or ()
        for own, outputs in self._ready().scored(dict(zip(names, given, strict=False)), cut=not pre_sliced):
            eval_metric.update_dict({name: readable(array) for name, array in own.items()}, outputs)
