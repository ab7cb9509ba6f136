"""Emit the stages of a traced rule as CUDA C: one launch for all parameters, a block of threads for each chunk.

To be compiled with ``--fmad=false --ftz=false``, so that no multiplication is fused with an addition, no small number
becomes 0, and every emitter gives the same bits. The text uses nothing of CUDA but ``blockIdx``, ``threadIdx``,
``blockDim`` and the functions that take a float for its bits, and no header.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from mxcore.kernel.rule.graph import Node
from mxcore.kernel.rule.norm import LANES
from mxcore.kernel.rule.trace import Stage, Traced
from mxcore.native.files import filled
from mxcore.random import philox_cuda
from mxcore.random.distributions import DISTRIBUTIONS

_TYPES: dict[str, Literal["f32", "f64"]] = {"float32": "f32", "float64": "f64"}
_C_NAMES = {"abs": "fabs", "power": "pow"}  # where they are others than NumPy's
_OWN = ("sign", "maximum", "minimum")  # functions of stage.cu


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
    return _Emitter(traced, stage, _TYPES[dtype], half).source(name)


def norms(dtype: str) -> str:
    """The source of the kernels ``add_lanes`` and ``add_chunks``, which make norms of what a stage leaves in ``lanes``.

    ``starts`` are the numbers of the first chunk of each tensor, and at the end the number of chunks.
    """
    return filled("kernel/emit/norms.cu", type=philox_cuda.TYPES[_TYPES[dtype]], lanes=LANES)


class _Emitter:
    """Writes the source of one kernel."""

    def __init__(self, traced: Traced, stage: Stage, dtype: Literal["f32", "f64"], half: str | None) -> None:
        self.traced, self.stage, self.half, self.dtype = traced, stage, half, dtype
        self.type, self.suffix = philox_cuda.TYPES[dtype], "f" if dtype == "f32" else ""
        self.columns = [*traced.arrays, *(["half_weight"] if half else [])]
        self.names: dict[int, str] = {node.number: f"u{number}" for number, node in enumerate(traced.uniforms)}
        self.names |= {node.number: f"g{number}" for number, node in enumerate(traced.norms)}
        self.normal = DISTRIBUTIONS[f"normal_{dtype}"]

    def source(self, name: str) -> str:
        """The whole source."""
        half = filled(f"kernel/emit/{self.half}.cu") if self.half else ""
        noisy = any(node.value == "noise" for node in self.stage.order)
        kernel = filled(
            "kernel/emit/stage.cu", name=name, type=self.type, given=self._given(), body=self._body(), sums=self._sums()
        )
        return half + (philox_cuda.source(self.normal) if noisy else "") + kernel

    def _given(self) -> Iterator[str]:
        """The numbers of a chunk, its arrays, and where its sums are taken."""
        shared, width = self.traced.shared, len(self.traced.uniforms) - self.traced.shared
        for number in range(len(self.traced.uniforms)):
            row = f"rows[tensor] * {width} + " * (number >= shared)
            yield f"const {self.type} u{number} = uniforms[{row}{number}];"
        for number in range(len(self.traced.norms)):
            yield f"const {self.type} g{number} = norms[tensor * {len(self.traced.norms)} + {number}];"
        for column, array in enumerate(self.columns):
            stored = self._stored(array)
            yield f"{stored}* a{column} = ({stored}*)addresses[tensor * {len(self.columns)} + {column}];"
        for number in self.stage.norms:
            yield f"double lane{number} = 0;"

    def _sums(self) -> Iterator[str]:
        for number in self.stage.norms:
            place = f"(blockIdx.x * {len(self.traced.norms)}ll + {number}) * {LANES} + threadIdx.x"
            yield f"lanes[{place}] = lane{number};"

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
            zero, one = (philox_cuda.constant(value, self.dtype) for value in (0, 1))
            return f"{self.normal.name}(i, keys[2 * tensor], keys[2 * tensor + 1], {zero}, {one})"
        array = str(node.value)
        element = f"a{self.columns.index(array)}[i]"
        return element if self._stored(array) == self.type else f"widen({element})"

    def _operand(self, node: Node) -> str:
        if node.op == "constant":
            return philox_cuda.constant(float(node.value or 0), self.dtype)
        return self.names[node.number]

    def _expression(self, node: Node) -> str:
        args = [self._operand(argument) for argument in node.args]
        if node.op in philox_cuda.OPERATORS:
            return f"{args[0]} {philox_cuda.OPERATORS[node.op]} {args[1]}"
        if node.op == "where":
            return f"{args[0]} ? {args[1]} : {args[2]}"
        if node.op in ("negative", "logical_not"):
            return f"{'-' if node.op == 'negative' else '!'}{args[0]}"
        function = node.op if node.op in _OWN else f"{_C_NAMES.get(node.op, node.op)}{self.suffix}"
        return f"{function}({', '.join(args)})"
