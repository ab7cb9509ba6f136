"""A rule as a graph of what it computes, without arrays.

A node is an *array* (one value per element), a *mask* (one boolean per element) or a *number* (one value per
parameter, computed on the host in double precision). An array or mask is *single* if it has one value for all elements
of a parameter, or of a row: a reduction, or what is computed from reductions and numbers. Nodes are created through
``Graph``, which reuses equal ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

import attrs

Kind = Literal["array", "mask", "number"]

COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
LOGICAL = ("logical_and", "logical_or", "logical_not")
REDUCTIONS = ("norm", "sum", "mean", "dot", "max", "size")
"""What has one value per parameter or row; ``size``, the number of elements, is known beforehand."""
COMMUTATIVE = ("dot", "add", "multiply", "logical_and", "logical_or", "equal", "not_equal")


@attrs.frozen(eq=False, repr=False)
class Node:
    """A value of a rule.

    Args:
        op: ``"input"``, ``"constant"``, or the NumPy name of an operation.
        kind: whether it is an array, a mask or a number.
        args: the nodes from which it is computed.
        value: the name of an input, the value of a constant, or what a reduction covers.
        number: its position in the order of creation, in which arguments come first.
        single: whether an array or a mask is the same for all elements of a parameter or row.
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
        """Return how it is computed, as an expression of limited depth."""
        if not self.args:
            return str(self.value)
        return f"{self.op}({', '.join(one.formula(depth - 1) for one in self.args) if depth else '…'})"

    @property
    def noun(self) -> str:
        """How error messages refer to it."""
        return {"array": "a reduction" if self.single else "an array", "mask": "a mask", "number": "a number"}[
            self.kind
        ]

    @property
    def is_number(self) -> bool:
        """Whether it is computed on the host, once per parameter."""
        return self.kind == "number"


class Graph:
    """Creates nodes, reusing equal ones."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[object, ...], Node] = {}
        """The nodes by what they are computed from, in the order of creation."""

    def input(self, name: str, kind: Kind) -> Node:
        """Return the node of a value that the rule receives as ``name``."""
        return self._make("input", kind, (), name)

    def constant(self, value: float | bool) -> Node:
        """Return the node of a number written in the rule."""
        return self._make("constant", "number", (), value)

    def apply(self, op: str, *args: Node) -> Node:
        """Return the node of an operation's result."""
        if op in COMMUTATIVE:
            args = tuple(sorted(args, key=lambda node: node.number))
        return self._make(op, _kind(op, args), args, None)

    def reduction(self, name: str, over: str, *args: Node) -> Node:
        """Return the node of a reduction of arrays, or of a parameter's size."""
        return self._make(name, "array", args, over)

    def _make(self, op: str, kind: Kind, args: tuple[Node, ...], value: str | float | bool | None) -> Node:
        key = (op, kind, tuple(node.number for node in args), repr(value))
        if key not in self.nodes:
            single = op in REDUCTIONS or (kind != "number" and _all_single(args))
            self.nodes[key] = Node(op, kind, args, value, len(self.nodes), single)
        return self.nodes[key]


def _all_single(args: tuple[Node, ...]) -> bool:
    return bool(args) and all(node.single or node.is_number for node in args)


def _kind(op: str, args: tuple[Node, ...]) -> Kind:
    if all(node.is_number for node in args):
        return "number"
    return "mask" if op in (*COMPARISONS, *LOGICAL) else "array"


def needed(outputs: Iterable[Node], given: Collection[Node] = ()) -> list[Node]:
    """Return ``outputs`` and the nodes they depend on, arguments first, without those needed only for ``given``."""
    found: dict[int, Node] = {}
    waiting = list(outputs)
    while waiting:
        node = waiting.pop()
        if node.number not in found:
            found[node.number] = node
            waiting += () if node in given else node.args
    return [found[number] for number in sorted(found)]
