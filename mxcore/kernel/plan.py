"""A plan: one rule over many parameters whose arrays stay where they are, in one pass.

What does not change from step to step is worked out once: the compiled rule, where every array lies, and how the
elements are divided into chunks. A step then sets a few numbers and makes one call; a rule with norms makes one for
each of its stages.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mxcore.backend import Array
from mxcore.kernel.executors import Executor, on_host
from mxcore.kernel.layout import Flat, axes_in_memory, check_apart, check_written, place_of
from mxcore.kernel.noise import Keys
from mxcore.kernel.norm import CHUNK
from mxcore.kernel.program import Member, Program, Row
from mxcore.kernel.trace import Traced, trace

__all__ = ["FusedPlan", "Uniforms", "divided"]


@functools.cache
def _traced(program: Program, static: tuple[tuple[str, Any], ...]) -> Traced:
    return trace(program, dict(static))


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
        self.dtype = members[0].computed.dtype
        self.half = members[0].weight.dtype.name if members[0].master is not None else None
        self.columns = [*self.traced.arrays, *(["half_weight"] if self.half else [])]
        self._check(members)
        in_order = self.traced.in_order
        self.axes = [list(range(one.weight.ndim)) if in_order else axes_in_memory(one.computed) for one in members]
        self.flats = [self._flatten(member, axes) for member, axes in zip(members, self.axes, strict=True)]
        self.grad = self.columns.index("grad") if "grad" in self.columns else None
        self.sizes = np.array([member.computed.size for member in members], np.int64)
        self.chunks = divided(self.sizes, CHUNK)
        self.measuring = list(range(len(self.traced.stages) - 1))
        self.keys = Keys([member.noise_key for member in members] if self.traced.noisy else [])
        self.count = program.row.index("t")
        self.rows = np.zeros(len(members), np.int64)
        self.uniforms = Uniforms(self.dtype, self.traced.shared, len(self.traced.uniforms))
        self._note_staged()
        self.row_of: Sequence[int] | None = None
        self.numbers: Mapping[str, Any] | None = None
        self.executor = self._executor(members)

    def _executor(self, members: Sequence[Member]) -> Executor:
        return on_host(self, members)

    def _check(self, members: Sequence[Member]) -> None:
        written = [
            (f"the {name} of {member.label}", array)
            for member in members
            for name, array in {"weight": member.computed, **member.arrays}.items()
            if name in self.traced.written
        ]
        written += [(f"the weight of {member.label}", member.weight) for member in members if member.master is not None]
        places = [(label, place_of(array)) for label, array in written]
        for label, place in places:
            check_written(label, place)
        check_apart([(label, place) for label, place in places if place.size])

    def _flatten(self, member: Member, axes: Sequence[int]) -> list[Flat]:
        arrays = {"weight": member.computed, "grad": member.grad, **member.arrays, "half_weight": member.weight}
        return [Flat(arrays[name], axes) for name in self.columns]

    def set_grad(self, position: int, grad: Array) -> None:
        """Let a parameter have another array as its gradient."""
        if self.grad is not None:
            former, flat = self.flats[position][self.grad], Flat(grad, self.axes[position])
            self.flats[position][self.grad] = flat
            self.executor.set_grad(position, flat)
            if former.staged or flat.staged:
                self._note_staged()

    def set_grads(self, grads: Sequence[Array]) -> Sequence[int]:
        """Take over new gradients at once; the positions of those that need a look are returned."""
        return self.executor.set_grads(grads)

    def prepare(self, numbers: Mapping[str, Any], rows: Sequence[Row], row_of: Sequence[int]) -> None:
        """Compute the numbers of a step; nothing is updated yet."""
        if numbers is not self.numbers:
            shared, self.prologue = self.traced.prologue(numbers)
            self.numbers, self.uniforms.memory[: len(shared)] = numbers, shared
        if row_of is not self.row_of:
            self.rows[:], self.row_of = row_of, row_of
        uniforms = self.uniforms
        if len(rows) != uniforms.rows:
            uniforms.resize(len(rows))
            self.executor.moved()
        self.host = self.prologue(uniforms.memory, uniforms.shared, rows)
        if self.traced.noisy:
            counts = [row[self.count] for row in rows]
            self.keys.follow([counts[row] for row in row_of])

    def commit(self) -> list[dict[str, float]]:
        """Update everything; the new host numbers of each row, if there are any."""
        for flat in self.staged:
            flat.read()
        for stage in self.measuring:
            self.executor.run(stage)
            self.executor.finish(self.traced.stages[stage].norms)
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


def divided(sizes: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.int64]:
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

    @property
    def values(self) -> npt.NDArray[Any]:
        """All of them, where they lie."""
        return np.frombuffer(self.memory, self.dtype) if len(self.memory) else np.empty(0, self.dtype)

    def row(self, number: int) -> list[Any]:
        """The shared numbers and those of a row, as NumPy scalars."""
        values, begin = self.values, self.shared + number * self.width
        return [*values[: self.shared], *values[begin : begin + self.width]]
