"""Random fills as LLVM IR, compiled by llvmlite for the processor at hand.

The eight blocks of a group are the lanes of a vector. What is the same for all elements, such as the keys of the ten
rounds, is computed in scalars before the loop. There is no fast-math and no fused multiply-add: bits would change.
"""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mxcore.native.compile import compile_ir
from mxcore.native.threads import run_shared
from mxcore.random.distributions import Distribution
from mxcore.random.philox import LANES
from mxcore.random.terms import Operand, Term, Type

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["DECLARATIONS", "compiled", "fill", "source"]

_TYPES: dict[Type, str] = {"u64": "i64", "u32": "i32", "i32": "i32", "f32": "float", "f64": "double", "bool": "i1"}
_C_TYPES = {"f32": ctypes.c_float, "f64": ctypes.c_double}
_INTEGER = {"shr": "lshr"}
_FLOAT = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv", "neg": "fneg", "lt": "fcmp olt"}

DECLARATIONS = f"""\
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare <{LANES} x float> @llvm.sqrt.v{LANES}f32(<{LANES} x float>)
declare <{LANES} x double> @llvm.sqrt.v{LANES}f64(<{LANES} x double>)
"""
"""What a module that holds :func:`source` must declare, once."""

_FUNCTION = """\
; Write elements start, …, stop - 1 of a stream to out.
define {linkage}void @{name}(ptr %out, i64 %start, i64 %stop, i64 %key, i64 %stream{parameters}) {{
entry:
  %scratch = alloca [{group} x {type}], align 64
  %some = icmp slt i64 %start, %stop
{uniform}  %first = udiv i64 %start, {group}
  br i1 %some, label %loop, label %end
loop:
  %number = phi i64 [%first, %entry], [%next, %done]
  %begin = mul i64 %number, {group}
  %close = add i64 %begin, {group}
  ; A group that is wanted whole goes straight to its place.
  %from = icmp sge i64 %begin, %start
  %to = icmp sle i64 %close, %stop
  %whole = and i1 %from, %to
  %place = sub i64 %begin, %start
  %direct = getelementptr {type}, ptr %out, i64 %place
  %target = select i1 %whole, ptr %direct, ptr %scratch
  %block0 = mul i64 %number, {lanes}
  %block1 = insertelement <{lanes} x i64> zeroinitializer, i64 %block0, i64 0
  %block2 = shufflevector <{lanes} x i64> %block1, <{lanes} x i64> zeroinitializer, <{lanes} x i32> zeroinitializer
  %block = add <{lanes} x i64> %block2, {count}
{body}  br i1 %whole, label %done, label %part
part:
  %a = select i1 %from, i64 %begin, i64 %start
  %b = select i1 %to, i64 %close, i64 %stop
  %skip = sub i64 %a, %begin
  %source = getelementptr {type}, ptr %scratch, i64 %skip
  %where = sub i64 %a, %start
  %destination = getelementptr {type}, ptr %out, i64 %where
  %elements = sub i64 %b, %a
  %bytes = mul i64 %elements, {size}
  call void @llvm.memcpy.p0.p0.i64(ptr %destination, ptr %source, i64 %bytes, i1 false)
  br label %done
done:
  %next = add i64 %number, 1
  %more = icmp slt i64 %close, %stop
  br i1 %more, label %loop, label %end
end:
  ret void
}}
"""


def source(distribution: Distribution, linkage: str = "") -> str:
    """The IR of ``void <name>(ptr out, i64 start, i64 stop, i64 key, i64 stream, <parameters>)``.

    Args:
        distribution: what to fill with.
        linkage: ``"internal "`` for a function that another one of its module calls.
    """
    recorder, elements = distribution.record()
    uniform: list[str] = []
    body: list[str] = []
    for term in recorder.terms:
        if term.operands:
            (uniform if term.uniform else body).append(_step(term))
        if term.uniform:
            uniform.append(_splat(term))
    kind, size = _TYPES[distribution.type], 8 if distribution.type == "f64" else 4
    for place, element in enumerate(elements):
        body.append(f"%p{place} = getelementptr {kind}, ptr %target, i64 {place * LANES}")
        body.append(f"store {_vector(element.type)} {_name(element)}, ptr %p{place}, align {size}")
    return _FUNCTION.format(
        linkage=linkage,
        name=distribution.name,
        parameters="".join(f", {kind} %{name}" for name in distribution.parameters),
        group=distribution.group,
        type=kind,
        size=size,
        lanes=LANES,
        count=f"<{', '.join(f'i64 {lane}' for lane in range(LANES))}>",
        uniform="".join(f"  {line}\n" for line in uniform),
        body="".join(f"  {line}\n" for line in body),
    )


def _step(term: Term) -> str:
    """One operation, on scalars if it is uniform and on vectors if not."""
    kind = _TYPES if term.uniform else {type: _vector(type) for type in _TYPES}
    works_in = term.works_in
    values = [_operand(operand, works_in, term.uniform) for operand in term.operands]
    floating = works_in.startswith("f")
    match term.operation:
        case "sqrt":
            suffix = f"v{LANES}{works_in}"
            action = f"call {kind[works_in]} @llvm.sqrt.{suffix}({kind[works_in]} {values[0]})"
        case "where":
            action = f"select {kind['bool']} {values[0]}, {kind[term.type]} {values[1]}, {kind[term.type]} {values[2]}"
        case "to_float" | "word" | "reinterpret":
            to_float = "uitofp" if works_in == "u32" else "sitofp"
            action = {"to_float": to_float, "word": "trunc", "reinterpret": "bitcast"}[term.operation]
            action = f"{action} {kind[works_in]} {values[0]} to {kind[term.type]}"
        case "lt" if not floating:
            action = f"icmp {'slt' if works_in == 'i32' else 'ult'} {kind[works_in]} {', '.join(values)}"
        case operation:
            names = _FLOAT if floating else _INTEGER
            action = f"{names.get(operation, operation)} {kind[works_in]} {', '.join(values)}"
    return f"{_name(term, scalar=term.uniform)} = {action}"


def _splat(term: Term) -> str:
    """A uniform term in every lane."""
    vector, scalar = _vector(term.type), f"{_TYPES[term.type]} {_name(term, scalar=True)}"
    lane = f"{_name(term)}.lane"
    return (
        f"{lane} = insertelement {vector} zeroinitializer, {scalar}, i64 0\n"
        f"  {_name(term)} = shufflevector {vector} {lane}, {vector} zeroinitializer, <{LANES} x i32> zeroinitializer"
    )


def _operand(operand: Operand, type: Type, scalar: bool) -> str:
    if isinstance(operand, Term):
        return _name(operand, scalar)
    number = _constant(operand, type)
    return number if scalar else f"<{', '.join([f'{_TYPES[type]} {number}'] * LANES)}>"


def _name(term: Term, scalar: bool = False) -> str:
    """What a term is called, as a vector (or as a scalar, if it is uniform)."""
    if not term.operands:
        return f"%{term.operation}" if scalar or not term.uniform else f"%{term.operation}.all"
    return f"%s{term.number}" if scalar else f"%v{term.number}"


def _constant(number: float, type: Type) -> str:
    """A number as IR: floats by the bits that they have as float64, after rounding."""
    if not type.startswith("f"):
        return str(int(number))
    rounded = struct.unpack("f", struct.pack("f", number))[0] if type == "f32" else float(number)
    return f"0x{struct.unpack('Q', struct.pack('d', rounded))[0]:016X}"


def _vector(type: Type) -> str:
    return f"<{LANES} x {_TYPES[type]}>"


_CHUNK = 1 << 15
"""Elements that a thread draws at a time."""

# What the driver runs, see mxcore.native.driver. In the tables: out, start, stop, key, stream, the parameters, and the
# number of chunks.
_CHUNKS = """\
define void @run_some(ptr %tables, i64 %first, i64 %last) {{
{loads}  %skip = mul i64 %first, {chunk}
  %from = add i64 %start, %skip
  %ahead = mul i64 %last, {chunk}
  %full = add i64 %start, %ahead
  %short = icmp slt i64 %full, %stop
  %to = select i1 %short, i64 %full, i64 %stop
  %here = getelementptr {type}, ptr %out, i64 %skip
  call void @{name}(ptr %here, i64 %from, i64 %to, i64 %key, i64 %stream{parameters})
  ret void
}}
define void @run_all(ptr %tables) {{
  %count_p = getelementptr i64, ptr %tables, i64 {count}
  %count = load i64, ptr %count_p
  call void @run_some(ptr %tables, i64 0, i64 %count)
  ret void
}}
"""


def _chunks(distribution: Distribution) -> str:
    kind = _TYPES[distribution.type]
    inputs = [("out", "ptr"), *((name, "i64") for name in ("start", "stop", "key", "stream"))]
    inputs += [(name, kind) for name in distribution.parameters]
    loads = "".join(
        f"  %{name}_p = getelementptr i64, ptr %tables, i64 {place}\n  %{name} = load {type}, ptr %{name}_p\n"
        for place, (name, type) in enumerate(inputs)
    )
    parameters = "".join(f", {kind} %{name}" for name in distribution.parameters)
    return _CHUNKS.format(
        loads=loads, chunk=_CHUNK, type=kind, name=distribution.name, parameters=parameters, count=len(inputs)
    )


def fill(
    distribution: Distribution,
    out: npt.NDArray[Any],
    start: int,
    key: int,
    stream: int,
    parameters: Sequence[float] = (),
    threads: int = 1,
) -> None:
    """See :func:`mxcore.random.philox_numpy.fill`.

    Args:
        distribution: as there, like the following.
        out: the vector.
        start: the place of its first element in the stream.
        key: the low 64 bits of the key.
        stream: the high 64 bits of the key.
        parameters: the distribution's parameters.
        threads: how many threads may share the work.
    """
    number = _C_TYPES.get(distribution.type, ctypes.c_uint64)
    chunks = -(-out.size // _CHUNK)
    tables = (ctypes.c_uint64 * (6 + len(parameters)))(out.ctypes.data, start, start + out.size, key, stream)
    for place, parameter in enumerate(parameters, 5):
        number.from_buffer(tables, 8 * place).value = parameter
    tables[5 + len(parameters)] = chunks
    run_shared(compiled(distribution), ctypes.addressof(tables), chunks, threads)


@functools.cache
def compiled(distribution: Distribution) -> tuple[Any, Any]:
    """The functions over all chunks and over some, compiled by their first use; other Python threads may run.

    Raises:
        ImportError: llvmlite is not installed.
    """
    code = compile_ir(DECLARATIONS + source(distribution, "internal ") + _chunks(distribution))
    run_all, run_some = ctypes.CFUNCTYPE(None, ctypes.c_void_p), ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)
    return code.function(run_all, "run_all"), code.function(run_some, "run_some")
