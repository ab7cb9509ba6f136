"""The prologue of a rule: what depends on numbers alone, as a Python function in double precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mxcore.kernel.graph import Node, needed

__all__ = ["Prologue", "host_function"]

Prologue = Callable[..., tuple[tuple[float, ...], dict[str, float]]]

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
