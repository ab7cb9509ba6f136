"""Emit a traced rule as CUDA C: one launch for all parameters, a block of threads for each chunk.

To be compiled with ``--fmad=false``, so that no multiplication is fused with an addition, and every emitter gives the
same bits. The text uses nothing of CUDA but ``blockIdx``, ``threadIdx``, ``blockDim`` and the conversions of half
precision.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mxcore.kernel.graph import Node
from mxcore.kernel.trace import Traced

__all__ = ["emit"]

_TYPES = {"float32": ("float", "f"), "float64": ("double", "")}
_HALF = {
    "float16": ("__half", "#include <cuda_fp16.h>", "__half2float", "__float2half_rn"),
    "bfloat16": ("__nv_bfloat16", "#include <cuda_bf16.h>", "__bfloat162float", "__float2bfloat16_rn"),
}
_OPERATORS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "less": "<", "less_equal": "<=", "greater": ">",
    "greater_equal": ">=", "equal": "==", "not_equal": "!=", "logical_and": "&&", "logical_or": "||",
}  # fmt: skip
_FUNCTIONS = {"sqrt": "sqrt", "exp": "exp", "log": "log", "tanh": "tanh", "abs": "fabs", "power": "pow"}


def emit(traced: Traced, dtype: str, half: str | None = None, name: str = "kernel") -> str:
    """The source of a kernel of a rule.

    Its arguments are the tables that :func:`mxcore.kernel.llvm.emit` describes, but for the bounds of the chunks: block
    b does chunk b.

    Args:
        traced: the rule.
        dtype: ``"float32"`` or ``"float64"``.
        half: the dtype of gradients and weights whose master is float32, or None.
        name: what the kernel is called.
    """
    return "\n".join(_Emitter(traced, dtype, half).lines(name)) + "\n"


class _Emitter:
    """Writes the source of one kernel."""

    def __init__(self, traced: Traced, dtype: str, half: str | None) -> None:
        self.traced, self.half, self.dtype = traced, half, np.dtype(dtype)
        self.type, self.suffix = _TYPES[dtype]
        self.columns = [*traced.arrays, *(["half_weight"] if half else [])]
        self.names: dict[int, str] = {node.number: f"u{number}" for number, node in enumerate(traced.uniforms)}

    def lines(self, name: str) -> Iterator[str]:
        """The whole source."""
        if self.half:
            yield _HALF[self.half][1]
        table = "const long long* __restrict__"
        yield f'extern "C" __global__ void {name}(const unsigned long long* __restrict__ addresses, {table} chunks,'
        yield f"    const {self.type}* __restrict__ uniforms, {table} rows) {{"
        yield "  const long long tensor = chunks[3 * blockIdx.x];"
        yield "  const long long from = chunks[3 * blockIdx.x + 1], to = chunks[3 * blockIdx.x + 2];"
        for number in range(len(self.traced.uniforms)):
            yield f"  const {self.type} u{number} = uniforms[rows[tensor] * {len(self.traced.uniforms)} + {number}];"
        for column, array in enumerate(self.columns):
            stored = self._stored(array)
            yield f"  {stored}* a{column} = ({stored}*)addresses[tensor * {len(self.columns)} + {column}];"
        yield "  for (long long i = from + threadIdx.x; i < to; i += blockDim.x) {"
        yield from (f"    {line}" for line in self._body())
        yield "  }"
        yield "}"

    def _stored(self, array: str) -> str:
        return _HALF[self.half][0] if self.half and array in ("grad", "half_weight") else self.type

    def _body(self) -> Iterator[str]:
        for node in self.traced.order:
            name = self.names[node.number] = f"v{node.number}"
            kind = "bool" if node.kind == "mask" else self.type
            yield f"const {kind} {name} = {self._load(node) if node.op == 'input' else self._expression(node)};"
        for array, node in self.traced.written.items():
            yield f"a{self.columns.index(array)}[i] = {self._operand(node)};"
        if self.half:
            weight = self._operand(self.traced.written["weight"])
            yield f"a{len(self.columns) - 1}[i] = {_HALF[self.half][3]}({weight});"

    def _load(self, node: Node) -> str:
        array = str(node.value)
        element = f"a{self.columns.index(array)}[i]"
        return element if self._stored(array) == self.type else f"{_HALF[str(self.half)][2]}({element})"

    def _operand(self, node: Node) -> str:
        return self._constant(float(node.value or 0)) if node.op == "constant" else self.names[node.number]

    def _constant(self, value: float) -> str:
        """A number, rounded to the type of the arrays, with digits enough to come back as it is."""
        rounded = float(self.dtype.type(value))
        return (
            f"{rounded!r}{self.suffix}" if np.isfinite(rounded) else f"({rounded / abs(rounded):.0f}.0{self.suffix}/0)"
        )

    def _expression(self, node: Node) -> str:
        args = [self._operand(argument) for argument in node.args]
        if node.op in _OPERATORS:
            truths = node.op in ("logical_and", "logical_or")
            left, right = (self._truth(node.args[at], args[at]) if truths else args[at] for at in (0, 1))
            return f"{left} {_OPERATORS[node.op]} {right}"
        if node.op in _FUNCTIONS:
            return f"{_FUNCTIONS[node.op]}{self.suffix}({', '.join(args)})"
        return str(getattr(self, f"_{node.op}")(node, args))

    def _truth(self, node: Node, name: str) -> str:
        return name if node.kind == "mask" else f"({name} != 0)"

    def _negative(self, _: Node, args: list[str]) -> str:
        return f"-{args[0]}"

    def _logical_not(self, node: Node, args: list[str]) -> str:
        return f"!{self._truth(node.args[0], args[0])}"

    def _where(self, node: Node, args: list[str]) -> str:
        return f"{self._truth(node.args[0], args[0])} ? {args[1]} : {args[2]}"

    def _sign(self, _: Node, args: list[str]) -> str:
        one, none = f"1.0{self.suffix}", f"0.0{self.suffix}"
        return f"{args[0]} > 0 ? {one} : {args[0]} < 0 ? -{one} : {args[0]} == 0 ? {none} : {args[0]}"

    def _maximum(self, node: Node, args: list[str]) -> str:
        """The greater one; not a number, if either is none."""
        better = ">=" if node.op == "maximum" else "<="
        return f"{args[0]} {better} {args[1]} || {args[0]} != {args[0]} ? {args[0]} : {args[1]}"

    _minimum = _maximum
