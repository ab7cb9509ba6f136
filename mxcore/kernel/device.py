"""A plan on a CUDA device: tables that lie there, and one launch for each stage of a rule.

What a step copies and launches goes into the stream that is current on the device of its arrays.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mxcore.backend import Array
from mxcore.kernel import cuda as emitter
from mxcore.kernel.executors import Executor
from mxcore.kernel.layout import Flat, address
from mxcore.kernel.norm import LANES
from mxcore.kernel.plan import FusedPlan, divided
from mxcore.kernel.program import Member, Program, Row
from mxcore.kernel.trace import Traced

if TYPE_CHECKING:
    from mxcore.backend.cuda import Cuda

__all__ = ["DevicePlan"]

THREADS = 256
PIECE = 8192
"""Elements that a block writes. Norms fix the chunks that are measured; writing is free to keep more blocks busy."""


@functools.cache
def _sources(traced: Traced, dtype: str, half: str | None) -> list[str]:
    return [emitter.emit(traced, stage, dtype, half) for stage in traced.stages]


class DevicePlan(FusedPlan):
    """One rule over parameters of one dtype on one device, all with the same static numbers.

    Args:
        cuda: what is asked of CUDA.
        program: the rule.
        static: those of its numbers that are None, truth values or text.
        members: the parameters.

    Raises:
        RuleError: the rule leaves the language of rules.
        ValueError: an array cannot be updated in place, is on another device, or shares memory with another one.
    """

    executor: _Launches

    def __init__(self, cuda: Cuda, program: Program, static: Mapping[str, Any], members: Sequence[Member]) -> None:
        self.cuda, self.device = cuda, int(members[0].weight.device.id)
        with cuda.on(self.device):
            super().__init__(program, static, members)

    def _executor(self, members: Sequence[Member]) -> _Launches:
        return _Launches(self, members)

    def _check(self, members: Sequence[Member]) -> None:
        for member in members:
            arrays = {"weight": member.computed, "gradient": member.grad, **member.arrays}
            for name, array in arrays.items():
                self._check_device(f"the {name} of {member.label}", array)
        super()._check(members)

    def _check_device(self, label: str, array: Array) -> None:
        if array.device.id != self.device:
            raise ValueError(
                f"{label} is on gpu({array.device.id}), its weight on gpu({self.device}): "
                "keep all arrays of a parameter on one device"
            )

    def set_grad(self, position: int, grad: Array) -> None:
        self._check_device("the gradient", grad)
        with self.cuda.on(self.device):
            super().set_grad(position, grad)

    def prepare(self, numbers: Mapping[str, Any], rows: Sequence[Row], row_of: Sequence[int]) -> None:
        super().prepare(numbers, rows, row_of)
        with self.cuda.on(self.device):
            self.executor.upload()

    def commit(self) -> list[dict[str, float]]:
        with self.cuda.on(self.device):
            return super().commit()


class _Launches(Executor):
    """Runs a plan as launches of kernels."""

    def __init__(self, plan: DevicePlan, members: Sequence[Member]) -> None:
        self.plan, traced, dtype = plan, plan.traced, plan.dtype.name
        self.kernels = [plan.cuda.kernel(source, "kernel") for source in _sources(traced, dtype, plan.half)]
        finishing = ("add_lanes", "add_chunks") if traced.norms else ()
        self.finishing = [plan.cuda.kernel(emitter.norms(dtype), name) for name in finishing]
        self.addresses = np.array([[address(flat.data) for flat in flats] for flats in plan.flats], np.uint64)
        tensors, width = len(plan.sizes), len(traced.norms)
        self.constant = {
            "chunks": plan.chunks,
            "pieces": divided(plan.sizes, PIECE),
            "starts": np.searchsorted(plan.chunks[:, 0], np.arange(tensors + 1)),
        }
        self.scratch = {
            "lanes": ((len(plan.chunks), width, LANES), np.float64),
            "partials": ((len(plan.chunks), width), np.float64),
            "norms": ((tensors, width), plan.dtype),
        }
        self.tables = _Tables(plan.cuda)
        # Gradients that look like this are taken by their address alone.
        self.plain = [
            _looks(one.grad) if _looks(one.grad)[-1] and axes == sorted(axes) else None
            for one, axes in zip(members, plan.axes, strict=True)
        ]

    def moved(self) -> None:
        """The numbers of a step are copied to the device wherever they are."""

    def set_grad(self, position: int, flat: Flat) -> None:
        assert self.plan.grad is not None
        self.addresses[position, self.plan.grad] = address(flat.data)

    def set_grads(self, grads: Sequence[Array]) -> Sequence[int]:
        column = self.plan.grad
        if column is None:
            return ()
        for position, (grad, plain) in enumerate(zip(grads, self.plain, strict=True)):
            flat = self.plan.flats[position][column]
            if flat.staged or plain is None or type(grad) is not plain[0] or _looks(grad) != plain:
                return range(position, len(grads))
            flat.array = flat.data = grad  # and the former one is let go
            self.set_grad(position, flat)
        return ()

    def upload(self) -> None:
        """Bring the tables on the device up to date."""
        plan = self.plan
        if self.tables.are_new():
            for name, (shape, dtype) in self.scratch.items():
                self.tables.make(name, shape, dtype)
            for name, values in self.constant.items():
                self.tables.follow(name, values)
        changing = {"addresses": self.addresses, "rows": plan.rows, "keys": plan.keys.table}
        for name, values in {**changing, "uniforms": plan.uniforms.values}.items():
            self.tables.follow(name, values)

    def run(self, stage: int) -> None:
        measures = bool(self.plan.traced.stages[stage].norms)
        chunks, threads = ("chunks", LANES) if measures else ("pieces", THREADS)
        tables = ("addresses", chunks, "uniforms", "rows", "norms", "lanes", "keys")
        self._launch(self.kernels[stage], len(self.constant[chunks]), threads, *tables)

    def finish(self, norms: range) -> None:
        add_lanes, add_chunks = self.finishing
        sums, tensors = len(self.plan.chunks) * len(self.plan.traced.norms), len(self.plan.sizes)
        self._launch(add_lanes, -(-sums // THREADS), THREADS, "lanes", "partials", sums)
        numbers = (tensors, len(self.plan.traced.norms), norms.start, norms.stop)
        self._launch(add_chunks, -(-tensors // THREADS), THREADS, "partials", "starts", "norms", *numbers)

    def _launch(self, kernel: Any, blocks: int, threads: int, *arguments: str | int) -> None:
        if blocks:  # a launch of none is an error
            kernel(blocks, threads, [self.tables[one] if isinstance(one, str) else np.int64(one) for one in arguments])


def _looks(array: Array) -> tuple[Any, ...]:
    """What a gradient must have in common with the one before, and at the end whether it lies in C order."""
    return type(array), array.dtype, array.shape, array.device.id, array.flags.c_contiguous


class _Tables:
    """Arrays on the device, by name: copies of arrays of the host, and room for what only the device knows.

    They belong to one stream. In another one they are made anew: nothing would keep it from running ahead of the
    copies, and CuPy's pool gives memory of a stream back to that stream.
    """

    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda
        self.stream: int | None = None
        self.arrays: dict[str, Array] = {}
        self.sent: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def are_new(self) -> bool:
        """Go to the current stream; whether there are no tables there yet."""
        stream = self.cuda.stream()
        if stream == self.stream:
            return False
        self.stream, self.arrays, self.sent = stream, {}, {}
        return True

    def make(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        """Make an array with no values yet."""
        self.arrays[name] = self.cuda.xp.empty(shape, dtype)

    def follow(self, name: str, values: npt.NDArray[Any]) -> None:
        """Let an array have the values of one of the host, if these are not what it was given last."""
        new = values.tobytes()
        if new == self.sent.get(name):
            return
        if name not in self.arrays or self.arrays[name].shape != values.shape:
            self.make(name, values.shape, values.dtype)
        if values.size:
            self.cuda.upload(values, self.arrays[name])
        self.sent[name] = new
