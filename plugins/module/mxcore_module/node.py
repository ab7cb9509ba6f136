"""The nodes of a graph. They are immutable, so graphs can share them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

import attrs

from mxcore_module.operators import Operator

__all__ = ["Node", "Output", "in_order"]


def _read_only(given: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(given))


@attrs.frozen(eq=False)
class Node:
    """A variable, or an operator applied to other nodes.

    Attributes:
        name: its name in messages, parameters and files.
        operator: its operator; None for a variable.
        inputs: the outputs of other nodes that it takes, auxiliary ones last.
        attributes: its attributes, strings by name: ``__shape__``, ``__lr_mult__``, ….
    """

    name: str
    operator: Operator | None = None
    inputs: tuple[Output, ...] = attrs.field(default=(), repr=False)
    attributes: Mapping[str, str] = attrs.field(factory=dict, converter=_read_only)

    def described(self) -> str:
        """Describe the node in messages: ``FullyConnected 'fc1'``."""
        return f"{self.operator.op_name if self.operator else 'Variable'} {self.name!r}"

    def outputs(self) -> tuple[Output, ...]:
        """Return the outputs: one for a variable."""
        count = len(self.operator.output_names()) if self.operator else 1
        return tuple(Output(self, index) for index in range(count))

    def named_inputs(self) -> Iterator[tuple[str, Output]]:
        """Return the inputs with their names in the operator."""
        if self.operator is None:
            return iter(())
        return zip((*self.operator.input_names(), *self.operator.auxiliaries), self.inputs, strict=True)

    def auxiliaries(self) -> tuple[Output, ...]:
        """Return the inputs that the operator itself updates."""
        count = len(self.operator.auxiliaries) if self.operator else 0
        return self.inputs[len(self.inputs) - count :]


@attrs.frozen
class Output:
    """One output of a node. Two are equal if they are the same output of the same node."""

    node: Node
    index: int = 0

    def name(self) -> str:
        """Return ``<node>_output``, with a number if the node has several outputs, or the name of a variable."""
        operator = self.node.operator
        return f"{self.node.name}_{operator.output_names()[self.index]}" if operator else self.node.name


def in_order(heads: Iterable[Output]) -> list[Node]:
    """Return the nodes of ``heads`` and every node that they depend on, depth first, each after its inputs."""
    order: dict[Node, None] = {}
    stack = [(head.node, False) for head in reversed(list(heads))]
    while stack:  # a loop, since recursion would limit the depth of a network
        node, inputs_done = stack.pop()
        if inputs_done:
            order[node] = None
        elif node not in order:
            stack.append((node, True))
            stack.extend((source.node, False) for source in reversed(node.inputs))
    return list(order)
