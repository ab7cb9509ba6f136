"""A rule as a graph: what it computes, without arrays.

A node is an *array* (one value per element), a *mask* (one truth value per element) or a *number* (one value per
parameter, computed on the host in double precision). An array or mask is *single* if it is one value for all elements
of a parameter: a norm, or what follows from norms and numbers. Nodes are made through ``Graph``, which shares
equal ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

import attrs

Kind = Literal["array", "mask", "number"]

COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
LOGICAL = ("logical_and", "logical_or", "logical_not")
COMMUTATIVE = ("add", "multiply", "logical_and", "logical_or", "equal", "not_equal")


@attrs.frozen(eq=False, repr=False)
class Node:
    """One value of a rule.

    Args:
        op: ``"input"``, ``"constant"``, or the NumPy name of an operation.
        kind: what it is one value of.
        args: the nodes that it is computed from.
        value: the name of an input, or the value of a constant.
        number: its place in the order in which the rule made it, in which arguments come first.
        single: whether an array or a mask is the same for all elements of a parameter.
    """

    op: str
    kind: Kind
    args: tuple[Node, ...] = ()
    value: str | float | bool | None = None
    number: int = 0
    single: bool = False

    def __repr__(self) -> str:
        return self.formula()

    def formula(self, depth: int = 4) -> str:
        """How it is computed, as far as one would read."""
        if not self.args:
            return str(self.value)
        return f"{self.op}({', '.join(one.formula(depth - 1) for one in self.args) if depth else '…'})"

    @property
    def noun(self) -> str:
        """What to call it in a sentence."""
        return {"array": "a norm" if self.single else "an array", "mask": "a mask", "number": "a number"}[self.kind]

    @property
    def is_number(self) -> bool:
        """Whether this is computed on the host, once per parameter."""
        return self.kind == "number"


class Graph:
    """Makes nodes, each different one once."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[object, ...], Node] = {}
        """By what each is computed from, in the order in which they were made."""

    def input(self, name: str, kind: Kind) -> Node:
        """A value that is given to the rule under ``name``."""
        return self._make("input", kind, (), name)

    def constant(self, value: float | bool) -> Node:
        """A number that the rule states itself."""
        return self._make("constant", "number", (), value)

    def apply(self, op: str, *args: Node) -> Node:
        """The value of an operation."""
        if op in COMMUTATIVE:
            args = tuple(sorted(args, key=lambda node: node.number))
        return self._make(op, _kind(op, args), args, None)

    def _make(self, op: str, kind: Kind, args: tuple[Node, ...], value: str | float | bool | None) -> Node:
        key = (op, kind, tuple(node.number for node in args), repr(value))
        if key not in self.nodes:
            single = op == "norm" or (kind != "number" and _all_single(args))
            self.nodes[key] = Node(op, kind, args, value, len(self.nodes), single)
        return self.nodes[key]


def _all_single(args: tuple[Node, ...]) -> bool:
    return bool(args) and all(node.single or node.is_number for node in args)


def _kind(op: str, args: tuple[Node, ...]) -> Kind:
    if all(node.is_number for node in args):
        return "number"
    return "mask" if op in (*COMPARISONS, *LOGICAL) else "array"


def needed(outputs: Iterable[Node], given: Collection[Node] = ()) -> list[Node]:
    """The nodes that ``outputs`` depend on, and these themselves, arguments first; but not what ``given`` ones do."""
    found: dict[int, Node] = {}
    waiting = list(outputs)
    while waiting:
        node = waiting.pop()
        if node.number not in found:
            found[node.number] = node
            waiting += () if node in given else node.args
    return [found[number] for number in sorted(found)]
