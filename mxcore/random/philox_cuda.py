"""Random fills as CUDA C: the same steps on scalars, one block of the stream per thread.

Compile with ``--fmad=false``: a fused multiply-add rounds once where the other emitters round twice.
"""

from __future__ import annotations

import numpy as np

from mxcore.native.files import filled
from mxcore.random.distributions import Distribution
from mxcore.random.philox import LANES
from mxcore.random.terms import OPERATIONS, Operand, Term, Type, rounded

TYPES: dict[Type, str] = {
    "u64": "unsigned long long", "u32": "unsigned int", "i32": "int", "f32": "float", "f64": "double", "bool": "bool",
}  # fmt: skip
_SUFFIXES: dict[Type, str] = {"u64": "ull", "u32": "u", "f32": "f"}
BITS: dict[tuple[str, str], str] = {
    ("f32", "u32"): "__float_as_uint", ("u32", "f32"): "__uint_as_float",
    ("f64", "u64"): "__double_as_longlong", ("u64", "f64"): "__longlong_as_double",
}  # fmt: skip


def source(distribution: Distribution) -> str:
    """Emit three CUDA C functions, each with the distribution's parameters at the end.

    ``<name>_block`` gives the elements of a block, ``<name>(i, key, stream, …)`` one element, and the kernel
    ``<name>_fill(out, start, stop, key, stream, …)`` fills an array.
    """
    recorder, elements = distribution.record()
    lines = [f"const {TYPES[term.type]} {_name(term)} = {_step(term)};" for term in recorder.terms if term.operands]
    lines += [f"elements[{place}] = {_name(element)};" for place, element in enumerate(elements)]
    kind = TYPES[distribution.type]
    return filled(
        "random/philox.cu",
        name=distribution.name,
        type=kind,
        group=distribution.group,
        per_block=distribution.per_block,
        lanes=LANES,
        parameters="".join(f", {kind} {name}" for name in distribution.parameters),
        passed="".join(f", {name}" for name in distribution.parameters),
        body=lines,
    )


def _step(term: Term) -> str:
    values = [_operand(operand, term.works_in) for operand in term.operands]
    kind, suffix = TYPES[term.type], "f" if term.type == "f32" else ""
    bits = BITS.get((term.works_in, term.type), f"({kind})")
    return OPERATIONS[term.operation]["cuda"].format(*values, result=kind, suffix=suffix, bits=bits)


def _operand(operand: Operand, type: Type) -> str:
    return _name(operand) if isinstance(operand, Term) else constant(operand, type)


def _name(term: Term) -> str:
    return f"t{term.number}" if term.operands else term.operation


def constant(number: float, type: Type) -> str:
    """Format a number for C; finite floats, after rounding, with enough decimals to restore their bits."""
    value = rounded(number, type)
    if not type.startswith("f"):
        return f"{value}{_SUFFIXES.get(type, '')}"
    if np.isfinite(value):
        return f"{float(value)!r}{_SUFFIXES.get(type, '')}"
    if type == "f32":
        return f"__uint_as_float({value.view(np.uint32)}u)"
    return f"__longlong_as_double((long long){value.view(np.uint64)}ull)"
