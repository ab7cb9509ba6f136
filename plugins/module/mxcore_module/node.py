"""The nodes that a graph consists of. A node never changes, so graphs share their parts freely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

import attrs

from mxcore_module.operators import Operator

__all__ = ["Node", "in_order"]


def _read_only(given: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(given))


@attrs.frozen(eq=False)
class Node:
    """A variable, or an operator applied to other nodes.

    Attributes:
        name: how messages, parameters and files call it.
        operator: what it computes; None for a variable.
        inputs: the nodes it reads, auxiliaries last.
        attributes: what was said about it, text by name: ``__shape__``, ``__lr_mult__``, ….
    """

    name: str
    operator: Operator | None = None
    inputs: tuple[Node, ...] = attrs.field(default=(), repr=False)
    attributes: Mapping[str, str] = attrs.field(factory=dict, converter=_read_only)

    def described(self) -> str:
        """The node for messages: ``FullyConnected 'fc1'``."""
        return f"{self.operator.op_name if self.operator else 'Variable'} {self.name!r}"

    def named_inputs(self) -> Iterator[tuple[str, Node]]:
        """The inputs with the names that the operator gives them."""
        if self.operator is None:
            return iter(())
        return zip((*self.operator.input_names(), *self.operator.auxiliaries), self.inputs, strict=True)

    def auxiliaries(self) -> tuple[Node, ...]:
        """Those inputs that the operator itself updates."""
        count = len(self.operator.auxiliaries) if self.operator else 0
        return self.inputs[len(self.inputs) - count :]


def in_order(heads: Iterable[Node]) -> list[Node]:
    """Every node that ``heads`` depend on, and they themselves: depth first, each after all that it reads."""
    order: dict[Node, None] = {}
    stack = [(node, False) for node in reversed(list(heads))]
    while stack:  # a loop: a recursion would limit the depth of a network
        node, inputs_done = stack.pop()
        if inputs_done:
            order[node] = None
        elif node not in order:
            stack.append((node, True))
            stack.extend((source, False) for source in reversed(node.inputs))
    return list(order)
