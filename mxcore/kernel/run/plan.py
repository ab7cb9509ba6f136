"""A plan: a rule over many parameters with given layouts, in one pass.

Everything that follows from the rule and the array layouts is computed once: the compiled rule, which arrays need
copies, how the elements are divided into chunks. A plan holds no arrays; every step passes them in. A step sets a few
numbers and makes one call; a rule with reductions makes one more call for each stage that measures, before anything is
written.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mxcore import random
from mxcore.backend import Array
from mxcore.kernel.rule.program import Member, Program, Row, RuleError, Storage
from mxcore.kernel.rule.reduction import BLOCK
from mxcore.kernel.rule.trace import trace
from mxcore.kernel.rule.traced import Traced
from mxcore.kernel.run.calls import Call, Steps, quietly
from mxcore.kernel.run.fold import Contribution, Fold, Part, folded
from mxcore.kernel.run.layout import CHUNK, Sections, address_view, check_written, flat, in_parts, parts_of

_LOW = (1 << 64) - 1  # the low half of a key


@functools.lru_cache(maxsize=256)
def traced(program: Program, static: tuple[tuple[str, Any], ...]) -> Traced:
    """Return the graph of a program; see :func:`mxcore.kernel.rule.trace.trace`."""
    return trace(program, dict(static))


def looks_at_all(program: Program, graph: Traced) -> bool:
    """Return whether a rule reduces all parameters of a call, or keeps numbers for all of them together."""
    return any(node.value == "all" for node in graph.reductions) or any(slot.of_model for slot in program.slots)


class ArrayPlan:
    """What every plan has in common: the arrays passed in for a parameter, and those that a step writes.

    Args:
        program: the rule.
        members: the parameters, all of one dtype, whose arrays show the layout.
        written: the names of the arrays that a step writes.

    Raises:
        ValueError: an array cannot be updated in place.
    """

    shared = True
    over_all = False
    measured: Sequence[Any] = ()
    late_is_shared = False

    def __init__(self, program: Program, members: Sequence[Member], written: Iterable[str]) -> None:
        self.storage = Storage.of(members[0])
        self.written = {*written, "half_weight"}
        # Positions in what is passed in for a parameter: weight, gradient, the master if there is one, and the slots.
        weights = ("half_weight", "grad", "weight") if self.storage.master else ("weight", "grad")
        self.given = (*weights, *program.array_slots)
        self._check(members)
        self.host: list[dict[str, float]] = []
        self.late: list[dict[str, float]] = [{} for _ in members]

    def _check(self, members: Sequence[Member]) -> None:
        for member in members:
            for name, array in self.written_of(member.handed_over):
                check_written(f"the {name} of {member.label}", address_view(array))

    def written_of(self, handed_over: Sequence[Array]) -> list[tuple[str, Array]]:
        """Return the arrays of a parameter that a step writes, each with its name."""
        pairs = zip(self.given, handed_over, strict=True)
        return [(name.removeprefix("half_"), array) for name, array in pairs if name in self.written]

    def repeat(self, handed_over: Sequence[Sequence[Array]]) -> Callable[[], Steps | Iterable[Call]] | None:
        """See :meth:`mxcore.kernel.Plan.repeat`."""
        return None

    def fold_alone(self, stage: int) -> None:
        """See :class:`mxcore.kernel.run.fold.Folded`."""
        self.fill(stage, folded(self.contributions(stage)))

    def contributions(self, stage: int) -> list[Contribution]:
        """See :class:`mxcore.kernel.run.fold.Folded`."""
        raise NotImplementedError

    def fill(self, stage: int, totals: Sequence[tuple[float, int]]) -> None:
        """See :class:`mxcore.kernel.run.fold.Folded`."""
        raise NotImplementedError

    def by_block(self, stage: int) -> list[Part]:
        """See :class:`mxcore.kernel.run.fold.Folded`."""
        raise RuleError("only compiled rules, and blocked ones, over host arrays can be computed in parts")

    def fill_each(self, stage: int, values: Sequence[Any]) -> None:
        """See :class:`mxcore.kernel.run.fold.Folded`."""

    @staticmethod
    def fold(plans: Sequence[Any], positions: Sequence[Sequence[int]]) -> Fold:
        """See :meth:`mxcore.kernel.Plan.fold`."""
        return Fold(plans, positions)


class FusedPlan(ArrayPlan):
    """A rule over parameters of one dtype, all with the same static numbers.

    Args:
        program: the rule.
        static: the numbers of the rule that are None, booleans or strings.
        members: the parameters, whose arrays show the layout.

    Raises:
        RuleError: the rule uses something outside the language of rules.
        ValueError: an array cannot be updated in place.
    """

    chunk = CHUNK
    """How many elements are computed in one go."""

    def __init__(self, program: Program, static: Mapping[str, Any], members: Sequence[Member]) -> None:
        self.traced = traced(program, tuple(sorted(static.items())))
        super().__init__(program, members, self.traced.written)
        self.over_all = looks_at_all(program, self.traced)
        of_model = {slot.name for slot in program.slots if slot.of_model}
        self.late_is_shared = self.traced.late.keys() <= of_model
        self.dtype = np.dtype(self.storage.dtype)
        self.columns = self.storage.columns(self.traced.arrays)
        self.sources = [self.given.index(name) for name in self.columns]
        self.axes = [self._axes_of(member) for member in members]
        self.layouts = [member.layouts for member in members]
        self.staged = any(
            flat(member.handed_over[source], axes) is None
            for member, axes in zip(members, self.axes, strict=True)
            for source in self.sources
        )
        # A complex array is updated like a real one with twice as many elements.
        self.parts, by_row = parts_of(members[0].weight), self.traced.by_row
        self.sizes = np.array([self.parts * member.computed.size for member in members], np.int64)
        shapes = [member.computed.shape for member in members]
        self.sections = tuple(Sections.of(shape, by_row=by_row, parts=self.parts) for shape in shapes)
        self.chunks = chunks_of(self.sections, self.chunk)
        self.measured = self.traced.stages[:-1]
        of_all = [node.value == "all" for node in self.traced.reductions]
        self._of_all = [[column for column in stage.measured if of_all[column]] for stage in self.measured]
        self.blocks = chunks_of(self.sections, BLOCK) if self.measured else self.chunks[:0]
        self.keys = Keys([member.noise_key for member in members] if self.traced.noisy else [])
        self.count = program.row.index("t")
        self.rows = np.zeros(len(members), np.int64)
        self.uniforms = Uniforms(self.dtype, self.traced.shared, len(self.traced.uniforms), len(members))
        self._memory, self._shared, self._noisy = self.uniforms.memory, self.traced.shared, self.traced.noisy
        self._written: Sequence[Row] | None = None
        self.row_of: Sequence[int] | None = None
        self.numbers: Mapping[str, Any] | None = None

    def _axes_of(self, member: Member) -> list[int]:
        """Return the axis order of a parameter's arrays: their order in memory, unless the rule depends on C order."""
        axes, strides = list(range(member.weight.ndim)), member.computed.strides
        return axes if self.traced.in_order else sorted(axes, key=lambda axis: -abs(strides[axis]))

    def prepare(self, numbers: Mapping[str, Any], rows: Sequence[Row], row_of: Sequence[int]) -> None:
        """Compute the numbers of a step, without updating anything."""
        if numbers is not self.numbers:
            shared, self.prologue = self.traced.prologue(numbers)
            if self.traced.late:  # compiled for the rules that need it only
                _, self.epilogue = self.traced.epilogue(numbers)
            self._written = None
            self._memory[: len(shared)] = shared
            self.numbers = numbers  # last, as everywhere: after an interrupt, the next step starts over
        if row_of is not self.row_of:
            first = itertools.accumulate((one.count for one in self.sections), initial=0)
            self._late_at = list(zip(row_of, first, strict=False))[: 1 if self.late_is_shared else None]
            self.rows[:], self.row_of = row_of, row_of
        if rows != self._written:  # often unchanged when parameters are updated one by one
            self._written = None  # while it is being written, and if that fails
            self.host = self.prologue(self._memory, self._shared, rows)
            self._written = rows
        self._rows_given = rows
        if self._noisy:
            counts = [row[self.count] for row in rows]
            self.keys.follow([counts[row] for row in row_of])

    def columns_over_all(self, stage: int) -> list[int]:
        """Return the columns of the reductions over all parameters that a stage measures."""
        return self._of_all[stage] if stage < len(self._of_all) else []

    def conclude(self, exact: Callable[[int], Iterable[float]]) -> None:
        """Compute the host slots that depend on reductions, given what returns the values of these for a section."""
        if self.traced.late:
            rows = [(*self._rows_given[row], *exact(at)) for row, at in self._late_at]
            late = quietly(self.epilogue, [], 0, rows)
            self.late = late * len(self.rows) if self.late_is_shared else late

    def flats(self, handed_over: Sequence[Sequence[Array]]) -> tuple[list[list[Array]], list[Call]]:
        """Return each parameter's arrays as vectors, copied if necessary, and the calls that copy results back."""
        found: list[list[Array]] = []
        back: list[Call] = []
        places = list(zip(self.columns, self.sources, strict=True))
        for arrays, axes, ready in zip(zip(*handed_over, strict=True), self.axes, self._ready, strict=True):
            if ready:
                found.append([arrays[source] for source in self.sources])
            else:
                found.append([self._flat(arrays[source], axes, name, back) for name, source in places])
        return found, back

    @functools.cached_property
    def _ready(self) -> list[bool]:
        """For each parameter, whether its arrays are vectors already."""
        vectors = [all(one.is_plain and len(one.shape) == 1 for one in layouts) for layouts in self.layouts]
        return [is_vector and not self.staged and self.parts == 1 for is_vector in vectors]

    def _flat(self, array: Array, axes: Sequence[int], name: str, back: list[Call]) -> Array:
        vector = flat(array, axes)
        if vector is None:
            ordered = array.transpose(axes)
            vector = ordered.astype(array.dtype.newbyteorder("="), order="C").reshape(-1)
            if name in self.written:
                back.append((ordered.__setitem__, ..., vector.reshape(ordered.shape)))
        return in_parts(vector)


@functools.lru_cache(maxsize=128)
def chunks_of(sections: tuple[Sections, ...], length: int) -> npt.NDArray[np.int64]:
    """Return (parameter, begin, end, section) for every chunk of at most that many elements, in order."""
    counts = [one.count for one in sections]
    owner, size = (
        np.repeat(np.array(each, np.int64), counts) for each in (range(len(counts)), [one.length for one in sections])
    )
    offset = np.concatenate([np.arange(one.count) * one.length for one in sections]) if sections else owner
    pieces = -(-size // length)
    section = np.repeat(np.arange(len(size)), pieces)
    begins = (np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)) * length
    ends = np.minimum(begins + length, size[section])
    chunks = np.stack([owner[section], begins + offset[section], ends + offset[section], section], axis=1)
    return np.ascontiguousarray(chunks, np.int64)


class Uniforms:
    """The numbers of a step, rounded to the dtype of the arrays: first the shared ones, then the rows.

    They are written through ctypes, which is ten times faster than assigning to an array.

    Args:
        dtype: the dtype of the arrays.
        shared: how many numbers are the same for all rows.
        width: how many numbers there are, including the shared ones.
        rows: the number of rows; at first, how many to allocate.
    """

    _NUMBER = {"float32": ctypes.c_float, "float64": ctypes.c_double}

    def __init__(self, dtype: np.dtype[Any], shared: int, width: int, rows: int) -> None:
        self.dtype, self.shared, self.width, self.rows = dtype, shared, width - shared, rows
        self.memory: Any = (self._NUMBER[dtype.name] * (shared + rows * self.width))()
        self.address = ctypes.addressof(self.memory)

    @property
    def values(self) -> npt.NDArray[Any]:
        """All numbers in use, as a view."""
        count = self.shared + self.rows * self.width
        return np.frombuffer(self.memory, self.dtype, count) if count else np.empty(0, self.dtype)

    def row(self, number: int) -> list[Any]:
        """Return the shared numbers and those of a row, as 0-d views that reflect what is written."""
        values: Any = np.frombuffer(self.memory, self.dtype) if len(self.memory) else ()
        begin = self.shared + number * self.width
        return [values[place, ...] for place in (*range(self.shared), *range(begin, begin + self.width))]


def noise_key(parameter: object, count: int) -> int:
    """Return the 128-bit key of an update's noise, for :func:`mxcore.random.fill.fill_normal`.

    >>> noise_key("fc_weight", 2) - noise_key("fc_weight", 1) == 1 << 64
    True

    Args:
        parameter: the parameter's name, or its index if it has none.
        count: the count of its update.
    """
    key = random.generator("noise", parameter).key
    return key & _LOW | ((key >> 64) + count & _LOW) << 64


class Keys:
    """The keys of a rule's noise: a function of the seed, the parameter and its update count.

    A parameter has a 128-bit key. Its low half is the key of the generator; its high half, to which the count is added,
    is the stream. So a step only adds, and never computes a hash.

    Args:
        parameters: the names or indices of the parameters.
    """

    def __init__(self, parameters: Sequence[object]) -> None:
        self.parameters = parameters
        self.table = np.zeros((len(parameters), 2), np.uint64)
        self._seed: int | None = None

    def follow(self, counts: Sequence[int]) -> None:
        """Move on to the noise of these updates, one for each parameter."""
        if (seed := random.current_seed()) != self._seed:
            keys = [noise_key(parameter, 0) for parameter in self.parameters]
            self.table[:] = [(key & _LOW, key >> 64) for key in keys]
            self._streams = self.table[:, 1].copy()
            self._seed = seed  # last: after an interrupt, the next step starts over
        np.add(self._streams, np.array(counts, np.int64).view(np.uint64), out=self.table[:, 1])

    def key(self, place: int) -> int:
        """Return the key of one parameter's noise."""
        low, high = self.table[place].tolist()
        return int(low | high << 64)
