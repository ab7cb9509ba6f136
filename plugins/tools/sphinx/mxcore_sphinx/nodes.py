"""Pieces of a document, as Sphinx holds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import Parser
from docutils.utils import new_document

if TYPE_CHECKING:
    from sphinx.util.docutils import SphinxDirective

__all__ = ["admonition", "paragraph", "parse", "section", "table"]


def paragraph(*content: str | nodes.Node, classes: Sequence[str] = ()) -> nodes.paragraph:
    """A paragraph of text and nodes."""
    parts = [nodes.Text(one) if isinstance(one, str) else one for one in content]
    return nodes.paragraph("", "", *parts, classes=list(classes))


def admonition(title: str, text: str) -> nodes.Node:
    """A box that nobody overlooks."""
    return nodes.admonition("", nodes.title("", title), paragraph(text), classes=["error"])


def section(id: str, title: str, content: Iterable[nodes.Node]) -> nodes.section:
    """A section with a heading."""
    return nodes.section("", nodes.title("", title), *content, ids=[id], names=[])


def table(heads: Sequence[str], rows: Iterable[Sequence[Iterable[nodes.Node]]], classes: Sequence[str]) -> nodes.table:
    """A table; each cell is given as what it holds."""
    columns = [nodes.colspec(colwidth=1) for _ in heads]
    head = nodes.thead("", _row([[paragraph(head)] for head in heads]))
    body = nodes.tbody("", *map(_row, rows))
    return nodes.table("", nodes.tgroup("", *columns, head, body, cols=len(heads)), classes=list(classes))


def _row(cells: Sequence[Iterable[nodes.Node]]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", *cell) for cell in cells))


def parse(directive: SphinxDirective, text: str, source: str) -> list[nodes.Node]:
    """Parse reStructuredText, whatever the document around it is written in.

    Args:
        directive: on whose behalf.
        text: the text.
        source: where it comes from, for warnings.
    """
    around: Any = directive.state.document
    document = new_document(source, around.settings)
    document.reporter = around.reporter
    Parser().parse(text, document)
    return list(document.children)
