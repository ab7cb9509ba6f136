"""The operations of a rule as LLVM IR: one instruction, or a few, for each node of its graph.

There is no fast-math, and no multiplication is fused with an addition, so that every emitter gives the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mxcore.kernel.rule.graph import COMPARISONS, Node

__all__ = ["HALF", "Operations", "narrow", "widen"]

HALF = {"float16": "half", "bfloat16": "i16"}
"""The types that half precision is kept in."""
_TYPES = {"float32": ("float", 4, "f32"), "float64": ("double", 8, "f64")}
_BINARY = {"add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv"}
_COMPARE = {
    "less": "olt", "less_equal": "ole", "greater": "ogt", "greater_equal": "oge", "equal": "oeq", "not_equal": "une"
}  # fmt: skip
_INTRINSIC = {"sqrt": "sqrt", "exp": "exp", "log": "log", "abs": "fabs", "tanh": "tanh", "power": "pow"}


class Operations:
    """Writes the operations of one rule.

    Args:
        dtype: ``"float32"`` or ``"float64"``.
    """

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self.type, self.size, self.suffix = _TYPES[dtype]
        self.names: dict[int, str] = {}
        self.declared: set[str] = set()

    def compute(self, node: Node) -> Iterator[str]:
        """The value of an operation, from then on known by its name."""
        name = self.names[node.number] = f"%v{node.number}"
        yield from self._operation(node, name)

    def operand(self, node: Node) -> str:
        """What a value is called; a constant is called by its bits."""
        return self._constant(float(node.value or 0)) if node.op == "constant" else self.names[node.number]

    def _constant(self, value: float) -> str:
        """A number, rounded to the type of the arrays, as LLVM writes it: the bits of a double."""
        return f"0x{np.float64(self.dtype.type(value)).view(np.uint64):016X}"

    def _operation(self, node: Node, name: str) -> Iterator[str]:
        args = [self.operand(argument) for argument in node.args]
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
            return [], self.operand(node)
        return [f"  {name} = fcmp une {self.type} {self.operand(node)}, 0.0"], name

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


def widen(half: str, read: str, value: str) -> Iterator[str]:
    """A value of half precision as float32."""
    if half == "float16":
        yield f"  {value} = fpext half {read} to float"
        return
    yield f"  {value}_z = zext i16 {read} to i32"
    yield f"  {value}_s = shl i32 {value}_z, 16"
    yield f"  {value} = bitcast i32 {value}_s to float"


def narrow(half: str, value: str) -> Iterator[str]:
    """``%narrow``: a value rounded to half precision, to even where it is a tie; what is not a number stays so."""
    if half == "float16":
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
