"""The executors of a module: one for each of its contexts, which share the work on every batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mxcore.backend import Array, Context, backend_of
from mxcore.kvstore import summed
from mxcore_module.arrays import concatenated, readable
from mxcore_module.bound import Executor as BoundExecutor
from mxcore_module.executor import Executor
from mxcore_module.graph import Symbol
from mxcore_module.inputs import Inputs
from mxcore_module.io import DataDesc

__all__ = ["ExecutorGroup", "split"]

Arrays = dict[str, Array]


def split(size: int, work_load: Sequence[float]) -> list[slice]:
    """Return the rows of a batch for each context, as MXNet cuts it.

    >>> split(7, [1, 1])  # 3.5 is rounded to the even number
    [slice(0, 4, None), slice(4, 7, None)]
    >>> split(10, [1, 2])
    [slice(0, 3, None), slice(3, 10, None)]

    Args:
        size: the number of rows.
        work_load: the share of each context, in any unit.

    Raises:
        ValueError: a context would get no rows.
    """
    counts = [round(load * size / sum(work_load)) for load in work_load]
    counts[-1] += max(size - sum(counts), 0)
    ends = [min(sum(counts[: number + 1]), size) for number in range(len(counts))]
    parts = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
    if any(part.start >= part.stop for part in parts):
        raise ValueError(
            f"a batch of {size} cannot be divided among {len(counts)} contexts by the work load {list(work_load)}: "
            "some would get no rows"
        )
    return parts


class ExecutorGroup:
    """Executors of one symbol on several contexts, each for a part of the batch; most often, just one for all of it.

    Args:
        executors: an executor for each context.
        inputs: the descriptions of whole batches.
        rows: the rows of a batch for each context; None to give each of them the whole batch.
        param_names: the arguments that are parameters.

    Attributes:
        first: the executor of the first context.
    """

    def __init__(
        self,
        executors: Sequence[Executor],
        inputs: Inputs,
        rows: Sequence[slice] | None,
        param_names: Sequence[str],
    ) -> None:
        self.executors = list(executors)
        self.param_names = list(param_names)
        self.first = self.executors[0]
        self.inputs = inputs
        self.rows = rows

    @classmethod
    def bind(
        cls,
        symbol: Symbol,
        inputs: Inputs,
        work: Sequence[tuple[Context, float]],
        grad_req: Mapping[str, str],
        keep: Sequence[Arrays],
        param_names: Sequence[str],
    ) -> ExecutorGroup:
        """Allocate the arrays.

        Args:
            symbol: the network.
            inputs: its inputs.
            work: the contexts, each with its share of the work.
            grad_req: see :meth:`Executor.allocate`.
            keep: for each context, arrays to use instead of new ones.
            param_names: the arguments that are parameters.

        Raises:
            ShapeError: shapes contradict each other.
            ValueError: inputs have different batch sizes, or a context would get no rows.
        """
        known = inputs.known(symbol)
        rows = _rows(known, [share for _, share in work])
        made = []
        for number, (context, _) in enumerate(work):
            shapes = {desc.name: _part(desc, rows, number) for desc in known}
            held = keep[number] if keep else {}
            dtypes = {**_inferred(symbol, inputs.data), **{desc.name: desc.dtype for desc in known}}
            shapes = {**{name: array.shape for name, array in held.items()}, **shapes}
            made.append(Executor.allocate(symbol, context, shapes, dtypes=dtypes, grad_req=grad_req, keep=held))
        return cls(made, inputs, rows, param_names)

    def reshaped(self, inputs: Inputs, work: Sequence[float]) -> ExecutorGroup:
        """Return a group for other shapes of the inputs, which shares all arrays whose shapes stay the same."""
        known = inputs.known(self.first.symbol)
        rows = _rows(known, work)
        executors = [
            one.reshape({desc.name: _part(desc, rows, number) for desc in known}, fixed=self.param_names)
            for number, one in enumerate(self.executors)
        ]
        return ExecutorGroup(executors, inputs, rows, self.param_names)

    # --- as programs for MXNet read it -------------------------------------------------------------------------------

    @property
    def execs(self) -> list[BoundExecutor]:
        """An executor for each context."""
        return list(map(BoundExecutor, self.executors))

    @property
    def param_arrays(self) -> list[list[Array]]:
        """For each parameter its arrays, one for each context."""
        return [[readable(one.arg_dict[name]) for one in self.executors] for name in self.param_names]

    @property
    def grad_arrays(self) -> list[list[Array | None]]:
        """For each parameter its gradients, one for each context; None where none is computed."""
        parts = [one.grad_dict for one in self.executors]
        return [[readable(part[name]) if name in part else None for part in parts] for name in self.param_names]

    # --- arrays ------------------------------------------------------------------------------------------------------

    def fill(self, name: str, values: Any) -> None:
        """Write values into the array of a parameter or an auxiliary state, on every context."""
        for one in self.executors:
            one.fill(name, values)

    def mean(self, name: str) -> Array:
        """Return a new array, the mean over the contexts of a parameter or an auxiliary state."""
        arrays = [{**one.arg_dict, **one.aux_dict}[name] for one in self.executors]
        context = self.first.context
        copy = context.backend.copy(arrays[0])
        if len(arrays) > 1:
            with context.backend.on(context.device_id):
                # The differences, so that the mean of equal arrays is that array, to the last bit.
                differences = [moved(array, context) - arrays[0] for array in arrays]
                copy += summed(differences) / len(arrays)
        return copy

    def _total(self, arrays: Sequence[Array]) -> Array:
        context = self.first.context
        with context.backend.on(context.device_id):
            return summed([moved(array, context) for array in arrays])

    def gradient(self, name: str) -> Array:
        """Return the gradient of a parameter: with several contexts, their sum, added in their order."""
        grads = [one.grad_dict[name] for one in self.executors]
        return self._total(grads) if len(grads) > 1 else grads[0]

    def spread(self, names: Sequence[str]) -> None:
        """Copy parameters from the first context to the others."""
        for other in self.executors[1:]:
            for name in names:
                other.fill(name, self.first.arg_dict[name])

    # --- passes ------------------------------------------------------------------------------------------------------

    def forward(self, inputs: Mapping[str, Any], is_train: bool) -> None:
        """Compute the outputs for whole arrays by name, of which every context takes its part."""
        axes = {desc.name: batch_axis(desc) for desc in self.inputs.all()}
        for number, one in enumerate(self.executors):
            for name, values in inputs.items():
                one.fill(name, self._cut(values, axes.get(name, 0), number))
            one.forward(is_train)

    def backward(self, out_grads: Any) -> None:
        """Compute the gradients, from those of the whole outputs."""
        for number, one in enumerate(self.executors):
            if out_grads is None or len(self.executors) == 1:
                one.backward(out_grads)
            else:
                given = out_grads if isinstance(out_grads, (list, tuple)) else [out_grads]
                axes = output_axes(one.symbol)
                one.backward([self._cut(grad, axis, number) for grad, axis in zip(given, axes, strict=True)])

    def _cut(self, values: Any, axis: int, number: int) -> Any:
        if len(self.executors) == 1 or axis < 0 or self.rows is None:
            return values
        return values[(*[slice(None)] * axis, self.rows[number])]

    def outputs(self, merge: bool) -> list[Any]:
        """Return the outputs of the last forward pass: whole, or for each output a list of the contexts' parts."""
        parts = [list(map(readable, outputs)) for outputs in zip(*(one.outputs for one in self.executors), strict=True)]
        return self._merged(parts, output_axes(self.first.symbol)) if merge else parts

    def input_gradients(self, names: Sequence[str], merge: bool) -> list[Any]:
        """Return the gradients of inputs, likewise."""
        parts = [[readable(one.grad_dict[name]) for one in self.executors] for name in names]
        axes = {desc.name: batch_axis(desc) for desc in self.inputs.all()}
        return self._merged(parts, [axes[name] for name in names]) if merge else parts

    def _merged(self, parts: Sequence[list[Array]], axes: Sequence[int]) -> list[Array]:
        return [
            part[0]
            if len(part) == 1 or axis < 0
            else concatenated([moved(one, self.first.context) for one in part], axis)
            for part, axis in zip(parts, axes, strict=True)
        ]

    def scored(self, labels: Mapping[str, Any], cut: bool = True) -> Iterator[tuple[Arrays, Arrays]]:
        """Yield the labels and the outputs of each context, by name.

        Args:
            labels: whole arrays; or, without ``cut``, for each a list of the contexts' parts.
            cut: whether labels must be cut.
        """
        axes = {desc.name: batch_axis(desc) for desc in self.inputs.labels}
        for number, one in enumerate(self.executors):
            own = {
                name: self._cut(values, axes.get(name, 0), number) if cut else values[number]
                for name, values in labels.items()
            }
            names = one.symbol.list_outputs()
            yield own, dict(zip(names, map(readable, one.outputs), strict=True))


def batch_axis(desc: DataDesc) -> int:
    """Return the axis along which batches of an input are cut; -1 if there is none."""
    return DataDesc.get_batch_axis(desc.layout)


def output_axes(symbol: Symbol) -> list[int]:
    """Return the batch axis of each output, from its attribute ``__layout__``; by default 0."""
    return [DataDesc.get_batch_axis(output.attr("__layout__")) for output in symbol]


def moved(array: Array, context: Context) -> Array:
    """Return the array on a context, itself if it is there."""
    backend = backend_of(array)
    if backend is context.backend and (backend.name == "numpy" or backend.device_of(array) == context.device_id):
        return array
    return context.array(backend.to_host(array))


def _inferred(symbol: Symbol, data: Sequence[DataDesc]) -> dict[str, Any]:
    """Return the dtypes of parameters that have none of their own: that of the data, if it is a floating-point one.

    Normalizations keep float32, as in MXNet.
    """
    kinds = {np.dtype(desc.dtype) for desc in data if np.dtype(desc.dtype).kind == "f"}
    if kinds in (set(), {np.dtype(np.float32)}) or len(kinds) > 1:
        return {}
    attributes = symbol.attr_dict()
    apart = ("_gamma", "_beta", "_moving_mean", "_moving_var")
    names = [name for name in symbol.list_arguments() if not name.endswith(apart)]
    return dict.fromkeys((name for name in names if "__dtype__" not in attributes.get(name, {})), kinds.pop())


def _rows(descs: Sequence[DataDesc], work: Sequence[float]) -> list[slice] | None:
    if len(work) == 1:
        return None
    sizes = {desc.shape[batch_axis(desc)]: desc for desc in descs if batch_axis(desc) >= 0}
    if len(sizes) > 1:
        got = ", ".join(f"{desc.name} {desc.shape}" for desc in descs)
        raise ValueError(f"with several contexts, all inputs must have the same batch size, got {got}")
    return split(next(iter(sizes)), work) if sizes else None


def _part(desc: DataDesc, rows: Sequence[slice] | None, number: int) -> tuple[int, ...]:
    """Return the shape of a context's part of an input."""
    axis = batch_axis(desc)
    if rows is None or axis < 0:
        return desc.shape
    size = rows[number].stop - rows[number].start
    return (*desc.shape[:axis], size, *desc.shape[axis + 1 :])
