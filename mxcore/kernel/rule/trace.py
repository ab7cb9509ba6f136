"""Trace a rule: call it with symbols in place of arrays and numbers, and record what it does as a graph.

The language of rules is a part of NumPy: + - × ÷ ** and comparisons, ``& | ~`` and ``np.logical_*`` on masks, the
functions of :mod:`mxcore.kernel.rule.operations`, and reductions such as :func:`mxcore.norm`. No source code is parsed,
so closures and helper functions work.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import numpy as np

from mxcore.kernel.rule.graph import COMPARISONS, LOGICAL, REDUCTIONS, Graph, Kind, Node
from mxcore.kernel.rule.operand import Operand, plain
from mxcore.kernel.rule.operations import ALIASES, OPERATIONS, OPERATORS, REFUSED
from mxcore.kernel.rule.program import SIZE, Program, RuleError
from mxcore.kernel.rule.roots import cube_root
from mxcore.kernel.rule.traced import Traced, arranged

LANGUAGE = "docs/guides/writing.md#the-language-of-rules"
"""Where the documentation describes the language of rules."""
_ON_NUMBERS = ("remainder", "floor_divide")
_MADE_OF: dict[str, Callable[..., Node]] = {
    "positive": lambda _, x: x,
    "square": lambda value, x: value("multiply", x, x),
    "clip": lambda value, x, low, high: value("minimum", value("maximum", x, low), high),
    "ceil": lambda value, x: value("negative", value("floor", value("negative", x))),
    "isnan": lambda value, x: value("not_equal", x, x),
    "isfinite": lambda value, x: value("logical_not", value("isnan", value("subtract", x, x))),
    "isinf": lambda value, x: value("logical_not", value("logical_or", value("isnan", x), value("isfinite", x))),
}
"""Operations that are composed of others."""


class _Symbol(Operand):
    """Stands in for an array, a mask or a number while a rule is traced."""

    def __init__(self, tracer: _Tracer, node: Node) -> None:
        self._tracer = tracer
        self._node = node

    def __repr__(self) -> str:
        return f"<{self._node.noun} of the rule of {self._tracer.owner}, without values yet: {self._node}>"

    def __format__(self, specification: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        if _called_function() in ALIASES:
            self._convert()
        self._refuse("branches on {} (if, and, or, not): use np.where, &, | and ~")

    def _convert(self, *_: Any) -> NoReturn:
        """Refuse a conversion, naming the function that asked for it."""
        name = _called_function()
        function = ALIASES.get(name, name)
        advice = f"use np.{function}" if function in OPERATIONS else "it has no value yet to convert"
        self._refuse(f"calls {name}() with {{}}: {advice}" if name else "turns {} into a Python number")

    __float__ = __int__ = __index__ = __complex__ = __array__ = _convert

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        self._refuse(f"uses .{name} of {{}}")

    def _refuse(self, what: str) -> NoReturn:
        self._tracer.refuse(what.format(self._node.noun))

    def _operate(self, method: str, args: tuple[Any, ...]) -> _Symbol:
        if method in ("floor", "ceil", "round") and not self._node.is_number:
            self._refuse(f"calls {method}() with {{}}: use np.{OPERATORS[method]}")
        return self._tracer.apply(OPERATORS[method], args)

    def _call(self, function: Callable[..., Any], name: str, args: Any, keywords: Any) -> _Symbol:
        if function is np.linalg.norm:
            self._refuse("calls np.linalg.norm: use mxcore.norm, which has the same bits everywhere")
        if name in REDUCTIONS or name in ("add.reduce", "maximum.reduce", "cbrt"):
            own = {"add.reduce": "sum", "maximum.reduce": "max"}.get(name, name)
            self._refuse(f"calls np.{own}: use mxcore.{own}, which has the same bits everywhere")
        given = "".join(f", with {key}=" for key in keywords)
        if name not in OPERATIONS:
            self._refuse(f"calls np.{name}{given}, which rules do not support: they work element by element")
        if given:
            self._refuse(f"calls np.{name}{given}: pass only arrays and numbers, by position")
        return self._tracer.apply(name, args)

    def _cbrt(self) -> _Symbol:
        return self._tracer.apply("cbrt", (self,))

    def _reduce(self, name: str, over: str, args: tuple[Any, ...]) -> _Symbol:
        return self._tracer.reduce(name, over, args)


def _called_function() -> str:
    """Return the name of the function that the nearest caller outside this package calls, or an empty string.

    Functions written in C, such as ``min`` or ``math.exp``, have no frame. The caller's bytecode has the name: the last
    one loaded at the source position where the call starts.
    """
    import dis  # only needed for messages

    frame: Any = sys._getframe(1)
    while frame.f_globals.get("__name__", "").startswith(__package__):
        frame = frame.f_back
    *before, call = (one for one in dis.get_instructions(frame.f_code) if one.offset <= frame.f_lasti)
    begin = call.positions and call.positions[::2]
    if not call.opname.startswith("CALL") or not begin or begin[1] is None:
        return ""
    names = [one.argval for one in before if one.positions and one.positions[::2] == begin]
    return next((name for name in reversed(names) if isinstance(name, str)), "")


def _refusal(what: str) -> Callable[..., NoReturn]:
    return lambda self, *_: self._refuse(what)


for _name, _what in REFUSED.items():
    setattr(_Symbol, f"__{_name}__", _refusal(_what))
    setattr(_Symbol, f"__r{_name}__", _refusal(_what))


class _Tracer:
    """Builds the graph of a rule."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.graph = Graph()
        self.calls: list[Node] = []

    def symbol(self, name: str, kind: Kind) -> _Symbol:
        return _Symbol(self, self.graph.input(name, kind))

    def refuse(self, what: str) -> NoReturn:
        raise RuleError(f"the rule of {self.owner} {what} (see {LANGUAGE})")

    def lift(self, value: Any) -> Node:
        if isinstance(value, _Symbol):
            if value._tracer is not self:
                self.refuse("uses a value that it kept from another call")
            return value._node
        value = plain(value.item() if isinstance(value, np.generic) else value)
        if not isinstance(value, (bool, int, float)):
            self.refuse(f"computes with {type(value).__name__} {value!r}")
        return self.graph.constant(value)

    def apply(self, op: str, inputs: tuple[Any, ...]) -> _Symbol:
        args = [self.lift(value) for value in inputs]
        if op in ("where", "clip") and len(args) != 3:
            self.refuse(f"calls np.{op} with {len(args)} argument(s) instead of 3")
        return _Symbol(self, self._value(op, *args))

    def reduce(self, name: str, over: str, inputs: tuple[Any, ...]) -> _Symbol:
        nodes = [self.lift(value) for value in inputs]
        for node in nodes:
            if node.single or node.is_number or (node.kind == "mask" and name not in ("sum", "mean")):
                what = f"the {name} of {node.noun}" if node.kind != "number" or name != "dot" else node.noun
                self.refuse(f"takes {what}, which is not an array")
        self.calls.append(self.graph.reduction(name, over, *map(self._array, nodes)))
        return _Symbol(self, self.calls[-1])

    def _value(self, op: str, *args: Node) -> Node:
        if op in _MADE_OF:
            return _MADE_OF[op](self._value, *args)
        special: dict[str, Callable[..., Node]] = {"where": self._where, "power": self._power, "cbrt": self._cbrt}
        return special[op](*args) if op in special else self._computed(op, *args)

    def _computed(self, op: str, *args: Node) -> Node:
        kinds = {node.kind for node in args}
        if op in LOGICAL and "array" in kinds:
            self.refuse(f"uses {op} on an array: compare it first, as in x > 0")
        if op in _ON_NUMBERS and kinds != {"number"}:
            self.refuse(f"uses % or // on {args[0].noun}: use np.floor(x / y)")
        if op not in LOGICAL and "mask" in kinds:
            if op not in COMPARISONS and "array" not in kinds:
                self.refuse(f"uses masks as numbers ({op}): use &, | and ~, and np.where to choose between arrays")
            args = tuple(map(self._array, args))
        return self.graph.apply(op, *args)

    def _array(self, node: Node) -> Node:
        """Convert a mask to an array of 0 and 1, as NumPy does when it is combined with an array."""
        one_or_zero = self.graph.constant(1.0), self.graph.constant(0.0)
        return self.graph.apply("where", node, *one_or_zero) if node.kind == "mask" else node

    def _where(self, condition: Node, one: Node, other: Node) -> Node:
        if condition.kind == "array":
            condition = self.graph.apply("not_equal", condition, self.graph.constant(0.0))
        if "array" in (one.kind, other.kind):
            return self.graph.apply("where", condition, self._array(one), self._array(other))
        if all(node.kind == "mask" or isinstance(node.value, bool) for node in (one, other)):
            first = self.graph.apply("logical_and", condition, one)
            second = self.graph.apply("logical_and", self.graph.apply("logical_not", condition), other)
            return self.graph.apply("logical_or", first, second)
        if not all(node.is_number for node in (condition, one, other)):
            self.refuse("calls np.where with two numbers, which gives float64: choose between arrays")
        return self.graph.apply("where", condition, one, other)

    def _power(self, base: Node, exponent: Node) -> Node:
        """Take the shortcuts that NumPy takes for powers of arrays, which affect the last bit."""
        one = self.graph.constant(1.0)
        shortcuts: dict[Any, Any] = {
            2: ("multiply", base, base),
            0.5: ("sqrt", base),
            -1: ("divide", one, base),
            1: ("positive", base),
        }
        if base.kind == "array" and exponent.op == "constant" and exponent.value in shortcuts:
            return self._value(*shortcuts[exponent.value])
        return self._computed("power", base, exponent)

    def _cbrt(self, x: Node) -> Node:
        if x.is_number:
            return self._computed("cbrt", x)
        if x.single:  # its root need not be fast
            return self._value("multiply", self._value("sign", x), self._power(self._value("abs", x), self.lift(1 / 3)))
        return self.lift(cube_root(_Symbol(self, self._array(x)), lambda cube: self.apply("cbrt_guess", (cube,))))


def trace(program: Program, static: Mapping[str, Any]) -> Traced:
    """Return the graph of a program: of its rule, and of what is applied before it.

    Args:
        program: the program.
        static: the numbers that the graph is specialised for: None, booleans and strings.

    Raises:
        RuleError: the rule uses something outside the language, or does something different when called again.
    """
    calls = [_called(program, static) for _ in range(2)]
    tracer, outputs = calls[0]
    first, second = ([*made.graph.nodes, *(node.number for node in new.values())] for made, new in calls)
    if first != second:
        tracer.refuse(
            "computes something different each time it is called: take random numbers from noise, "
            "and changing values from hyper-parameters or slots"
        )
    return arranged(program, outputs, tracer.calls, tracer.graph, tracer.refuse)


def trace_function(
    owner: str, function: Callable[[Mapping[str, Any]], Any], arrays: Iterable[str], numbers: Iterable[str]
) -> Node:
    """Return the graph of a function that computes one array.

    Args:
        owner: the optimizer's class name, for messages.
        function: the function, which takes arrays and numbers in a dict by name.
        arrays: the names of the arrays.
        numbers: the names of the numbers.
    """
    tracer = _Tracer(owner)
    given = {name: tracer.symbol(name, "array") for name in arrays}
    return tracer.lift(function({**given, **{name: tracer.symbol(name, "number") for name in numbers}}))


def _called(program: Program, static: Mapping[str, Any]) -> tuple[_Tracer, dict[str, Node]]:
    """Return the graph of one call of a rule, and the new values of the arrays and host slots."""
    tracer = _Tracer(program.owner)
    arrays = {name: tracer.symbol(name, "array") for name in program.arrays}
    numbers = {name: static[name] if name in static else tracer.symbol(name, "number") for name in program.all_numbers}
    if SIZE in numbers:
        numbers[SIZE] = _Symbol(tracer, tracer.graph.reduction("size", "parameter"))
    new_weight, slots = program.unpack(program.apply(np, arrays, numbers))
    return tracer, {name: tracer.lift(value) for name, value in {"weight": new_weight, **slots}.items()}
