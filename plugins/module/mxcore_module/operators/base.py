"""What an operator is, and the table of all of them.

An operator is a frozen record: its fields are the options that the user gave, such as ``num_hidden``. Its methods are
the three things that a graph needs to know: which shapes fit, what goes forward, and what comes back.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

import attrs

from mxcore.backend import Array

__all__ = ["OPERATORS", "Inferred", "Operator", "Run", "Shape", "ShapeError", "find", "register"]

Shape = tuple[int, ...]
Inferred = tuple[tuple[Shape, ...], Shape]
"""The shapes of all inputs, and that of the output."""


class ShapeError(ValueError):
    """Shapes do not fit; the message names the node, its operator, what was received and what to do."""


@attrs.define
class Run:
    """One pass through one node: where it happens, and what the forward pass leaves for the backward pass.

    Attributes:
        xp: the array library.
        training: whether the pass is part of training.
        uniform: draws numbers of [0, 1), float32, of a shape; the same on every device.
        wanted: for each input, whether anybody asks for its gradient.
        output: what ``forward`` returned.
        kept: whatever else ``forward`` keeps.
    """

    xp: Any
    training: bool
    uniform: Callable[[Shape], Array]
    wanted: tuple[bool, ...] = ()
    output: Array = None
    kept: Any = None


@attrs.frozen
class Operator:
    """Base class of all operators.

    A subclass declares its options as fields and defines :meth:`infer_shape`, :meth:`forward` and :meth:`backward`.
    """

    inputs: ClassVar[tuple[str, ...]] = ("data",)
    """The names of the inputs, in order; what is not given is created as a variable ``<node>_<input>``."""
    auxiliaries: ClassVar[tuple[str, ...]] = ()
    """Further inputs that ``forward`` itself updates, and that have no gradient."""
    initializers: ClassVar[Mapping[str, str]] = {}
    """The initializer, as text, of an input whose name alone would not say."""
    is_loss: ClassVar[bool] = False
    """Whether the gradient starts here: a gradient that arrives from above is ignored."""
    variadic: ClassVar[bool] = False
    """Whether there may be any number of inputs; the option ``num_args`` then says how many."""
    op_name: ClassVar[str] = ""
    hint: ClassVar[str] = ""

    def input_names(self) -> tuple[str, ...]:
        """The inputs that this instance has, which may depend on its options."""
        return self.inputs

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        """Whether these shapes, None where unknown, are enough for :meth:`infer_shape`."""
        return shapes[0] is not None

    def infer_shape(self, *shapes: Any) -> Inferred:
        """The shapes of all inputs and of the output, from the shapes that are known.

        Raises:
            ShapeError: there are none that fit; the message needs not name the node.
        """
        raise NotImplementedError(f"{type(self).__name__} must define infer_shape")

    def forward(self, run: Run, *arrays: Any, **_: Any) -> Array:
        """The output, from the inputs (auxiliaries last)."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def backward(self, run: Run, grad: Array, *arrays: Any, **_: Any) -> tuple[Array | None, ...]:
        """The gradient of each input, or None, from that of the output."""
        raise NotImplementedError(f"{type(self).__name__} must define backward")

    def attributes(self) -> dict[str, str]:
        """The options that differ from their defaults, as text."""
        return {
            field.name: str(getattr(self, field.name))
            for field in attrs.fields(type(self))
            if getattr(self, field.name) != field.default
        }

    @classmethod
    def create(cls, options: Mapping[str, Any]) -> Operator:
        """An instance from options by name.

        Raises:
            TypeError: an option is unknown, or one that is needed is missing.
            ValueError: an option has a value that it must not have.
        """
        fields = {field.name: field for field in attrs.fields(cls)}
        for name in options:
            if name not in fields:
                close = difflib.get_close_matches(name[:100], fields, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(fields) or 'no options'}"
                raise TypeError(f"{cls.op_name} has no option {name!r}: {hint}")
        needed = [name for name, field in fields.items() if field.default is attrs.NOTHING and name not in options]
        if needed:
            raise TypeError(f"{cls.op_name} needs {', '.join(f'{name}=' for name in needed)}")
        try:
            return cls(**options)
        except ValueError as error:
            raise ValueError(f"{cls.op_name}: {error}") from None

    @classmethod
    def from_text(cls, options: Mapping[str, str]) -> Operator:
        """An instance from options as text: the inverse of :meth:`attributes`."""
        return cls.create({name: _parse(cls, name, value) for name, value in options.items()})


def _parse(cls: type[Operator], name: str, value: str) -> Any:
    kinds = {field.name: field.type for field in attrs.fields(cls)}
    if kinds.get(name) in (str, "str"):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ValueError(f"{cls.op_name}: {name} cannot be read from {value!r:.100}") from None


OPERATORS: dict[str, type[Operator]] = {}
"""Every operator, by its name and by its aliases."""

C = TypeVar("C", bound=type[Operator])


def register(*aliases: str, name: str | None = None, hint: str | None = None) -> Callable[[C], C]:
    """A class decorator that enters an operator into the table, from which ``mx.symbol`` takes its functions.

    Args:
        aliases: further names.
        name: the operator's name in files and messages; the class's by default.
        hint: how the names of nodes made without one begin; the operator's name in lower case by default.
    """

    def enter(cls: C) -> C:
        cls.op_name = name or cls.__name__
        cls.hint = hint or cls.op_name.lower()
        OPERATORS.update(dict.fromkeys((cls.op_name, *aliases), cls))
        return cls

    return enter


def find(name: str) -> type[Operator]:
    """The operator of a name.

    Raises:
        ValueError: there is none; the message says which there are.
    """
    if name in OPERATORS:
        return OPERATORS[name]
    close = difflib.get_close_matches(name[:100], OPERATORS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(public_names())}"
    page = "for MXNet's, see 'MXNet names that are missing here' in the documentation"
    raise ValueError(f"there is no operator {name!r}: {hint}; {page}")


def public_names() -> list[str]:
    """The names of the operators that users call by name."""
    return sorted(name for name in OPERATORS if not name.startswith("_"))


def axes_but(axis: int, ndim: int) -> tuple[int, ...]:
    """All axes but one."""
    return tuple(other for other in range(ndim) if other != axis)


def along(axis: int, ndim: int, vector: Array) -> Array:
    """A vector, shaped so that it broadcasts along one axis of an array with ``ndim`` axes."""
    return vector.reshape([-1 if other == axis else 1 for other in range(ndim)])
