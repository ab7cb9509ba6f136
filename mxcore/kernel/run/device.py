"""A plan on a CUDA device: tables in device memory, and one launch for each stage of a rule.

Copies and launches of a step use the current stream of the device that holds its arrays.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mxcore.backend import Array, Host
from mxcore.kernel.emit import cuda as emitter
from mxcore.kernel.rule.program import Member, Program, Storage
from mxcore.kernel.rule.traced import Traced
from mxcore.kernel.run.calls import Call, Steps, commit
from mxcore.kernel.run.fold import Contribution, Fold, folds_elsewhere
from mxcore.kernel.run.plan import FusedPlan, chunks_of

if TYPE_CHECKING:
    from mxcore.backend.cuda import Cuda, Kernel

_ADDRESS = operator.attrgetter("data.ptr")
_FINISHING = 128
"""Threads in a block that finishes a reduction, or spreads reductions over all parameters."""
PIECE = 2048
"""Elements that a thread block writes. Smaller pieces than those of reductions keep more thread blocks busy."""


@functools.lru_cache(maxsize=128)
def _sources(traced: Traced, storage: Storage) -> list[str]:
    return [emitter.emit(traced, stage, storage) for stage in traced.stages]


class DevicePlan(FusedPlan):
    """One rule over parameters of one dtype on one device, all with the same static numbers.

    Args:
        cuda: the access to CUDA.
        program: the rule.
        static: the numbers of the rule that are None, booleans or strings.
        members: the parameters, whose arrays show the layout.

    Raises:
        RuleError: the rule uses something outside the language of rules.
        ValueError: an array cannot be updated in place, or is on another device.
    """

    shared = False  # its tables on the device belong to a single step

    def __init__(self, cuda: Cuda, program: Program, static: Mapping[str, Any], members: Sequence[Member]) -> None:
        self.cuda, self.device = cuda, int(members[0].weight.device.id)
        with cuda.on(self.device):
            super().__init__(program, static, members)
            self.kernels = [cuda.kernel(source, "kernel") for source in _sources(self.traced, self.storage)]
            finish = [emitter.finish(self.traced, stage, self.storage.dtype) for stage in self.measured]
            self.finish = [cuda.kernel(source, "finish") for source in finish]
            self.spread = [self._spreading(stage) for stage in range(len(self.measured))]
        counts = [one.count for one in self.sections]
        self.constant = {"pieces": chunks_of(self.sections, PIECE), "chunks": self.blocks}
        if self.traced.reductions:
            self.constant |= {
                "sections": np.cumsum([0, *counts]),
                "blocks": np.searchsorted(self.blocks[:, 3], np.arange(sum(counts) + 1)),
                "lengths": np.repeat([one.length for one in self.sections], counts),
            }
        sizes = self.sizes[np.repeat(np.arange(len(members)), counts)]
        known = [sizes if node.op == "size" else 0 * sizes for node in self.traced.reductions]
        first = np.stack(known, axis=1).astype(np.float64) if known else np.zeros((sum(counts), 0))
        self.first = {"exact": first, "reductions": first.astype(self.dtype)}
        """The values of reductions before anything is measured."""
        self.scratch: dict[str, tuple[tuple[int, ...], npt.DTypeLike]] = {
            "partials": ((len(self.blocks), len(known)), np.float64),
            "totals": ((len(members), len(known)), np.float64),
        }
        self.tables = _Tables(cuda, None)
        self.addresses = np.zeros((len(members), len(self.columns)), np.uint64)

    def _check(self, members: Sequence[Member]) -> None:
        for member in members:
            arrays = {"weight": member.computed, "gradient": member.grad, **member.arrays}
            for name, array in arrays.items():
                if array.device.id != self.device:
                    raise ValueError(
                        f"the {name} of {member.label} is on gpu({array.device.id}), its weight on gpu({self.device}): "
                        "keep all arrays of a parameter on the same device"
                    )
        super()._check(members)

    def steps(self, handed_over: Sequence[Sequence[Array]]) -> Steps:
        """Measure, update the tables on the device, and return the launch that writes."""
        found: list[list[Array]] = []
        back: list[Call] = []
        if self.staged:
            with self.cuda.on(self.device):
                found, back = self.flats(handed_over)
            self._place(list(zip(*found, strict=True)))
        else:
            self._place([handed_over[source] for source in self.sources])
        launches = yield from self._launches()
        return [*launches, *back, (len, found)]  # the last call keeps the copies alive until then

    def repeat(self, handed_over: Sequence[Sequence[Array]]) -> Callable[[], Steps] | None:
        """Return the function that starts a step, for the addresses of these arrays."""
        if self.staged:
            return None
        self._place([handed_over[source] for source in self.sources])
        return self._launches

    def _place(self, columns: Sequence[Sequence[Array]]) -> None:
        """Record the addresses of vectors."""
        for number, column in enumerate(columns):
            self.addresses[:, number] = np.fromiter(map(_ADDRESS, column), np.uint64, len(column))

    def _launches(self) -> Steps:
        with self.cuda.on(self.device):
            self._upload()
        for stage in range(len(self.measured)):
            with self.cuda.on(self.device):
                commit(self._launch(stage, "chunks"))
                commit(self._finish(stage))
            yield
        with self.cuda.on(self.device):
            if self.traced.late:  # waits for the device
                self.conclude(self.cuda.download(self.tables.arrays["exact"]).__getitem__)
            return [self.cuda.use(self.device), *self._launch(-1, "pieces")]

    def _upload(self) -> None:
        if (stream := self.cuda.stream()) != self.tables.stream:
            tables = _Tables(self.cuda, stream)
            for name, (shape, dtype) in self.scratch.items():
                tables.make(name, shape, dtype)
            for name, values in (*self.constant.items(), *self.first.items()):
                tables.follow(name, values)
            self.tables = tables  # last: after an interrupt, the next step starts over
        self.uniforms.rows = len(self._written or ())
        keys, uniforms = self.keys.table, self.uniforms.values
        changing = {"addresses": self.addresses, "rows": self.rows, "keys": keys, "uniforms": uniforms}
        for name, values in changing.items():
            self.tables.follow(name, values)

    def _launch(self, stage: int, chunks: str) -> list[Call]:
        tables = ("addresses", chunks, "uniforms", "rows", "reductions", "partials", "keys")
        threads = emitter.threads(self.traced.stages[stage])
        return self._launched(self.kernels[stage], len(self.constant[chunks]), threads, *tables)

    def _finish(self, stage: int) -> list[Call]:
        """Compute the reductions from the blocks; those over all parameters are spread later."""
        tables = ("partials", "sections", "blocks", "lengths", "totals", "exact", "reductions")
        units = max(len(self.sizes), len(self.first["exact"])) * len(self.measured[stage].measured)
        return self._launched(self.finish[stage], units, _FINISHING, *tables, len(self.sizes))

    # --- reductions over all parameters ------------------------------------------------------------------------------

    def _spreading(self, stage: int) -> Kernel | None:
        columns = self.columns_over_all(stage)
        return self.cuda.kernel(emitter.spread(self.traced, columns, self.storage.dtype), "spread") if columns else None

    def contributions(self, stage: int) -> list[Contribution]:
        """See :class:`mxcore.kernel.run.fold.Folded`; it waits for the device."""
        columns = self.columns_over_all(stage)
        with self.cuda.on(self.device):
            totals = self.cuda.download(self.tables.arrays["totals"]) if columns else np.zeros((0, 0))
        names = [self.traced.reductions[column].op for column in columns]
        return [Contribution(name, totals[:, column], self.sizes) for name, column in zip(names, columns, strict=True)]

    def fill(self, stage: int, totals: Sequence[tuple[float, int]]) -> None:
        """See :class:`mxcore.kernel.run.fold.Folded`."""
        with self.cuda.on(self.device):
            self.tables.follow("found", np.array([total for total, _ in totals]))
        self.set_all(stage, self.tables.arrays["found"], totals[0][1])

    def set_all(self, stage: int, found: Array, elements: int) -> None:
        """Give all parameters these reductions, which are on the device."""
        kernel, sections = self.spread[stage], len(self.first["exact"])
        assert kernel is not None
        with self.cuda.on(self.device):
            tables = (found, "exact", "reductions", sections, elements)
            commit(self._launched(kernel, -(-sections // _FINISHING), _FINISHING, *tables))

    @staticmethod
    def fold(plans: Sequence[DevicePlan], positions: Sequence[Sequence[int]]) -> Fold:
        """Return what combines the reductions of several plans: on their device if it is the same, or on the host."""
        return DeviceFold(plans, positions) if len({plan.device for plan in plans}) == 1 else Fold(plans, positions)

    def _launched(self, kernel: Kernel, blocks: int, threads: int, *arguments: Array | str | int) -> list[Call]:
        tables = self.tables.arrays
        numbers = [np.int64(one) if isinstance(one, int) else one for one in arguments]
        given = [tables[one] if isinstance(one, str) else one for one in numbers]
        return [kernel(blocks, threads, given)] if blocks else []  # launching no block is an error


class DeviceFold(Fold):
    """Combines what plans on one device have measured, without waiting for the device."""

    plans: Sequence[DevicePlan]

    def __init__(self, plans: Sequence[DevicePlan], positions: Sequence[Sequence[int]]) -> None:
        super().__init__(plans, positions)
        self.cuda, self.device = plans[0].cuda, plans[0].device
        self.elements = sum(int(plan.sizes.sum()) for plan in plans)
        self.tables = _Tables(self.cuda, None)
        self.kernels: dict[int, Kernel] = {}
        self.seen: list[_Tables] = []

    def __call__(self, stage: int) -> None:
        """Set the reductions over all parameters that a stage has measured; see :class:`Fold`."""
        if folds_elsewhere():
            super().__call__(stage)
            return
        every = [plan.columns_over_all(stage) for plan in self.plans]
        names = [
            [plan.traced.reductions[column].op for column in columns]
            for plan, columns in zip(self.plans, every, strict=True)
        ]
        self.check(names)
        if not names[0]:
            return
        with self.cuda.on(self.device):
            if (stream := self.cuda.stream()) != self.tables.stream:
                self.tables = _Tables(self.cuda, stream)
            kept = [plan.tables for plan in self.plans]
            if f"places {stage}" not in self.tables.arrays or kept != self.seen:
                self.tables.follow(f"places {stage}", self._places(every))
                self.seen = kept
            if stage not in self.kernels:
                self.kernels[stage] = self.cuda.kernel(emitter.fold(self.plans[0].traced, every[0]), "fold")
            if f"found {stage}" not in self.tables.arrays:
                self.tables.make(f"found {stage}", (len(names[0]),), np.float64)
            places, found = (self.tables.arrays[f"{name} {stage}"] for name in ("places", "found"))
            commit([self.kernels[stage](len(names[0]), _FINISHING, [places, found, np.int64(len(self.order))])])
        for plan in self.plans:
            plan.set_all(stage, found, self.elements)

    def _places(self, every: Sequence[Sequence[int]]) -> Host:
        """Return the address of each parameter's contribution to each reduction."""
        rows = []
        for number in range(len(every[0])):
            own = []
            for plan, columns in zip(self.plans, every, strict=True):
                totals = plan.tables.arrays["totals"]
                first, (tensors, width) = _ADDRESS(totals) + 8 * columns[number], totals.shape
                own.append(first + 8 * width * np.arange(tensors, dtype=np.uint64))
            rows.append(np.concatenate(own)[self.order])
        return np.stack(rows).astype(np.uint64)


class _Tables:
    """Arrays on the device, by name: copies of host arrays, and scratch space.

    They belong to one stream. Another stream needs new ones: it could run ahead of the copies, and CuPy's pool returns
    memory to the stream that it was allocated on.
    """

    def __init__(self, cuda: Cuda, stream: int | None) -> None:
        self.cuda, self.stream = cuda, stream
        self.arrays: dict[str, Array] = {}
        self.sent: dict[str, bytes] = {}

    def make(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        """Allocate an uninitialised array."""
        self.arrays[name] = self.cuda.xp.empty(shape, dtype)

    def follow(self, name: str, values: Host) -> None:
        """Copy the values of a host array, unless they are what was copied last."""
        new = values.tobytes()
        if new == self.sent.get(name):
            return
        if name not in self.arrays or self.arrays[name].shape != values.shape:
            self.make(name, values.shape, values.dtype)
        if values.size:
            self.cuda.upload(values, self.arrays[name])
        self.sent[name] = new
