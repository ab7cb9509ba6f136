"""Trace a rule: call it once with symbols in place of arrays and numbers, and keep what it did as a graph.

The language of rules is NumPy's: + - × ÷ ** and comparisons, ``& | ~`` and ``np.logical_*`` on truth values, and the
functions listed in ``FUNCTIONS``. No source text is read, so that closures and helper functions work.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import attrs
import numpy as np

from mxcore.kernel.graph import COMPARISONS, LOGICAL, Graph, Node, needed
from mxcore.kernel.program import Program

__all__ = ["FUNCTIONS", "RuleError", "Traced", "WholeArrayError", "trace"]

FUNCTIONS = ("abs", "clip", "exp", "log", "maximum", "minimum", "sign", "sqrt", "square", "tanh", "where")
_ARITHMETIC = ("add", "subtract", "multiply", "divide", "power", "negative")
_NAMES = {
    "absolute": "abs",
    "fabs": "abs",
    "true_divide": "divide",
    "bitwise_and": "logical_and",
    "bitwise_or": "logical_or",
    "invert": "logical_not",
}
_LANGUAGE = (
    "a rule may use + - * / **, comparisons, & | ~ and np.logical_*, and "
    + ", ".join(f"np.{name}" for name in FUNCTIONS)
    + "; anything else belongs in update()"
)


Prologue = Callable[..., tuple[tuple[float, ...], dict[str, float]]]


class RuleError(TypeError):
    """A rule cannot be traced; the message names the rule and what to use instead."""


class WholeArrayError(RuleError):
    """A rule reduces a whole array to a number, which one pass over its elements cannot do."""


@attrs.frozen(eq=False)
class Traced:
    """What a rule computes.

    Args:
        owner: the optimizer's class name.
        arrays: the names of the arrays that are read or written, ``weight`` and ``grad`` first, then the slots.
        written: those that are written, with the new value of each.
        host: the host slots, with the new value of each.
        row: the names of the numbers that may differ between parameters.
        order: every array and mask that is computed, arguments first.
        uniforms: the numbers that arrays are computed from; constants are not among them.
    """

    owner: str
    arrays: tuple[str, ...]
    written: Mapping[str, Node]
    host: Mapping[str, Node]
    row: tuple[str, ...]
    order: tuple[Node, ...]
    uniforms: tuple[Node, ...]

    @functools.cached_property
    def prologue(self) -> Prologue:
        """From the numbers of a step, shared ones by name and then a row, to the uniforms and the new host slots."""
        return host_function(self.row, self.uniforms, self.host)


class _Symbol:
    """Stands for an array, a mask or a number while a rule is traced."""

    __hash__ = object.__hash__

    def __init__(self, tracer: _Tracer, node: Node) -> None:
        self._tracer = tracer
        self._node = node

    def __bool__(self) -> bool:
        self._tracer.refuse("branches on a value (if, and, or, not, max, min): use np.where, &, |, ~, np.maximum")

    def __float__(self) -> float:
        self._tracer.refuse("turns a value into a Python number: use operators, such as ** 0.5, instead of math.*")

    __int__ = __index__ = __float__

    def __getitem__(self, key: object) -> NoReturn:
        self._tracer.refuse("takes elements of an array")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self._tracer.refuse(f"uses .{name} of a value")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> _Symbol:
        if method != "__call__" or keywords:
            self._tracer.refuse(f"calls np.{ufunc.__name__} with {method if method != '__call__' else [*keywords]}")
        return self._tracer.apply(_NAMES.get(ufunc.__name__, ufunc.__name__), inputs, function=True)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> _Symbol:
        if function is np.linalg.norm:
            raise WholeArrayError(f"the rule of {self._tracer.owner} takes a norm")
        if kwargs:
            self._tracer.refuse(f"calls np.{function.__name__} with keywords")
        return self._tracer.apply(function.__name__, args, function=True)


def _operator(op: str, *, swapped: bool = False) -> Callable[..., _Symbol]:
    def method(self: _Symbol, *others: Any) -> _Symbol:
        return self._tracer.apply(op, (*others, self) if swapped else (self, *others))

    return method


for _op, _method in {
    "add": "add", "subtract": "sub", "multiply": "mul", "divide": "truediv", "power": "pow",
    "logical_and": "and", "logical_or": "or",
}.items():  # fmt: skip
    setattr(_Symbol, f"__{_method}__", _operator(_op))
    setattr(_Symbol, f"__r{_method}__", _operator(_op, swapped=True))
for _op, _method in {
    "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge", "equal": "eq", "not_equal": "ne",
    "negative": "neg", "abs": "abs", "logical_not": "invert",
}.items():  # fmt: skip
    setattr(_Symbol, f"__{_method}__", _operator(_op))


class _Tracer:
    """Makes the graph of one rule."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.graph = Graph()

    def refuse(self, what: str) -> NoReturn:
        raise RuleError(f"the rule of {self.owner} {what}: {_LANGUAGE}")

    def symbol(self, node: Node) -> _Symbol:
        return _Symbol(self, node)

    def lift(self, value: Any) -> Node:
        if isinstance(value, _Symbol):
            return value._node
        if not isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)):
            self.refuse(f"computes with {type(value).__name__} {value!r}")
        return self.graph.constant(value.item() if isinstance(value, np.generic) else value)

    def apply(self, op: str, inputs: tuple[Any, ...], *, function: bool = False) -> _Symbol:
        if op not in (*FUNCTIONS, *_ARITHMETIC, *COMPARISONS, *LOGICAL):
            self.refuse(f"calls np.{op}")
        args = [self.lift(value) for value in inputs]
        if function and op not in (*LOGICAL, *COMPARISONS) and all(node.is_number for node in args):
            self.refuse(f"calls np.{op} with numbers alone, which would make float64 of float32: use operators")
        return self.symbol(getattr(self, f"_{op}", functools.partial(self._plain, op))(*args))

    def _plain(self, op: str, *args: Node) -> Node:
        if op in LOGICAL and any(node.kind == "array" for node in args):
            self.refuse(f"takes the {op} of numbers: compare them first, as in x > 0")
        return self.graph.apply(op, *args)

    def _square(self, x: Node) -> Node:
        return self.graph.apply("multiply", x, x)

    def _clip(self, x: Node, low: Node, high: Node) -> Node:
        return self.graph.apply("minimum", self.graph.apply("maximum", x, low), high)

    def _where(self, condition: Node, one: Node, other: Node) -> Node:
        if one.is_number and other.is_number:
            self.refuse("calls np.where with two numbers, which makes float64: choose between arrays")
        return self.graph.apply("where", condition, one, other)

    def _power(self, base: Node, exponent: Node) -> Node:
        """NumPy's own shortcuts for powers of arrays, which decide the last bit."""
        if not base.is_number and exponent.op == "constant":
            if exponent.value == 2:
                return self._square(base)
            if exponent.value == 0.5:
                return self.graph.apply("sqrt", base)
            if exponent.value == 1:
                return base
            if exponent.value == -1:
                return self.graph.apply("divide", self.graph.constant(1.0), base)
        return self.graph.apply("power", base, exponent)


def trace(program: Program, static: Mapping[str, Any]) -> Traced:
    """The graph of a program: its rule, and what is applied before it.

    Args:
        program: the program.
        static: those of its numbers that the graph is specialised for: None, truth values and text.

    Raises:
        RuleError: the rule leaves the language of rules.
    """
    tracer = _Tracer(program.owner)

    def number(name: str) -> Any:
        return static[name] if name in static else tracer.symbol(tracer.graph.input(name, "number"))

    names = program.arrays
    arrays = {name: tracer.symbol(tracer.graph.input(name, "array")) for name in names}
    numbers = {name: number(name) for name in program.all_numbers}
    result = program.apply(np, arrays, numbers)
    new_weight, slots = program.unpack(result)
    outputs = {name: tracer.lift(value) for name, value in {"weight": new_weight, **slots}.items()}
    return _finish(tracer, program, names, outputs)


def _finish(tracer: _Tracer, program: Program, names: tuple[str, ...], outputs: Mapping[str, Node]) -> Traced:
    host = {slot.name: outputs[slot.name] for slot in program.slots if slot.on_host}
    written = {name: node for name, node in outputs.items() if name not in host}
    if wrong := [name for name, node in written.items() if node.kind != "array"]:
        tracer.refuse(f"returns a {written[wrong[0]].kind} as {wrong[0]!r}")
    if wrong := [name for name, node in host.items() if not node.is_number]:
        tracer.refuse(f"returns an array as {wrong[0]!r}, which is one number per parameter")
    order = needed(written.values())
    computed = tuple(node for node in order if not node.is_number)
    used = {argument.number: argument for node in computed for argument in node.args if argument.is_number}
    uniforms = tuple(node for _, node in sorted(used.items()) if node.op != "constant")
    read = {node.value for node in computed if node.op == "input"}
    arrays = tuple(name for name in names if name in read or name in written)
    return Traced(program.owner, arrays, written, host, program.row, computed, uniforms)


_PYTHON = {
    "add": "({} + {})", "subtract": "({} - {})", "multiply": "({} * {})", "divide": "({} / {})",
    "power": "({} ** {})", "negative": "(-{})", "abs": "abs({})",
    "less": "({} < {})", "less_equal": "({} <= {})", "greater": "({} > {})", "greater_equal": "({} >= {})",
    "equal": "({} == {})", "not_equal": "({} != {})",
    "logical_and": "({} and {})", "logical_or": "({} or {})", "logical_not": "(not {})",
}  # fmt: skip


def host_function(row: tuple[str, ...], uniforms: tuple[Node, ...], host: Mapping[str, Node]) -> Prologue:
    """A Python function that computes numbers in double precision, each once."""
    lines = []
    for node in needed([*uniforms, *host.values()]):
        if node.op == "constant":
            expression = repr(node.value)
        elif node.op == "input":
            expression = f"row_{node.value}" if node.value in row else f"shared[{node.value!r}]"
        else:
            expression = _PYTHON[node.op].format(*(f"n{argument.number}" for argument in node.args))
        lines.append(f"    n{node.number} = {expression}")
    values = "".join(f"n{node.number}, " for node in uniforms)
    slots = ", ".join(f"{name!r}: n{node.number}" for name, node in host.items())
    parameters = ", ".join(f"row_{name}" for name in row)
    source = "\n".join([f"def prologue(shared, {parameters}):", *lines, f"    return ({values}), {{{slots}}}"])
    namespace: dict[str, Any] = {}
    exec(compile(source, "<prologue>", "exec"), namespace)
    function: Prologue = namespace["prologue"]
    return function
