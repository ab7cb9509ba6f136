"""Random fills with NumPy: always available, and the reference for the other emitters.

A stream is written through scratch arrays that stay in the processor's cache: a list of calls such as
``np.multiply(a, b, out)``, bound to them once, is run for each part of the stream. Each thread has its own scratch,
which all its draws share.
"""

from __future__ import annotations

import functools
import operator
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeGuard

import attrs
import numpy as np
import numpy.typing as npt

from mxcore.backend import Host
from mxcore.kernel.run.calls import Call, commit, quietly
from mxcore.random.distributions import Distribution
from mxcore.random.philox import LANES, halves
from mxcore.random.terms import DTYPES, Operand, Term, Type

_GROUPS = 1024  # of 8 blocks: a scratch array has 64 KiB
_SIZE = _GROUPS * LANES
# Values that are the same for all elements are computed with Python integers, which never exceed 64 bits here.
_ON_INTEGERS: dict[str, Callable[..., int]] = {
    "add": operator.add,
    "multiply": operator.mul,
    "bitwise_and": operator.and_,
    "bitwise_xor": operator.xor,
    "right_shift": operator.rshift,
}


def fill(
    distribution: Distribution, out: Host, start: int, key: int, parameters: Sequence[float] = (), _threads: int = 1
) -> None:
    """Write elements ``start``, ``start + 1``, … of a stream into the vector ``out``.

    Args:
        distribution: what to fill it with.
        out: a contiguous vector of the distribution's type.
        start: the position of its first element in the stream.
        key: 128 bits.
        parameters: the distribution's parameters.
    """
    # Listed first, since a generator runs Python code. Overflows are silent, as in the other emitters.
    commit(quietly(list, calls(distribution, out, start, key, parameters)))


def calls(
    distribution: Distribution, out: Host, start: int, key: int, parameters: Sequence[float] = ()
) -> Iterator[Call]:
    """Return the calls that :func:`fill` makes, for the same arguments; each is entirely in C, see :func:`commit`.

    You can keep and repeat them, and mix them with other calls in any order, but only in the thread that called this.
    """
    if not out.size:
        return
    group, stop = distribution.group, start + out.size
    first_group, end_group = start // group, -(-stop // group)
    # Parts of equal length; the last one runs slightly past the end.
    stretch = _length(_divided_up(end_group - first_group, _divided_up(end_group - first_group, _GROUPS)))
    bound = _thread.bound(distribution, stretch * LANES)
    inputs = dict(zip(("key", "stream", *distribution.parameters), (*halves(key), *parameters), strict=True))
    values = bound.plan.values(inputs)
    for number in range(first_group, end_group, stretch):
        begin = number * group
        low, high = max(start, begin), min(stop, begin + stretch * group)
        yield operator.setitem, bound.numbers, (), (number * LANES, *values)
        yield from bound.calls
        yield operator.setitem, out, slice(low - start, high - start), bound.elements[low - begin : high - begin]


def _divided_up(number: int, divisor: int) -> int:
    return -(-number // divisor)


def _length(groups: int) -> int:
    """Round up, so that calls are bound for few lengths: eight between one power of two and the next."""
    step = 1 << max(0, groups.bit_length() - 4)
    return _divided_up(groups, step) * step


class _Thread(threading.local):
    """The scratch of one thread, since several threads may draw at the same time."""

    def __init__(self) -> None:
        self.bound = functools.lru_cache(maxsize=128)(self._bound)
        self.places = np.arange(_SIZE, dtype=np.uint64)
        self.registers: list[npt.NDArray[np.uint64]] = []
        self.elements = np.empty(2 * _SIZE, np.uint64)  # a block gives 16 bytes

    def _bound(self, distribution: Distribution, size: int) -> _Bound:
        plan = _plan(distribution)
        self.registers += (np.empty(_SIZE, np.uint64) for _ in range(plan.registers - len(self.registers)))
        return _Bound(plan, distribution, size, self)


class _Bound:
    """Return the calls that compute a distribution for a number of blocks, bound to scratch arrays.

    They start at the block ``numbers["block"]``; the other uniform values are in ``numbers``, too.
    """

    def __init__(self, plan: _Plan, distribution: Distribution, size: int, scratch: _Thread) -> None:
        self.plan, self.numbers = plan, np.empty((), plan.numbers)
        cells: list[Any] = []
        for kind, place, type in plan.cells:
            if kind == "register":
                cells.append(scratch.registers[place].view(DTYPES[type])[:size])
            else:  # a 0-d array, which NumPy handles faster than a scalar
                cells.append(self.numbers[f"{place} {type}"] if kind == "uniform" else np.array(place, DTYPES[type]))
        self.calls: list[Call] = [(np.add, scratch.places[:size], self.numbers["block"], cells[plan.block])]
        for operation, pick in plan.calls:
            self.calls += _listed(operation, *pick(cells))
        self.elements = scratch.elements.view(DTYPES[distribution.type])[: size * distribution.per_block]
        tile = self.elements.reshape(-1, distribution.per_block, LANES)
        for place, cell in enumerate(plan.elements):
            self.calls.append((operator.setitem, tile[:, place], ..., cells[cell].reshape(-1, LANES)))


def _listed(operation: str, *cells: Any) -> list[Call]:
    """Return the calls of an operation, whose last cell is its result."""
    *operands, out = cells
    if operation in ("word", "to_float"):
        return [(operator.setitem, out, ..., *operands)]
    if operation != "where":
        return [(getattr(np, operation), *operands, out)]
    # With bits, b ^ ((a ^ b) * mask): a masked copy would branch, and mispredict half of the elements.
    condition, *others = operands
    a, b, out = (array.view(f"u{array.itemsize}") for array in (*others, out))
    return [(np.bitwise_xor, a, b, out), (np.multiply, out, condition, out), (np.bitwise_xor, out, b, out)]


@attrs.frozen(slots=False)
class _Plan:
    """The calls of a distribution, before they are bound.

    Args:
        uniform: the terms that are the same for all elements.
        registers: how many scratch arrays there are.
        cells: the operands of the calls, each a kind, a value and a type: a ``"register"`` and its number, a
            ``"uniform"`` term and its number, or a ``"constant"`` and its value.
        calls: the operations, each with a function that picks its operands and result from the cells.
        block: the cell of the block numbers.
        elements: the cells of the elements of a block.
    """

    uniform: list[Term]
    registers: int
    cells: list[tuple[str, Any, Type]]
    calls: Sequence[tuple[str, Callable[[Sequence[Any]], tuple[Any, ...]]]]
    block: int
    elements: list[int]

    @functools.cached_property
    def _uniform_cells(self) -> list[tuple[int, Type]]:
        return [(place, type) for kind, place, type in self.cells if kind == "uniform"]

    @functools.cached_property
    def numbers(self) -> np.dtype[Any]:
        """The dtype of a record of the block number and the uniform cells."""
        fields = [(f"{place} {type}", DTYPES[type]) for place, type in self._uniform_cells]
        return np.dtype([("block", np.uint64), *fields], align=True)

    def values(self, inputs: dict[str, Any]) -> list[Any]:
        """Return the values of the uniform cells, in order, given the uniform inputs by name."""
        found: dict[int, Any] = {}
        for term in self.uniform:
            operands = [found[x.number] if isinstance(x, Term) else x for x in term.operands]
            found[term.number] = _ON_INTEGERS[term.operation](*operands) if operands else inputs[term.operation]
        return [found[place] for place, _ in self._uniform_cells]


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
        calls.append((term.operation, operator.itemgetter(*places, cell(term, term.type))))
    block, ends = cell(recorder.terms[0], "u64"), [cell(element, element.type) for element in elements]
    uniform = [term for term in recorder.terms if term.uniform]
    return _Plan(uniform, len(set(register_of.values())), list(cells), calls, block, ends)


def _registers(terms: Sequence[Term], elements: Sequence[Term]) -> dict[int, int]:
    """Assign a scratch array to each varying term, by linear scan: one that is free by then."""
    varying = [term for term in terms if not term.uniform]
    last = {_owner(x): term.number for term in varying for x in term.operands if _varies(x)}
    last |= {_owner(element): len(terms) for element in elements}
    register_of: dict[int, int] = {}
    free: list[int] = []
    for term in varying:
        owner = _owner(term)
        if owner == term.number:
            # Taken before those of the operands are freed: NumPy copies memory that it reads and writes as two dtypes.
            register_of[owner] = free.pop() if free else len(set(register_of.values()))
        register_of[term.number] = register_of[owner]
        ended = {_owner(x) for x in term.operands if _varies(x)}
        free += [register_of[number] for number in ended if last[number] == term.number]
    return register_of


def _owner(term: Term) -> int:
    """Return the term whose memory holds this one: itself, or the term of which it is a view."""
    operand = term.operands[0] if term.operation == "reinterpret" else None
    return _owner(operand) if isinstance(operand, Term) else term.number


_thread = _Thread()


def _varies(operand: Operand) -> TypeGuard[Term]:
    return isinstance(operand, Term) and not operand.uniform
