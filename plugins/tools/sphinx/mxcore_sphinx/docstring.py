"""A class's docstring, taken apart: what is said of each argument and error, and the parts with a name of their own."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import GoogleDocstring, NumpyDocstring

from mxcore_sphinx.nodes import parse
from mxcore_sphinx.place import place_of

if TYPE_CHECKING:
    from sphinx.util.docutils import SphinxDirective

__all__ = ["Docstring", "read"]

_NAMED = re.compile(r"(State|When to use it|Differs from [^:]+): ")
_ARGUMENTS = ("param", "keyword")
_TYPES = ("type", "kwtype", "rtype")  # the table of hyper-parameters has their defaults


@attrs.frozen
class Docstring:
    """The parts of a docstring, as nodes.

    Args:
        body: all that is in none of the other parts: what it is, its formula, an example.
        arguments: what is said of each argument.
        errors: what is said of each error.
        parts: what stands under a heading, or after "State:" and the like, by that name.
    """

    body: list[nodes.Node] = attrs.field(factory=list)
    arguments: dict[str, list[nodes.Node]] = attrs.field(factory=dict)
    errors: list[tuple[str, list[nodes.Node]]] = attrs.field(factory=list)
    parts: dict[str, list[nodes.Node]] = attrs.field(factory=dict)


def read(directive: SphinxDirective, cls: type) -> Docstring:
    """The docstring of a class, as napoleon and docutils understand it, in Google's or NumPy's style."""
    found = Docstring()
    into = found.body
    for node in parse(directive, _lines(directive, cls), f"{cls.__module__}.{cls.__qualname__}"):
        if isinstance(node, nodes.field_list):
            found.body.extend(_sort_fields(node, found))
        elif isinstance(node, nodes.rubric):
            into = found.parts.setdefault(node.astext(), [])
        elif isinstance(node, nodes.paragraph) and (match := _NAMED.match(node.astext())):
            _strip(node, len(match[0]))
            found.parts[match[1]] = [node]
        else:
            into.append(node)
    return found


def _lines(directive: SphinxDirective, cls: type) -> StringList:
    """The lines of a docstring as reStructuredText; each knows from which line of which file it comes."""
    # Its own docstring alone: what a base class says is said of that.
    written = inspect.cleandoc(cls.__doc__ or "").splitlines()
    settings = {name: directive.config[name] for name, *_ in Config._config_values}
    config: Any = Config(**{**settings, "napoleon_use_param": True, "napoleon_use_keyword": True})
    lines = written
    for style, used in (
        (NumpyDocstring, config.napoleon_numpy_docstring),
        (GoogleDocstring, config.napoleon_google_docstring),
    ):
        if used:
            name = f"{cls.__module__}.{cls.__qualname__}"
            lines = style(lines, config, what="class", name=name, obj=cls).lines()
    file, first = place_of(cls)
    return StringList(lines, items=[(file, first + number) for number in _origins(lines, written)])


def _origins(lines: list[str], written: list[str]) -> Iterator[int]:
    """For each line that napoleon made, the number of the line that it was made of."""
    at = 0
    for line in lines:
        text = re.sub(r"^:[^:]+: *", "", line.strip())
        if text:
            at = next((number for number in range(at, len(written)) if written[number].strip().endswith(text)), at)
        yield at


def _sort_fields(fields: nodes.field_list, found: Docstring) -> list[nodes.Node]:
    """Sort what is said of arguments and errors; the fields about other things are left."""
    others = []
    for field in fields.findall(nodes.field):
        name, body = field.children
        what, _, whose = name.astext().partition(" ")
        content = list(body.children)
        if content and isinstance(content[0], nodes.paragraph):
            _strip(content[0], 0)
        if what in _ARGUMENTS:
            found.arguments[whose.lstrip("\\*")] = content
        elif what == "raises":
            found.errors.append((whose, content))
        elif what not in _TYPES:
            others.append(field)
    return [nodes.field_list("", *others)] if others else []


def _strip(paragraph: nodes.paragraph, count: int) -> None:
    """Take the first characters off a paragraph, and begin it with a capital."""
    first = paragraph.children[0] if paragraph.children else None
    if isinstance(first, nodes.Text):
        text = first.astext()[count:]
        paragraph.replace(first, nodes.Text(text[:1].upper() + text[1:]))
