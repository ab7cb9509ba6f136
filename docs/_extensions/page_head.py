"""What the head and the corner of each page say: a description, social tags, and where its source is edited."""

from __future__ import annotations

import re
import tomllib
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import api_pages
from docutils import nodes
from sphinx import addnodes

import mxcore

ROOT = Path(__file__).resolve().parent.parent.parent
SETTING: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mxcore"]
PICTURE = "_static/social.png"
LENGTH = 160  # what search engines show of a description


def describe(doctree: nodes.document) -> str:
    """The first paragraph of a page that is text of its own, cut after a whole word."""
    outside = (nodes.footnote, nodes.table, nodes.Admonition)
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        parent = paragraph.parent
        while parent is not None and (isinstance(parent, addnodes.desc) or not isinstance(parent, outside)):
            parent = parent.parent
        if parent is None and len(text) > 40:
            return text if len(text) <= LENGTH else text[: LENGTH - 1].rsplit(" ", 1)[0].rstrip(" ,;:–") + "…"
    return ""


def edited(docname: str) -> str | None:
    """The file of the repository that a page is made from, or None where the page is made from no file."""
    example = re.fullmatch(r"gallery/(plot_\w+)", docname)
    if example:
        return f"docs/examples/{example[1]}.py"
    if docname == "gallery/index":
        return "docs/examples/GALLERY_HEADER.rst"
    if docname == "reference/api/index":
        return "docs/_extensions/api_pages.py"
    if docname.startswith("reference/api/"):
        file = api_pages.source_of(docname.rpartition("/")[2])
        return file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else None
    algorithm = re.fullmatch(r"reference/(\w+)s/([\w.-]+)", docname)
    if algorithm:
        return _source(*algorithm.groups())
    found = list((ROOT / "docs").glob(f"{docname}.[mr]*"))
    return found[0].relative_to(ROOT).as_posix() if found else None


def _source(kind: str, name: str) -> str | None:
    """The file of an algorithm's class."""
    record = next((one for one in mxcore.catalogue.records(kind) if one.name == name), None)
    if record is None:  # the page says why it cannot be used
        return None
    package = record.target.partition(":")[0].partition(".")[0]
    found = list(ROOT.glob(f"plugins/*/*/{package}/__init__.py"))
    return found[0].relative_to(ROOT).as_posix() if found else None


def fill(app: Any, pagename: str, _: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Add to one page."""
    title = re.sub("<[^>]+>", "", context.get("title") or app.config.project)
    tags = {"og:title": title, "og:type": "website", "og:site_name": app.config.project, "twitter:card": "summary"}
    tags["og:image"] = SETTING["site"] + PICTURE
    tags["og:url"] = f"{SETTING['site']}{pagename}.html"
    description = describe(doctree) if doctree is not None else ""
    lines = [f'<meta property="{name}" content="{escape(value)}">' for name, value in tags.items()]
    if description:
        kinds = 'name="description"', 'property="og:description"'
        lines += [f'<meta {kind} content="{escape(description)}">' for kind in kinds]
    if pagename == "404":  # is shown at any depth, so that its links must begin at the top
        lines.insert(0, f'<base href="{urlsplit(SETTING["site"]).path}">')
    context["metatags"] = (context.get("metatags") or "") + "\n    ".join(["", *lines])
    source = edited(pagename)
    context["theme_source_edit_link"] = f"{SETTING['repository']}/edit/main/{source}" if source else ""


def setup(app: Any) -> dict[str, Any]:
    """Take part in the build."""
    app.connect("html-page-context", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
