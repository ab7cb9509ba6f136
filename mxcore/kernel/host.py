"""Plans over arrays of the host: compiled code, or NumPy calls. Both give the same bits."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mxcore.backend import Array
from mxcore.kernel import blocked, llvm, machine, threads
from mxcore.kernel.calls import Call, commit
from mxcore.kernel.choice import in_use
from mxcore.kernel.fill import normal_calls
from mxcore.kernel.layout import Host, address
from mxcore.kernel.norm import Norms
from mxcore.kernel.plan import FusedPlan
from mxcore.kernel.program import Member, Program
from mxcore.kernel.trace import Traced

__all__ = ["PARALLEL_FROM", "BlockedPlan", "NativePlan", "on_host"]

PARALLEL_FROM = 200_000
"""Elements below which a second thread costs more than it gains."""


def on_host(program: Program, static: Mapping[str, Any], members: Sequence[Member]) -> FusedPlan:
    """A plan with the emitter in use."""
    return (NativePlan if in_use() == "llvm" else BlockedPlan)(program, static, members)


@functools.lru_cache(maxsize=128)
def _compiled(traced: Traced, dtype: str, half: str | None) -> list[tuple[Any, Any]]:
    return [_functions(llvm.emit(traced, stage, dtype, half)) for stage in traced.stages]


# By its text: a class that is defined again, as in a notebook, shares the code of the former one.
@functools.lru_cache(maxsize=128)
def _functions(source: str) -> tuple[Any, Any]:
    code = machine.compile_ir(source)
    return code.function(llvm.WHOLE, "whole"), code.function(llvm.PART, "kernel")


class NativePlan(FusedPlan):
    """Runs as compiled code."""

    tables_size = len(llvm.TABLES) + 1

    def __init__(self, program: Program, static: Mapping[str, Any], members: Sequence[Member]) -> None:
        super().__init__(program, static, members)
        self.stages = _compiled(self.traced, self.dtype.name, self.half)
        self.measured = self.traced.stages[:-1]
        self.norms = Norms(self.chunks, len(members), len(self.traced.norms), self.dtype)
        after = (self.rows, self.norms.values, self.norms.partials, self.keys.table)
        self._tables = (address(self.chunks), self.uniforms.address, *map(address, after), len(self.chunks))

    def tables(self, addresses: int) -> tuple[int, ...]:
        """What a kernel is handed, in the order of :data:`mxcore.kernel.llvm.TABLES`, and the number of chunks.

        Args:
            addresses: where the addresses of the arrays are: a row for each parameter, a column for each array.
        """
        return (addresses, *self._tables)

    def kernels(self, stage: int) -> tuple[int, int]:
        """The kernel of a stage for all chunks, and that for some."""
        whole, part = (ctypes.cast(one, ctypes.c_void_p).value or 0 for one in self.stages[stage])
        return whole, part

    def finish(self, stage: int) -> None:
        """Make norms of what a stage has measured."""
        if stage < len(self.measured):
            self.norms.finish(self.measured[stage].norms)

    def calls(self, handed_over: Sequence[Sequence[Array]]) -> list[Call]:
        """For arrays that the driver cannot take as they are."""
        found, back = self.flats(handed_over)
        places = [address(vector) for vectors in found for vector in vectors]
        addresses = (ctypes.c_uint64 * len(places))(*places)
        tables = (ctypes.c_uint64 * self.tables_size)(*self.tables(ctypes.addressof(addresses)))
        at, chunks = ctypes.addressof(tables), len(self.chunks)
        count = threads.get_num_threads() if int(self.sizes.sum()) >= PARALLEL_FROM else 1
        for stage, functions in enumerate(self.stages[:-1]):
            threads.run_shared(functions, at, chunks, count)
            self.finish(stage)
        function, argument, more = threads.shared_call(self.stages[-1], at, chunks, count)
        kept = (found, addresses, tables, more)  # until they have been used
        return [(function, argument), *back, (len, kept)]


@functools.lru_cache(maxsize=128)
def _blocked(traced: Traced, dtype: str) -> list[blocked.Blocked]:
    return [blocked.emit(traced, stage, dtype) for stage in traced.stages]


class BlockedPlan(FusedPlan):
    """Runs as NumPy calls over chunks, on one thread: see :func:`mxcore.kernel.threads.threads_of`."""

    def __init__(self, program: Program, static: Mapping[str, Any], members: Sequence[Member]) -> None:
        super().__init__(program, static, members)
        self.stages = _blocked(self.traced, self.dtype.name)
        self.norms = Norms(self.chunks, len(members), len(self.traced.norms), self.dtype)
        # What is computed in, as long as a chunk.
        longest = int((self.chunks[:, 2] - self.chunks[:, 1]).max(initial=0))
        scratch = [blocked.Scratch(stage, self.dtype, longest) for stage in self.stages]
        self.full_grad = np.empty(longest, self.dtype) if self.half else None
        self.noise = np.empty(longest, self.dtype) if self.traced.noisy else None
        self.places = [(tensor, slice(begin, end)) for tensor, begin, end in self.chunks.tolist()]
        self.scratch = [[one.of(where.stop - where.start) for _, where in self.places] for one in scratch]
        # The numbers of each row and parameter as arrays without axes, which follow what is written there.
        self.uniforms_of = [self.uniforms.row(row) for row in range(len(members))]
        self.norms_of = [[norms[place, ...] for place in range(len(norms))] for norms in self.norms.values]

    @property
    def repeatable(self) -> bool:
        """Whether the calls of one step do for the next, over the same arrays."""
        return self.stages[-1].repeatable and len(self.stages) == 1 and self.noise is None and not self.staged

    def calls(self, handed_over: Sequence[Sequence[Array]]) -> list[Call]:
        """Measure; the calls that write, chunk after chunk."""
        found, back = self.flats(handed_over)
        for stage, measured in enumerate(self.traced.stages[:-1]):
            for chunk in range(len(self.places)):
                before, arguments = self._chunk(stage, chunk, found)
                commit(before)
                self.stages[stage].measure(*arguments, self.norms.partials[chunk])
            self.norms.finish(measured.norms)
        writes: list[Call] = []
        for chunk, (tensor, where) in enumerate(self.places):
            before, arguments = self._chunk(-1, chunk, found)
            writes += before
            writes += self.stages[-1].calls(*arguments)
            if self.half is not None:
                weight, half = (found[tensor][self.columns.index(name)] for name in ("weight", "half_weight"))
                writes.append((half[where].__setitem__, ..., weight[where]))
        return [*writes, *back]

    def _chunk(self, stage: int, chunk: int, found: Sequence[Sequence[Host]]) -> tuple[list[Call], tuple[Any, ...]]:
        """What a chunk is computed from, and the calls that bring some of it about: full gradients, and noise."""
        tensor, where = self.places[chunk]
        size, before = where.stop - where.start, list[Call]()
        whole = found[tensor]
        arrays = list(whole) if size == self.sizes[tensor] else [vector[where] for vector in whole]
        arrays = arrays[: len(self.traced.arrays)]
        if self.full_grad is not None and "grad" in self.columns:
            at, full = self.columns.index("grad"), self.full_grad[:size]
            before.append((full.__setitem__, ..., arrays[at]))
            arrays[at] = full
        if self.noise is not None:
            noise = self.noise[:size]
            before += normal_calls(noise, self.keys.key(tensor), where.start)
            arrays.append(noise)
        numbers = self.uniforms_of[self.rows[tensor]], self.norms_of[tensor]
        return before, (arrays, *self.scratch[stage][chunk], *numbers)
