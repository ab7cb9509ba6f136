"""Shape inference, from the shapes of the data to those of every parameter and output."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

import attrs

from mxcore_module.node import Node, Output
from mxcore_module.operators import Shape, ShapeError
from mxcore_module.operators.base import merged

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
        found = merged(before, shape)
        if found is None:
            raise ShapeError(
                f"{output.node.described()} has shape {before} by {self.sources[output]}, but {shape} by {source}: "
                "correct one of them"
            )
        if found == before:
            return False
        self.shapes[output] = found
        self.sources[output] = source
        return True

    def of(self, output: Output) -> Shape | None:
        """Return the shape of an output, or None if it is not completely known."""
        shape = self.shapes.get(output)
        return shape if shape is not None and is_complete(shape) else None


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
    if node.operator is None:
        return False
    shapes = tuple((known.shapes.get if node.operator.partial else known.of)(source) for source in node.inputs)
    back = _visit_back(known, node, shapes)
    if not node.operator.can_infer(shapes):
        return back
    try:
        inputs, found = node.operator.infer_shape(*shapes)
    except ShapeError as error:
        raise ShapeError(f"{node.described()}: {error}") from None
    news = [
        known.learn(source, shape, f"{node.described()}, as its {role}")
        for (role, source), shape in zip(node.named_inputs(), inputs, strict=True)
    ]
    outputs = zip(node.outputs(), found if isinstance(found, list) else [found], strict=True)
    return any([back, *news, *[known.learn(output, shape, "its inputs") for output, shape in outputs]])


def _visit_back(known: _Known, node: Node, shapes: Sequence[Shape | None]) -> bool:
    """Infer the shapes of inputs from that of the output, and return whether anything new was learned."""
    output = known.shapes.get(Output(node))
    if output is None or node.operator is None:
        return False
    found = zip(node.inputs, node.operator.infer_inputs(output, *shapes), strict=True)
    source = f"the output of {node.described()}"
    news = [known.learn(input, shape, source) for input, shape in found if shape is not None]
    return any(news)


def read_shape(text: str) -> Shape:
    """Parse a shape, such as ``"(32, 10)"``."""
    shape = ast.literal_eval(text)
    if not isinstance(shape, (tuple, list)) or not all(isinstance(size, int) and 0 <= size < 2**63 for size in shape):
        raise ValueError(f"a shape must be a tuple of integers, got {text!r:.100}")
    return tuple(map(int, shape))
