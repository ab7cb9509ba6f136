"""Shape inference: from the shapes of the data to those of every parameter and output."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

import attrs

from mxcore_module.node import Node
from mxcore_module.operators import Shape, ShapeError

__all__ = ["infer", "is_complete", "read_shape"]

Shapes = dict[Node, Shape]


@attrs.define
class _Known:
    """The shapes found so far, and who said so."""

    shapes: Shapes = attrs.field(factory=dict)
    sources: dict[Node, str] = attrs.field(factory=dict)

    def learn(self, node: Node, shape: Shape, source: str) -> bool:
        """Take in a shape; whether it was news. A 0 stands for a size that is not known yet.

        Raises:
            ShapeError: another shape was known.
        """
        before = self.shapes.get(node)
        merged = shape if before is None else _merge(before, shape)
        if merged is None:
            raise ShapeError(
                f"{node.described()} has shape {before} by {self.sources[node]}, but {shape} by {source}: "
                "correct one of the two"
            )
        if merged == before:
            return False
        self.shapes[node] = merged
        self.sources[node] = source
        return True

    def of(self, node: Node) -> Shape | None:
        """The shape of a node, None unless all of it is known."""
        shape = self.shapes.get(node)
        return shape if shape is not None and is_complete(shape) else None


def _merge(one: Shape, other: Shape) -> Shape | None:
    """Two shapes as one where 0 fits everything; None if they contradict each other."""
    if len(one) != len(other) or any(a != b and a and b for a, b in zip(one, other, strict=True)):
        return None
    return tuple(a or b for a, b in zip(one, other, strict=True))


def is_complete(shape: Shape) -> bool:
    """Whether no size is left open."""
    return 0 not in shape


def infer(order: Sequence[Node], given: Mapping[str, Shape]) -> Shapes:
    """The shapes of all nodes that follow from the given ones and from what variables declare.

    Args:
        order: the nodes, each after its inputs.
        given: shapes by the name of the variable.

    Returns:
        The shapes by node; a node is missing, or its shape holds a 0, where nothing could be concluded.

    Raises:
        ShapeError: two shapes contradict each other, or an operator cannot work on what it is given.
    """
    known = _Known()
    for node in order:
        if node.operator is None:
            _learn_declared(known, node, given)
    # Once is enough as a rule; again where a later node tells the shape of a variable that an earlier one reads.
    while sum(_visit(known, node) for node in order):
        pass
    return known.shapes


def _learn_declared(known: _Known, node: Node, given: Mapping[str, Shape]) -> None:
    if "__shape__" in node.attributes:
        known.learn(node, read_shape(node.attributes["__shape__"]), "its shape=")
    if node.name in given:
        known.learn(node, given[node.name], "what was given")


def _visit(known: _Known, node: Node) -> bool:
    """Ask one operator; whether anything new was learned."""
    shapes = tuple(known.of(source) for source in node.inputs)
    if node.operator is None or not node.operator.can_infer(shapes):
        return False
    try:
        inputs, output = node.operator.infer_shape(*shapes)
    except ShapeError as error:
        raise ShapeError(f"{node.described()}: {error}") from None
    news = [
        known.learn(source, shape, f"{node.described()}, as its {role}")
        for (role, source), shape in zip(node.named_inputs(), inputs, strict=True)
    ]
    return known.learn(node, output, "its inputs") or any(news)


def read_shape(text: str) -> Shape:
    """A shape from its text, such as ``"(32, 10)"``."""
    shape = ast.literal_eval(text)
    if not isinstance(shape, (tuple, list)) or not all(isinstance(size, int) and 0 <= size < 2**63 for size in shape):
        raise ValueError(f"a shape is a tuple of integers, got {text!r:.100}")
    return tuple(map(int, shape))
