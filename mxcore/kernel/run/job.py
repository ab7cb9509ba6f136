"""A job: what the native driver needs to run a step over arrays with the layouts of the step's plans.

It refers to no array. Each step passes its lists to the driver, which checks that every array is as expected and
stores its address before anything runs.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from mxcore.kernel.run.calls import Call
from mxcore.kernel.run.host import NativePlan
from mxcore.kernel.run.layout import Layout
from mxcore.native import pool
from mxcore.native.driver import Driver
from mxcore.native.emitters import get_num_threads
from mxcore.native.words import GROUP, RECORD, WRITTEN, JobField

# Some of NumPy's array flags.
_WRITEABLE, _ALIGNED, _C_ORDER = 0x400, 0x100, 0x1


class Job:
    """The native side of a step. Everything that the driver reads and writes is in one block of memory.

    Args:
        driver: the native functions.
        plans: the plans of the step, none of which needs copies.
        positions: the parameters of each plan, by their positions in the step.
        offsets: where the other arrays of each parameter start in the list of all of them, followed by how many there
            are in total.
    """

    __slots__ = (
        "_driver", "_measuring", "_places", "_plans", "address", "at_once", "drive", "go", "look", "memory",
        "parallel",
    )  # fmt: skip

    def __init__(
        self, driver: Driver, plans: Sequence[NativePlan], positions: Sequence[Sequence[int]], offsets: Sequence[int]
    ) -> None:
        self._plans, self._driver = plans, driver
        self.drive, self.look, self.go = driver.drive, driver.look, driver.go
        self.parallel = pool.is_worthwhile(sum(int(plan.sizes.sum()) for plan in plans))
        """Whether other threads may help."""
        stages = max(len(plan.measured) for plan in plans)
        lengths = (len(offsets) - 1, len(offsets) - 1, offsets[-1])
        sizes = [
            JobField.WORDS,
            *(RECORD * length for length in lengths),
            *(GROUP * len(plans) for _ in range(stages + 1)),
            *(JobField.WORDS for _ in range(stages)),
            *(word for plan in plans for word in (2 * plan.tables_size, len(plan.sizes) * len(plan.columns))),
            len(offsets) - 1,
        ]
        self.memory: Any = (ctypes.c_uint64 * sum(sizes))()
        self.address = ctypes.addressof(self.memory)
        begins = [sum(sizes[:number]) for number in range(len(sizes))]
        self.memory[JobField.LENGTHS : JobField.RECORDS] = list(lengths)
        self.memory[JobField.RECORDS : JobField.GROUPS] = list(map(self._at, begins[1:4]))
        tables = begins[5 + 2 * stages : -1 : 2]
        self._places: list[tuple[int, int]] = []
        for plan, places, at in zip(plans, positions, tables, strict=True):
            addresses, size = at + 2 * plan.tables_size, plan.tables_size
            for measuring in (False, True):
                own = at + size * measuring
                self.memory[own : own + size] = list(plan.tables(self._at(addresses), measuring=measuring))
            for tensor, place in enumerate(places):
                self._describe(plan, tensor, place, offsets[place], begins[1:4], addresses)
        # Each stage that measures is a separate job, which does not count updates.
        self._measuring = begins[5 + stages : 5 + 2 * stages]
        for stage, words in enumerate(self._measuring):
            self._run_in(words, stage, begins[4 + stage], tables)
        self._run_in(0, -1, begins[4 + stages], tables)
        self.memory[JobField.CELL] = self._at(begins[-1])
        self.memory[JobField.MOVED] = 1  # not yet checked whether the arrays overlap
        self.at_once = not stages and not self.parallel
        """Whether checking and running can be one call: nothing has to be measured first, and no other thread helps."""

    def _at(self, word: int) -> int:
        return self.address + 8 * word

    def _describe(
        self, plan: NativePlan, tensor: int, place: int, offset: int, records: Sequence[int], addresses: int
    ) -> None:
        """Write the records of one parameter's arrays, and note which addresses belong to arrays that are written."""
        for given, (name, layout) in enumerate(zip(plan.given, plan.layouts[tensor], strict=True)):
            column = plan.columns.index(name) if name in plan.columns else None
            number, position = (given, place) if given < 2 else (2, offset + given - 2)
            written = column is not None and name in plan.written
            word = JobField.UNUSED if column is None else addresses + tensor * len(plan.columns) + column
            if written:
                self._places.append((word, int(plan.sizes[tensor]) // plan.parts * layout.dtype.itemsize))
            at = records[number] + RECORD * position
            self.memory[at : at + RECORD] = list(_record(layout, self._at(word), written=written))

    def _run_in(self, words: int, stage: int, at: int, tables: Sequence[int]) -> None:
        """Set up a job that runs a stage that measures, or the last stage, -1.

        Args:
            words: the position of the job.
            stage: the stage.
            at: where to write the groups that the driver runs.
            tables: the positions of the plans' tables.
        """
        taking_part = [one for one in zip(self._plans, tables, strict=True) if stage < len(one[0].measured)]
        chunks = [len(plan.chunks if stage < 0 else plan.blocks) for plan, _ in taking_part]
        group: list[int] = []
        for (plan, own), count in zip(taking_part, chunks, strict=True):
            at_tables = own if stage < 0 else own + plan.tables_size
            group += [*plan.kernels(stage), self._at(at_tables), count]
        memory = self.memory
        memory[at : at + len(group)] = group
        memory[words + JobField.GROUPS], memory[words + JobField.GROUP] = len(taking_part), self._at(at)
        memory[words + JobField.CHUNKS] = sum(chunks)

    def checked(self) -> None:
        """Record that the arrays do not overlap where they are now."""
        self.memory[JobField.MOVED] = 0

    def count(self, cells: Sequence[int], highest: int) -> None:
        """Let the job increment the counts at these addresses, and update the highest count at another."""
        memory, at = self.memory, (self.memory[JobField.CELL] - self.address) // 8
        memory[at : at + len(cells)] = cells
        memory[JobField.CELLS], memory[JobField.HIGHEST] = len(cells), highest

    def are_apart(self) -> bool:
        """Return whether the addresses show that no two written arrays share memory; False if they cannot tell."""
        memory, end = self.memory, 0
        for begin, size in sorted([(memory[word], size) for word, size in self._places]):
            if begin < end:
                return False
            end = begin + size
        self.checked()
        return True

    def measure(self, fold: Callable[[int], None] | None) -> None:
        """Run the stages that measure; they change nothing of the user's.

        Args:
            fold: combines what a stage has measured of all parameters, if there is any such reduction.
        """
        for stage, words in enumerate(self._measuring):
            function, at = self.call(words)
            function(at)
            for plan in self._plans:
                plan.finish(stage)
            if fold is not None:
                fold(stage)
        for plan in self._plans:
            plan.conclude(plan.reduced.exactly)

    def call(self, words: int = 0) -> Call:
        """Return the call that writes everything and counts, or the call of another job, given its position."""
        address = self._at(words)
        if not self.parallel:
            return (self.go, address)
        if (count := get_num_threads()) > 1:
            return (pool.enlist(self.memory, words, count), address)
        return (self._driver.go_free, address)


def _record(layout: Layout, target: int, *, written: bool) -> tuple[int, ...]:
    flags, lengths, axes = _ALIGNED | (_WRITEABLE if written else 0), ctypes.addressof(layout.listed), len(layout.shape)
    wanted, strides = (flags | _C_ORDER, 0) if layout.in_order else (flags, lengths + 8 * axes)
    axes |= WRITTEN if written else 0
    return (id(layout.kind), id(layout.dtype), axes, lengths, strides, flags | _C_ORDER, wanted, target)
