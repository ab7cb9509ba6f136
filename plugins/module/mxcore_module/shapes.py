"""Shape inference, from the shapes of the data to those of every parameter and output."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

import attrs

from mxcore_module.node import Node, Output
from mxcore_module.operators import Shape, ShapeError

__all__ = ["infer", "is_complete", "read_shape"]

Shapes = dict[Output, Shape]


@attrs.define
class _Known:
    """The shapes known so far, and their sources."""

    shapes: Shapes = attrs.field(factory=dict)
    sources: dict[Output, str] = attrs.field(factory=dict)

    def learn(self, output: Output, shape: Shape, source: str) -> bool:
        """Add a shape, and return whether it was new. A 0 is a size that is not known yet.

        Raises:
            ShapeError: it contradicts the known shape.
        """
        before = self.shapes.get(output)
        merged = shape if before is None else _merge(before, shape)
        if merged is None:
            raise ShapeError(
                f"{output.node.described()} has shape {before} by {self.sources[output]}, but {shape} by {source}: "
                "correct one of them"
            )
        if merged == before:
            return False
        self.shapes[output] = merged
        self.sources[output] = source
        return True

    def of(self, output: Output) -> Shape | None:
        """Return the shape of an output, or None if it is not completely known."""
        shape = self.shapes.get(output)
        return shape if shape is not None and is_complete(shape) else None


def _merge(one: Shape, other: Shape) -> Shape | None:
    """Merge two shapes, where 0 matches any size; return None if they contradict each other."""
    if len(one) != len(other) or any(a != b and a and b for a, b in zip(one, other, strict=True)):
        return None
    return tuple(a or b for a, b in zip(one, other, strict=True))


def is_complete(shape: Shape) -> bool:
    """Return whether all sizes are known."""
    return 0 not in shape


def infer(order: Sequence[Node], given: Mapping[str, Shape]) -> Shapes:
    """Infer the shapes of all outputs from given shapes and from those that variables declare.

    Args:
        order: the nodes, each after its inputs.
        given: shapes by the name of the variable.

    Returns:
        The shapes by output; where nothing could be inferred, one is missing or its shape contains a 0.

    Raises:
        ShapeError: two shapes contradict each other, or an operator does not accept its inputs.
    """
    known = _Known()
    for node in order:
        if node.operator is None:
            _learn_declared(known, node, given)
    # Usually one pass is enough; another is needed if a later node determines a variable that an earlier one uses.
    while sum(_visit(known, node) for node in order):
        pass
    return known.shapes


def _learn_declared(known: _Known, node: Node, given: Mapping[str, Shape]) -> None:
    if "__shape__" in node.attributes:
        known.learn(Output(node), read_shape(node.attributes["__shape__"]), "its shape=")
    if node.name in given:
        known.learn(Output(node), given[node.name], "the given shapes")


def _visit(known: _Known, node: Node) -> bool:
    """Infer the shapes of one operator, and return whether anything new was learned."""
    shapes = tuple(known.of(source) for source in node.inputs)
    if node.operator is None or not node.operator.can_infer(shapes):
        return False
    try:
        inputs, found = node.operator.infer_shape(*shapes)
    except ShapeError as error:
        raise ShapeError(f"{node.described()}: {error}") from None
    news = [
        known.learn(source, shape, f"{node.described()}, as its {role}")
        for (role, source), shape in zip(node.named_inputs(), inputs, strict=True)
    ]
    outputs = zip(node.outputs(), found if isinstance(found, list) else [found], strict=True)
    return any([*news, *[known.learn(output, shape, "its inputs") for output, shape in outputs]])


def read_shape(text: str) -> Shape:
    """Parse a shape, such as ``"(32, 10)"``."""
    shape = ast.literal_eval(text)
    if not isinstance(shape, (tuple, list)) or not all(isinstance(size, int) and 0 <= size < 2**63 for size in shape):
        raise ValueError(f"a shape must be a tuple of integers, got {text!r:.100}")
    return tuple(map(int, shape))
