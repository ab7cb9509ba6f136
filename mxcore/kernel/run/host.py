"""Plans over host arrays, which run compiled code or NumPy calls. Both give the same bits."""

from __future__ import annotations

import ctypes
import functools
import itertools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mxcore.backend import Host
from mxcore.kernel.emit import blocked, llvm
from mxcore.kernel.rule.program import Member, Program, Row, RuleError, Storage
from mxcore.kernel.rule.reduction import BLOCK
from mxcore.kernel.rule.traced import Traced
from mxcore.kernel.run.calls import Call, Steps, commit, quietly
from mxcore.kernel.run.fold import Contribution, Part, run_alone
from mxcore.kernel.run.layout import SHARE, address, unowned
from mxcore.kernel.run.plan import FusedPlan
from mxcore.kernel.run.reduced import reduced
from mxcore.native import compile as machine
from mxcore.native import pool
from mxcore.native.emitters import get_num_threads
from mxcore.random.fill import normal_calls


@functools.lru_cache(maxsize=128)
def _compiled(traced: Traced, storage: Storage) -> list[tuple[Any, Any]]:
    return [_functions(llvm.emit(traced, stage, storage)) for stage in traced.stages]


# Cached by source: a class that is defined again, as in a notebook, reuses the earlier code.
@functools.lru_cache(maxsize=128)
def _functions(source: str) -> tuple[Any, Any]:
    code = machine.compile_ir(source)
    return code.function(llvm.RUN_ALL, "run_all"), code.function(llvm.RUN_SOME, "run_some")


class HostPlan(FusedPlan):
    """What both kinds of plans over host arrays have in common: where reductions are kept."""

    def __init__(self, program: Program, static: Mapping[str, Any], members: Sequence[Member]) -> None:
        super().__init__(program, static, members)
        names = [(node.op, str(node.value)) for node in self.traced.reductions]
        self.reduced = reduced(names, self.sections, self.blocks, self.dtype)
        self._elements = int(self.sizes.sum())

    def finish(self, stage: int) -> None:
        """Compute the reductions from what a stage has measured; those over all parameters are filled in later."""
        if stage < len(self.measured):
            self.reduced.finish(self.measured[stage].measured)

    def contributions(self, stage: int) -> list[Contribution]:
        """See :class:`mxcore.kernel.run.fold.Folded`."""
        reduced, of_all = self.reduced, self.columns_over_all(stage)
        return [Contribution(reduced.names[column][0], reduced.contributed(column), self.sizes) for column in of_all]

    def fold_alone(self, stage: int) -> None:
        """See :class:`mxcore.kernel.run.fold.Folded`."""
        self.reduced.fold(self.columns_over_all(stage), self._elements)

    def fill(self, stage: int, totals: Sequence[tuple[float, int]]) -> None:
        """See :class:`mxcore.kernel.run.fold.Folded`."""
        for column, (total, count) in zip(self.columns_over_all(stage), totals, strict=True):
            self.reduced.fill(column, total, count)

    def by_block(self, stage: int) -> list[Part]:
        """See :class:`mxcore.kernel.run.fold.Folded`."""
        if self.traced.by_row or any(node.op == "size" for node in self.traced.reductions):
            raise RuleError("a rule with rows or with size cannot be computed in parts of parameters")
        columns = self.measured[stage].measured if stage < len(self.measured) else ()
        every = [(self.reduced.names[column], self.reduced.by_block(column)) for column in columns]
        return [Part(name, over, blocks) for (name, over), blocks in every]

    def fill_each(self, stage: int, values: Sequence[Any]) -> None:
        """See :class:`mxcore.kernel.run.fold.Folded`."""
        if stage < len(self.measured):
            for column, value in zip(self.measured[stage].measured, values, strict=True):
                self.reduced.fill_each(column, *value)


class NativePlan(HostPlan):
    """Runs a rule as compiled code."""

    chunk = SHARE
    tables_size = len(llvm.TABLES) + 1

    def __init__(self, program: Program, static: Mapping[str, Any], members: Sequence[Member]) -> None:
        super().__init__(program, static, members)
        if (parts := pool.parts()) > 1:  # each thread has the same part of every parameter
            tensors, begins, ends, _ = self.chunks.T
            part = parts * (begins + ends) // (2 * self.sizes[tensors])
            self.chunks = np.ascontiguousarray(self.chunks[np.argsort(part, kind="stable")])
        self.stages = _compiled(self.traced, self.storage)
        after = (self.rows, self.reduced.values, self.reduced.partials, self.keys.table)
        self._tables = (self.uniforms.address, *map(address, after))

    def tables(self, addresses: int, *, measuring: bool = False) -> tuple[int, ...]:
        """Return a kernel's arguments, in the order of :data:`mxcore.kernel.emit.llvm.TABLES`, and the chunk count.

        Args:
            addresses: the address of the table of array addresses: one row per parameter, one column per array.
            measuring: whether the kernel measures, which it does block by block.
        """
        chunks = self.blocks if measuring else self.chunks
        return (addresses, address(chunks), *self._tables, len(chunks))

    def kernels(self, stage: int) -> tuple[int, int]:
        """Return the kernels of a stage, for all chunks and for some."""
        run_all, run_some = (ctypes.cast(one, ctypes.c_void_p).value or 0 for one in self.stages[stage])
        return run_all, run_some

    def steps(self, handed_over: Sequence[Sequence[Host]]) -> Steps:
        """Measure, and return the calls of a step whose arrays the driver cannot use as they are."""
        found, back = self.flats(handed_over)
        places = [address(vector) for vectors in found for vector in vectors]
        addresses = (ctypes.c_uint64 * len(places))(*places)
        count = get_num_threads() if pool.is_worthwhile(int(self.sizes.sum())) else 1
        begin = ctypes.addressof(addresses)
        if self.measured:
            tables = (ctypes.c_uint64 * self.tables_size)(*self.tables(begin, measuring=True))
            for stage, functions in enumerate(self.stages[:-1]):
                pool.run_shared(functions, ctypes.addressof(tables), len(self.blocks), count)
                self.finish(stage)
                yield
        self.conclude(self.reduced.exactly)
        tables = (ctypes.c_uint64 * self.tables_size)(*self.tables(begin))
        shared = pool.shared_call(self.stages[-1], ctypes.addressof(tables), len(self.chunks), count)
        function, argument, more = shared
        kept = (found, addresses, tables, more)  # alive until they have been used
        return [(function, argument), *back, (len, kept)]


@functools.lru_cache(maxsize=128)
def _blocked(traced: Traced, dtype: str) -> list[blocked.Blocked]:
    return [blocked.emit(traced, stage, dtype) for stage in traced.stages]


class BlockedPlan(HostPlan):
    """Runs a rule as NumPy calls over chunks, on one thread: see :func:`mxcore.native.emitters.threads_of`."""

    def __init__(self, program: Program, static: Mapping[str, Any], members: Sequence[Member]) -> None:
        super().__init__(program, static, members)
        self.stages = _blocked(self.traced, self.dtype.name)
        self.places = [(tensor, slice(begin, end)) for tensor, begin, end, _ in self.chunks.tolist()]
        self.tensors = [tensor for tensor, _ in self.places]
        plain = not self.staged and all(layout.is_plain for layouts in self.layouts for layout in layouts)
        self.uncut = plain and self.parts == 1 and self.tensors == list(range(len(members)))
        """Whether every parameter is a single chunk, with its own axes."""
        sizes = [where.stop - where.start for _, where in self.places]
        shapes = [layouts[0].shape for layouts in self.layouts] if self.uncut else [(size,) for size in sizes]
        self.scratch = [stage.room(self.dtype, shapes) for stage in self.stages]
        # Half-precision arrays, and masters that may follow their weight, are computed in blocks.
        masters = ["weight"] * self.storage.master
        halves = [name for name in self.traced.arrays if self.storage.in_half(name)]
        self.full = {name: blocked.new_column(self.dtype, shapes) for name in (*halves, *masters)}
        self.follow = blocked.Follow(members[0].weight.dtype, shapes) if masters else None
        self.noises = blocked.new_column(self.dtype, shapes) if self.traced.noisy else None
        # The reductions of each chunk, as 0-d views that reflect what is written there.
        width = len(self.traced.reductions)
        values = [[values[place, ...] for place in range(width)] for values in self.reduced.values]
        self.reduced_of = _transposed([values[section] for section in self.chunks[:, 3].tolist()], width)
        pieces = -(-(self.chunks[:, 2] - self.chunks[:, 1]) // BLOCK)
        begins = np.cumsum(pieces) - pieces
        spans = zip(begins.tolist(), (begins + pieces).tolist(), strict=True)
        self.partials_of = [self.reduced.partials[begin:end] for begin, end in spans] if self.measured else []
        self.uniforms_of: list[blocked.Column] = []
        once = self.measured or self.traced.noisy or self.staged
        self._repeatable = not once and self.stages[-1].repeatable

    def prepare(self, numbers: Mapping[str, Any], rows: Sequence[Row], row_of: Sequence[int]) -> None:
        """Set the numbers of a step."""
        if row_of is not self.row_of:  # before recording it: after an interrupt, the next step starts over
            of_rows = {row: self.uniforms.row(row) for row in dict.fromkeys(row_of)}
            chunks = [of_rows[row_of[tensor]] for tensor in self.tensors]
            self.uniforms_of = _transposed(chunks, len(self.traced.uniforms))
        super().prepare(numbers, rows, row_of)

    def steps(self, handed_over: Sequence[Sequence[Host]]) -> Steps:
        """Measure, and return the calls that write, chunk after chunk."""
        columns, back = self._columns(handed_over)
        named = dict(zip(self.columns, columns, strict=True))
        before: list[Sequence[Iterable[Call]]] = []  # full-precision copies, and noise
        after: list[Iterable[Iterable[Call]]] = []
        for name, full in self.full.items():
            if name == "weight" and self.follow is not None:
                before.append(self.follow.calls(full, named["weight"], named["half_weight"]))
                after.append(zip(_assigned(named["half_weight"], full), strict=True))
            else:
                before.append(list(zip(_assigned(full, named[name]), strict=True)))
            if name in self.written:
                after += blocked.cut(full, self.storage.bound(name))
                after.append(zip(_assigned(named[name], full), strict=True))
        arrays = [self.full.get(name, named[name]) for name in self.traced.arrays]
        if self.noises is not None:
            drawn = zip(self.noises, self.places, strict=True)
            before.append([normal_calls(one.reshape(-1), self.keys.key(at), where.start) for one, (at, where) in drawn])
            arrays.append(self.noises)
        numbers = self.uniforms_of, self.reduced_of, self.partials_of
        for stage in range(len(self.measured)):
            measuring = quietly(self.stages[stage].calls, arrays, *self.scratch[stage], *numbers)
            commit(_chained(*before, measuring))
            self.finish(stage)
            yield
        self.conclude(self.reduced.exactly)
        writes = quietly(self.stages[-1].calls, arrays, *self.scratch[-1], *numbers)
        return itertools.chain(_chained(*before, writes, *after), back)

    def repeat(self, handed_over: Sequence[Sequence[Host]]) -> Callable[[], Iterable[Call]] | None:
        """Return the calls, over views that keep nothing alive."""
        if not self._repeatable:
            return None
        calls = list(run_alone(self, [list(map(unowned, column)) for column in handed_over]))
        return lambda: calls

    def _columns(self, handed_over: Sequence[Sequence[Host]]) -> tuple[list[blocked.Column], list[Call]]:
        """Return the arrays of every chunk, and the calls that copy back results computed in copies."""
        if self.uncut:
            return [handed_over[source] for source in self.sources], []
        found, back = self.flats(handed_over)
        chunks = [[vector[where] for vector in found[tensor]] for tensor, where in self.places]
        return _transposed(chunks, len(self.columns)), back


def _transposed(rows: Sequence[Sequence[Any]], width: int) -> list[blocked.Column]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _assigned(targets: blocked.Column, values: blocked.Column) -> Iterable[Call]:
    return zip(itertools.repeat(operator.setitem), targets, itertools.repeat(...), values)


def _chained(*parts: Iterable[Iterable[Call]]) -> Iterable[Call]:
    """Chain the calls of all parts, from the first chunk to the last."""
    return itertools.chain.from_iterable(itertools.chain.from_iterable(zip(*parts, strict=True)))
