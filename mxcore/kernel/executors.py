"""What runs the stages of a plan on the host: compiled code, or NumPy calls. Both give the same bits."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mxcore.backend import Array
from mxcore.kernel import blocked, gather, llvm, machine, threads
from mxcore.kernel.choice import in_use
from mxcore.kernel.fill import fill_normal
from mxcore.kernel.layout import Flat, Host, address
from mxcore.kernel.norm import Norms
from mxcore.kernel.program import Member
from mxcore.kernel.trace import Traced

if TYPE_CHECKING:
    from mxcore.kernel.plan import FusedPlan

__all__ = ["Executor", "on_host"]

PARALLEL_FROM = 200_000
"""Elements below which a second thread costs more than it gains."""


def on_host(plan: FusedPlan, members: Sequence[Member]) -> Executor:
    """What runs ``plan`` with the emitter in use."""
    return (_Native if in_use() == "llvm" else _Python)(plan, members)


@functools.cache
def _compiled(traced: Traced, dtype: str, half: str | None) -> list[tuple[Any, Any]]:
    sources = [llvm.emit(traced, stage, dtype, half) for stage in traced.stages]
    compiled = [machine.compile_ir(source, "whole", "kernel") for source in sources]
    return [(llvm.WHOLE(whole), llvm.PART(part)) for whole, part in compiled]


@functools.cache
def _blocked(traced: Traced) -> list[blocked.Blocked]:
    return [blocked.emit(traced, stage) for stage in traced.stages]


class Executor(Protocol):
    """Runs the stages of a plan."""

    def moved(self) -> None:
        """Take note that the numbers of a step are somewhere else from now on."""

    def set_grad(self, position: int, flat: Flat) -> None:
        """Let a parameter have another array as its gradient."""

    def set_grads(self, grads: Sequence[Array]) -> Sequence[int]:
        """Take over new gradients at once; the positions of those that need a look are returned."""

    def run(self, stage: int) -> None:
        """Go through all elements once."""

    def finish(self, norms: range) -> None:
        """Make norms of what the chunks added up to."""


class _OnHost(Executor):
    """Has what a plan needs on the host, with or without a compiler.

    Args:
        plan: the plan, complete but for this.
        members: its parameters.
    """

    def __init__(self, plan: FusedPlan, members: Sequence[Member]) -> None:
        self.plan = plan
        self.norms = Norms(plan.chunks, len(members), len(plan.traced.norms), plan.dtype)

    def finish(self, norms: range) -> None:
        self.norms.finish(norms)


class _Native(_OnHost):
    """Runs a plan as compiled code."""

    def __init__(self, plan: FusedPlan, members: Sequence[Member]) -> None:
        super().__init__(plan, members)
        self.small = int(plan.sizes.sum()) < PARALLEL_FROM
        self.stages = _compiled(plan.traced, plan.dtype.name, plan.half)
        self.addresses = np.array([[address(flat.data) for flat in flats] for flats in plan.flats], np.uint64)
        self.gather = gather.Gather(members, plan.grad, self.addresses) if plan.grad is not None else None
        self.moved()

    def moved(self) -> None:
        """Look up the addresses of the tables again, in the order of :data:`mxcore.kernel.llvm.TABLES`."""
        plan, norms = self.plan, self.norms
        after = (plan.rows, norms.values, norms.partials, plan.keys.table)
        before = address(self.addresses), address(plan.chunks)
        pointers = (*before, plan.uniforms.address, *map(address, after))
        self.tables = (ctypes.c_uint64 * (len(pointers) + 1))(*pointers, len(plan.chunks))
        self.at = ctypes.addressof(self.tables)

    def set_grad(self, position: int, flat: Flat) -> None:
        assert self.plan.grad is not None
        self.addresses[position, self.plan.grad] = address(flat.data)

    def set_grads(self, grads: Sequence[Host]) -> Sequence[int]:
        return self.gather(grads) if self.gather else ()

    def run(self, stage: int) -> None:
        whole, part = self.stages[stage]
        if self.small:
            whole(self.at)
        else:
            parts = threads.parts_of(len(self.plan.chunks), threads.get_num_threads())
            threads.run_parts(functools.partial(part, self.at), parts)


class _Python(_OnHost):
    """Runs a plan as NumPy calls over chunks, whose views are made once; on one thread, see ``threads_of``."""

    def __init__(self, plan: FusedPlan, members: Sequence[Member]) -> None:
        super().__init__(plan, members)
        self.stages = _blocked(plan.traced)
        # What is computed in, as long as a chunk.
        longest = int((plan.chunks[:, 2] - plan.chunks[:, 1]).max(initial=0))
        self.scratch = [blocked.Scratch(stage, plan.dtype, longest) for stage in self.stages]
        self.half = np.empty(longest, plan.dtype) if plan.half else None
        self.noise = np.empty(longest, plan.dtype) if plan.traced.noisy else None
        self.chunks = [(tensor, slice(begin, end)) for tensor, begin, end in plan.chunks.tolist()]
        self.views: list[list[Host] | None] = [None] * len(self.chunks)

    def moved(self) -> None:
        """Nothing here depends on addresses."""

    def set_grads(self, grads: Sequence[Host]) -> Sequence[int]:
        return range(len(grads))

    def set_grad(self, position: int, flat: Flat) -> None:
        for chunk in range(*np.searchsorted(self.plan.chunks[:, 0], [position, position + 1])):
            self.views[chunk] = None

    def run(self, stage: int) -> None:
        uniforms = [self.plan.uniforms.row(row) for row in range(self.plan.uniforms.rows)]
        plan, block, scratch = self.plan, self.stages[stage].block, self.scratch[stage]
        plain = self.half is None and self.noise is None
        with np.errstate(all="ignore"):
            for chunk, (tensor, where) in enumerate(self.chunks):
                views = self.views[chunk]
                if views is None:
                    views = self.views[chunk] = [flat.data[where] for flat in plan.flats[tensor]]
                arrays = views if plain else self._converted(tensor, where, views)
                numbers = uniforms[plan.rows[tensor]], self.norms.values[tensor], self.norms.partials[chunk]
                block(arrays, *scratch.of(where.stop - where.start), *numbers)
                if self.half is not None and plan.traced.stages[stage].written:
                    views[-1][...] = views[plan.columns.index("weight")]

    def _converted(self, tensor: int, where: slice, views: list[Host]) -> list[Host]:
        """The arrays of a chunk: with a gradient of half precision as float32, and with noise."""
        size, arrays = where.stop - where.start, views[: len(self.plan.traced.arrays)]
        if self.half is not None and self.plan.grad is not None:
            self.half[:size] = views[self.plan.grad]
            arrays[self.plan.grad] = self.half[:size]
        if self.noise is not None:
            fill_normal(self.noise[:size], self.plan.keys.key(tensor), offset=where.start)
            arrays.append(self.noise[:size])
        return arrays
