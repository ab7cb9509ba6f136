"""Random fills as CUDA C: the same steps on scalars, one block of the stream to a thread.

Compile with ``--fmad=false``: a fused multiply-add rounds once where the other emitters round twice.
"""

from __future__ import annotations

import struct

from mxcore.random.distributions import Distribution
from mxcore.random.philox import LANES
from mxcore.random.terms import Operand, Term, Type

__all__ = ["source"]

TYPES: dict[Type, str] = {
    "u64": "unsigned long long",
    "u32": "unsigned int",
    "i32": "int",
    "f32": "float",
    "f64": "double",
    "bool": "bool",
}
_SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "and": "&", "xor": "^", "shl": "<<", "shr": ">>", "lt": "<"}
_SUFFIXES: dict[Type, str] = {"u64": "ull", "u32": "u"}

_FUNCTIONS = """\
// The elements of one block of a stream.
__device__ void {name}_block(unsigned long long block, unsigned long long key, unsigned long long stream,
        {declared}{type} *elements) {{
{body}
}}

// Element i of a stream.
__device__ {type} {name}(unsigned long long i, unsigned long long key, unsigned long long stream{last}) {{
    {type} elements[{per_block}];
    {name}_block(i / {group} * {lanes} + i % {lanes}, key, stream{passed}, elements);
    {type} element = elements[0];  // a choice in registers: an index would send the elements through memory
    for (int k = 1; k < {per_block}; ++k)
        if (i / {lanes} % {per_block} == k) element = elements[k];
    return element;
}}

// Write elements start, ..., stop - 1 of a stream to out: a thread for each block of each group that they touch.
extern "C" __global__ void {name}_fill({type} *out, unsigned long long start, unsigned long long stop,
        unsigned long long key, unsigned long long stream{last}) {{
    unsigned long long thread = (unsigned long long)blockIdx.x * blockDim.x + threadIdx.x;
    unsigned long long block = start / {group} * {lanes} + thread;
    unsigned long long i = block / {lanes} * {group} + block % {lanes};
    if (i >= stop) return;
    {type} elements[{per_block}];
    {name}_block(block, key, stream{passed}, elements);
    for (int k = 0; k < {per_block}; ++k, i += {lanes})
        if (i >= start && i < stop) out[i - start] = elements[k];
}}
"""


def source(distribution: Distribution) -> str:
    """Three functions of CUDA C, each with the distribution's parameters at its end.

    ``<name>_block`` gives the elements of a block, ``<name>(i, key, stream, …)`` one element, and the kernel
    ``<name>_fill(out, start, stop, key, stream, …)`` fills an array.
    """
    recorder, elements = distribution.record()
    lines = [f"    const {TYPES[term.type]} {_name(term)} = {_step(term)};" for term in recorder.terms if term.operands]
    lines += [f"    elements[{place}] = {_name(element)};" for place, element in enumerate(elements)]
    kind = TYPES[distribution.type]
    return _FUNCTIONS.format(
        name=distribution.name,
        type=kind,
        group=distribution.group,
        per_block=distribution.per_block,
        lanes=LANES,
        declared="".join(f"{kind} {name}, " for name in distribution.parameters),
        last="".join(f", {kind} {name}" for name in distribution.parameters),
        passed="".join(f", {name}" for name in distribution.parameters),
        body="\n".join(lines),
    )


def _step(term: Term) -> str:
    values = [_operand(operand, term.works_in) for operand in term.operands]
    match term.operation:
        case "sqrt":
            return f"{'sqrtf' if term.type == 'f32' else 'sqrt'}({values[0]})"
        case "where":
            return f"{values[0]} ? {values[1]} : {values[2]}"
        case "neg":
            return f"-{values[0]}"
        case "to_float" | "word":
            return f"({TYPES[term.type]}){values[0]}"
        case "reinterpret":
            return _reinterpreted(values[0], term.works_in, term.type)
        case operation:
            return f"{values[0]} {_SYMBOLS[operation]} {values[1]}"


def _reinterpreted(value: str, old: Type, new: Type) -> str:
    functions = {
        ("f32", "u32"): "__float_as_uint",
        ("u32", "f32"): "__uint_as_float",
        ("f64", "u64"): "__double_as_longlong",
        ("u64", "f64"): "__longlong_as_double",
    }
    return f"{functions[old, new]}({value})" if (old, new) in functions else f"({TYPES[new]}){value}"


def _operand(operand: Operand, type: Type) -> str:
    return _name(operand) if isinstance(operand, Term) else _constant(operand, type)


def _name(term: Term) -> str:
    return f"t{term.number}" if term.operands else term.operation


def _constant(number: float, type: Type) -> str:
    """A number as C: floats in enough decimals to give back their bits."""
    if type == "f32":
        return f"{struct.unpack('f', struct.pack('f', number))[0]!r}f"
    return repr(float(number)) if type == "f64" else f"{int(number)}{_SUFFIXES.get(type, '')}"
