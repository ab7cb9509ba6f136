"""Random fills as LLVM IR, compiled by llvmlite for this processor.

The eight blocks of a group are the lanes of a vector. Values that are the same for all elements, such as the keys of
the ten rounds, are computed before the loop. There is no fast-math and no fused multiply-add, which would change bits.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from mxcore.backend import Host
from mxcore.native.compile import compile_ir
from mxcore.native.files import filled
from mxcore.native.pool import run_shared
from mxcore.once import once
from mxcore.random.distributions import Distribution
from mxcore.random.philox import LANES, halves
from mxcore.random.terms import DTYPES, OPERATIONS, Operand, Term, Type, rounded

_TYPES: dict[Type, str] = {"u64": "i64", "u32": "i32", "i32": "i32", "f32": "float", "f64": "double", "bool": "i1"}
_C_TYPES = {"f32": ctypes.c_float, "f64": ctypes.c_double}
_CHUNK = 1 << 15
"""Elements that a thread draws at a time."""


def source(distribution: Distribution) -> str:
    """Emit ``void <name>(ptr out, i64 start, i64 stop, i64 key, i64 stream, <parameters>)``."""
    recorder, elements = distribution.record()
    uniform: list[str] = []
    body: list[str] = []
    for term in recorder.terms:
        if term.operands:
            (uniform if term.uniform else body).append(_step(term))
        elif term.uniform:
            uniform += _splat(term)
    kind, size = _TYPES[distribution.type], DTYPES[distribution.type]().itemsize
    for place, element in enumerate(elements):
        body.append(f"%p{place} = getelementptr {kind}, ptr %target, i64 {place * LANES}")
        body.append(f"store {_vector(element.type)} {_name(element)}, ptr %p{place}, align {size}")
    return filled(
        "random/philox.ll",
        name=distribution.name,
        parameters=_parameters(distribution),
        group=distribution.group,
        type=kind,
        size=size,
        lanes=LANES,
        places=f"<{', '.join(f'i64 {lane}' for lane in range(LANES))}>",
        uniform=uniform,
        elements=body,
    )


def module(distribution: Distribution) -> str:
    """Emit a fill in chunks, which the driver runs: see :mod:`mxcore.native.driver`."""
    kind = _TYPES[distribution.type]
    loads = [f"%{name} = word {kind} %tables, {place}" for place, name in enumerate(distribution.parameters, 6)]
    return source(distribution) + filled(
        "random/chunks.ll",
        name=distribution.name,
        parameters=_parameters(distribution),
        type=kind,
        chunk=_CHUNK,
        loads=loads,
    )


def _parameters(distribution: Distribution) -> str:
    return "".join(f", {_TYPES[distribution.type]} %{name}" for name in distribution.parameters)


def _step(term: Term) -> str:
    works_in = term.works_in
    values = [_operand(operand, works_in) for operand in term.operands]
    kinds = {"kind": _vector(works_in), "result": _vector(term.type), "bools": _vector("bool"), "type": works_in}
    form = OPERATIONS[term.operation]["float" if works_in.startswith("f") else "integer"]
    return f"{_name(term)} = {form.format(*values, **kinds, lanes=LANES, sign='s' if works_in == 'i32' else 'u')}"


def _splat(term: Term) -> list[str]:
    """Emit the broadcast of a number to every lane."""
    vector, name = _vector(term.type), _name(term)
    return [
        f"{name}.0 = insertelement {vector} zeroinitializer, {_TYPES[term.type]} %{term.operation}, i64 0",
        f"{name} = shufflevector {vector} {name}.0, {vector} zeroinitializer, <{LANES} x i32> zeroinitializer",
    ]


def _operand(operand: Operand, type: Type) -> str:
    if isinstance(operand, Term):
        return _name(operand)
    return f"<{', '.join([f'{_TYPES[type]} {constant(operand, type)}'] * LANES)}>"


def _name(term: Term) -> str:
    return f"%v{term.number}" if term.operands or term.uniform else f"%{term.operation}"


def constant(number: float, type: Type) -> str:
    """Format a number for IR; floats, after rounding, as the bits that they have in float64."""
    if not type.startswith("f"):
        return str(int(number))
    return f"0x{np.float64(rounded(number, type)).view(np.uint64):016X}"


def _vector(type: Type) -> str:
    return f"<{LANES} x {_TYPES[type]}>"


def fill(
    distribution: Distribution, out: Host, start: int, key: int, parameters: Sequence[float] = (), threads: int = 1
) -> None:
    """See :func:`mxcore.random.philox_numpy.fill`.

    Args:
        distribution: as there, like the other arguments.
        out: the vector.
        start: the position of its first element in the stream.
        key: 128 bits.
        parameters: the distribution's parameters.
        threads: how many threads may share the work.
    """
    number = _C_TYPES.get(distribution.type, ctypes.c_uint64)
    chunks = -(-out.size // _CHUNK)
    tables = (ctypes.c_uint64 * (6 + len(parameters)))(out.ctypes.data, start, start + out.size, *halves(key), chunks)
    for place, parameter in enumerate(parameters, 6):
        number.from_buffer(tables, 8 * place).value = parameter
    run_shared(compiled(distribution), ctypes.addressof(tables), chunks, threads)


@once
def compiled(distribution: Distribution) -> tuple[Any, Any]:
    """Return the functions over all chunks and over some, compiled on first use; they release the GIL.

    Raises:
        ImportError: llvmlite is not installed.
    """
    code = compile_ir(module(distribution))
    run_all, run_some = ctypes.CFUNCTYPE(None, ctypes.c_void_p), ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)
    return code.function(run_all, "run_all"), code.function(run_some, "run_some")
