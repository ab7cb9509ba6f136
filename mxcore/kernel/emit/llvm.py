"""Emit the stages of a traced rule as LLVM IR.

One function runs a stage over chunks of many tensors. Loads and stores carry alias scopes, one for each array of the
rule: LLVM's run-time alias check gives up on so many arrays, and without either LLVM would not vectorise. There is no
fast-math, and no multiplication is fused with an addition, so that every emitter gives the same bits.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np

from mxcore.kernel.rule.graph import LOGICAL, REDUCTIONS, Node
from mxcore.kernel.rule.operations import OPERATIONS
from mxcore.kernel.rule.program import Storage
from mxcore.kernel.rule.reduction import KINDS, LANES
from mxcore.kernel.rule.roots import GUESS
from mxcore.kernel.rule.traced import Stage, Traced
from mxcore.kernel.run.layout import SHARE
from mxcore.native.files import filled
from mxcore.random import philox_llvm
from mxcore.random.distributions import DISTRIBUTIONS

RUN_SOME = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
"""``run_some(tables, first, last)``: see :func:`emit`."""
RUN_ALL = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
"""``run_all(tables)``: runs every chunk, for work so short that releasing the GIL would take longer.

Passing one argument instead of three saves 0.3 µs."""
TABLES = ("addresses", "chunks", "uniforms", "rows", "reductions", "partials", "keys")
"""What the pointers in ``tables`` point to, in this order; the number of chunks follows them."""

_TYPES: dict[str, tuple[str, int, Literal["f32", "f64"]]] = {
    "float32": ("float", 4, "f32"),
    "float64": ("double", 8, "f64"),
}
_HALF = {"float16": "half", "bfloat16": "i16"}


def emit(traced: Traced, stage: Stage, storage: Storage) -> str:
    """Emit ``run_some(tables, first, last)`` for chunks ``first`` ≤ i < ``last``, and ``run_all(tables)`` for all.

    ``tables`` holds pointers to

    * ``addresses``: pointers, one row for each tensor, one column for each of ``storage.columns(traced.arrays)``;
    * ``chunks``: (tensor, from, to, section), where from and to are elements;
    * ``uniforms``: the values of ``traced.uniforms``: the shared ones, then a row for each distinct set of the others;
    * ``rows``: for each tensor, its row of ``uniforms``;
    * ``reductions``: the values of ``traced.reductions``, one row for each section;
    * ``partials``: room for what the chunks contribute to reductions, as float64, one row for each chunk;
    * ``keys``: for each tensor, the two halves of its noise key.

    Args:
        traced: the rule.
        stage: one of its stages.
        storage: the dtypes of the arrays.
    """
    return _Emitter(traced, stage, storage).module()


class _Emitter:
    """Writes the IR of one kernel."""

    def __init__(self, traced: Traced, stage: Stage, storage: Storage) -> None:
        self.traced, self.stage, self.storage = traced, stage, storage
        self.type, self.size, self.suffix = _TYPES[storage.dtype]
        self.half = _HALF.get(storage.half or "", "")
        self.names: dict[int, str] = {node.number: f"%u{number}" for number, node in enumerate(traced.uniforms)}
        self.names |= {node.number: f"%g{number}" for number, node in enumerate(traced.reductions)}
        self.normal = DISTRIBUTIONS[f"normal_{self.suffix}"]
        self.columns = storage.columns(traced.arrays)
        self.noisy = any(node.value == "noise" for node in stage.order)
        # The memory that a loop reads and writes; no two of these overlap.
        self.memory = [*self.columns, "noise", *(f"lanes{number}" for number in stage.measured)]

    def module(self) -> str:
        """Return the complete module."""
        tables = [f"%{name} = word ptr %tables, {place}" for place, name in enumerate(TABLES)]
        count, shared = len(self.traced.uniforms), self.traced.shared
        functions = filled(
            "kernel/emit/stage.ll",
            tables=tables,
            noise=[self.normal.name] if self.noisy else [],
            measured=[{"measured": one, "start": self._lanes(one)} for one in self.stage.measured],
            shared=range(shared),
            own=range(shared, count),
            known=range(len(self.traced.reductions)),
            array=[{"array": column, "stored": self._stored(name)[0]} for column, name in enumerate(self.columns)],
            loop=self._loop(),
            count=len(TABLES),
            type=self.type,
            suffix=self.suffix,
            varying=count - shared,
            reductions=len(self.traced.reductions),
            columns=len(self.columns),
            chunk=SHARE,
            lanes=LANES,
        )
        name = self.storage.half
        half = filled(f"kernel/emit/{name}.ll") + filled("kernel/emit/half.ll", half=self.half) if name else ""
        noise = philox_llvm.source(self.normal) if self.noisy else ""
        if any(node.op == "cbrt_guess" for node in self.stage.order):
            size: Any = {"type": self.type, "integer": f"i{8 * self.size}", **GUESS[self.size]}
            functions += filled("kernel/emit/cbrt_guess.ll", **size)
        return functions + half + noise + "\n".join(self._scopes())

    def _loop(self) -> str:
        values = list(self._values())
        if not self.stage.measured:
            return filled("kernel/emit/write.ll", values=values, results=self._stores())
        terms, width = list(map(self._term, self.stage.measured)), len(self.traced.reductions)
        return filled("kernel/emit/measure.ll", values=values, reduction=terms, lanes=LANES, reductions=width)

    def _lanes(self, number: int) -> str:
        """Return the initial value of the lanes of a reduction."""
        return f"<{', '.join([f'double {self._start(number)}'] * LANES)}>"

    def _start(self, number: int) -> str:
        return philox_llvm.constant(KINDS[self.traced.reductions[number].op].start, "f64")

    def _term(self, number: int) -> Mapping[str, str | int]:
        """Emit the addition of a value's term to its lane of a reduction."""
        node, lines = self.traced.reductions[number], list[str]()
        values = [self._operand(argument) for argument in node.args]
        if self.type == "float":
            wide = [f"%d{number}_{place}" for place in range(len(values))]
            lines += [f"{to} = fpext float {value} to double" for to, value in zip(wide, values, strict=True)]
            values = wide
        value = values[0]
        if node.op in ("norm", "dot"):
            value = f"%q{number}"
            lines.append(f"{value} = fmul double {values[0]}, {values[-1]}")
        combine = "greater" if KINDS[node.op].combine is np.maximum else "plus"
        term: dict[str, str | int] = {"number": number, "term": "\n    ".join(lines), "value": value}
        return {**term, "combine": combine, "start": self._start(number), "access": self._access(f"lanes{number}")}

    def _stored(self, name: str) -> tuple[str, int]:
        """Return the type, and the size in bytes, in which the elements of an array are stored."""
        return (self.half, 2) if self.storage.in_half(name) else (self.type, self.size)

    def _access(self, name: str) -> str:
        place, size = self.memory.index(name), 8 if name.startswith("lanes") else self._stored(name)[1]
        return f"align {size}, !alias.scope !{100 + place}, !noalias !{200 + place}"

    def _values(self) -> Iterator[str]:
        for node in self.stage.order:
            if node.op not in REDUCTIONS:
                name = self.names[node.number] = f"%v{node.number}"
                yield from self._read(node, name) if node.op == "input" else self._compute(node, name)

    def _read(self, node: Node, name: str) -> Iterator[str]:
        array = str(node.value)
        if self.storage.in_half(array):
            yield from self._loaded(array, f"{name}_half")
            yield f"{name} = call float @widen({self.half} {name}_half)"
        elif array == "weight" and self.storage.master:
            yield from self._loaded(array, f"{name}_master")
            yield from self._loaded("half_weight", f"{name}_half")
            yield f"{name} = call float @follow(float {name}_master, {self.half} {name}_half)"
        else:
            yield from self._loaded(array, name)

    def _loaded(self, array: str, name: str) -> Iterator[str]:
        stored = self._stored(array)[0]
        yield f"{name}_p = getelementptr inbounds {stored}, ptr {self._place(array)}, i64 %i"
        yield f"{name} = load {stored}, ptr {name}_p, {self._access(array)}"

    def _compute(self, node: Node, name: str) -> Iterator[str]:
        args = [self._operand(argument) for argument in node.args]
        if node.op in (*LOGICAL, "where"):
            for place, argument in enumerate(node.args[:1] if node.op == "where" else node.args):
                if argument.kind != "mask":  # a number is true unless it is 0
                    yield f"{name}_{place} = fcmp une {self.type} {args[place]}, 0.0"
                    args[place] = f"{name}_{place}"
        yield f"{name} = {OPERATIONS[node.op]['llvm'].format(*args, type=self.type, suffix=self.suffix)}"

    def _operand(self, node: Node) -> str:
        """Return the name of a value; a constant is written as its bits."""
        if node.op == "constant":
            return philox_llvm.constant(float(node.value or 0), self.suffix)
        return self.names[node.number]

    def _place(self, name: str) -> str:
        """Return the name of the pointer to the start of an array in the chunk."""
        return f"%a{self.columns.index(name)}" if name in self.columns else f"%{name}"

    def _stores(self) -> Iterator[str]:
        results = {name: self._operand(node) for name, node in self.stage.written.items()}
        if self.storage.master:
            results["half_weight"] = results["weight"]
        for name, value in results.items():
            place, kind, stored = self._place(name), self._stored(name)[0], value
            if (bound := self.storage.bound(name)) is not None:
                low, high = (philox_llvm.constant(one, self.suffix) for one in (-bound, bound))
                yield f"{place}_low = call float @minimum(float {value}, float {high})"
                yield f"{place}_cut = call float @maximum(float {place}_low, float {low})"
                value = f"{place}_cut"
            if self.storage.in_half(name):
                stored = f"{place}_half"
                yield f"{stored} = call {kind} @narrow(float {value})"
            yield f"{place}_to = getelementptr inbounds {kind}, ptr {place}, i64 %i"
            yield f"store {kind} {stored}, ptr {place}_to, {self._access(name)}"

    def _scopes(self) -> Iterator[str]:
        """Emit, for each piece of memory, its alias scope and the scopes that it does not overlap."""
        places = range(len(self.memory))
        for place in places:
            others = ", ".join(f"!{300 + other}" for other in places if other != place)
            yield f'!{300 + place} = distinct !{{!{300 + place}, !3, !"{self.memory[place]}"}}'
            yield f"!{100 + place} = !{{!{300 + place}}}"
            yield f"!{200 + place} = !{{{others}}}"
