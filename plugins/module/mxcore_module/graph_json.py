"""A graph as text, in the format of MXNet's ``-symbol.json`` files.

Of MXNet's own files those can be read that hold only operators of this package.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mxcore_module.node import Node
from mxcore_module.operators import find

__all__ = ["dump", "parse"]


def dump(order: Sequence[Node], heads: Sequence[Node]) -> str:
    """The text of a graph.

    Args:
        order: all nodes, each after its inputs.
        heads: those that are outputs.
    """
    numbers = {node: number for number, node in enumerate(order)}
    return json.dumps(
        {
            "nodes": [_entry(node, numbers) for node in order],
            "arg_nodes": [numbers[node] for node in order if node.operator is None],
            "node_row_ptr": list(range(len(order) + 1)),  # the first output of each node: all have one
            "heads": [[numbers[head], 0, 0] for head in heads],
            "attrs": {"mxcore_format": ["int", 1]},
        },
        indent=2,
    )


def _entry(node: Node, numbers: Mapping[Node, int]) -> dict[str, Any]:
    return {
        "op": node.operator.op_name if node.operator else "null",
        "name": node.name,
        "attrs": {**(node.operator.attributes() if node.operator else {}), **node.attributes},
        "inputs": [[numbers[source], 0, 0] for source in node.inputs],
    }


def parse(text: str) -> list[Node]:
    """The outputs of the graph that a text describes.

    Raises:
        ValueError: it is not such a text, or holds an operator or option that does not exist here.
    """
    try:
        graph = json.loads(text)
        nodes: list[Node] = []
        for entry in graph["nodes"]:
            nodes.append(_node(entry, nodes))  # each may read those before it
        return [nodes[number] for number, *_ in graph["heads"]]
    except (KeyError, IndexError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"not the text of a symbol ({error}): expected what Symbol.tojson() returns") from error


def _node(entry: Mapping[str, Any], earlier: Sequence[Node]) -> Node:
    inputs = tuple(earlier[number] for number, *_ in entry["inputs"])
    # Older files of MXNet keep options and attributes apart.
    text = {**entry.get("param", {}), **entry.get("attr", {}), **entry.get("attrs", {})}
    if entry["op"] == "null":
        return Node(entry["name"], None, inputs, text)
    attributes = {key: value for key, value in text.items() if key.startswith("__")}
    options = {key: value for key, value in text.items() if key not in attributes}
    try:
        operator = find(entry["op"]).from_text(options)
    except (ValueError, TypeError) as error:
        raise ValueError(f"node {entry['name']!r}: {error}") from None
    return Node(entry["name"], operator, inputs, attributes)
