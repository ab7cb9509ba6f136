"""The line of links at the top of an algorithm's page: how it is made, its guide, its source."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes

from mxcore import catalogue
from mxcore.testing.subject import required
from mxcore.wrapper import Wrapper
from mxcore_sphinx.nodes import paragraph, parse
from mxcore_sphinx.place import file_of

if TYPE_CHECKING:
    from sphinx.util.docutils import SphinxDirective

__all__ = ["links", "source_url"]


def links(directive: SphinxDirective, record: catalogue.Record, cls: type) -> nodes.paragraph:
    """How to make an instance, and links to the guide of its kind and to its source, as far as they are known."""
    wrapped = required(cls).get("optimizer") if issubclass(cls, Wrapper) else None
    call = f'mx.{record.kind}.create("{f"{record.name}({wrapped})" if wrapped else record.name}")'
    content: list[str | nodes.Node] = [nodes.literal(call, call)]
    for name in _other_names(record):
        content += [" or ", nodes.literal(f'"{name}"', f'"{name}"')]
    for link in _links(directive, record, cls):
        content += [" · ", link]
    return paragraph(*content, classes=["mxcore-links"])


def _other_names(record: catalogue.Record) -> list[str]:
    same = [one for one in catalogue.records(record.kind) if one.distribution == record.distribution]
    return [one.name for one in same if one.target == record.target and one.name != record.name]


def _links(directive: SphinxDirective, record: catalogue.Record, cls: type) -> Iterator[nodes.Node]:
    if guide := directive.config.mxcore_guides.get(record.kind):
        (parsed,) = parse(directive, f":doc:`/{guide}`", "mxcore_guides")
        yield from parsed.children
    if url := source_url(directive, record, cls):
        yield nodes.reference("", "Source", refuri=url)


def source_url(directive: SphinxDirective, record: catalogue.Record, cls: type) -> str:
    """Where the code of a class can be read; empty if nobody says.

    Of a class of the project whose documentation this is, its file under ``mxcore_source``; of any other, the
    repository that its distribution names.
    """
    root, own = Path(directive.env.srcdir).resolve().parent, file_of(cls)
    file = Path(own or "/").resolve()
    if directive.config.mxcore_source and file.is_relative_to(root) and not _is_installed(file):
        return f"{directive.config.mxcore_source.rstrip('/')}/{file.relative_to(root).as_posix()}"
    stated = metadata.metadata(record.distribution).get_all("Project-URL") or []
    urls = {label.strip().lower(): url.strip() for label, _, url in (one.partition(",") for one in stated)}
    return next((urls[label] for label in ("source", "source code", "repository") if label in urls), "")


def _is_installed(file: Path) -> bool:
    """Whether a file is a copy that an installer made, such as one in a virtual environment within the project."""
    return "site-packages" in file.parts
