"""Random fills with NumPy: always there, and the reference for the other emitters.

A stream is written through scratch arrays that stay in the processor's cache: a list of calls such as
``np.multiply(a, b, out)``, bound to them once, is run for each stretch of the stream.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import attrs
import numpy as np
import numpy.typing as npt

from mxcore.kernel.distributions import Distribution
from mxcore.kernel.philox import LANES
from mxcore.kernel.terms import Operand, Term, Type

__all__ = ["fill"]

_GROUPS = 1024  # of 8 blocks: a scratch array has 64 KiB
_DTYPES: dict[Type, Any] = {
    "u64": np.uint64,
    "u32": np.uint32,
    "i32": np.int32,
    "f32": np.float32,
    "f64": np.float64,
    "bool": np.bool_,
}


def _convert(x: Any, out: Any) -> None:
    np.copyto(out, x, casting="unsafe")


def _choose(condition: Any, a: Any, b: Any, out: Any) -> None:
    # A copy under a mask would branch for each element, half of the time in vain: np.where does not.
    np.copyto(out, np.where(condition, a, b))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
    "and": np.bitwise_and,
    "xor": np.bitwise_xor,
    "shl": np.left_shift,
    "shr": np.right_shift,
    "lt": np.less,
    "sqrt": np.sqrt,
    "where": _choose,
    "word": _convert,
    "to_float": _convert,
}
# What is the same for all elements is arithmetic on Python integers: none of it exceeds 64 bits.
_ON_INTEGERS: dict[str, Callable[..., int]] = {
    "add": operator.add,
    "mul": operator.mul,
    "and": operator.and_,
    "xor": operator.xor,
    "shr": operator.rshift,
}


def fill(
    distribution: Distribution,
    out: npt.NDArray[Any],
    start: int,
    key: int,
    stream: int,
    parameters: Sequence[float] = (),
) -> None:
    """Write elements ``start``, ``start + 1``, … of a stream into the vector ``out``.

    Args:
        distribution: what to fill it with.
        out: a contiguous vector of the distribution's type.
        start: the place of its first element in the stream.
        key: the low 64 bits of the key.
        stream: the high 64 bits of the key.
        parameters: the distribution's parameters.
    """
    if not out.size:
        return
    group, stop = distribution.group, start + out.size
    first_group, end_group = start // group, -(-stop // group)
    # Stretches of one length, so that the calls are bound once: the last runs past the end, by little.
    stretch = _divided_up(end_group - first_group, _divided_up(end_group - first_group, _GROUPS))
    inputs = dict(zip(distribution.parameters, parameters, strict=True), key=key, stream=stream)
    calls = _Calls(distribution, stretch * LANES, inputs)
    for number in range(first_group, end_group, stretch):
        elements, begin = calls.run(number * LANES), number * group
        low, high = max(start, begin), min(stop, begin + stretch * group)
        out[low - start : high - start] = elements[low - begin : high - begin]


def _divided_up(number: int, divisor: int) -> int:
    return -(-number // divisor)


class _Calls:
    """The calls that compute a distribution for some number of blocks, bound to scratch arrays."""

    def __init__(self, distribution: Distribution, size: int, inputs: dict[str, Any]) -> None:
        plan = _plan(distribution)
        values = _evaluated(plan.uniform, inputs)
        scratch = [np.empty(size, np.uint64) for _ in range(plan.registers)]
        cells = [
            scratch[place].view(_DTYPES[type])[:size] if kind == "register" else
            _DTYPES[type](values[place] if kind == "uniform" else place)
            for kind, place, type in plan.cells
        ]  # fmt: skip
        self._calls = [(function, pick(cells)) for function, pick in plan.calls]
        self._tile = np.empty((size // LANES, distribution.per_block, LANES), _DTYPES[distribution.type])
        for place, cell in enumerate(plan.elements):
            self._calls.append((np.copyto, (self._tile[:, place], cells[cell].reshape(-1, LANES))))
        self._block, self._places = cells[plan.block], np.arange(size, dtype=np.uint64)

    def run(self, block: int) -> npt.NDArray[Any]:
        """The elements of the blocks from ``block`` on, in scratch that the next run overwrites."""
        np.add(self._places, np.uint64(block), self._block)
        with np.errstate(all="ignore"):  # the other emitters say nothing either
            for function, arguments in self._calls:
                function(*arguments)
        return self._tile.reshape(-1)


def _evaluated(uniform: Sequence[Term], inputs: dict[str, Any]) -> dict[int, Any]:
    """The values of the terms that are the same for all elements, by their numbers."""
    values: dict[int, Any] = {}
    for term in uniform:
        operands = [values[x.number] if isinstance(x, Term) else x for x in term.operands]
        values[term.number] = _ON_INTEGERS[term.operation](*operands) if operands else inputs[term.operation]
    return values


@attrs.frozen
class _Plan:
    """The calls of a distribution, before they are bound.

    Args:
        uniform: the terms that are the same for all elements.
        registers: how many scratch arrays there are.
        cells: everything that the calls take, each a kind, a place and a type: a ``"register"`` and its number, a
            ``"uniform"`` term and its number, or a ``"constant"`` and its value.
        calls: functions, and what picks the arguments of each from the cells.
        block: the cell of the blocks' numbers.
        elements: the cells of the elements of a block.
    """

    uniform: list[Term]
    registers: int
    cells: list[tuple[str, Any, Type]]
    calls: Sequence[tuple[Callable[..., Any], Callable[[Sequence[Any]], tuple[Any, ...]]]]
    block: int
    elements: list[int]


@functools.cache
def _plan(distribution: Distribution) -> _Plan:
    recorder, elements = distribution.record()
    register_of = _registers(recorder.terms, elements)
    cells: dict[tuple[str, Any, Type], int] = {}

    def cell(operand: Operand, type: Type) -> int:
        if not isinstance(operand, Term):
            key = ("constant", operand, type)
        elif operand.uniform:
            key = ("uniform", operand.number, type)
        else:
            key = ("register", register_of[operand.number], operand.type)
        return cells.setdefault(key, len(cells))

    calls = []
    for term in recorder.terms:
        if term.uniform or not term.operands or term.operation == "reinterpret":
            continue
        places = [cell(operand, term.works_in) for operand in term.operands]
        calls.append((_FUNCTIONS[term.operation], operator.itemgetter(*places, cell(term, term.type))))
    block, ends = cell(recorder.terms[0], "u64"), [cell(element, element.type) for element in elements]
    uniform = [term for term in recorder.terms if term.uniform]
    return _Plan(uniform, len(set(register_of.values())), list(cells), calls, block, ends)


def _registers(terms: Sequence[Term], elements: Sequence[Term]) -> dict[int, int]:
    """The scratch array of each term that varies, by its number: one that is free by then, in a linear scan."""
    varying = [term for term in terms if not term.uniform]
    memory = _memory(varying)
    last = {memory[x.number]: term.number for term in varying for x in term.operands if _varies(x)}
    last |= {memory[element.number]: len(terms) for element in elements}
    register_of: dict[int, int] = {}
    free: list[int] = []
    for term in varying:
        owner = memory[term.number]
        if owner == term.number:
            # Taken before those of the operands are given back: NumPy copies what it would read and write as two types.
            register_of[owner] = free.pop() if free else len(set(register_of.values()))
        register_of[term.number] = register_of[owner]
        ended = {memory[x.number] for x in term.operands if _varies(x)}
        free += [register_of[number] for number in ended if last[number] == term.number]
    return register_of


def _memory(terms: Sequence[Term]) -> dict[int, int]:
    """Whose memory each term is kept in: its own, or that of what it is a view of."""
    memory: dict[int, int] = {}
    for term in terms:
        viewed = [memory[x.number] for x in term.operands if isinstance(x, Term) and term.operation == "reinterpret"]
        memory[term.number] = viewed[0] if viewed else term.number
    return memory


def _varies(operand: Operand) -> TypeGuard[Term]:
    return isinstance(operand, Term) and not operand.uniform
