"""Emit a traced rule as LLVM IR.

One function runs the rule over chunks of many tensors. Loads and stores carry alias scopes, one for each array of the
rule: LLVM's own run-time check gives up at so many arrays, and without either it would not vectorise. There is no
fast-math, and no multiplication is fused with an addition, so that every emitter gives the same bits.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import numpy as np

from mxcore.kernel.graph import COMPARISONS, Node
from mxcore.kernel.trace import Traced

__all__ = ["FUNCTION", "emit"]

FUNCTION = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 2, *[ctypes.c_void_p] * 2)
"""``kernel(addresses, chunks, first, last, uniforms, rows)``: see :func:`emit`."""

_TYPES = {"float32": ("float", 4, "f32"), "float64": ("double", 8, "f64")}
_HALF = {"float16": "half", "bfloat16": "i16"}
_BINARY = {"add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv"}
_COMPARE = {
    "less": "olt", "less_equal": "ole", "greater": "ogt", "greater_equal": "oge", "equal": "oeq", "not_equal": "une"
}  # fmt: skip
_INTRINSIC = {"sqrt": "sqrt", "exp": "exp", "log": "log", "abs": "fabs", "tanh": "tanh", "power": "pow"}


def emit(traced: Traced, dtype: str, half: str | None = None) -> str:
    """The IR of ``kernel(addresses, chunks, first, last, uniforms, rows)``.

    * ``addresses``: pointers, one row for each tensor, one column for each of ``traced.arrays``, and with ``half`` one
      more, for the half-precision weight that is written beside its master;
    * ``chunks``: (tensor, from, to) in elements, of which ``first`` ≤ i < ``last`` are done;
    * ``uniforms``: the values of ``traced.uniforms``, one row for each distinct set of numbers;
    * ``rows``: for each tensor, its row of ``uniforms``.

    Args:
        traced: the rule.
        dtype: ``"float32"`` or ``"float64"``.
        half: the dtype of gradients and weights whose master is float32, or None.
    """
    return "\n".join(_Emitter(traced, dtype, half).lines())


class _Emitter:
    """Writes the IR of one kernel."""

    def __init__(self, traced: Traced, dtype: str, half: str | None) -> None:
        self.traced = traced
        self.half = half
        self.type, self.size, self.suffix = _TYPES[dtype]
        self.dtype = np.dtype(dtype)
        self.columns = [*traced.arrays, *(["half_weight"] if half else [])]
        self.names: dict[int, str] = {}
        self.declared: set[str] = set()

    def lines(self) -> Iterator[str]:
        """The whole module."""
        body = [*self._loads(), *self._compute(), *self._stores()]
        table = "ptr noalias nocapture readonly"
        yield f"define void @kernel({table} %addresses, {table} %chunks, i64 %first, i64 %last,"
        yield f"    {table} %uniforms, {table} %rows) {{"
        yield from self._chunk_head()
        yield from body
        yield "  %next = add nuw nsw i64 %i, 1"
        yield "  %more = icmp slt i64 %next, %n"
        yield "  br i1 %more, label %element, label %chunk_end, !llvm.loop !1"
        yield "chunk_end:"
        yield "  %c_next = add i64 %c, 1"
        yield "  %c_more = icmp slt i64 %c_next, %last"
        yield "  br i1 %c_more, label %chunk, label %done"
        yield "done:"
        yield "  ret void"
        yield "}"
        yield from sorted(self.declared)
        yield from self._metadata()

    def _chunk_head(self) -> Iterator[str]:
        """Before a chunk: its tensor, bounds and uniforms, and the address at which each array begins there."""
        yield "entry:"
        yield "  %any = icmp slt i64 %first, %last"
        yield "  br i1 %any, label %chunk, label %done"
        yield "chunk:"
        yield "  %c = phi i64 [%first, %entry], [%c_next, %chunk_end]"
        yield "  %c3 = mul i64 %c, 3"
        for offset, name in enumerate(("tensor", "from", "to")):
            yield f"  %{name}_i = add i64 %c3, {offset}"
            yield f"  %{name}_p = getelementptr i64, ptr %chunks, i64 %{name}_i"
            yield f"  %{name} = load i64, ptr %{name}_p"
        yield "  %row_p = getelementptr i64, ptr %rows, i64 %tensor"
        yield "  %row = load i64, ptr %row_p"
        yield f"  %row_0 = mul i64 %row, {max(len(self.traced.uniforms), 1)}"
        for number in range(len(self.traced.uniforms)):
            yield f"  %u{number}_i = add i64 %row_0, {number}"
            yield f"  %u{number}_p = getelementptr {self.type}, ptr %uniforms, i64 %u{number}_i"
            yield f"  %u{number} = load {self.type}, ptr %u{number}_p"
        yield f"  %table = mul i64 %tensor, {len(self.columns)}"
        for column, name in enumerate(self.columns):
            yield f"  %a{column}_i = add i64 %table, {column}"
            yield f"  %a{column}_p = getelementptr ptr, ptr %addresses, i64 %a{column}_i"
            yield f"  %a{column}_0 = load ptr, ptr %a{column}_p"
            yield f"  %a{column} = getelementptr {self._stored(name)[0]}, ptr %a{column}_0, i64 %from"
        yield "  %n = sub i64 %to, %from"
        yield "  %some = icmp sgt i64 %n, 0"
        yield "  br i1 %some, label %element, label %chunk_end"
        yield "element:"
        yield "  %i = phi i64 [0, %chunk], [%next, %element]"

    def _stored(self, name: str) -> tuple[str, int]:
        """The type and size in memory of the elements of an array."""
        if self.half and name in ("grad", "half_weight"):
            return _HALF[self.half], 2
        return self.type, self.size

    def _access(self, column: int) -> str:
        return f"align {self._stored(self.columns[column])[1]}, !alias.scope !{100 + column}, !noalias !{200 + column}"

    def _loads(self) -> Iterator[str]:
        inputs = {node.value: node for node in self.traced.order if node.op == "input"}
        for column, name in enumerate(self.columns):
            stored = self._stored(name)[0]
            yield f"  %p{column} = getelementptr inbounds {stored}, ptr %a{column}, i64 %i"
            if name in inputs:
                yield f"  %l{column} = load {stored}, ptr %p{column}, {self._access(column)}"
                self.names[inputs[name].number] = f"%l{column}"
                if stored != self.type:
                    yield from self._widen(column)
                    self.names[inputs[name].number] = f"%w{column}"

    def _widen(self, column: int) -> Iterator[str]:
        if self.half == "float16":
            yield f"  %w{column} = fpext half %l{column} to float"
            return
        yield f"  %l{column}_z = zext i16 %l{column} to i32"
        yield f"  %l{column}_s = shl i32 %l{column}_z, 16"
        yield f"  %w{column} = bitcast i32 %l{column}_s to float"

    def _compute(self) -> Iterator[str]:
        for number, node in enumerate(self.traced.uniforms):
            self.names[node.number] = f"%u{number}"
        for node in self.traced.order:
            if node.op != "input":
                self.names[node.number] = f"%v{node.number}"
                yield from self._operation(node, f"%v{node.number}")

    def _operand(self, node: Node) -> str:
        return self._constant(float(node.value or 0)) if node.op == "constant" else self.names[node.number]

    def _constant(self, value: float) -> str:
        """A number, rounded to the type of the arrays, as LLVM writes it: the bits of a double."""
        return f"0x{np.float64(self.dtype.type(value)).view(np.uint64):016X}"

    def _operation(self, node: Node, name: str) -> Iterator[str]:
        args = [self._operand(argument) for argument in node.args]
        if node.op in _BINARY:
            yield f"  {name} = {_BINARY[node.op]} {self.type} {args[0]}, {args[1]}"
        elif node.op == "negative":
            yield f"  {name} = fneg {self.type} {args[0]}"
        elif node.op in COMPARISONS:
            yield f"  {name} = fcmp {_COMPARE[node.op]} {self.type} {args[0]}, {args[1]}"
        elif node.op in _INTRINSIC:
            yield self._call(_INTRINSIC[node.op], name, args)
        else:
            yield from getattr(self, f"_{node.op}")(node, name, args)

    def _call(self, intrinsic: str, name: str, args: list[str]) -> str:
        function = f"@llvm.{intrinsic}.{self.suffix}"
        self.declared.add(f"declare {self.type} {function}({', '.join([self.type] * len(args))})")
        return f"  {name} = call {self.type} {function}({', '.join(f'{self.type} {arg}' for arg in args)})"

    def _truth(self, node: Node, name: str) -> tuple[list[str], str]:
        """A truth value as one bit; a number is true unless it is 0."""
        if node.kind == "mask":
            return [], self._operand(node)
        return [f"  {name} = fcmp une {self.type} {self._operand(node)}, 0.0"], name

    def _logical(self, instruction: str, node: Node, name: str) -> Iterator[str]:
        values = []
        for number, argument in enumerate(node.args):
            lines, value = self._truth(argument, f"{name}_{number}")
            yield from lines
            values.append(value)
        yield f"  {name} = {instruction} i1 {', '.join(values)}"

    def _logical_and(self, node: Node, name: str, _: list[str]) -> Iterator[str]:
        yield from self._logical("and", node, name)

    def _logical_or(self, node: Node, name: str, _: list[str]) -> Iterator[str]:
        yield from self._logical("or", node, name)

    def _logical_not(self, node: Node, name: str, _: list[str]) -> Iterator[str]:
        lines, value = self._truth(node.args[0], f"{name}_0")
        yield from lines
        yield f"  {name} = xor i1 {value}, true"

    def _where(self, node: Node, name: str, args: list[str]) -> Iterator[str]:
        lines, condition = self._truth(node.args[0], f"{name}_c")
        yield from lines
        yield f"  {name} = select i1 {condition}, {self.type} {args[1]}, {self.type} {args[2]}"

    def _sign(self, _: Node, name: str, args: list[str]) -> Iterator[str]:
        yield f"  {name}_p = fcmp ogt {self.type} {args[0]}, 0.0"
        yield f"  {name}_n = fcmp olt {self.type} {args[0]}, 0.0"
        yield f"  {name}_u = fcmp uno {self.type} {args[0]}, {args[0]}"
        yield f"  {name}_0 = select i1 {name}_n, {self.type} -1.0, {self.type} 0.0"
        yield f"  {name}_1 = select i1 {name}_p, {self.type} 1.0, {self.type} {name}_0"
        yield f"  {name} = select i1 {name}_u, {self.type} {args[0]}, {self.type} {name}_1"

    def _maximum(self, node: Node, name: str, args: list[str]) -> Iterator[str]:
        """The greater one; not a number, if either is none: the first comparison takes the left one then."""
        better = "uge" if node.op == "maximum" else "ule"
        yield f"  {name}_b = fcmp {better} {self.type} {args[0]}, {args[1]}"
        yield f"  {name}_m = select i1 {name}_b, {self.type} {args[0]}, {self.type} {args[1]}"
        yield f"  {name}_u = fcmp uno {self.type} {args[1]}, {args[1]}"
        yield f"  {name} = select i1 {name}_u, {self.type} {args[1]}, {self.type} {name}_m"

    _minimum = _maximum

    def _stores(self) -> Iterator[str]:
        for name, node in self.traced.written.items():
            column = self.columns.index(name)
            yield f"  store {self.type} {self._operand(node)}, ptr %p{column}, {self._access(column)}"
        if self.half:
            column = self.columns.index("half_weight")
            yield from self._narrow(self._operand(self.traced.written["weight"]))
            yield f"  store {_HALF[self.half]} %narrow, ptr %p{column}, {self._access(column)}"

    def _narrow(self, value: str) -> Iterator[str]:
        """Round to half precision, to even where it is a tie; what is not a number stays so."""
        if self.half == "float16":
            yield f"  %narrow = fptrunc float {value} to half"
            return
        yield f"  %bits = bitcast float {value} to i32"
        yield "  %above = lshr i32 %bits, 16"
        yield "  %odd = and i32 %above, 1"
        yield "  %bias = add i32 %odd, 32767"
        yield "  %rounded = add i32 %bits, %bias"
        yield "  %cut = lshr i32 %rounded, 16"
        yield f"  %nan = fcmp uno float {value}, {value}"
        yield "  %quiet = or i32 %above, 64"
        yield "  %chosen = select i1 %nan, i32 %quiet, i32 %cut"
        yield "  %narrow = trunc i32 %chosen to i16"

    def _metadata(self) -> Iterator[str]:
        yield "!0 = !{}"
        yield "!1 = distinct !{!1, !2}"
        yield '!2 = !{!"llvm.loop.vectorize.enable", i1 true}'
        yield '!3 = distinct !{!3, !"arrays"}'
        columns = range(len(self.columns))
        for column in columns:
            others = ", ".join(f"!{300 + other}" for other in columns if other != column)
            yield f'!{300 + column} = distinct !{{!{300 + column}, !3, !"{self.columns[column]}"}}'
            yield f"!{100 + column} = !{{!{300 + column}}}"
            yield f"!{200 + column} = !{{{others}}}"
