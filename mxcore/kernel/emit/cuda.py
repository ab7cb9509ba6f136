"""Emit the stages of a traced rule as CUDA C: one launch for all parameters, one thread block per chunk.

Compile it with ``--fmad=false --ftz=false``, so that no multiplication is fused with an addition, subnormal numbers
are kept, and every emitter gives the same bits. The code uses no header, and of CUDA only ``blockIdx``, ``threadIdx``,
``blockDim``, ``__shared__``, ``__syncthreads`` and the functions that reinterpret bits as a float.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from mxcore.kernel.rule.graph import REDUCTIONS, Node
from mxcore.kernel.rule.operations import OPERATIONS
from mxcore.kernel.rule.program import Storage
from mxcore.kernel.rule.reduction import KINDS, LANES
from mxcore.kernel.rule.roots import GUESS
from mxcore.kernel.rule.traced import Stage, Traced
from mxcore.native.files import filled
from mxcore.random import philox_cuda
from mxcore.random.distributions import DISTRIBUTIONS

_TYPES: dict[str, Literal["f32", "f64"]] = {"float32": "f32", "float64": "f64"}
_THREADS = 256
_PACK = 16
"""Bytes of an array that a thread loads or stores at once: the most that it can."""
_FETCHED = 1024
"""How many contributions to a reduction are fetched at once, before they are added up."""
_SHARED = 48 * 1024
"""Bytes of shared memory that a thread block may use."""


def emit(traced: Traced, stage: Stage, storage: Storage) -> str:
    """Emit ``kernel(addresses, chunks, uniforms, rows, reductions, partials, keys)``, where block b computes chunk b.

    :func:`mxcore.kernel.emit.llvm.emit` describes the arguments; blocks must have as many threads as :func:`threads`
    returns.

    Args:
        traced: the rule.
        stage: one of its stages.
        storage: the dtypes of the arrays.
    """
    return _Emitter(traced, stage, storage).source()


def threads(stage: Stage) -> int:
    """Return how many threads a block of a stage has."""
    if not stage.measured:
        return _THREADS
    most = _SHARED // (8 * LANES * len(stage.measured)) // 2  # terms are stored twice, the sum of a lane once
    return LANES * (8 if most > 8 else 4 if most > 4 else 2 if most > 2 else 1)


def finish(traced: Traced, stage: Stage, dtype: str) -> str:
    """Emit ``finish(partials, sections, …)``, which computes the reductions that a stage has measured."""
    every = []
    for number in stage.measured:
        node = traced.reductions[number]
        by_row, over_all = (str(node.value == over).lower() for over in ("row", "all"))
        every.append({"number": number, "by_row": by_row, "over_all": over_all, **_forms(node)})
    return _combining("finish", traced, dtype, reduction=every, count=len(stage.measured), first=stage.measured.start)


def fold(traced: Traced, columns: Sequence[int]) -> str:
    """Emit ``fold(places, found, parameters)``, which combines what all parameters contribute to some reductions."""
    every = [{"number": place, **_forms(traced.reductions[column])} for place, column in enumerate(columns)]
    return _combining("fold", traced, "float64", reduction=every)


def spread(traced: Traced, columns: Sequence[int], dtype: str) -> str:
    """Emit ``spread(found, exact, reductions, sections, elements)``, which gives them to a plan."""
    places = enumerate(columns)
    every = [{"number": place, "column": column, **_forms(traced.reductions[column])} for place, column in places]
    return _combining("spread", traced, dtype, reduction=every)


def _combining(file: str, traced: Traced, dtype: str, **values: Any) -> str:
    kind, width = philox_cuda.TYPES[_TYPES[dtype]], len(traced.reductions)
    functions = filled("kernel/emit/functions.cu", type=kind)
    return functions + filled(f"kernel/emit/{file}.cu", type=kind, width=width, room=_FETCHED, **values)


def _forms(node: Node) -> dict[str, str]:
    """Return how to combine ``total`` with ``other``, where to start, and how to get the value from the total."""
    kind = KINDS[node.op]
    values = {"norm": "sqrt(total)", "mean": "total / count"}
    return {
        "combine": "greater(total, other)" if kind.combine is np.maximum else "total + other",
        "start": philox_cuda.constant(kind.start, "f64"),
        "value": values.get(node.op, "total"),
    }


class _Emitter:
    """Writes the source of one kernel."""

    def __init__(self, traced: Traced, stage: Stage, storage: Storage) -> None:
        self.traced, self.stage, self.storage = traced, stage, storage
        self.dtype = dtype = _TYPES[storage.dtype]
        self.type, self.suffix = philox_cuda.TYPES[dtype], "f" if dtype == "f32" else ""
        self.columns = storage.columns(traced.arrays)
        self.names: dict[int, str] = {node.number: f"u{number}" for number, node in enumerate(traced.uniforms)}
        self.names |= {node.number: f"g{number}" for number, node in enumerate(traced.reductions)}
        self.normal = DISTRIBUTIONS[f"normal_{dtype}"]

    def source(self) -> str:
        """Return the complete source."""
        name = self.storage.half
        half = filled(f"kernel/emit/{name}.cu") + filled("kernel/emit/half.cu") if name else ""
        noisy = any(node.value == "noise" for node in self.stage.order)
        noise = philox_cuda.source(self.normal) if noisy else ""
        own = filled("kernel/emit/functions.cu", type=self.type)
        if any(node.op == "cbrt_guess" for node in self.stage.order):
            integer = self.dtype.replace("f", "u")
            bits, value = philox_cuda.BITS[self.dtype, integer], philox_cuda.BITS[integer, self.dtype]
            guess = GUESS[4 if self.dtype == "f32" else 8]
            own += filled("kernel/emit/cbrt_guess.cu", type=self.type, bits=bits, value=value, **guess)
        return "\n".join([half, noise, own, self._measuring() if self.stage.measured else self._writing()])

    def _writing(self) -> str:
        """Emit a body where a thread handles adjacent elements, loaded and stored at once if alignment allows."""
        reads, writes = self._reads(), self._writes()
        packs = {column: f"Pack<{self._stored(self.columns[column])}>" for column in sorted({*reads, *writes})}
        values = {column: f" = *(const {packs[column]}*)(a{column} + first)" for column in reads}
        return filled(
            "kernel/emit/write.cu",
            type=self.type,
            bytes=_PACK,
            width=_PACK // (4 if self.dtype == "f32" else 8),
            given=self._given(),
            addresses=" | ".join(f"(unsigned long long)a{column}" for column in packs),
            load=(f"{pack} x{column}{values.get(column, '')};" for column, pack in packs.items()),
            each=self._body("x{}.at[k]"),
            store=(f"*({packs[column]}*)(a{column} + first) = x{column};" for column in writes),
            single=self._body("a{}[i]"),
        )

    def _measuring(self) -> str:
        """Emit a body where a thread handles one element; some threads also sum, each for one lane and norm."""
        count, groups = len(self.stage.measured), threads(self.stage) // LANES
        measured: list[Any] = [
            {"place": place, "own_group": place % groups, **_forms(self.traced.reductions[number])}
            for place, number in enumerate(self.stage.measured)
        ]
        return filled(
            "kernel/emit/measure.cu",
            type=self.type,
            count=count,
            groups=groups,
            lanes=LANES,
            width=len(self.traced.reductions),
            first=self.stage.measured.start,
            given=self._given(),
            measured=measured,
            single=self._body("a{}[i]"),
        )

    def _reads(self) -> list[int]:
        """Return the columns of the arrays that the stage reads."""
        read = self.storage.read(str(node.value) for node in self.stage.order if node.op == "input")
        return [column for column, array in enumerate(self.columns) if array in read]

    def _writes(self) -> list[int]:
        """Return the columns of the arrays that the stage writes."""
        halves = ["half_weight"] * bool(self.storage.master and self.stage.written)
        return [self.columns.index(array) for array in (*self.stage.written, *halves)]

    def _given(self) -> Iterator[str]:
        """Emit the declarations of a chunk's numbers and arrays."""
        shared, width = self.traced.shared, len(self.traced.uniforms) - self.traced.shared
        for number in range(len(self.traced.uniforms)):
            row = f"rows[tensor] * {width} + " * (number >= shared)
            yield f"const {self.type} u{number} = uniforms[{row}{number}];"
        for number in range(len(self.traced.reductions)):
            yield f"const {self.type} g{number} = reductions[section * {len(self.traced.reductions)} + {number}];"
        for column, array in enumerate(self.columns):
            stored = self._stored(array)
            yield f"{stored}* a{column} = ({stored}*)addresses[tensor * {len(self.columns)} + {column}];"

    def _stored(self, array: str) -> str:
        return "unsigned short" if self.storage.in_half(array) else self.type

    def _body(self, element: str) -> Iterator[str]:
        """Emit the computation of one element.

        Args:
            element: the expression for it, with a placeholder for the column.
        """
        for node in self.stage.order:
            if node.op in REDUCTIONS:
                continue
            name = self.names[node.number] = f"v{node.number}"
            kind = "bool" if node.kind == "mask" else self.type
            value = self._load(node, element) if node.op == "input" else self._expression(node)
            yield f"const {kind} {name} = {value};"
        for place, number in enumerate(self.stage.measured):
            node = self.traced.reductions[number]
            values = [f"(double){self._operand(argument)}" for argument in node.args]
            product = node.op in ("norm", "dot")
            yield f"term{place} = {f'{values[0]} * {values[-1]}' if product else values[0]};"
        written = {**self.stage.written, "half_weight": self.traced.written["weight"]}
        for column in self._writes():
            array = self.columns[column]
            value = self._operand(written[array])
            if (bound := self.storage.bound(array)) is not None:
                low, high = (philox_cuda.constant(one, self.dtype) for one in (-bound, bound))
                value = f"maximum(minimum({value}, {high}), {low})"
            yield f"{element.format(column)} = {f'narrow({value})' if self.storage.in_half(array) else value};"

    def _load(self, node: Node, element: str) -> str:
        if node.value == "noise":
            zero, one = (philox_cuda.constant(value, self.dtype) for value in (0, 1))
            return f"{self.normal.name}(i, keys[2 * tensor], keys[2 * tensor + 1], {zero}, {one})"
        array = str(node.value)
        value = element.format(self.columns.index(array))
        if array == "weight" and self.storage.master:
            return f"follow({value}, {element.format(self.columns.index('half_weight'))})"
        return f"widen({value})" if self.storage.in_half(array) else value

    def _operand(self, node: Node) -> str:
        if node.op == "constant":
            return philox_cuda.constant(float(node.value or 0), self.dtype)
        return self.names[node.number]

    def _expression(self, node: Node) -> str:
        args = [self._operand(argument) for argument in node.args]
        return str(OPERATIONS[node.op]["cuda"].format(*args, suffix=self.suffix))
