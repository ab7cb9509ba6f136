"""Symbols bound to arrays: ``simple_bind``, ``bind`` and ``eval`` of a symbol, and the executor that they return."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mxcore.backend import Array, Context, backend_of, cpu
from mxcore_module.arrays import plain, readable
from mxcore_module.executor import GRAD_REQS, fill
from mxcore_module.executor import Executor as Run
from mxcore_module.graph import Symbol
from mxcore_module.node import Node
from mxcore_module.operators import ShapeError

__all__ = ["Executor"]

Given = Sequence[Array | None] | Mapping[str, Array]


class Executor:
    """A symbol with an array for each of its arguments; ``simple_bind`` and ``bind`` of a symbol create it.

    >>> import numpy as np, mxcore as mx
    >>> data = mx.symbol.Variable("data")
    >>> run = mx.symbol.FullyConnected(data, num_hidden=1, no_bias=True, name="fc").simple_bind(mx.cpu(), data=(2, 3))
    >>> run.arg_dict["fc_weight"][:] = 2
    >>> run.forward(is_train=True, data=np.ones((2, 3)))
    [array([[6.],
           [6.]], dtype=float32)]
    >>> run.backward(np.ones((2, 1)))
    >>> run.grad_dict["fc_weight"]
    array([[2., 2., 2.]], dtype=float32)

    The arrays of :attr:`arg_dict` and the others are those that it computes with: write to them in place.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._symbol = run.symbol

    @property
    def arg_dict(self) -> dict[str, Array]:
        """The array of each argument, by name."""
        return {name: readable(self._run.arg_dict[name]) for name in self._symbol.list_arguments()}

    @property
    def grad_dict(self) -> dict[str, Array | None]:
        """The gradient of each argument, by name; None where none is computed."""
        found = self._run.grad_dict
        return {name: readable(found[name]) if name in found else None for name in self._symbol.list_arguments()}

    @property
    def aux_dict(self) -> dict[str, Array]:
        """The array of each auxiliary state, by name."""
        return {name: readable(self._run.aux_dict[name]) for name in self._symbol.list_auxiliary_states()}

    @property
    def output_dict(self) -> dict[str, Array]:
        """The outputs, by name."""
        return dict(zip(self._symbol.list_outputs(), self.outputs, strict=True))

    @property
    def arg_arrays(self) -> list[Array]:
        """The arrays of :attr:`arg_dict`, in order."""
        return list(self.arg_dict.values())

    @property
    def grad_arrays(self) -> list[Array | None]:
        """The arrays of :attr:`grad_dict`, in order."""
        return list(self.grad_dict.values())

    @property
    def aux_arrays(self) -> list[Array]:
        """The arrays of :attr:`aux_dict`, in order."""
        return list(self.aux_dict.values())

    @property
    def outputs(self) -> list[Array]:
        """The results of the last forward pass; zeros before the first."""
        if not self._run.outputs:
            shapes = {name: array.shape for name, array in self._run.arg_dict.items()}
            found = self._symbol.infer_shape_partial(**shapes)[1]
            self._run.outputs = [self._run.context.array(np.zeros(shape or (), np.float32)) for shape in found]
        return list(map(readable, self._run.outputs))

    def forward(self, is_train: bool = False, **kwargs: Array) -> list[Array]:
        """Compute and return the outputs.

        Args:
            is_train: whether operators behave as in training, and :meth:`backward` will follow.
            kwargs: new values of arguments, arrays by name.

        Raises:
            TypeError: there is no argument of this name.
            ValueError: a value is no array, or has another shape.
        """
        for name, values in kwargs.items():
            if name not in self._run.arg_dict:
                raise TypeError(f"there is no argument {name!r}; there are {', '.join(self._run.arg_dict)}")
            if not hasattr(values, "shape"):
                raise ValueError(f"the value of {name} must be an array, got {type(values).__name__}")
            self._run.fill(name, values)
        self._run.forward(is_train)
        return self.outputs

    def backward(self, out_grads: Any = None, is_train: bool = True) -> None:
        """Compute the gradients, if there are any, after ``forward(is_train=True)``.

        Args:
            out_grads: the gradient of each output that is not a loss: an array, a list, or a dict by name.
            is_train: accepted for compatibility with MXNet.
        """
        if isinstance(out_grads, Mapping):
            out_grads = [out_grads[name] for name in self._symbol.list_outputs()]
        if self._run.grad_dict:
            self._run.backward(None if isinstance(out_grads, list) and not out_grads else out_grads)

    def copy_params_from(
        self,
        arg_params: Mapping[str, Array],
        aux_params: Mapping[str, Array] | None = None,
        allow_extra_params: bool = False,
    ) -> None:
        """Copy values into arguments and auxiliary states, by name.

        Raises:
            ValueError: there is no such argument or state and ``allow_extra_params`` is not set, or a shape is wrong.
        """
        pairs = (("arguments", self._run.arg_dict, arg_params), ("auxiliary states", self._run.aux_dict, aux_params))
        for what, arrays, given in pairs:
            if not allow_extra_params and (extra := sorted(set(given or ()) - set(arrays))):
                raise ValueError(f"there are no {what} {', '.join(extra)}: pass allow_extra_params=True to ignore them")
        for _, arrays, given in pairs:
            for name, values in (given or {}).items():
                if name in arrays:
                    fill(self._run.context.backend, name, arrays[name], values)

    def set_monitor_callback(self, callback: Callable[[str, Array], None], monitor_all: bool = False) -> None:
        """Let ``callback(name, array)`` see the output of each operator in a forward pass.

        Args:
            callback: the function. The name is that of the operator and ``_output``.
            monitor_all: whether it sees the operators' inputs, too.
        """

        def report(node: Node, inputs: list[Array], output: Any) -> None:
            if monitor_all:
                for (role, _), array in zip(node.named_inputs(), inputs, strict=True):
                    callback(f"{node.name}_{role}", readable(array))
            several = output if isinstance(output, list) else []
            for number, array in enumerate(several or [output]):
                callback(f"{node.name}_output{number if several else ''}", readable(array))

        self._run.monitor = report

    def reshape(self, partial_shaping: bool = False, allow_up_sizing: bool = False, **kwargs: Any) -> Executor:
        """Return an executor for other shapes of some arguments, which shares the memory of this one.

        Args:
            partial_shaping: whether shapes of arguments that are not named may change.
            allow_up_sizing: whether an array may become larger, for which new memory is taken.
            kwargs: the new shapes, by name.

        Raises:
            ShapeError: the shapes contradict each other, or one changes that must not.
        """
        run = self._run
        arguments, states = self._symbol.list_arguments(), self._symbol.list_auxiliary_states()
        found = self._symbol.infer_shape_partial(**kwargs)
        shapes = {**dict(zip(arguments, found[0], strict=True)), **dict(zip(states, found[2], strict=True))}
        present = {**run.arg_dict, **run.aux_dict}
        keep = {}
        for name, array in present.items():
            shape = shapes[name] or array.shape
            if shape != array.shape and name not in kwargs and not partial_shaping:
                raise ShapeError(f"{name} would change from {array.shape} to {shape}: pass partial_shaping=True")
            size = int(np.prod(shape, dtype=np.int64))
            if size > array.size and not allow_up_sizing:
                raise ShapeError(f"{name} would grow from {array.shape} to {shape}: pass allow_up_sizing=True")
            if size <= array.size:
                parts = {name: array, f"grad:{name}": run.grad_dict.get(name)}
                keep.update({key: one.reshape(-1)[:size].reshape(shape) for key, one in parts.items()
                             if one is not None})  # fmt: skip
            shapes[name] = shape
        dtypes = {name: array.dtype for name, array in present.items()}
        known = {name: shapes[name] or () for name in arguments}
        made = Run.allocate(self._symbol, run.context, known, dtypes=dtypes, grad_req=run.grad_req, keep=keep)
        made.monitor = run.monitor
        return Executor(made)


class _Methods:
    """Methods of a symbol, which are defined here because a symbol knows nothing of arrays."""

    def simple_bind(
        self: Any,
        ctx: Context,
        grad_req: str | Sequence[str] | Mapping[str, str] = "write",
        type_dict: Mapping[str, Any] | None = None,
        stype_dict: Mapping[str, str] | None = None,
        group2ctx: Mapping[str, Context] | None = None,
        shared_arg_names: Sequence[str] | None = None,
        shared_exec: Executor | None = None,
        shared_buffer: Mapping[str, Array] | None = None,
        **kwargs: Sequence[int],
    ) -> Executor:
        """Return an executor with new arrays, of zeros, for all arguments.

        >>> import mxcore as mx
        >>> net = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=2, name="fc")
        >>> run = net.simple_bind(mx.cpu(), data=(4, 3))
        >>> run.arg_dict["fc_weight"].shape, run.outputs[0].shape
        ((2, 3), (4, 2))

        Args:
            ctx: the device.
            grad_req: ``"write"``, ``"add"`` or ``"null"``, for all arguments, in their order, or by name.
            type_dict: dtypes of arguments. If all that are given are the same floating-point type, it is everyone's.
            stype_dict: accepted for compatibility with MXNet: all arrays are dense.
            group2ctx: likewise: all arrays are on ``ctx``.
            shared_arg_names: the arguments whose arrays to take from ``shared_exec``; by default those that fit.
            shared_exec: an executor whose arrays to share.
            shared_buffer: arrays to use instead of new ones, if their shapes fit.
            kwargs: the shapes of enough arguments to infer all others.

        Raises:
            ShapeError: the shapes contradict each other, or do not determine all others.
        """
        arguments = self.list_arguments()
        keep = {name: plain(array) for name, array in (shared_buffer or {}).items()}
        if shared_exec is not None:
            shared = shared_exec._run
            names = set(shared_arg_names or shared.arg_dict)
            keep |= {name: array for name, array in shared.arg_dict.items() if name in names} | shared.aux_dict
            keep |= {f"grad:{name}": array for name, array in shared.grad_dict.items() if name in names}
        kinds = {np.dtype(one) for one in (type_dict or {}).values()}
        common = kinds.pop() if len(kinds) == 1 else np.dtype(np.float32)
        every = dict.fromkeys(self.list_inputs(), common) if common.kind == "f" and type_dict else {}
        dtypes = {**every, **(type_dict or {})}
        shapes = {name: tuple(shape) for name, shape in kwargs.items()}
        requests = _requests(arguments, grad_req)
        return Executor(Run.allocate(self, ctx, shapes, dtypes=dtypes, grad_req=requests, keep=keep))

    def bind(
        self: Any,
        ctx: Context,
        args: Given,
        args_grad: Given | None = None,
        grad_req: str | Sequence[str] | Mapping[str, str] = "write",
        aux_states: Given | None = None,
        group2ctx: Mapping[str, Context] | None = None,
        shared_exec: Executor | None = None,
    ) -> Executor:
        """Return an executor that computes with given arrays.

        >>> import numpy as np, mxcore as mx
        >>> a, b = mx.symbol.Variable("a"), mx.symbol.Variable("b")
        >>> grads = {"a": np.zeros(2)}
        >>> run = (a * b).bind(mx.cpu(), {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 4.0])}, args_grad=grads)
        >>> run.forward(is_train=True)
        [array([3., 8.])]
        >>> run.backward(np.ones(2))
        >>> grads["a"]
        array([3., 4.])

        Args:
            ctx: the device, on which the arrays are.
            args: an array for each argument, in their order or by name.
            args_grad: the arrays for gradients, likewise; those that are missing, or None, are not computed.
            grad_req: ``"write"``, ``"add"`` or ``"null"``, for all arguments, in their order, or by name.
            aux_states: an array for each auxiliary state, likewise.
            group2ctx: accepted for compatibility with MXNet: all arrays are on ``ctx``.
            shared_exec: likewise; no effect.

        Raises:
            ValueError: arrays are missing, or there are too many.
            ShapeError: shapes contradict each other.
        """
        arguments = self.list_arguments()
        arrays = _named("args", arguments, args)
        states = _named("aux_states", self.list_auxiliary_states(), {} if aux_states is None else aux_states)
        grads = _named("args_grad", arguments, {} if args_grad is None else args_grad, partly=True)
        self.infer_shape_partial(**{name: array.shape for name, array in arrays.items()})
        requests = _requests(arguments, grad_req)
        grads = {name: array for name, array in grads.items() if requests.get(name) != "null"}
        asked = {name: requests.get(name, "null") if name in grads else "null" for name in arguments}
        return Executor(Run(self, ctx, arrays, grads, states, asked))

    def eval(self: Any, ctx: Context | None = None, **kwargs: Array) -> list[Array]:
        """Return the outputs for given arrays.

        >>> import numpy as np, mxcore as mx
        >>> a, b = mx.symbol.Variable("a"), mx.symbol.Variable("b")
        >>> (a + b).eval(a=np.ones(2), b=np.ones(2))
        [array([2., 2.])]

        Args:
            ctx: the device, by default the CPU.
            kwargs: an array for each argument.
        """
        outputs: list[Array] = self.bind(ctx or cpu(), kwargs).forward()
        return outputs


def _named(what: str, names: Sequence[str], given: Given, partly: bool = False) -> dict[str, Array]:
    if not isinstance(given, Mapping):
        if len(given) != len(names):
            raise ValueError(f"{what} must hold an array for each of {', '.join(names)}, got {len(given)}")
        given = {name: array for name, array in zip(names, given, strict=True) if array is not None}
    if not partly and (missing := [name for name in names if name not in given]):
        raise ValueError(f"{what} has no {', '.join(missing)}")
    found = {name: given[name] for name in names if given.get(name) is not None}
    for array in found.values():
        backend_of(array)  # a TypeError if it is none
    return {name: plain(array) for name, array in found.items()}


def _requests(arguments: Sequence[str], grad_req: str | Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    if isinstance(grad_req, str):
        return dict.fromkeys(arguments, grad_req)
    found = dict(grad_req if isinstance(grad_req, Mapping) else zip(arguments, grad_req, strict=True))
    if wrong := [name for name, request in found.items() if request not in GRAD_REQS]:
        raise ValueError(f"grad_req must be one of {', '.join(GRAD_REQS)}, got {found[wrong[0]]!r} for {wrong[0]!r}")
    return found


for _name in ("simple_bind", "bind", "eval"):
    setattr(Symbol, _name, vars(_Methods)[_name])
