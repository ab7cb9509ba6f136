"""Pieces of a document, as Sphinx holds them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import states
from docutils.statemachine import StringList
from docutils.transforms import references
from docutils.utils import new_document
from sphinx.domains.citation import CitationReferenceTransform
from sphinx.transforms import DefaultSubstitutions
from sphinx.transforms.references import SphinxDanglingReferences
from sphinx.util.docutils import LoggingReporter

if TYPE_CHECKING:
    from sphinx.util.docutils import SphinxDirective

__all__ = ["admonition", "paragraph", "parse", "section", "table"]

# What makes links of footnotes and names, and text of substitutions, within one text.
_RESOLVE = (
    DefaultSubstitutions,
    references.Substitutions,
    references.PropagateTargets,
    references.AnonymousHyperlinks,
    references.IndirectHyperlinks,
    CitationReferenceTransform,
    references.Footnotes,
    references.ExternalTargets,
    references.InternalTargets,
    SphinxDanglingReferences,
)
_LEAST, _LINE = 12, 72  # characters: of a column, and of all of them


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
    head = nodes.thead("", _row([[paragraph(head)] for head in heads]))
    body = nodes.tbody("", *map(_row, rows))
    columns = zip(*(row.children for row in (*head, *body)), strict=True)
    specs = [nodes.colspec(colwidth=width) for width in _widths(columns)]
    return nodes.table("", nodes.tgroup("", *specs, head, body, cols=len(heads)), classes=list(classes))


def _widths(columns: Iterable[Iterable[Any]]) -> list[int]:
    """How wide the columns are where that must be said, as in plain text: as they like, but for the widest."""
    lines = [[line for cell in column for line in cell.astext().splitlines()] for column in columns]
    found = [max([_LEAST, *(len(line) + 4 for line in column)]) for column in lines]  # with the quotes around code
    widest = found.index(max(found))
    found[widest] = max(_LINE // 3, min(found[widest], _LINE - sum(found) + found[widest]))
    return found


def _row(cells: Sequence[Iterable[nodes.Node]]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", *cell) for cell in cells))


def parse(directive: SphinxDirective, text: str | StringList, source: str) -> list[nodes.Node]:
    """Parse reStructuredText, whatever the document around it is written in.

    What it refers to by name (footnotes, links, substitutions) is found within the text.

    Args:
        directive: on whose behalf.
        text: the text, or its lines with the places they come from.
        source: where it comes from, for warnings, and what its identifiers begin with.
    """
    around: Any = directive.state.document
    settings = copy.copy(around.settings)
    settings.id_prefix = f"{nodes.make_id(source)}-"
    document = new_document(source, settings)
    document.reporter = LoggingReporter.from_reporter(document.reporter)
    lines = StringList(text.splitlines(), source) if isinstance(text, str) else text
    lines = (
        _from(directive.config.rst_prolog, "<rst_prolog>") + lines + _from(directive.config.rst_epilog, "<rst_epilog>")
    )
    states.RSTStateMachine(states.state_classes, "Body").run(lines, document)
    document.transformer.add_transforms(_RESOLVE)
    document.transformer.apply_transforms()
    _hand_over_labels(document, around)
    return list(document.children)


def _from(text: str | None, source: str) -> StringList:
    """What a project puts before or after each of its texts."""
    return StringList(["", *text.splitlines(), ""], source) if text else StringList()


def _hand_over_labels(document: nodes.document, around: Any) -> None:
    """Let the document around know what can be referred to from elsewhere."""
    local = (nodes.footnote, nodes.citation, nodes.substitution_definition)
    for node in document.findall(nodes.Element):
        if node.get("names") and not isinstance(node, local) and "refuri" not in node:
            around.note_explicit_target(node, node)
