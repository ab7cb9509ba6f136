"""What Sphinx remembers between builds: where each algorithm is documented, and what is wrong with it."""

from __future__ import annotations

import contextlib
import inspect
import pkgutil
from collections.abc import Iterator, Set
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
from sphinx.domains import Domain, ObjType
from sphinx.roles import XRefRole
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

if TYPE_CHECKING:
    from docutils import nodes
    from docutils.nodes import Element
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.builders import Builder
    from sphinx.environment import BuildEnvironment

__all__ = ["Documented", "MxcoreDomain", "leave_core_unlinked"]

_logger = logging.getLogger(__name__)


@attrs.frozen
class Documented:
    """Where an algorithm is documented.

    Args:
        page: the name of the document.
        anchor: the place in it.
        error: why the algorithm cannot be used; empty if it can.
    """

    page: str
    anchor: str
    error: str = ""


class _Role(XRefRole):
    """A link that reads ``adam`` where ``optimizer:adam`` is meant."""

    def process_link(
        self, env: BuildEnvironment, refnode: Element, has_explicit_title: bool, title: str, target: str
    ) -> tuple[str, str]:
        return title if has_explicit_title else target.rpartition(":")[2], target.lower()


class MxcoreDomain(Domain):
    """The algorithms that a site documents, by ``kind:name`` or ``kind:distribution:name``."""

    name = "mxcore"
    label = "mxcore"
    object_types: ClassVar[dict[str, ObjType]] = {"algorithm": ObjType("algorithm", "algorithm")}
    roles: ClassVar[dict[str, Any]] = {"algorithm": _Role(warn_dangling=True)}
    initial_data: ClassVar[dict[str, Any]] = {"algorithms": {}}
    data_version = 1

    @property
    def algorithms(self) -> dict[str, Documented]:
        """What is documented, by name."""
        found: dict[str, Documented] = self.data["algorithms"]
        return found

    def clear_doc(self, docname: str) -> None:
        """Forget what a document held."""
        for name in [name for name, where in self.algorithms.items() if where.page == docname]:
            del self.algorithms[name]

    def merge_domaindata(self, docnames: Set[str], otherdata: dict[str, Any]) -> None:
        """Take over what another process has read."""
        found: dict[str, Documented] = otherdata["algorithms"]
        self.algorithms.update({name: where for name, where in found.items() if where.page in docnames})

    def resolve_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        typ: str,
        target: str,
        node: pending_xref,
        contnode: Element,
    ) -> nodes.reference | None:
        """The link to an algorithm; None where it is not documented here."""
        where = self.algorithms.get(target) or self._of_any_distribution(target)
        if where is None:
            return None
        return make_refnode(builder, fromdocname, where.page, where.anchor, contnode, target)

    def _of_any_distribution(self, target: str) -> Documented | None:
        """One of those that several distributions offer under the name."""
        kind, _, name = target.partition(":")
        rivals = [key for key in self.algorithms if key.startswith(f"{kind}:") and key.endswith(f":{name}")]
        return self.algorithms[min(rivals)] if rivals else None

    def resolve_any_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        target: str,
        node: pending_xref,
        contnode: Element,
    ) -> list[tuple[str, nodes.reference]]:
        """The link for the role ``any``."""
        found = self.resolve_xref(env, fromdocname, builder, "algorithm", target, node, contnode)
        return [("mxcore:algorithm", found)] if found else []

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """What search and other projects' links find."""
        for name, where in self.algorithms.items():
            yield name, name.rpartition(":")[2], "algorithm", where.page, where.anchor, 1


def leave_core_unlinked(
    _app: Sphinx, _env: BuildEnvironment, node: pending_xref, contnode: Element
) -> nodes.Element | None:
    """Show a reference to the core as text where nothing that it could link to is known; warn if it is misspelt.

    Called after everybody else, intersphinx among them, has found nothing.
    """
    target = str(node.get("reftarget", ""))
    if node.get("refdomain") != "py" or not target.startswith("mxcore."):
        return None
    if not _exists(target):
        _logger.warning("mxcore has no %r", target, location=node, type="ref", subtype="mxcore")
    return contnode


def _exists(name: str) -> bool:
    """Whether a full name leads to a module, or to an attribute of one or of its instances."""
    with contextlib.suppress(ImportError, AttributeError):
        pkgutil.resolve_name(name)
        return True
    owner, _, attribute = name.rpartition(".")
    try:
        classes = inspect.getmro(pkgutil.resolve_name(owner))
    except (ImportError, AttributeError):
        return False
    return any(attribute in vars(cls).get("__annotations__", ()) for cls in classes)
