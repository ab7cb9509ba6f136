"""Keep what `index` directives say in the search of the site when only some pages are built again.

Sphinx then reads the old search index, but without its entries, so a term such as "state_dict" would no longer find
its page first. The environment has the entries of all pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sphinx.util.index_entries import split_index_msg


def restore(app: Any) -> Iterable[Any]:
    """Give the entries of pages that were not written again back to the search index; no page is added."""
    indexer = getattr(app.builder, "indexer", None)
    if indexer is not None:
        everything = app.env.domaindata["index"]["entries"]
        for docname, entries in ((name, everything[name]) for name in everything if name in indexer._titles):
            found = {
                (term, target or "", main)
                for kind, text, target, main, _ in entries
                for term in split_index_msg(kind, text)
            }
            indexer._index_entries.setdefault(docname, sorted(found))
    return ()


def setup(app: Any) -> dict[str, Any]:
    """Take part in the build."""
    app.connect("html-collect-pages", restore)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
