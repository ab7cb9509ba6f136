"""Graphs as JSON, in the format of MXNet's ``-symbol.json`` files.

MXNet's own files can be read if they contain only operators of this package.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mxcore.initializer import TextOfFile
from mxcore.state.place import Place
from mxcore_module.attributes import read_dtype
from mxcore_module.node import Node, Output
from mxcore_module.operators import find
from mxcore_module.shapes import read_shape

__all__ = ["dump", "parse"]

_READERS: Mapping[str, Callable[[str], Any]] = {
    "__shape__": read_shape,
    "__lr_mult__": float,
    "__wd_mult__": float,
    "__dtype__": read_dtype,
}


_PLAIN = ("ctx_group", "force_mirroring", "lr_mult", "wd_mult")
"""The attributes that MXNet wrote without underscores before 0.9."""


def dump(order: Sequence[Node], heads: Sequence[Output]) -> str:
    """Return the JSON of a graph.

    Args:
        order: all nodes, each after its inputs.
        heads: the outputs of the graph.
    """
    numbers = {node: number for number, node in enumerate(order)}
    return json.dumps(
        {
            "nodes": [_entry(node, numbers) for node in order],
            "arg_nodes": [numbers[node] for node in order if node.operator is None],
            "node_row_ptr": [0, *itertools.accumulate(len(node.outputs()) for node in order)],  # their first outputs
            "heads": [[numbers[head.node], head.index, 0] for head in heads],
            "attrs": {"mxcore_format": ["int", 1]},
        },
        indent=2,
    )


def _entry(node: Node, numbers: Mapping[Node, int]) -> dict[str, Any]:
    return {
        "op": node.operator.op_name if node.operator else "null",
        "name": node.name,
        "attrs": {**(node.operator.attributes() if node.operator else {}), **node.attributes},
        "inputs": [[numbers[source.node], source.index, 0] for source in node.inputs],
    }


def parse(text: str, from_file: Sequence[bool] | None = None) -> list[Output]:
    """Return the outputs of a graph, given its JSON.

    Args:
        text: the JSON.
        from_file: for each node, whether its initializer came from a file; by default, all did.

    Raises:
        ValueError: it is not the JSON of a symbol, or has an operator or option that does not exist here.
    """
    nodes: list[Node] = []
    try:
        graph = Place.of_text(text, "the text")
        entries = graph["nodes"].list()
        heads = graph["heads"].list()
        for place in heads:
            _number(place, len(entries))
        if not heads:
            raise graph["heads"].error("a list of outputs")
    except ValueError as error:
        raise ValueError(f"not the JSON of a symbol ({error}): expected what Symbol.tojson() returns") from error
    for number, entry in enumerate(entries):  # each may use those before it
        nodes.append(_node(entry, nodes, TextOfFile if from_file is None or from_file[number] else str))
    return [_source(place, nodes) for place in heads]


def _number(place: Place, known: int) -> int:
    """Return the number of a known node, from ``[number, output, …]``."""
    numbers = place.list()
    if not numbers or numbers[0].count() >= known:
        raise place.error(f"a list that starts with the number of a node, below {known}")
    return numbers[0].count()


def _source(place: Place, nodes: Sequence[Node]) -> Output:
    """Return an output of a known node, from ``[number, output, …]``."""
    outputs = nodes[_number(place, len(nodes))].outputs()
    index = place.list()[1].count() if len(place.list()) > 1 else 0
    if index >= len(outputs):
        raise place.error(f"a list whose second number is that of an output, below {len(outputs)}")
    return outputs[index]


def _node(entry: Place, earlier: Sequence[Node], kind_of_text: type[str]) -> Node:
    inputs = tuple(_source(place, earlier) for place in entry["inputs"].list())
    name, kind, text = entry["name"].text(), entry["op"].text(), _attributes(entry)
    if "__init__" in text:
        text["__init__"] = kind_of_text(text["__init__"])
    if kind == "null":
        if inputs:
            raise entry["inputs"].error("empty, since variables have no inputs")
        return Node(name, None, inputs, _checked(name, text))
    attributes = {key: value for key, value in text.items() if key.startswith("__")}
    options = {key: value for key, value in text.items() if key not in attributes}
    try:
        operator = find(kind).from_text(options)
    except (ValueError, TypeError) as error:
        raise ValueError(f"node {name!r}: {error}") from None
    wanted = operator.input_count()
    if len(inputs) == wanted:  # MXNet did not list auxiliary states before 0.9
        inputs += tuple(Node(f"{name}_{auxiliary}").outputs()[0] for auxiliary in operator.auxiliaries)
    wanted += len(operator.auxiliaries)
    if wanted != len(inputs):
        raise entry["inputs"].error(f"a list of {wanted} inputs")
    return Node(name, operator, inputs, _checked(name, attributes))


def _attributes(entry: Place) -> dict[str, str]:
    """Return options and attributes, which older MXNet files keep separately, some without underscores."""
    parts = [entry[key] for key in ("param", "attr", "attrs") if key in entry]
    found = {key: value.text() for part in parts for key, value in part.items()}
    return {f"__{key}__" if key in _PLAIN else key: value for key, value in found.items()}


def _checked(name: str, attributes: dict[str, str]) -> dict[str, str]:
    """Return attributes, after checking that each can be parsed.

    Raises:
        ValueError: one cannot be parsed.
    """
    for key in attributes.keys() & _READERS.keys():
        try:
            _READERS[key](attributes[key])
        except (ValueError, TypeError, LookupError, SyntaxError, MemoryError, RecursionError) as error:
            value = attributes[key]
            raise ValueError(f"node {name!r:.100}: cannot parse {key} from {value!r:.100} ({error!s:.100})") from None
    return attributes
