"""Trace a rule: call it once with symbols in place of arrays and numbers, and keep what it did as a graph.

The language of rules is NumPy's: + - × ÷ ** and comparisons, ``& | ~`` and ``np.logical_*`` on truth values, the
functions listed in ``FUNCTIONS``, and :func:`mxcore.norm`. No source text is read, so that closures and helper
functions work.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NoReturn

import attrs
import numpy as np

from mxcore.kernel.rule.graph import COMPARISONS, LOGICAL, Graph, Node, needed
from mxcore.kernel.rule.norm import norm
from mxcore.kernel.rule.program import Program
from mxcore.kernel.rule.prologue import Bind, host_function, varying

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
    + ", and mxcore.norm; anything else belongs in update()"
)


class RuleError(TypeError):
    """A rule cannot be traced; the message names the rule and what to use instead."""


@attrs.frozen(eq=False)
class Stage:
    """One pass over the elements: it measures norms, or, the last one, writes arrays.

    Args:
        order: every array and mask that it needs, arguments first; norms among them are known by then.
        written: the arrays that it writes, with the new value of each.
        norms: the places in :attr:`Traced.norms` of those that it measures.
    """

    order: tuple[Node, ...]
    written: Mapping[str, Node]
    norms: range


@attrs.frozen(eq=False)
class Traced:
    """What a rule computes.

    Args:
        owner: the optimizer's class name.
        arrays: the names of the arrays that are read or written, ``weight`` and ``grad`` first, then the slots.
        written: those that are written, with the new value of each.
        host: the host slots, with the new value of each.
        row: the names of the numbers that may differ between parameters.
        uniforms: the numbers that arrays are computed from; constants are not among them. First those that are the
            same for all parameters.
        shared: how many of these there are.
        norms: the norms that are taken, of the argument of each.
        stages: the passes, one after the other.
        noisy: whether it computes with ``noise``, which is drawn, not read.
    """

    owner: str
    arrays: tuple[str, ...]
    written: Mapping[str, Node]
    host: Mapping[str, Node]
    row: tuple[str, ...]
    uniforms: tuple[Node, ...]
    shared: int
    norms: tuple[Node, ...]
    stages: tuple[Stage, ...]
    noisy: bool

    @property
    def in_order(self) -> bool:
        """Whether it matters which element comes first in memory."""
        return self.noisy or bool(self.norms)

    @functools.cached_property
    def prologue(self) -> Bind:
        """What computes the uniforms and the host slots."""
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
            self._tracer.refuse("calls np.linalg.norm: use mxcore.norm, which has the same bits everywhere")
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


@norm.register
def _norm(x: _Symbol) -> _Symbol:
    return x._tracer.norm(x)


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

    def norm(self, x: _Symbol) -> _Symbol:
        if x._node.kind != "array" or x._node.single:
            self.refuse("takes the norm of something that is not an array")
        return self.symbol(self.graph.apply("norm", x._node))

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
    if wrong := [name for name, node in written.items() if node.kind != "array" or node.single]:
        kind = "norm" if written[wrong[0]].single else written[wrong[0]].kind
        tracer.refuse(f"returns a {kind} as {wrong[0]!r}")
    if wrong := [name for name, node in host.items() if not node.is_number]:
        tracer.refuse(f"returns an array as {wrong[0]!r}, which is one number per parameter")
    order = needed(written.values())
    computed = tuple(node for node in order if not node.is_number)
    used = {argument.number: argument for node in computed for argument in node.args if argument.is_number}
    numbers = [node for _, node in sorted(used.items()) if node.op != "constant"]
    varies = varying(program.row, numbers)
    uniforms = tuple(sorted(numbers, key=lambda node: node.number in varies))
    read = {node.value for node in computed if node.op == "input"}
    arrays = tuple(name for name in names if (name in read and name != "noise") or name in written)
    norms, stages = _staged(written)
    return Traced(
        owner=program.owner,
        arrays=arrays,
        written=written,
        host=host,
        row=program.row,
        uniforms=uniforms,
        shared=sum(node.number not in varies for node in numbers),
        norms=norms,
        stages=stages,
        noisy="noise" in read,
    )


def _staged(written: Mapping[str, Node]) -> tuple[tuple[Node, ...], tuple[Stage, ...]]:
    """The norms that results depend on, and the passes: one for all norms that need no other, and so on."""
    waiting = [node for node in needed(written.values()) if node.op == "norm"]
    norms: list[Node] = []
    stages: list[Stage] = []
    while waiting:
        ready = [node for node in waiting if not any(other in waiting for other in needed(node.args))]
        arguments = [node.args[0] for node in ready]
        stages.append(Stage(_arrays(arguments, norms), {}, range(len(norms), len(norms) + len(ready))))
        norms += ready
        waiting = [node for node in waiting if node not in ready]
    stages.append(Stage(_arrays(written.values(), norms), written, range(0)))
    return tuple(norms), tuple(stages)


def _arrays(outputs: Iterable[Node], given: Collection[Node]) -> tuple[Node, ...]:
    return tuple(node for node in needed(outputs, given) if not node.is_number)
