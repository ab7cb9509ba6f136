"""The base class of operators, and the table of all operators.

An operator is a frozen record whose fields are its options, such as ``num_hidden``. Its methods infer shapes and
compute the forward and backward passes.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

import attrs

from mxcore.backend import Array

__all__ = ["OPERATORS", "Inferred", "Operator", "Run", "Shape", "ShapeError", "derived", "find", "register"]

Shape = tuple[int, ...]
Inferred = tuple[tuple[Shape, ...], Shape | list[Shape]]
"""The shapes of all inputs, and the shape of the output, or a list of shapes if there are several outputs."""


class ShapeError(ValueError):
    """Shapes do not fit; the message names the node and its operator, and says what was received and what to do."""


@attrs.define
class Run:
    """A pass through a node: its environment, and what the forward pass stores for the backward pass.

    Attributes:
        xp: the array library.
        training: whether the pass is part of training.
        uniform: draws float32 numbers from [0, 1) in a given shape, the same on every device.
        wanted: for each input, whether its gradient is needed.
        output: the result of ``forward``: an array, or a list of arrays for several outputs.
        kept: anything else that ``forward`` stores.
        shape: for an operator without inputs, the shape that its output must have.
    """

    xp: Any
    training: bool
    uniform: Callable[[Shape], Array]
    wanted: tuple[bool, ...] = ()
    output: Array = None
    kept: Any = None
    shape: Shape | None = None


@attrs.frozen
class Operator:
    """Base class of all operators.

    Subclasses declare their options as fields and define :meth:`infer_shape`, :meth:`forward` and :meth:`backward`.
    """

    inputs: ClassVar[tuple[str, ...]] = ("data",)
    """The names of the inputs, in order; missing inputs are created as variables ``<node>_<input>``."""
    auxiliaries: ClassVar[tuple[str, ...]] = ()
    """Additional inputs without gradients, which ``forward`` itself updates."""
    initializers: ClassVar[Mapping[str, str]] = {}
    """The initializers, as strings, of inputs whose names do not determine one."""
    is_loss: ClassVar[bool] = False
    """Whether the gradient starts here, ignoring incoming gradients."""
    variadic: ClassVar[bool] = False
    """Whether it takes any number of inputs; the option ``num_args`` then says how many."""
    partial: ClassVar[bool] = False
    """Whether :meth:`infer_shape` accepts shapes with a 0 for sizes that are not known yet, and may return some."""
    op_name: ClassVar[str] = ""

    def input_names(self) -> tuple[str, ...]:
        """Return the inputs of this instance, which may depend on its options."""
        return self.inputs

    def input_count(self) -> int:
        """Return the number of inputs, without making a list of their names, which a file may claim a billion of."""
        return len(self.input_names())

    def output_names(self) -> tuple[str, ...]:
        """Return the outputs of this instance, as the ends of their names.

        With several, ``infer_shape`` and ``forward`` return lists of them, and ``backward`` gets a list of gradients.
        """
        return ("output",)

    def can_infer(self, shapes: tuple[Shape | None, ...]) -> bool:
        """Return whether these shapes, None if unknown, are enough for :meth:`infer_shape`."""
        return shapes[0] is not None

    def infer_shape(self, *shapes: Any) -> Inferred:
        """Return the shapes of all inputs and of the output, given the known shapes.

        Raises:
            ShapeError: the shapes do not fit; the message need not name the node.
        """
        raise NotImplementedError(f"{type(self).__name__} must define infer_shape")

    def infer_inputs(self, output: Shape, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        """Return the shapes of inputs that follow from that of the (first) output, None or 0 where nothing does."""
        return (None,) * len(shapes)

    def forward(self, run: Run, *arrays: Any, **_: Any) -> Any:
        """Return the output, or a list of several, given the inputs (auxiliary ones last)."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def backward(self, run: Run, grad: Any, *arrays: Any, **_: Any) -> tuple[Array | None, ...]:
        """Return the gradient of each input, or None, given that of the output."""
        raise NotImplementedError(f"{type(self).__name__} must define backward")

    def attributes(self) -> dict[str, str]:
        """Return the options that differ from their defaults, as strings."""
        return {
            field.name: str(getattr(self, field.name))
            for field in attrs.fields(type(self))
            if getattr(self, field.name) != field.default
        }

    @classmethod
    def create(cls, options: Mapping[str, Any]) -> Operator:
        """Create an instance from options by name.

        Raises:
            TypeError: an option is unknown, or a required one is missing.
            ValueError: an option has an invalid value.
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
            return cls(**{name: _read(cls, name, value) for name, value in options.items()})
        except ValueError as error:
            raise ValueError(f"{cls.op_name}: {error}") from None

    @classmethod
    def from_text(cls, options: Mapping[str, str]) -> Operator:
        """Create an instance from options as strings, the inverse of :meth:`attributes`."""
        return cls.create(options)


def _read(cls: type[Operator], name: str, value: Any) -> Any:
    """Return an option as its field takes it: from a string, as MXNet keeps all options, and 0 or 1 as a boolean."""
    kind = next(str(field.type) for field in attrs.fields(cls) if field.name == name)
    if isinstance(value, str):
        if "str" in kind:
            return None if value == "None" and "None" in kind else value
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise ValueError(f"cannot parse {name} from {value!r:.100}") from None
    if kind.startswith("tuple") and isinstance(value, int):
        return (value,)
    if kind == "bool" and not isinstance(value, bool) and value in (0, 1):
        return bool(value)
    return float(value) if kind == "float" and isinstance(value, int) else value


OPERATORS: dict[str, type[Operator]] = {}
"""All operators, by name and alias."""

C = TypeVar("C", bound=type[Operator])


def register(*aliases: str, name: str | None = None) -> Callable[[C], C]:
    """Return a class decorator that adds an operator to the table, from which ``mx.symbol`` takes its functions.

    Args:
        aliases: additional names.
        name: the operator's name in files and messages; by default the class name.
    """

    def enter(cls: C) -> C:
        cls.op_name = name or cls.__name__
        OPERATORS.update(dict.fromkeys((cls.op_name, *aliases), cls))
        return cls

    return enter


def derived(base: type[Operator], name: str, *aliases: str, doc: str, **attributes: Any) -> type[Operator]:
    """Add an operator to the table that differs from its base class only in class attributes."""
    made = type(
        name, (base,), {"__doc__": f"{doc}\n{_example(base, name)}", "__module__": base.__module__, **attributes}
    )
    return register(*aliases, name=name)(attrs.frozen(made))


def _example(base: type[Operator], name: str) -> str:
    """Return an example for the docstring of an operator of a table, or nothing for those that have no public name."""
    if name.startswith("_"):
        return ""
    variables = [f'mx.symbol.Variable("{role}")' for role in base.inputs[: 1 if base.inputs[0] == "data" else 2]]
    return f"""
Example:
    >>> import mxcore as mx
    >>> mx.symbol.{name}({", ".join(variables)}, name="it").list_outputs()
    ['it_output']
"""


def find(name: str) -> type[Operator]:
    """Return the operator of a name.

    Raises:
        ValueError: there is no such operator; the message suggests others.
    """
    if name in OPERATORS:
        return OPERATORS[name]
    close = difflib.get_close_matches(name[:100], OPERATORS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "dir(mx.symbol) lists all"
    page = "for a name of MXNet, see 'MXNet names that are missing here' in the documentation"
    raise ValueError(f"there is no operator {name[:100]!r}: {hint}; {page}")


def public_names() -> list[str]:
    """Return the names of operators that users call by name."""
    return sorted(name for name in OPERATORS if not name.startswith("_"))


def merged(one: Shape | None, other: Shape | None) -> Shape | None:
    """Merge two shapes, where 0 matches any size and None any shape; return None if they contradict each other."""
    if one is None or other is None:
        return one or other
    if len(one) != len(other) or any(a != b and a and b for a, b in zip(one, other, strict=True)):
        return None
    return tuple(a or b for a, b in zip(one, other, strict=True))


def turned(matrices: Array) -> Array:
    """Return a view of matrices, or of stacks of them, with rows and columns exchanged."""
    return matrices.transpose(*range(matrices.ndim - 2), matrices.ndim - 1, matrices.ndim - 2)


def axes_but(axis: int, ndim: int) -> tuple[int, ...]:
    """Return all axes but one."""
    return tuple(other for other in range(ndim) if other != axis)


def along(axis: int, ndim: int, vector: Array) -> Array:
    """Reshape a vector so that it broadcasts along one axis of an array with ``ndim`` axes."""
    return vector.reshape([-1 if other == axis else 1 for other in range(ndim)])
