"""The directive ``mxcore-catalogue``: what is installed of a kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

from mxcore import catalogue
from mxcore.catalogue.properties import properties
from mxcore_sphinx.domain import MxcoreDomain
from mxcore_sphinx.nodes import paragraph, table
from mxcore_sphinx.pages import Offer, offers, page_name

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.builders import Builder

__all__ = ["CatalogueDirective", "Listing", "fill_listings"]


class Listing(nodes.General, nodes.Element):
    """The place of a catalogue, until all pages are read and it is known where each algorithm is documented."""


class CatalogueDirective(SphinxDirective):
    """List the installed algorithms of a kind, ``optimizers``, ``initializers`` or ``lr_schedulers``."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        kind = self.arguments[0].removesuffix("s")
        if kind not in catalogue.ALGORITHMS:
            kinds = ", ".join(f"{one}s" for one in catalogue.ALGORITHMS)
            raise self.error(f"there is no catalogue of {self.arguments[0]!r}: choose from {kinds}")
        self.env.note_reread()  # something may be installed before the next build
        toctree = [self._toctree(kind)] if self.config.mxcore_pages else []
        return [*toctree, Listing(kind=kind)]

    def _toctree(self, kind: str) -> nodes.Node:
        pages = [f"{self.config.mxcore_pages}/{page_name(offer)}" for offer in offers(kind)]
        node = addnodes.toctree(
            "", parent=self.env.docname, entries=[(None, page) for page in pages], includefiles=pages, caption=None,
            maxdepth=1, glob=False, hidden=True, includehidden=False, numbered=0, titlesonly=True,
        )  # fmt: skip
        self.set_source_info(node)
        wrapper = nodes.compound(classes=["toctree-wrapper"])
        wrapper.append(node)
        return wrapper


def fill_listings(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the tables in their places."""
    for listing in list(doctree.findall(Listing)):
        found: list[nodes.Node] = []
        for family, members in _families(offers(listing["kind"])).items():
            rows = [_row(app.builder, docname, offer) for offer in members]
            found += [paragraph(nodes.strong("", family.capitalize()), classes=["mxcore-family"])] if family else []
            found.append(table(["Name", "What it is", "Distribution"], rows, classes=["mxcore-catalogue"]))
        listing.replace_self(found or [paragraph(f"No {listing['kind']} is installed.")])


def _families(found: list[Offer]) -> dict[str, list[Offer]]:
    """The offers by their family, the largest first; those that state none come last."""
    families: dict[str, list[Offer]] = {}
    for offer in found:
        families.setdefault(properties(offer.record).get("family", "other"), []).append(offer)
    if len(families) < 2:
        return {"": found} if found else {}
    return dict(sorted(families.items(), key=lambda item: (item[0] == "other", -len(item[1]), item[0])))


def _row(builder: Builder, docname: str, offer: Offer) -> list[Iterable[nodes.Node]]:
    record = offer.record
    domain = builder.env.domains["mxcore"]
    assert isinstance(domain, MxcoreDomain)
    where = domain.algorithms.get(offer.key)
    names: list[nodes.Node] = []
    for name in offer.names:
        literal: nodes.Element = nodes.literal(name, name)
        link = make_refnode(builder, docname, where.page, where.anchor, literal) if where else literal
        names += [nodes.Text(", "), link] if names else [link]
    said = [paragraph(record.summary.removesuffix(", for mxcore"))]
    if problem := _problem(record, where.error if where else ""):
        said.append(paragraph(problem, classes=["mxcore-problem"]))
    return [[paragraph(*names)], said, [paragraph(f"{record.distribution} {record.version}")]]


def _problem(record: catalogue.Record, error: str) -> str:
    """Why an algorithm cannot be used, from its metadata, or from what happened when its page was made."""
    if record.status != "ok":
        return f"{record.status.capitalize()}: {record.reason}"
    return f"Broken: {error}" if error else ""
