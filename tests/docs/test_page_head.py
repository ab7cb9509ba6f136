"""Each page has a description and tags for search engines and social media, and a link for editing it."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from sites import ROOT, Site

MADE = re.compile(r"(genindex|py-modindex|search|sg_execution_times|gallery/sg_execution_times|404)\.html|_modules/.*")


def contents(page: Any) -> dict[str, str]:
    """Return the texts of the meta elements of a page."""
    return {tag.get("name") or tag.get("property"): tag.get("content", "") for tag in page.find_all("meta")}


def written(site: Site) -> list[str]:
    return [name for name in site.names() if not MADE.fullmatch(name) and not name.startswith("_")]


def test_every_page_has_a_title_a_description_and_social_tags(site: Site) -> None:
    seen: dict[str, list[str]] = {}
    for name in written(site):
        tags = contents(site.page(name))
        assert 30 < len(tags.get("description", "")) <= 160, name
        assert tags["og:description"] == tags["description"]
        assert tags["og:title"], name
        seen.setdefault(tags["description"], []).append(name)
        picture = urlsplit(tags["og:image"]).path.rpartition("_static/")[2]
        assert (site.folder / "_static" / picture).is_file()
    assert [names for names in seen.values() if len(names) > 1] == []


def test_every_page_is_edited_where_its_source_is(site: Site) -> None:
    for name in written(site):
        (link,) = site.page(name).select(".edit-this-page a")
        file = link["href"].partition("/edit/main/")[2]
        assert file, name
        assert (ROOT / file).is_file(), name


def test_the_source_of_an_algorithm_and_of_an_example_is_its_code(site: Site) -> None:
    for name, file in {
        "reference/optimizers/adam.html": "plugins/optimizers/adam/mxcore_optimizer_adam/__init__.py",
        "gallery/plot_digits.html": "docs/examples/plot_digits.py",
        "guides/mxnet.html": "docs/guides/mxnet.md",
    }.items():
        (link,) = site.page(name).select(".edit-this-page a")
        assert link["href"].endswith(file)


def test_the_page_for_what_is_not_found_has_links_that_work_at_any_depth(site: Site) -> None:
    page = site.page("404.html")
    (base,) = page.find_all("base")
    assert base["href"].startswith("/")
    assert base["href"].endswith("/")
    assert page.find("base").find_next("link") is not None  # before anything that is loaded
    assert len(page.select("article a[href]")) >= 3


def test_the_sidebar_has_the_parts_in_the_order_in_which_one_needs_them(site: Site) -> None:
    captions = [tag.get_text() for tag in site.page("index.html").select(".sidebar-tree .caption-text")]
    assert captions == ["Start", "Use", "With other libraries", "Extend", "Migrate", "Gallery", "Reference", "Design"]


@pytest.mark.parametrize("part", ["what", "loop", "install", "fast", "not"])
def test_the_first_page_and_the_readme_say_the_same(site: Site, part: str) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    text = readme.partition(f"<!-- {part} -->")[2].partition(f"<!-- /{part} -->")[0]
    words = re.findall(r"\w{4,}", re.sub(r"\]\([^)]*\)|<!--.*?-->|```\w*", " ", text))
    shown = site.text("index.html")
    assert len(words) > 10
    assert [word for word in words if word not in shown] == []
