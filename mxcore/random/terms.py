"""Straight-line arithmetic, recorded: what the random generator is written in before it is NumPy, LLVM IR or CUDA C.

A :class:`Term` stands for a value of a type of fixed size. Operators on terms record themselves in order, so that a
plain function of numbers, called once with terms, leaves a list of steps that every emitter can render. All of the
language is exact or correctly rounded: whatever renders it, and wherever that runs, the bits are the same.
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
"""What NumPy calls the types."""
OPERATIONS: Mapping[str, Mapping[str, str]] = json.loads(Path(__file__).with_name("operations.json").read_text("utf-8"))
"""What the operations are in LLVM's language, on floats and on integers, and in CUDA C."""
_BITS_OF: dict[Type, Type] = {"f32": "u32", "f64": "u64"}


def rounded(number: float, type: Type) -> Any:
    """A number as a scalar of NumPy's, which is infinite where the type has no such number."""
    with np.errstate(over="ignore"):
        return DTYPES[type](number)


@attrs.define
class Recorder:
    """The terms recorded so far; those without operands are inputs."""

    terms: list[Term] = attrs.field(factory=list)

    def input(self, name: str, type: Type, uniform: bool = False) -> Term:
        """A new input; a ``uniform`` one is the same number for all elements."""
        return self._add(name, type, (), uniform)

    def step(self, operation: str, type: Type, *operands: Operand) -> Term:
        """A new term; the same for all elements if that holds of everything it is made of."""
        uniform = all(operand.uniform for operand in operands if isinstance(operand, Term))
        return self._add(operation, type, operands, uniform)

    def _add(self, operation: str, type: Type, operands: tuple[Operand, ...], uniform: bool) -> Term:
        term = Term(self, len(self.terms), operation, type, operands, uniform)
        self.terms.append(term)
        return term


def _operator(operation: str, *, swapped: bool = False) -> Callable[[Term, Operand], Term]:
    """What an operator of terms does: it records itself."""

    def record(self: Term, other: Operand) -> Term:
        operands = (other, self) if swapped else (self, other)
        return self.recorder.step(operation, self.type, *operands)

    return record


@attrs.frozen(eq=False, repr=False)
class Term:
    """One value: an operation and its operands, which are terms, or numbers of the type that the operation works in.

    Args:
        recorder: what it was recorded by.
        number: its place there.
        operation: NumPy's name of it, or the name of one of the functions below; of an input, the input's name.
        type: what it evaluates to.
        operands: what it is made of.
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
        """The type of its operands (that of the last one, for what chooses between two)."""
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
    __rshift__ = _operator("right_shift")  # zeros come in from the left: the types that are shifted are unsigned

    def __neg__(self) -> Term:
        return self.recorder.step("negative", self.type, self)

    def __lt__(self, other: Operand) -> Term:
        return self.recorder.step("less", "bool", self, other)


Operand: TypeAlias = Term | float


def sqrt(x: Term) -> Term:
    """The square root."""
    return x.recorder.step("sqrt", x.type, x)


def where(condition: Term, a: Term, b: Term) -> Term:
    """``a`` where the condition holds, else ``b``."""
    return a.recorder.step("where", a.type, condition, a, b)


def to_float(x: Term, type: Type) -> Term:
    """An integer of 32 bits as a float, rounded to nearest."""
    return x.recorder.step("to_float", type, x)


def word(x: Term) -> Term:
    """The low 32 bits of an unsigned integer."""
    return x if x.type == "u32" else x.recorder.step("word", "u32", x)


def signed(x: Term) -> Term:
    """The same 32 bits as a signed number."""
    return x.recorder.step("reinterpret", "i32", x)


def bits(x: Term) -> Term:
    """The bits of a float as an unsigned integer."""
    return x.recorder.step("reinterpret", _BITS_OF[x.type], x)


def from_bits(x: Term, type: Type) -> Term:
    """The float that has these bits."""
    return x.recorder.step("reinterpret", type, x)
