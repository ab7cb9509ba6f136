"""The executor: runs a symbol forward and backward over arrays on one device.

>>> import mxcore as mx
>>> x = mx.symbol.Variable("x")
>>> run = Executor.allocate(mx.symbol.LinearRegressionOutput(3 * x, name="out"), mx.cpu(), {"x": (2, 1)})
>>> run.fill("x", [[1], [2]])
>>> run.forward(is_train=True)[0].tolist()
[[3.0], [6.0]]
>>> run.backward()
>>> run.grad_dict["x"].tolist()  # the labels are 0: 3 · 3x
[[9.0], [18.0]]
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from mxcore import random
from mxcore.backend import Array, Backend, Context, backend_of
from mxcore_module import shapes as shape_inference
from mxcore_module.attributes import read_dtype
from mxcore_module.graph import Symbol
from mxcore_module.node import Node, Output
from mxcore_module.operators import Run, Shape, ShapeError

__all__ = ["GRAD_REQS", "Executor", "fill"]

GRAD_REQS = ("write", "add", "null")
Arrays = dict[str, Array]


class Executor:
    """The arrays of a symbol's variables, and the passes over its graph.

    Args:
        symbol: the network.
        context: the device of all arrays.
        arg_dict: the array of each argument.
        grad_dict: the gradient of each argument that has one, of the same shape and dtype.
        aux_dict: the array of each auxiliary state.
        grad_req: by argument: ``"write"`` replaces the gradient, ``"add"`` adds to it, ``"null"`` computes none.

    Attributes:
        outputs: the results of the last forward pass, new arrays each time.
        monitor: called in a forward pass with each operator's node, its inputs and its output; or None.
    """

    def __init__(
        self,
        symbol: Symbol,
        context: Context,
        arg_dict: Mapping[str, Array],
        grad_dict: Mapping[str, Array],
        aux_dict: Mapping[str, Array],
        grad_req: Mapping[str, str],
    ) -> None:
        self.symbol = symbol
        self.context = context
        self.arg_dict = dict(arg_dict)
        self.grad_dict = dict(grad_dict)
        self.aux_dict = dict(aux_dict)
        self.grad_req = dict(grad_req)
        self.outputs: list[Array] = []
        self.monitor: Callable[[Node, list[Array], Any], None] | None = None
        self._wanted = _reaching(symbol.nodes, self.grad_dict)
        self._values: dict[Output, Array] = {}
        self._tape: list[tuple[Node, Run]] = []

    @classmethod
    def allocate(
        cls,
        symbol: Symbol,
        context: Context,
        shapes: Mapping[str, Shape],
        *,
        dtypes: Mapping[str, Any] | None = None,
        grad_req: str | Mapping[str, str] = "write",
        keep: Mapping[str, Array] | None = None,
    ) -> Executor:
        """Create an executor with arrays of zeros.

        Args:
            symbol: the network.
            context: the device.
            shapes: the shapes of enough arguments to infer all others, by name.
            dtypes: dtypes by name; the default is that of the Variable, or float32.
            grad_req: for all arguments, or by name; arguments that are not named get ``"null"``.
            keep: arrays to use instead of new ones if their shape fits, by name, gradients as ``grad:<name>``.

        Raises:
            ShapeError: the shapes contradict each other, or do not determine all others.
            ValueError: ``grad_req`` is unknown, or two variables share a name.
        """
        found = _all_shapes(symbol, shapes)
        arguments, auxiliaries = symbol.list_arguments(), symbol.list_auxiliary_states()
        requests = _requests(arguments, grad_req)
        attributes = symbol.attr_dict()

        def array(name: str, key: str) -> Array:
            kept = (keep or {}).get(key)
            if kept is not None and kept.shape == found[name]:
                return kept
            declared = attributes.get(name, {}).get("__dtype__")
            dtype = (dtypes or {}).get(name) or (read_dtype(declared) if declared else np.float32)
            return context.array(np.zeros(found[name], dtype))

        return cls(
            symbol,
            context,
            {name: array(name, name) for name in arguments},
            {name: array(name, f"grad:{name}") for name in arguments if requests[name] != "null"},
            {name: array(name, name) for name in auxiliaries},
            requests,
        )

    def reshape(self, shapes: Mapping[str, Shape], fixed: Collection[str] = ()) -> Executor:
        """Create an executor for other input shapes, which shares all arrays whose shapes stay the same.

        Args:
            shapes: the new shapes of inputs, by name.
            fixed: the arguments whose shapes must not change: the parameters.

        Raises:
            ShapeError: the shapes contradict each other, or the shape of a parameter would change.
        """
        present = {name: array.shape for name, array in self.arg_dict.items() if name in fixed}
        gradients = {f"grad:{name}": array for name, array in self.grad_dict.items()}
        dtypes = {name: array.dtype for name, array in {**self.arg_dict, **self.aux_dict}.items()}
        keep = {**self.arg_dict, **self.aux_dict, **gradients}
        shapes = {**present, **shapes}
        made = Executor.allocate(self.symbol, self.context, shapes, dtypes=dtypes, grad_req=self.grad_req, keep=keep)
        made.monitor = self.monitor
        return made

    def fill(self, name: str, values: Any) -> None:
        """Write values, a list or an array of any library, into an argument or auxiliary state.

        Raises:
            ValueError: their shape is another one.
        """
        target = self.arg_dict[name] if name in self.arg_dict else self.aux_dict[name]
        fill(self.context.backend, name, target, values)

    # --- passes ------------------------------------------------------------------------------------------------------

    def forward(self, is_train: bool = False) -> list[Array]:
        """Compute and return the outputs for the current values of all variables.

        With ``is_train``, operators behave as in training, and you can call :meth:`backward` afterwards.
        """
        with self.context.backend.on(self.context.device_id):
            self._values, self._tape = {}, []
            for node in self.symbol.nodes:
                found = self._variable(node) if node.operator is None else self._apply(node, is_train)
                self._values.update(zip(node.outputs(), found if isinstance(found, list) else [found], strict=True))
            # Copies: some operators return their input, whose array the next batch overwrites.
            self.outputs = [self._values[head].copy() for head in self.symbol.heads]
        if not is_train:
            self._values, self._tape = {}, []
        return self.outputs

    def _variable(self, node: Node) -> Array:
        return self.arg_dict[node.name] if node.name in self.arg_dict else self.aux_dict[node.name]

    def _apply(self, node: Node, is_train: bool) -> Any:
        inputs = self._inputs(node)
        wanted = tuple(source.node in self._wanted for source in node.inputs)
        run = Run(self.context.backend.xp, is_train, self._uniform(node.name), wanted)
        if not node.inputs:
            run.shape = self._shapes.get(Output(node))
        run.output = node.operator.forward(run, *inputs)  # type: ignore[union-attr]  # variables do not come here
        self._tape.append((node, run))
        if self.monitor is not None:
            self.monitor(node, inputs, run.output)
        return run.output

    @functools.cached_property
    def _shapes(self) -> Mapping[Output, Shape]:
        arrays = {**self.arg_dict, **self.aux_dict}
        return shape_inference.infer(self.symbol.nodes, {name: array.shape for name, array in arrays.items()})

    def _inputs(self, node: Node) -> list[Array]:
        return [self._values[source] for source in node.inputs]

    def _uniform(self, name: str) -> Callable[[Shape], Array]:
        def draw(shape: Shape) -> Array:
            return self.context.array(random.next_generator("node", name).uniform(0, 1, shape, np.float32))

        return draw

    def backward(self, out_grads: Array | Sequence[Array] | None = None) -> None:
        """Compute the gradients of all arguments that have one, after ``forward(is_train=True)``.

        Args:
            out_grads: the gradient of each output, one array or a list; not needed if every output is a loss, and
                ignored for losses.

        Raises:
            RuntimeError: there was no forward pass with ``is_train``.
            ValueError: the gradient of an output that is not a loss is missing, or has the wrong shape.
        """
        if not self._tape:
            raise RuntimeError("backward needs a forward pass with is_train=True before it")
        if not self.grad_dict:
            return
        with self.context.backend.on(self.context.device_id):
            grads = self._head_gradients(out_grads)
            for node, run in reversed(self._tape):
                self._propagate(node, run, grads)
            self._store(grads)

    def _head_gradients(self, out_grads: Array | Sequence[Array] | None) -> dict[Output, Array]:
        given = list(out_grads) if isinstance(out_grads, (list, tuple)) else [out_grads] * (out_grads is not None)
        heads, names = self.symbol.heads, self.symbol.list_outputs()
        if given and len(given) != len(heads):
            raise ValueError(f"out_grads must hold one gradient for each of {', '.join(names)}, got {len(given)}")
        grads: dict[Output, Array] = {}
        for head, name, grad in zip(heads, names, given or [None] * len(heads), strict=True):
            if head.node.operator is not None and head.node.operator.is_loss:
                continue
            if grad is None:
                raise ValueError(f"output {name!r} is not a loss: backward needs its gradient in out_grads")
            _add(grads, head, self._like(name, grad, self._values[head]))
        return grads

    def _like(self, name: str, values: Any, array: Array) -> Array:
        like = self.context.backend.full_like(array, 0)
        fill(self.context.backend, f"out_grads of {name}", like, values)
        return like

    def _propagate(self, node: Node, run: Run, grads: dict[Output, Array]) -> None:
        """Propagate the gradients of a node's outputs to its inputs."""
        operator, found = node.operator, {output: grads.pop(output, None) for output in node.outputs()}
        missing = [output for output, grad in found.items() if grad is None]
        if node not in self._wanted or operator is None or (len(missing) == len(found) and not operator.is_loss):
            return
        if len(found) > 1:
            found |= {output: self.context.backend.full_like(self._values[output], 0) for output in missing}
        grad = list(found.values()) if len(found) > 1 else found[Output(node)]
        for source, part in zip(node.inputs, operator.backward(run, grad, *self._inputs(node)), strict=True):
            if part is not None and source.node in self._wanted:
                _add(grads, source, part)

    def _store(self, grads: Mapping[Output, Array]) -> None:
        found = {output.node.name: grad for output, grad in grads.items() if output.node.operator is None}
        for name, buffer in self.grad_dict.items():
            if self.grad_req[name] == "add":
                buffer += found.get(name, 0)
            else:
                buffer[...] = found.get(name, 0)


def _add(grads: dict[Output, Array], output: Output, part: Array) -> None:
    """Add to a gradient without modifying it: another node may share the array."""
    grads[output] = grads[output] + part if output in grads else part


def _reaching(order: Sequence[Node], names: Collection[str]) -> set[Node]:
    """Return the nodes on a path to a variable whose gradient is requested."""
    wanted: set[Node] = set()
    for node in order:
        if any(source.node in wanted for source in node.inputs) or (node.operator is None and node.name in names):
            wanted.add(node)
    return wanted


def _all_shapes(symbol: Symbol, given: Mapping[str, Shape]) -> dict[str, Shape]:
    found = shape_inference.infer(symbol.nodes, symbol.given_shapes((), given))
    variables = {node.name: found.get(Output(node)) for node in symbol.nodes if node.operator is None}
    settled = {name: shape for name, shape in variables.items() if shape is not None and 0 not in shape}
    if missing := [name for name in variables if name not in settled]:
        raise ShapeError(
            f"cannot infer the shapes of {', '.join(missing)}: pass these or the shapes of more data, here or as "
            "shape= of the Variable"
        )
    return settled


def _requests(arguments: Sequence[str], grad_req: str | Mapping[str, str]) -> dict[str, str]:
    by_name = dict.fromkeys(arguments, grad_req) if isinstance(grad_req, str) else dict(grad_req)
    for name, request in by_name.items():
        if name not in arguments or request not in GRAD_REQS:
            raise ValueError(
                f"grad_req must be one of {', '.join(GRAD_REQS)} for arguments of the symbol, "
                f"got {request!r} for {name!r}"
            )
    return {name: by_name.get(name, "null") for name in arguments}


def fill(backend: Backend, name: str, target: Array, values: Any) -> None:
    """Write values into an array of ``backend``, from a list or from an array of any library.

    Raises:
        ValueError: they have another shape; the message shows ``name``.
    """
    source = values if hasattr(values, "shape") else np.asarray(values)
    if tuple(source.shape) != tuple(target.shape):
        raise ValueError(f"{name} must have shape {tuple(target.shape)}, got {tuple(source.shape)}")
    owner = backend_of(source)
    backend.fill(target, source if owner is backend else owner.to_host(source))
