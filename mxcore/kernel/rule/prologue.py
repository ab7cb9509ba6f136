"""The prologue of a rule: what depends only on numbers, as a Python function in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mxcore.kernel.rule.graph import Node, needed
from mxcore.kernel.rule.operations import OPERATIONS
from mxcore.kernel.rule.source import define, identifier
from mxcore.kernel.run.calls import quietly

Prologue = Callable[[Any, int, Iterable[tuple[Any, ...]]], list[dict[str, float]]]
"""``prologue(values, at, rows)``: writes what varies with the numbers of the rows, row after row, to ``values[at:]``,
and returns the new host slots of each row, if there are any."""
Bind = Callable[[Mapping[str, Any]], tuple[tuple[float, ...], Prologue]]
"""Takes the numbers that all rows share; returns what depends on these alone, and the prologue of the rows."""


def _on_numbers(function: Callable[..., Any]) -> Callable[..., float]:
    """Wrap a NumPy function so that it returns a Python number, without warnings."""
    return lambda *numbers: float(quietly(function, *map(float, numbers)))


def varying(row: Collection[str], nodes: Iterable[Node], reductions: Collection[Node] = ()) -> set[int]:
    """Return which of these numbers and their arguments depend on a row, by their positions in the graph."""
    found: set[int] = set()
    for node in needed(nodes, reductions):
        of_row = node in reductions or (node.op == "input" and node.value in row)
        if of_row or any(argument.number in found for argument in node.args):
            found.add(node.number)
    return found


def host_function(
    row: tuple[str, ...], uniforms: Iterable[Node], host: Mapping[str, Node], reductions: Sequence[Node] = ()
) -> Bind:
    """Generate a Python function that computes each value that depends on the numbers of a step once.

    Args:
        row: the names of the numbers that may differ between parameters.
        uniforms: the values to compute.
        host: the new host slots, by name.
        reductions: reductions, whose values follow the numbers of a row.
    """
    uniforms = list(uniforms)
    nodes = needed([*uniforms, *host.values()], reductions)
    varies = varying(row, nodes, reductions)
    once = [_line(node, row) for node in nodes if node.number not in varies]
    each = [_line(node, row) for node in nodes if node.number in varies and node not in reductions]
    shared = "".join(f"n{node.number}, " for node in uniforms if node.number not in varies)
    values = [node for node in uniforms if node.number in varies]
    write = [f"values[at + {place}] = n{node.number}" for place, node in enumerate(values)]
    slots = ", ".join(f"{name!r}: n{node.number}" for name, node in host.items())
    keep = [f"slots.append({{{slots}}})"] if host else []
    names = [*(f"row_{identifier(name)}" for name in row), *(f"n{node.number}" for node in reductions)]
    loop = [f"    for {''.join(f'{name}, ' for name in names)} in rows:"]
    computed = {node.op for node in nodes if node.args and node not in reductions}
    raising = computed & {"divide", "power", "remainder", "floor_divide"}  # where Python's numbers differ from NumPy's
    wide = [f"n{node.number} = float64(n{node.number})" for node in reductions if raising]
    loop += [f"        {line}" for line in (*wide, *each, *write, f"at += {len(values)}", *keep)]
    prologue = ["def prologue(values, at, rows):", "    slots = []", *loop, "    return slots"]
    source = "\n    ".join(["def bind(shared):", *once, *prologue, f"return ({shared}), prologue"])
    # How constants of these values, and conversions, are written.
    namespace: dict[str, Any] = {"inf": math.inf, "nan": math.nan, "float64": np.float64}
    called = {op for op in computed if "python" not in OPERATIONS[op]}
    namespace |= {op: _on_numbers(getattr(np, op)) for op in called}
    bind: Bind = define("bind", source, "the numbers of a rule", namespace)
    return bind


def _line(node: Node, row: Collection[str]) -> str:
    if node.op == "constant":
        return f"n{node.number} = {node.value!r}"
    if node.op == "input":
        return f"n{node.number} = " + (
            f"row_{identifier(node.value)}" if node.value in row else f"shared[{node.value!r}]"
        )
    names = [f"n{argument.number}" for argument in node.args]
    text = OPERATIONS[node.op].get("python", f"{node.op}({', '.join(names)})")
    return f"n{node.number} = {text.format(*names)}"
