"""A class's docstring, taken apart: what is said of each argument and error, and the parts with a name of their own."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs
from docutils import nodes
from sphinx.ext.napoleon.docstring import GoogleDocstring

from mxcore_sphinx.nodes import parse

if TYPE_CHECKING:
    from sphinx.util.docutils import SphinxDirective

__all__ = ["Docstring", "read"]

_NAMED = re.compile(r"(State|Differs from [^:]+): ")


@attrs.frozen
class Docstring:
    """The parts of a docstring, as nodes.

    Args:
        body: all that is in none of the other parts: what it is, its formula, an example.
        arguments: what is said of each argument.
        errors: what is said of each error.
        parts: what stands under a heading, or after "State:" or "Differs from …:", by that name.
    """

    body: list[nodes.Node] = attrs.field(factory=list)
    arguments: dict[str, list[nodes.Node]] = attrs.field(factory=dict)
    errors: list[tuple[str, list[nodes.Node]]] = attrs.field(factory=list)
    parts: dict[str, list[nodes.Node]] = attrs.field(factory=dict)


def read(directive: SphinxDirective, cls: type) -> Docstring:
    """The docstring of a class, as napoleon and docutils understand it."""
    text = inspect.cleandoc(cls.__doc__ or "")  # its own alone: what a base class says is said of that
    name = f"{cls.__module__}.{cls.__qualname__}"
    lines = GoogleDocstring(text, directive.config, what="class", name=name, obj=cls).lines()
    found = Docstring()
    into = found.body
    for node in parse(directive, "\n".join(lines), f"docstring of {name}"):
        if isinstance(node, nodes.field_list):
            _sort_fields(node, found)
        elif isinstance(node, nodes.rubric):
            into = found.parts.setdefault(node.astext(), [])
        elif isinstance(node, nodes.paragraph) and (match := _NAMED.match(node.astext())):
            _strip(node, len(match[0]))
            found.parts[match[1]] = [node]
        else:
            into.append(node)
    return found


def _sort_fields(fields: nodes.field_list, found: Docstring) -> None:
    for name, body in _fields(fields):
        what, _, whose = name.partition(" ")
        if body and isinstance(body[0], nodes.paragraph):
            _strip(body[0], 0)
        if what == "param":
            found.arguments[whose.lstrip("\\*")] = body
        elif what == "raises":
            found.errors.append((whose, body))


def _fields(fields: nodes.field_list) -> Iterator[tuple[str, list[nodes.Node]]]:
    for field in fields.findall(nodes.field):
        name, body = field.children
        yield name.astext(), list(body.children)


def _strip(paragraph: nodes.paragraph, count: int) -> None:
    """Take the first characters off a paragraph, and begin it with a capital."""
    first = paragraph.children[0]
    if isinstance(first, nodes.Text):
        text = first.astext()[count:]
        paragraph.replace(first, nodes.Text(text[:1].upper() + text[1:]))
