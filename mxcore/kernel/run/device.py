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
from mxcore.kernel.rule.trace import Traced
from mxcore.kernel.run.calls import Call, commit
from mxcore.kernel.run.plan import FusedPlan, chunks_of

if TYPE_CHECKING:
    from mxcore.backend.cuda import Cuda, Kernel

_ADDRESS = operator.attrgetter("data.ptr")
_FINISHING = 64
"""Threads in a block that finishes norms, one norm each."""
PIECE = 2048
"""Elements that a block writes. Norms need chunks of a fixed size, but smaller pieces keep more blocks busy."""


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
            finish = emitter.finish(self.storage.dtype)
            self.finish = cuda.kernel(finish, "finish") if self.traced.norms else None
        tensors, width = len(members), len(self.traced.norms)
        self.constant = {
            "chunks": self.chunks,
            "pieces": chunks_of(tuple(self.sizes.tolist()), PIECE)[1],
            "starts": np.searchsorted(self.chunks[:, 0], np.arange(tensors + 1)),
        }
        self.scratch: dict[str, tuple[tuple[int, ...], npt.DTypeLike]] = {
            "partials": ((len(self.chunks), width), np.float64),
            "norms": ((tensors, width), self.dtype),
        }
        self.tables = _Tables(cuda, None)
        self.addresses = np.zeros((tensors, len(self.columns)), np.uint64)

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

    def calls(self, handed_over: Sequence[Sequence[Array]]) -> list[Call]:
        """Measure, update the tables on the device, and return the launch that writes."""
        again = self.repeat(handed_over)
        if again is not None:
            return again()
        with self.cuda.on(self.device):
            found, back = self.flats(handed_over)
        self._place(list(zip(*found, strict=True)))
        return [*self._launches(), *back, (len, found)]  # the last call keeps the copies alive until then

    def repeat(self, handed_over: Sequence[Sequence[Array]]) -> Callable[[], list[Call]] | None:
        """Return the function that lists the launches, for the addresses of these arrays."""
        if self.staged:
            return None
        self._place([handed_over[source] for source in self.sources])
        return self._launches

    def _place(self, columns: Sequence[Sequence[Array]]) -> None:
        """Record the addresses of vectors."""
        for number, column in enumerate(columns):
            self.addresses[:, number] = np.fromiter(map(_ADDRESS, column), np.uint64, len(column))

    def _launches(self) -> list[Call]:
        with self.cuda.on(self.device):
            self._upload()
            for stage, measured in enumerate(self.traced.stages[:-1]):
                commit(self._launch(stage, "chunks"))
                commit(self._finish(measured.norms))
            return [self.cuda.use(self.device), *self._launch(-1, "pieces")]

    def _upload(self) -> None:
        if (stream := self.cuda.stream()) != self.tables.stream:
            tables = _Tables(self.cuda, stream)
            for name, (shape, dtype) in self.scratch.items():
                tables.make(name, shape, dtype)
            for name, values in self.constant.items():
                tables.follow(name, values)
            self.tables = tables  # last: after an interrupt, the next step starts over
        self.uniforms.rows = len(self._written or ())
        keys, uniforms = self.keys.table, self.uniforms.values
        changing = {"addresses": self.addresses, "rows": self.rows, "keys": keys, "uniforms": uniforms}
        for name, values in changing.items():
            self.tables.follow(name, values)

    def _launch(self, stage: int, chunks: str) -> list[Call]:
        tables = ("addresses", chunks, "uniforms", "rows", "norms", "partials", "keys")
        threads = emitter.threads(self.traced.stages[stage])
        return self._launched(self.kernels[stage], len(self.constant[chunks]), threads, *tables)

    def _finish(self, norms: range) -> list[Call]:
        """Compute the norms from the sums of the chunks."""
        assert self.finish is not None
        width, tensors = len(self.traced.norms), len(self.sizes)
        numbers = (tensors, width, norms.start, norms.stop)
        blocks = -(-tensors * len(norms) // _FINISHING)
        return self._launched(self.finish, blocks, _FINISHING, "partials", "starts", "norms", *numbers)

    def _launched(self, kernel: Kernel, blocks: int, threads: int, *arguments: str | int) -> list[Call]:
        given = [self.tables.arrays[one] if isinstance(one, str) else np.int64(one) for one in arguments]
        return [kernel(blocks, threads, given)] if blocks else []  # launching no block is an error


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
