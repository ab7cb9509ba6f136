"""Recorded straight-line arithmetic, in which the random generator is written before it becomes NumPy, LLVM or CUDA.

A :class:`Term` stands for a value of a fixed-size type. Operators on terms record themselves in order, so that a plain
function of numbers, called once with terms, yields a list of steps that every emitter can render. Every operation is
exact or correctly rounded, so the bits are the same for every emitter and machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np

Type: TypeAlias = Literal["u64", "u32", "i32", "f32", "f64", "bool"]
DTYPES: dict[Type, Any] = {
    "u64": np.uint64, "u32": np.uint32, "i32": np.int32, "f32": np.float32, "f64": np.float64, "bool": np.bool_,
}  # fmt: skip
"""NumPy's names of the types."""
OPERATIONS: Mapping[str, Mapping[str, str]] = json.loads(Path(__file__).with_name("operations.json").read_text("utf-8"))
"""The operations in LLVM IR, on floats and on integers, and in CUDA C."""
_BITS_OF: dict[Type, Type] = {"f32": "u32", "f64": "u64"}


def rounded(number: float, type: Type) -> Any:
    """Convert a number to a NumPy scalar, which is infinite if the number exceeds the type."""
    with np.errstate(over="ignore"):
        return DTYPES[type](number)


@attrs.define
class Recorder:
    """The terms recorded so far; terms without operands are inputs."""

    terms: list[Term] = attrs.field(factory=list)

    def input(self, name: str, type: Type, uniform: bool = False) -> Term:
        """Add an input; a ``uniform`` one is the same number for all elements."""
        return self._add(name, type, (), uniform)

    def step(self, operation: str, type: Type, *operands: Operand) -> Term:
        """Add a term; it is uniform if all its operands are."""
        uniform = all(operand.uniform for operand in operands if isinstance(operand, Term))
        return self._add(operation, type, operands, uniform)

    def _add(self, operation: str, type: Type, operands: tuple[Operand, ...], uniform: bool) -> Term:
        term = Term(self, len(self.terms), operation, type, operands, uniform)
        self.terms.append(term)
        return term


def _operator(operation: str, *, swapped: bool = False) -> Callable[[Term, Operand], Term]:
    """Return an operator that records itself."""

    def record(self: Term, other: Operand) -> Term:
        operands = (other, self) if swapped else (self, other)
        return self.recorder.step(operation, self.type, *operands)

    return record


@attrs.frozen(eq=False, repr=False)
class Term:
    """A value: an operation and its operands, which are terms, or numbers of the operation's type.

    Args:
        recorder: the recorder that it belongs to.
        number: its position there.
        operation: its NumPy name, or the name of one of the functions below; for an input, the input's name.
        type: the type of its value.
        operands: its operands.
        uniform: whether it is the same for all elements.
    """

    recorder: Recorder
    number: int
    operation: str
    type: Type
    operands: tuple[Operand, ...]
    uniform: bool

    @property
    def works_in(self) -> Type:
        """The type of its operands (the last one's type, for a choice between two)."""
        return next((operand.type for operand in reversed(self.operands) if isinstance(operand, Term)), self.type)

    __add__ = _operator("add")
    __radd__ = _operator("add", swapped=True)
    __sub__ = _operator("subtract")
    __rsub__ = _operator("subtract", swapped=True)
    __mul__ = _operator("multiply")
    __truediv__ = _operator("divide")
    __and__ = _operator("bitwise_and")
    __xor__ = _operator("bitwise_xor")
    __lshift__ = _operator("left_shift")
    __rshift__ = _operator("right_shift")  # shifts in zeros, since the shifted types are unsigned

    def __neg__(self) -> Term:
        return self.recorder.step("negative", self.type, self)

    def __lt__(self, other: Operand) -> Term:
        return self.recorder.step("less", "bool", self, other)


Operand: TypeAlias = Term | float


def sqrt(x: Term) -> Term:
    """Return the square root."""
    return x.recorder.step("sqrt", x.type, x)


def where(condition: Term, a: Term, b: Term) -> Term:
    """Return ``a`` where the condition holds, else ``b``."""
    return a.recorder.step("where", a.type, condition, a, b)


def to_float(x: Term, type: Type) -> Term:
    """Convert a 32-bit integer to a float, rounded to nearest."""
    return x.recorder.step("to_float", type, x)


def word(x: Term) -> Term:
    """Return the low 32 bits of an unsigned integer."""
    return x if x.type == "u32" else x.recorder.step("word", "u32", x)


def signed(x: Term) -> Term:
    """Reinterpret 32 bits as a signed integer."""
    return x.recorder.step("reinterpret", "i32", x)


def bits(x: Term) -> Term:
    """Reinterpret the bits of a float as an unsigned integer."""
    return x.recorder.step("reinterpret", _BITS_OF[x.type], x)


def from_bits(x: Term, type: Type) -> Term:
    """Reinterpret bits as a float."""
    return x.recorder.step("reinterpret", type, x)
