"""A plan: one rule over many parameters whose arrays stay where they are, in one pass.

What does not change from step to step is worked out once: the compiled rule, where every array lies, and how the
elements are divided into chunks. A step then sets a few numbers and makes one call; a rule with norms makes one for
each of its stages.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mxcore.kernel import blocked, gather, llvm, machine, threads
from mxcore.kernel.choice import in_use
from mxcore.kernel.fill import fill_normal
from mxcore.kernel.layout import Flat, Host, address, axes_in_memory, check_apart, check_written
from mxcore.kernel.noise import Keys
from mxcore.kernel.norm import CHUNK, Norms
from mxcore.kernel.program import Member, Program, Row
from mxcore.kernel.trace import Traced, trace

__all__ = ["FusedPlan"]

PARALLEL_FROM = 200_000
"""Elements below which a second thread costs more than it gains."""


@functools.cache
def _traced(program: Program, static: tuple[tuple[str, Any], ...]) -> Traced:
    return trace(program, dict(static))


@functools.cache
def _compiled(traced: Traced, dtype: str, half: str | None) -> list[tuple[Any, Any]]:
    sources = [llvm.emit(traced, stage, dtype, half) for stage in traced.stages]
    compiled = [machine.compile_ir(source, "whole", "kernel") for source in sources]
    return [(llvm.WHOLE(whole), llvm.PART(part)) for whole, part in compiled]


@functools.cache
def _blocked(traced: Traced) -> list[blocked.Blocked]:
    return [blocked.emit(traced, stage) for stage in traced.stages]


class FusedPlan:
    """One rule over parameters of one dtype, all with the same static numbers.

    Args:
        program: the rule.
        static: those of its numbers that are None, truth values or text.
        members: the parameters. Their arrays are held as long as the plan lives.

    Raises:
        RuleError: the rule leaves the language of rules.
        ValueError: an array cannot be updated in place, or two that are written share memory.
    """

    def __init__(self, program: Program, static: Mapping[str, Any], members: Sequence[Member]) -> None:
        self.traced = _traced(program, tuple(sorted(static.items())))
        self.members = members
        self.dtype = members[0].computed.dtype
        self.half = members[0].weight.dtype.name if members[0].master is not None else None
        self.columns = [*self.traced.arrays, *(["half_weight"] if self.half else [])]
        self._check()
        in_order = self.traced.in_order
        self.axes = [list(range(one.weight.ndim)) if in_order else axes_in_memory(one.computed) for one in members]
        self.flats = [self._flatten(member, axes) for member, axes in zip(members, self.axes, strict=True)]
        self.grad = self.columns.index("grad") if "grad" in self.columns else None
        self.sizes = np.array([member.computed.size for member in members], np.int64)
        self.chunks = _chunks(self.sizes, CHUNK)
        self.measuring = range(len(self.traced.stages) - 1)
        self.norms = Norms(self.chunks, len(members), len(self.traced.norms), self.dtype)
        self.keys = Keys([member.noise_key for member in members] if self.traced.noisy else [])
        self.count = program.row.index("t")
        self.rows = np.zeros(len(members), np.int64)
        self.uniforms = Uniforms(self.dtype, self.traced.shared, len(self.traced.uniforms))
        self._note_staged()
        self.row_of: Sequence[int] | None = None
        self.numbers: Mapping[str, Any] | None = None
        self.executor = _Native(self) if in_use() == "llvm" else _Python(self)

    def _check(self) -> None:
        written = [
            (f"the {name} of {member.label}", array)
            for member in self.members
            for name, array in {"weight": member.computed, **member.arrays}.items()
            if name in self.traced.written
        ]
        written += [
            (f"the weight of {member.label}", member.weight) for member in self.members if member.master is not None
        ]
        for label, array in written:
            check_written(label, array)
        check_apart([(label, array) for label, array in written if array.size])

    def _flatten(self, member: Member, axes: Sequence[int]) -> list[Flat]:
        arrays = {"weight": member.computed, "grad": member.grad, **member.arrays, "half_weight": member.weight}
        return [Flat(arrays[name], axes) for name in self.columns]

    def set_grad(self, position: int, grad: Host) -> None:
        """Let a parameter have another array as its gradient."""
        if self.grad is not None:
            former, flat = self.flats[position][self.grad], Flat(grad, self.axes[position])
            self.flats[position][self.grad] = flat
            self.executor.set_grad(position, flat)
            if former.staged or flat.staged:
                self._note_staged()

    def set_grads(self, grads: Sequence[Host]) -> Sequence[int]:
        """Take over new gradients at once; the positions of those that need a look are returned."""
        return self.executor.set_grads(grads)

    def prepare(self, numbers: Mapping[str, Any], rows: Sequence[Row], row_of: Sequence[int]) -> None:
        """Compute the numbers of a step; nothing is updated yet."""
        if numbers is not self.numbers:
            shared, self.prologue = self.traced.prologue(numbers)
            self.numbers, self.uniforms.memory[: len(shared)] = numbers, shared
        host: list[dict[str, float]] = []
        uniforms: list[float] = []
        for row in rows:
            values, slots = self.prologue(*row)
            uniforms += values
            host.append(slots)
        if row_of is not self.row_of:
            self.rows[:], self.row_of = row_of, row_of
        self.host = host
        if self.traced.noisy:
            counts = [row[self.count] for row in rows]
            self.keys.follow([counts[row] for row in row_of])
        if len(rows) != self.uniforms.rows:
            self.uniforms.resize(len(rows))
            self.executor.moved()
        self.uniforms.memory[self.traced.shared :] = uniforms

    def commit(self) -> list[dict[str, float]]:
        """Update everything; the new host numbers of each row."""
        for flat in self.staged:
            flat.read()
        for stage in self.measuring:
            self.executor.run(stage)
            self.norms.finish(self.traced.stages[stage].norms)
        self.executor.run(-1)
        for flat in self.staged_results:
            flat.write()
        return self.host

    def _note_staged(self) -> None:
        """Remember which arrays are worked on as copies."""
        written = {*self.traced.written, "half_weight"}
        places = [(name, flat) for flats in self.flats for name, flat in zip(self.columns, flats, strict=True)]
        self.staged = [flat for _, flat in places if flat.staged]
        self.staged_results = [flat for name, flat in places if flat.staged and name in written]


def _chunks(sizes: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.int64]:
    """(tensor, from, to) for every chunk, in order."""
    counts = -(-sizes // length)
    tensors = np.repeat(np.arange(len(sizes)), counts)
    begins = (np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)) * length
    return np.ascontiguousarray(
        np.stack([tensors, begins, np.minimum(begins + length, sizes[tensors])], axis=1), np.int64
    )


class Uniforms:
    """The numbers of a step, rounded to the dtype of the arrays: the shared ones, and then one row after the other.

    They are written through ctypes, which takes a tenth of the time of an assignment to an array.

    Args:
        dtype: the dtype of the arrays.
        shared: how many numbers are the same for all rows.
        width: how many numbers there are, with these.
    """

    _NUMBER = {"float32": ctypes.c_float, "float64": ctypes.c_double}

    def __init__(self, dtype: np.dtype[Any], shared: int, width: int) -> None:
        self.number, self.dtype, self.shared, self.width = self._NUMBER[dtype.name], dtype, shared, width - shared
        self.memory: Any = (self.number * shared)()
        self.resize(1)

    def resize(self, rows: int) -> None:
        """Make room for that many rows, somewhere else; the shared numbers stay."""
        kept = self.memory[: self.shared]
        self.rows = rows
        self.memory = (self.number * (self.shared + rows * self.width))()
        self.memory[: self.shared] = kept
        self.address = ctypes.addressof(self.memory)

    def row(self, number: int) -> list[Any]:
        """The shared numbers and those of a row, as NumPy scalars."""
        values = np.frombuffer(self.memory, self.dtype) if len(self.memory) else np.empty(0, self.dtype)
        begin = self.shared + number * self.width
        return [*values[: self.shared], *values[begin : begin + self.width]]


class _Native:
    """Runs a plan as compiled code."""

    def __init__(self, plan: FusedPlan) -> None:
        self.plan = plan
        self.stages = _compiled(plan.traced, plan.dtype.name, plan.half)
        self.addresses = np.array([[address(flat.data) for flat in flats] for flats in plan.flats], np.uint64)
        self.elements = int(plan.sizes.sum())
        self.gather = gather.Gather(plan.members, plan.grad, self.addresses) if plan.grad is not None else None
        self.moved()

    def moved(self) -> None:
        """Look up the addresses of the tables again, in the order of :data:`mxcore.kernel.llvm.TABLES`."""
        plan, norms = self.plan, self.plan.norms
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
        if self.elements < PARALLEL_FROM or threads.get_num_threads() == 1:
            whole(self.at)
        else:
            parts = _parts(len(self.plan.chunks), threads.get_num_threads())
            threads.run_parts(functools.partial(part, self.at), parts)


class _Python:
    """Runs a plan as NumPy calls over chunks, whose views are made once."""

    def __init__(self, plan: FusedPlan) -> None:
        self.plan = plan
        self.stages = _blocked(plan.traced)
        self.chunks = [
            (chunk, tensor, slice(begin, end)) for chunk, (tensor, begin, end) in enumerate(plan.chunks.tolist())
        ]
        self.views: list[list[Host] | None] = [None] * len(self.chunks)
        longest = int((plan.chunks[:, 2] - plan.chunks[:, 1]).max(initial=0))
        self.scratch = [blocked.Scratch(stage, plan.dtype, longest) for stage in self.stages]
        self.half = np.empty(longest, plan.dtype) if plan.half else None
        self.noise = np.empty(longest, plan.dtype) if plan.traced.noisy else None

    def moved(self) -> None:
        """Nothing here depends on addresses."""

    def set_grad(self, position: int, flat: Flat) -> None:
        for chunk in range(*np.searchsorted(self.plan.chunks[:, 0], [position, position + 1])):
            self.views[chunk] = None

    def set_grads(self, grads: Sequence[Host]) -> Sequence[int]:
        return range(len(grads))

    def run(self, stage: int) -> None:
        plan, block, scratch = self.plan, self.stages[stage].block, self.scratch[stage]
        uniforms = [plan.uniforms.row(row) for row in range(plan.uniforms.rows)]
        plain = self.half is None and self.noise is None
        with np.errstate(all="ignore"):
            for chunk, tensor, where in self.chunks:
                views = self.views[chunk]
                if views is None:
                    views = self.views[chunk] = [flat.data[where] for flat in plan.flats[tensor]]
                arrays = views if plain else self._converted(tensor, where, views)
                numbers = uniforms[plan.rows[tensor]], plan.norms.values[tensor], plan.norms.partials[chunk]
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


def _parts(count: int, parts: int) -> list[tuple[int, int]]:
    edges = [count * part // parts for part in range(parts + 1)]
    return [(first, last) for first, last in itertools.pairwise(edges) if first < last]
