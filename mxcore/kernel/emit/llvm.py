"""Emit the stages of a traced rule as LLVM IR.

One function runs a stage over chunks of many tensors. Loads and stores carry alias scopes, one for each array of the
rule: LLVM's own run-time check gives up at so many arrays, and without either it would not vectorise.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

from mxcore.kernel.emit.llvm_operations import HALF, Operations, narrow, widen
from mxcore.kernel.rule.graph import Node
from mxcore.kernel.rule.norm import CHUNK, LANES
from mxcore.kernel.rule.trace import Stage, Traced
from mxcore.random import philox_llvm
from mxcore.random.distributions import DISTRIBUTIONS

__all__ = ["RUN_ALL", "RUN_SOME", "TABLES", "emit"]

RUN_SOME = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
"""``run_some(tables, first, last)``: see :func:`emit`."""
RUN_ALL = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
"""``run_all(tables)``: every chunk, for what is so short that to give the interpreter's lock away would take longer.

To hand over one argument in place of three takes 0.3 µs less."""
TABLES = ("addresses", "chunks", "uniforms", "rows", "norms", "partials", "keys")
"""What the pointers in ``tables`` point to, in this order. The number of chunks stands after them."""


def emit(traced: Traced, stage: Stage, dtype: str, half: str | None = None) -> str:
    """The IR of ``run_some(tables, first, last)`` for chunks ``first`` ≤ i < ``last``, and ``run_all(tables)`` for all.

    ``tables`` are pointers, to

    * ``addresses``: pointers, one row for each tensor, one column for each of ``traced.arrays``, and with ``half`` one
      more, for the half-precision weight that is written beside its master;
    * ``chunks``: (tensor, from, to) in elements;
    * ``uniforms``: the values of ``traced.uniforms``, the shared ones, then a row for each distinct set of the others;
    * ``rows``: for each tensor, its row of ``uniforms``;
    * ``norms``: the values of ``traced.norms``, one row for each tensor;
    * ``partials``: where the sums of squares go that the stage takes, as float64, one row for each chunk;
    * ``keys``: for each tensor, the two halves of the key of its noise.

    Args:
        traced: the rule.
        stage: one of its stages.
        dtype: ``"float32"`` or ``"float64"``.
        half: the dtype of gradients and weights whose master is float32, or None.
    """
    return "\n".join(_Emitter(traced, stage, dtype, half).lines())


class _Emitter:
    """Writes the IR of one kernel."""

    def __init__(self, traced: Traced, stage: Stage, dtype: str, half: str | None) -> None:
        self.traced, self.stage, self.half = traced, stage, half
        self.operations = Operations(dtype)
        self.operations.names |= {node.number: f"%u{number}" for number, node in enumerate(traced.uniforms)}
        self.operations.names |= {node.number: f"%g{number}" for number, node in enumerate(traced.norms)}
        self.type, self.normal = self.operations.type, DISTRIBUTIONS[f"normal_{self.operations.suffix}"]
        self.columns = [*traced.arrays, *(["half_weight"] if half else [])]
        self.noisy = any(node.value == "noise" for node in stage.order)
        # What a loop reads and writes: nothing of it overlaps.
        self.memory = [*self.columns, "noise", *(f"lanes{number}" for number in stage.norms)]

    def lines(self) -> Iterator[str]:
        """The whole module."""
        yield "define void @run_some(ptr noalias nocapture readonly %tables, i64 %first, i64 %last) {"
        yield from self._entry()
        yield from self._chunk()
        yield from self._measure() if self.stage.norms else self._write()
        yield "chunk_end:"
        yield "  %c_next = add i64 %c, 1"
        yield "  %c_more = icmp slt i64 %c_next, %last"
        yield "  br i1 %c_more, label %chunk, label %done"
        yield "done:"
        yield "  ret void"
        yield "}"
        yield "define void @run_all(ptr %tables) {"
        yield f"  %count_p = getelementptr i64, ptr %tables, i64 {len(TABLES)}"
        yield "  %count = load i64, ptr %count_p"
        yield "  call void @run_some(ptr %tables, i64 0, i64 %count)"
        yield "  ret void"
        yield "}"
        yield from sorted(self.operations.declared)
        if self.stage.norms:
            yield "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"
        if self.noisy:
            yield philox_llvm.DECLARATIONS
            yield philox_llvm.source(self.normal, "internal ")
        yield from self._metadata()

    def _entry(self) -> Iterator[str]:
        yield "entry:"
        for place, name in enumerate(TABLES):
            yield f"  %{name}_p = getelementptr ptr, ptr %tables, i64 {place}"
            yield f"  %{name} = load ptr, ptr %{name}_p"
        if self.noisy:
            yield f"  %noise = alloca [{CHUNK} x {self.type}], align 64"
        for number in self.stage.norms:
            yield f"  %lanes{number} = alloca [{LANES} x double], align 64"
        yield "  %any = icmp slt i64 %first, %last"
        yield "  br i1 %any, label %chunk, label %done"

    def _chunk(self) -> Iterator[str]:
        """Before a chunk: its tensor, bounds and numbers, and the address at which each array begins there."""
        yield "chunk:"
        yield "  %c = phi i64 [%first, %entry], [%c_next, %chunk_end]"
        yield "  %c3 = mul i64 %c, 3"
        for offset, name in enumerate(("tensor", "from", "to")):
            yield f"  %{name}_i = add i64 %c3, {offset}"
            yield from self._load(name, "i64", "chunks", f"%{name}_i")
        yield from self._load("row", "i64", "rows", "%tensor")
        for number in range(shared := self.traced.shared):
            yield from self._load(f"u{number}", self.type, "uniforms", str(number))
        for prefix, row, table, first, last in (
            ("u", "%row", "uniforms", shared, len(self.traced.uniforms)),
            ("g", "%tensor", "norms", 0, len(self.traced.norms)),
        ):
            yield f"  %{table}_0 = mul i64 {row}, {last - first}"
            for number in range(first, last):
                yield f"  %{prefix}{number}_i = add i64 %{table}_0, {number}"
                yield from self._load(f"{prefix}{number}", self.type, table, f"%{prefix}{number}_i")
        yield f"  %table = mul i64 %tensor, {len(self.columns)}"
        for column, name in enumerate(self.columns):
            yield f"  %a{column}_i = add i64 %table, {column}"
            yield from self._load(f"a{column}_0", "ptr", "addresses", f"%a{column}_i")
            yield f"  %a{column} = getelementptr {self._stored(name)[0]}, ptr %a{column}_0, i64 %from"
        if self.noisy:
            yield from self._draw()
        for number in self.stage.norms:
            yield f"  call void @llvm.memset.p0.i64(ptr %lanes{number}, i8 0, i64 {8 * LANES}, i1 false)"
        yield "  %n = sub i64 %to, %from"
        yield f"  br label %{'stretch' if self.stage.norms else 'element'}"

    def _load(self, name: str, kind: str, table: str, place: str) -> Iterator[str]:
        yield f"  %{name}_p = getelementptr {kind}, ptr %{table}, i64 {place}"
        yield f"  %{name} = load {kind}, ptr %{name}_p"

    def _draw(self) -> Iterator[str]:
        """The noise of a chunk."""
        yield "  %key_i = mul i64 %tensor, 2"
        yield "  %stream_i = add i64 %key_i, 1"
        yield from self._load("key", "i64", "keys", "%key_i")
        yield from self._load("stream", "i64", "keys", "%stream_i")
        drawn = f"i64 %from, i64 %to, i64 %key, i64 %stream, {self.type} 0.0, {self.type} 1.0"
        yield f"  call void @{self.normal.name}(ptr %noise, {drawn})"

    def _write(self) -> Iterator[str]:
        """A stage that writes: one loop over the elements."""
        yield "element:"
        yield "  %i = phi i64 [0, %chunk], [%next, %element]"
        yield from self._values()
        yield from self._stores()
        yield "  %next = add nuw nsw i64 %i, 1"
        yield "  %more = icmp slt i64 %next, %n"
        yield "  br i1 %more, label %element, label %chunk_end, !llvm.loop !1"

    def _measure(self) -> Iterator[str]:
        """A stage that measures norms: rows of lanes, which are added up at the end of the chunk."""
        norms = self.stage.norms
        yield "stretch:"
        yield "  %r = phi i64 [0, %chunk], [%r_next, %stretch_end]"
        yield "  %left = sub i64 %n, %r"
        yield f"  %short = icmp slt i64 %left, {LANES}"
        yield f"  %m = select i1 %short, i64 %left, i64 {LANES}"
        yield "  br label %element"
        yield "element:"
        yield "  %lane = phi i64 [0, %stretch], [%next, %element]"
        yield "  %i = add nuw nsw i64 %r, %lane"
        yield from self._values()
        for number in norms:
            yield from self._square(number)
        yield "  %next = add nuw nsw i64 %lane, 1"
        yield "  %more = icmp slt i64 %next, %m"
        yield "  br i1 %more, label %element, label %stretch_end, !llvm.loop !1"
        yield "stretch_end:"
        yield f"  %r_next = add i64 %r, {LANES}"
        yield "  %r_more = icmp slt i64 %r_next, %n"
        yield "  br i1 %r_more, label %stretch, label %add_up"
        yield "add_up:"
        yield "  %l = phi i64 [0, %stretch_end], [%l_next, %add_up]"
        for number in norms:
            yield f"  %s{number} = phi double [0.0, %stretch_end], [%t{number}, %add_up]"
        for number in norms:
            yield from self._load(f"x{number}", "double", f"lanes{number}", "%l")
            yield f"  %t{number} = fadd double %s{number}, %x{number}"
        yield "  %l_next = add i64 %l, 1"
        yield f"  %l_more = icmp slt i64 %l_next, {LANES}"
        yield "  br i1 %l_more, label %add_up, label %keep"
        yield "keep:"
        yield f"  %sums = mul i64 %c, {len(self.traced.norms)}"
        for number in norms:
            yield f"  %sum{number}_i = add i64 %sums, {number}"
            yield f"  %sum{number} = getelementptr double, ptr %partials, i64 %sum{number}_i"
            yield f"  store double %t{number}, ptr %sum{number}"
        yield "  br label %chunk_end"

    def _square(self, number: int) -> Iterator[str]:
        """Add the square of what a norm is taken of to its lane."""
        value, access = self.operations.operand(self.traced.norms[number].args[0]), self._access(f"lanes{number}")
        if self.type == "float":
            yield f"  %d{number} = fpext float {value} to double"
            value = f"%d{number}"
        yield f"  %q{number} = fmul double {value}, {value}"
        yield f"  %l{number}_p = getelementptr inbounds double, ptr %lanes{number}, i64 %lane"
        yield f"  %l{number}_0 = load double, ptr %l{number}_p, {access}"
        yield f"  %l{number}_1 = fadd double %l{number}_0, %q{number}"
        yield f"  store double %l{number}_1, ptr %l{number}_p, {access}"

    def _stored(self, name: str) -> tuple[str, int]:
        """The type and size in memory of the elements of an array."""
        if self.half and name in ("grad", "half_weight"):
            return HALF[self.half], 2
        return self.type, self.operations.size

    def _access(self, name: str) -> str:
        place, size = self.memory.index(name), 8 if name.startswith("lanes") else self._stored(name)[1]
        return f"align {size}, !alias.scope !{100 + place}, !noalias !{200 + place}"

    def _values(self) -> Iterator[str]:
        for node in self.stage.order:
            if node.op == "input":
                yield from self._read(node)
            elif node.op != "norm":
                yield from self.operations.compute(node)

    def _read(self, node: Node) -> Iterator[str]:
        name, stored = str(node.value), self._stored(str(node.value))[0]
        value = self.operations.names[node.number] = f"%v{node.number}"
        read = value if stored == self.type else f"{value}_half"
        yield f"  {value}_p = getelementptr inbounds {stored}, ptr {self._place(name)}, i64 %i"
        yield f"  {read} = load {stored}, ptr {value}_p, {self._access(name)}"
        if stored != self.type:
            yield from widen(str(self.half), read, value)

    def _place(self, name: str) -> str:
        """Where an array begins in the chunk."""
        return f"%a{self.columns.index(name)}" if name in self.columns else f"%{name}"

    def _stores(self) -> Iterator[str]:
        results = {name: (self.type, self.operations.operand(node)) for name, node in self.stage.written.items()}
        if self.half:
            yield from narrow(self.half, results["weight"][1])
            results["half_weight"] = HALF[self.half], "%narrow"
        for name, (kind, value) in results.items():
            place = self._place(name)
            yield f"  {place}_to = getelementptr inbounds {kind}, ptr {place}, i64 %i"
            yield f"  store {kind} {value}, ptr {place}_to, {self._access(name)}"

    def _metadata(self) -> Iterator[str]:
        yield "!0 = !{}"
        yield "!1 = distinct !{!1, !2}"
        yield '!2 = !{!"llvm.loop.vectorize.enable", i1 true}'
        yield '!3 = distinct !{!3, !"arrays"}'
        places = range(len(self.memory))
        for place in places:
            others = ", ".join(f"!{300 + other}" for other in places if other != place)
            yield f'!{300 + place} = distinct !{{!{300 + place}, !3, !"{self.memory[place]}"}}'
            yield f"!{100 + place} = !{{!{300 + place}}}"
            yield f"!{200 + place} = !{{{others}}}"
