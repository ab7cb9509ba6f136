"""Emit the stages of a traced rule as CUDA C: one launch for all parameters, a block of threads for each chunk.

To be compiled with ``--fmad=false --ftz=false``, so that no multiplication is fused with an addition, no small number
becomes 0, and every emitter gives the same bits. The text uses nothing of CUDA but ``blockIdx``, ``threadIdx``,
``blockDim`` and the functions that take a float for its bits, and no header.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mxcore.kernel.rule.graph import Node
from mxcore.kernel.rule.norm import LANES
from mxcore.kernel.rule.trace import Stage, Traced
from mxcore.random import philox_cuda
from mxcore.random.distributions import DISTRIBUTIONS

__all__ = ["emit", "norms"]

_TYPES = {"float32": ("float", "f"), "float64": ("double", "")}
# Half precision by its bits: CUDA's own conversions are in headers that not every installation of CuPy finds.
_HALF = {
    "float16": """\
__device__ float widen(unsigned short half) {
  const unsigned int sign = (half & 0x8000u) << 16, rest = (half & 0x7fffu) << 13;
  if (rest >= 0x0f800000u) return __uint_as_float(sign | rest | 0x7f800000u);  // infinite, or not a number
  return __uint_as_float(sign | __float_as_uint(__uint_as_float(rest) * 5192296858534828e18f));  // 2^112
}
__device__ unsigned short narrow(float x) {
  const unsigned int bits = __float_as_uint(x), sign = bits >> 16 & 0x8000u, rest = bits & 0x7fffffffu;
  if (rest > 0x7f800000u) return sign | 0x7e00u;  // not a number
  if (rest >= 0x477ff000u) return sign | 0x7c00u;  // what is nearer to 65536 than to 65504 is infinite
  if (rest < 0x38800000u)  // subnormal: 0.5 has its last place at 2^-24, to which the sum is rounded
    return sign | (__float_as_uint(__uint_as_float(rest) + 0.5f) - 0x3f000000u);
  return sign | (rest - 0x38000000u + 0xfffu + (rest >> 13 & 1u)) >> 13;  // to nearest, ties to even
}
""",
    "bfloat16": """\
__device__ float widen(unsigned short half) { return __uint_as_float((unsigned int)half << 16); }
__device__ unsigned short narrow(float x) {
  const unsigned int bits = __float_as_uint(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return bits >> 16 | 0x40u;  // not a number
  return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;  // to nearest, ties to even
}
""",
}
_OPERATORS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "less": "<", "less_equal": "<=", "greater": ">",
    "greater_equal": ">=", "equal": "==", "not_equal": "!=", "logical_and": "&&", "logical_or": "||",
}  # fmt: skip
_FUNCTIONS = {"sqrt": "sqrt", "exp": "exp", "log": "log", "tanh": "tanh", "abs": "fabs", "power": "pow"}


def emit(traced: Traced, stage: Stage, dtype: str, half: str | None = None, name: str = "kernel") -> str:
    """The source of ``kernel(addresses, chunks, uniforms, rows, norms, lanes, keys)``, in which block b does chunk b.

    The arguments are those that :func:`mxcore.kernel.emit.llvm.emit` describes, with ``lanes`` in place of
    ``partials``: a stage that measures norms must have blocks of ``LANES`` threads, each of which leaves its sum there,
    as float64, for each chunk, norm and lane. :func:`norms` adds them up.

    Args:
        traced: the rule.
        stage: one of its stages.
        dtype: ``"float32"`` or ``"float64"``.
        half: the dtype of gradients and weights whose master is float32, or None.
        name: what the kernel is called.
    """
    return "\n".join(_Emitter(traced, stage, dtype, half).lines(name)) + "\n"


_NORMS = """\
// partials[chunk, norm]: the lanes, one after the other. A thread for each.
extern "C" __global__ void add_lanes(const double* __restrict__ lanes, double* __restrict__ partials,
    long long count) {{
  const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  double sum = 0;
  for (int lane = 0; lane < {lanes}; ++lane) sum += lanes[i * {lanes} + lane];
  partials[i] = sum;
}}

// norms[tensor, norm], of norms first <= norm < last: the chunks, one after the other. A thread for each tensor.
extern "C" __global__ void add_chunks(const double* __restrict__ partials, const long long* __restrict__ starts,
    {type}* __restrict__ norms, long long tensors, long long width, long long first, long long last) {{
  const long long tensor = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (tensor >= tensors) return;
  for (long long norm = first; norm < last; ++norm) {{
    double sum = 0;
    for (long long chunk = starts[tensor]; chunk < starts[tensor + 1]; ++chunk) sum += partials[chunk * width + norm];
    norms[tensor * width + norm] = ({type})sqrt(sum);
  }}
}}
"""


def norms(dtype: str) -> str:
    """The source of the kernels ``add_lanes`` and ``add_chunks``, which make norms of what a stage leaves in ``lanes``.

    ``starts`` are the numbers of the first chunk of each tensor, and at the end the number of chunks.
    """
    return _NORMS.format(type=_TYPES[dtype][0], lanes=LANES)


class _Emitter:
    """Writes the source of one kernel."""

    def __init__(self, traced: Traced, stage: Stage, dtype: str, half: str | None) -> None:
        self.traced, self.stage, self.half, self.dtype = traced, stage, half, np.dtype(dtype)
        self.type, self.suffix = _TYPES[dtype]
        self.columns = [*traced.arrays, *(["half_weight"] if half else [])]
        self.names: dict[int, str] = {node.number: f"u{number}" for number, node in enumerate(traced.uniforms)}
        self.names |= {node.number: f"g{number}" for number, node in enumerate(traced.norms)}
        self.normal = DISTRIBUTIONS["normal_f32" if dtype == "float32" else "normal_f64"]

    def lines(self, name: str) -> Iterator[str]:
        """The whole source."""
        if self.half:
            yield _HALF[self.half]
        if any(node.value == "noise" for node in self.stage.order):
            yield philox_cuda.source(self.normal)
        table = "const long long* __restrict__"
        yield f'extern "C" __global__ void {name}(const unsigned long long* __restrict__ addresses, {table} chunks,'
        yield f"    const {self.type}* __restrict__ uniforms, {table} rows, const {self.type}* __restrict__ norms,"
        yield "    double* __restrict__ lanes, const unsigned long long* __restrict__ keys) {"
        yield "  const long long tensor = chunks[3 * blockIdx.x];"
        yield "  const long long from = chunks[3 * blockIdx.x + 1], to = chunks[3 * blockIdx.x + 2];"
        for number in range(len(self.traced.uniforms)):
            row = f"rows[tensor] * {len(self.traced.uniforms) - self.traced.shared} + " * (number >= self.traced.shared)
            yield f"  const {self.type} u{number} = uniforms[{row}{number}];"
        for number in range(len(self.traced.norms)):
            yield f"  const {self.type} g{number} = norms[tensor * {len(self.traced.norms)} + {number}];"
        for column, array in enumerate(self.columns):
            stored = self._stored(array)
            yield f"  {stored}* a{column} = ({stored}*)addresses[tensor * {len(self.columns)} + {column}];"
        for number in self.stage.norms:
            yield f"  double lane{number} = 0;"
        yield "  for (long long i = from + threadIdx.x; i < to; i += blockDim.x) {"
        yield from (f"    {line}" for line in self._body())
        yield "  }"
        for number in self.stage.norms:
            place = f"(blockIdx.x * {len(self.traced.norms)}ll + {number}) * {LANES} + threadIdx.x"
            yield f"  lanes[{place}] = lane{number};"
        yield "}"

    def _stored(self, array: str) -> str:
        return "unsigned short" if self.half and array in ("grad", "half_weight") else self.type

    def _body(self) -> Iterator[str]:
        for node in self.stage.order:
            if node.op == "norm":
                continue
            name = self.names[node.number] = f"v{node.number}"
            kind = "bool" if node.kind == "mask" else self.type
            yield f"const {kind} {name} = {self._load(node) if node.op == 'input' else self._expression(node)};"
        for number in self.stage.norms:
            value = f"(double){self._operand(self.traced.norms[number].args[0])}"
            yield f"lane{number} += {value} * {value};"
        for array, node in self.stage.written.items():
            yield f"a{self.columns.index(array)}[i] = {self._operand(node)};"
        if self.half and self.stage.written:
            weight = self._operand(self.traced.written["weight"])
            yield f"a{len(self.columns) - 1}[i] = narrow({weight});"

    def _load(self, node: Node) -> str:
        if node.value == "noise":
            zero, one = f"0.0{self.suffix}", f"1.0{self.suffix}"
            return f"{self.normal.name}(i, keys[2 * tensor], keys[2 * tensor + 1], {zero}, {one})"
        array = str(node.value)
        element = f"a{self.columns.index(array)}[i]"
        return element if self._stored(array) == self.type else f"widen({element})"

    def _operand(self, node: Node) -> str:
        return self._constant(float(node.value or 0)) if node.op == "constant" else self.names[node.number]

    def _constant(self, value: float) -> str:
        """A number, rounded to the type of the arrays, with digits enough to come back as it is."""
        with np.errstate(over="ignore"):
            rounded = self.dtype.type(value)
        if np.isfinite(rounded):
            return f"{float(rounded)!r}{self.suffix}"
        single = self.dtype == np.float32
        bits = int(rounded.view(np.uint32 if single else np.uint64))
        return f"__uint_as_float({bits}u)" if single else f"__longlong_as_double((long long){bits}ull)"

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
