"""A job: what the native driver is told of a step over arrays that lie as the plans of the step say.

It refers to no array. Each step hands its lists over; the driver sees that every array in them is as expected and keeps
its address, and only then does anything run.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from mxcore.kernel.run.calls import Call
from mxcore.kernel.run.host import PARALLEL_FROM, NativePlan
from mxcore.kernel.run.layout import Layout
from mxcore.native import pool
from mxcore.native.driver import Driver
from mxcore.native.emitters import get_num_threads
from mxcore.native.words import GROUP, RECORD, WRITTEN, JobField

# Of NumPy's flags of an array.
_WRITEABLE, _ALIGNED, _C_ORDER = 0x400, 0x100, 0x1


class Job:
    """The native side of a step. All that the driver reads and writes is in one piece of memory.

    Args:
        driver: the native functions.
        plans: the plans of the step, none of which goes through copies.
        positions: the parameters of each, by their places in the step.
        offsets: where the further arrays of each parameter begin in the list of all of them, and at the end, how many
            there are.
    """

    __slots__ = (
        "_driver", "_measuring", "_parallel", "_places", "_plans", "address", "at_once", "drive",
        "go", "look", "memory",
    )  # fmt: skip

    def __init__(
        self, driver: Driver, plans: Sequence[NativePlan], positions: Sequence[Sequence[int]], offsets: Sequence[int]
    ) -> None:
        self._plans, self._driver = plans, driver
        self.drive, self.look, self.go = driver.drive, driver.look, driver.go
        self._parallel = sum(int(plan.sizes.sum()) for plan in plans) >= PARALLEL_FROM
        stages = max(len(plan.measured) for plan in plans)
        lengths = (len(offsets) - 1, len(offsets) - 1, offsets[-1])
        sizes = [
            JobField.WORDS,
            *(RECORD * length for length in lengths),
            *(GROUP * len(plans) for _ in range(stages + 1)),
            *(JobField.WORDS for _ in range(stages)),
            *(word for plan in plans for word in (plan.tables_size, len(plan.sizes) * len(plan.columns))),
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
            self.memory[at : at + plan.tables_size] = list(plan.tables(self._at(at + plan.tables_size)))
            for tensor, place in enumerate(places):
                self._describe(plan, tensor, place, offsets[place], begins[1:4], at + plan.tables_size)
        # A stage that measures is a job of its own, which counts nothing.
        self._measuring = begins[5 + stages : 5 + 2 * stages]
        for stage, words in enumerate(self._measuring):
            self._run_in(words, stage, begins[4 + stage], tables)
        self._run_in(0, -1, begins[4 + stages], tables)
        self.memory[JobField.CELL] = self._at(begins[-1])
        self.memory[JobField.MOVED] = 1  # nobody has checked whether arrays are apart where they are
        self.at_once = not stages and not self._parallel
        """Whether a look and the whole step may be one call: nothing has to be measured first, and nobody helps."""

    def _at(self, word: int) -> int:
        return self.address + 8 * word

    def _describe(
        self, plan: NativePlan, tensor: int, place: int, offset: int, records: Sequence[int], addresses: int
    ) -> None:
        """Write the records of one parameter's arrays, and remember which addresses are of arrays that are written."""
        for given, (name, layout) in enumerate(zip(plan.given, plan.layouts[tensor], strict=True)):
            column = plan.columns.index(name) if name in plan.columns else None
            number, position = (given, place) if given < 2 else (2, offset + given - 2)
            written = column is not None and name in plan.written
            word = JobField.UNUSED if column is None else addresses + tensor * len(plan.columns) + column
            if written:
                self._places.append((word, int(plan.sizes[tensor]) * layout.dtype.itemsize))
            at = records[number] + RECORD * position
            self.memory[at : at + RECORD] = list(_record(layout, self._at(word), written=written))

    def _run_in(self, words: int, stage: int, at: int, tables: Sequence[int]) -> None:
        """Let a job be to run a stage that measures, or the last one, -1.

        Args:
            words: where the job is.
            stage: the stage.
            at: where to write what the driver needs to run it.
            tables: where the tables of the plans are.
        """
        taking_part = [
            (plan, self._at(own)) for plan, own in zip(self._plans, tables, strict=True) if stage < len(plan.measured)
        ]
        group = [word for plan, own in taking_part for word in (*plan.kernels(stage), own, len(plan.chunks))]
        memory = self.memory
        memory[at : at + len(group)] = group
        memory[words + JobField.GROUPS], memory[words + JobField.GROUP] = len(taking_part), self._at(at)
        memory[words + JobField.CHUNKS] = sum(len(plan.chunks) for plan, _ in taking_part)

    def checked(self) -> None:
        """Take note that arrays are apart where they are now."""
        self.memory[JobField.MOVED] = 0

    def count(self, cells: Sequence[int], highest: int) -> None:
        """Let the job raise the counts at these addresses, and the highest of all at another."""
        memory, at = self.memory, (self.memory[JobField.CELL] - self.address) // 8
        memory[at : at + len(cells)] = cells
        memory[JobField.CELLS], memory[JobField.HIGHEST] = len(cells), highest

    def are_apart(self) -> bool:
        """Whether no two arrays that are written share memory, as their addresses tell; False where these cannot."""
        memory, end = self.memory, 0
        for begin, size in sorted([(memory[word], size) for word, size in self._places]):
            if begin < end:
                return False
            end = begin + size
        self.checked()
        return True

    def measure(self) -> None:
        """Run the stages that measure; they write nothing of the program's."""
        for stage, words in enumerate(self._measuring):
            function, at = self.call(words)
            function(at)
            for plan in self._plans:
                plan.finish(stage)

    def call(self, words: int = 0) -> Call:
        """The call that writes everything, and counts; or that of another job, by where it is."""
        address = self._at(words)
        if not self._parallel:
            return (self.go, address)
        if (count := get_num_threads()) > 1:
            pool.wake(self.memory, words, count)
            return (self._driver.share, address)
        return (self._driver.go_free, address)


def _record(layout: Layout, target: int, *, written: bool) -> tuple[int, ...]:
    flags, lengths, axes = _ALIGNED | (_WRITEABLE if written else 0), ctypes.addressof(layout.listed), len(layout.shape)
    wanted, strides = (flags | _C_ORDER, 0) if layout.in_order else (flags, lengths + 8 * axes)
    axes |= WRITTEN if written else 0
    return (id(layout.kind), id(layout.dtype), axes, lengths, strides, flags | _C_ORDER, wanted, target)
