"""The site is whole: a page for each algorithm with all that belongs to it, links that lead somewhere, no network."""

import inspect
import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from bs4 import BeautifulSoup
from sites import ROOT, Site
from sphinx.util.inventory import InventoryFile

import mxcore as mx
from mxcore.catalogue.record import main_name
from mxcore.commands import cli
from mxcore.declarations import describe

RECORDS = mx.catalogue.algorithms()
NAMES = [f"{record.kind}:{record.name}" for record in RECORDS]


def page_of(record: mx.catalogue.Record) -> str:
    """Return the page of an algorithm, which is that of its main name where one class has several."""
    same = [one for one in RECORDS if (one.distribution, one.target) == (record.distribution, record.target)]
    return f"reference/{record.kind}s/{main_name(record.class_name, [one.name for one in same])}.html"


def section(page: BeautifulSoup, title: str) -> BeautifulSoup:
    found = [one for one in page.find_all("section") if (head := one.find(["h1", "h2"])) and title in head.get_text()]
    assert found, title
    return found[-1]


def words(text: str) -> list[str]:
    return re.findall(r"[\w.]+\b|[^\s\w]", text)


def bounds(requirement: str) -> set[str]:
    """The numbers and the quoted words in what a value must be."""
    return set(re.findall(r"(?<=')\w+(?=')|-?\d[\d.]*", requirement))


@pytest.mark.parametrize("record", RECORDS, ids=NAMES)
def test_the_page_of_an_algorithm_begins_with_what_people_call_it_and_links_to_guide_and_source(
    site: Site, record: mx.catalogue.Record
) -> None:
    page = site.page(page_of(record))
    title = page.find("h1").contents[0]
    assert title[0].isupper()
    main = Path(page_of(record)).stem
    assert re.sub(r"\W", "", main) in re.sub(r"\W", "", title.lower())
    (line,) = page.select(".mxcore-links") or [None]
    if line is None:
        assert "Another name of" in site.text(page_of(record))
        return
    assert record.name in line.get_text()
    guide, source = line.find_all("a")
    assert "/guides/" in guide["href"]
    shown = ROOT / source["href"].partition("/blob/main/")[2]
    assert shown.samefile(inspect.getsourcefile(mx.catalogue.load_record(record)) or "")


@pytest.mark.parametrize("record", RECORDS, ids=NAMES)
def test_what_a_value_must_be_is_said_once(site: Site, record: mx.catalogue.Record) -> None:
    for cell in site.page(page_of(record)).select("table.mxcore-hyperparameters td:last-child"):
        text = cell.get_text()
        for phrase in ("at least", "in [0, 1", "above 0"):
            assert text.count(phrase) <= 1, text


@pytest.mark.parametrize("record", RECORDS, ids=NAMES)
def test_each_algorithm_has_a_page_with_formula_hyperparameters_code_and_source(
    site: Site, record: mx.catalogue.Record
) -> None:
    page, cls = site.page(page_of(record)), mx.catalogue.load_record(record)
    if record.class_name != cls.__name__:
        assert "Another name of" in site.text(page_of(record))
        return
    assert page.select("div.math")
    assert page.select("pre")
    rows = {
        cells[0].get_text(strip=True): cells
        for row in page.select("table.mxcore-hyperparameters tbody tr")
        if (cells := row.find_all("td"))
    }
    for described in describe(cls):
        _name, default, meaning = rows.pop(described.name)
        assert " ".join(default.get_text().split()) == " ".join(described.default.split())
        assert len(meaning.get_text(strip=True)) > 10, described.name
        assert bounds(described.requirement) <= set(words(meaning.get_text())), described.name
    assert not rows
    assert section(page, "References").find("p")
    assert section(page, "In code").find("pre")
    assert record.distribution in section(page, "Where it comes from").get_text()
    (image,) = page.select("img.mxcore-picture")
    called = page_of(record).rpartition("/")[2].removesuffix(".html")
    names = {called, "sgd", "adam"} if record.kind == "optimizer" else {called}
    assert names <= set(words(image["alt"]))
    assert (site.folder / page_of(record)).parent.joinpath(image["src"]).stat().st_size < 60_000


def test_the_catalogues_list_exactly_what_is_installed(site: Site) -> None:
    for kind in mx.catalogue.ALGORITHMS:
        shown = {link.get_text() for link in site.page(f"reference/{kind}s.html").select("table.mxcore-catalogue a")}
        assert shown == {record.name for record in RECORDS if record.kind == kind}


def test_every_command_is_on_its_page(site: Site) -> None:
    heads = {head.get_text() for head in site.page("reference/commands.html").find_all(["h2", "h3"])}
    for name in cli.main.list_commands(cli.main.make_context("mxcore", [], resilient_parsing=True)):
        assert any(re.search(rf"\b{name}\b", head) for head in heads), name


def test_every_internal_link_and_anchor_resolves(site: Site) -> None:
    anchors = {name: {tag["id"] for tag in site.page(name).find_all(id=True)} for name in site.names()}
    broken = []
    for name in site.names():
        for tag in site.page(name).find_all(["a", "img", "script", "link", "source"]):
            url = urlsplit(tag.get("href") or tag.get("src") or "")
            if url.scheme or url.netloc or not (url.path or url.fragment):
                continue
            file = (site.folder / name).parent / unquote(url.path) if url.path else site.folder / name
            target = file.resolve().relative_to(site.folder.resolve()).as_posix()
            if not file.exists() or (url.fragment and unquote(url.fragment) not in anchors.get(target, {url.fragment})):
                broken.append(f"{name}: {url.geturl()}")
    assert broken == []


def test_nothing_that_a_page_loads_comes_from_elsewhere(site: Site) -> None:
    loading = re.compile(r"@import|url\(\s*['\"]?(?:https?:)?//")
    for name in site.names():
        tags = site.page(name).find_all(["script", "link", "img", "iframe", "source", "video"])
        sources = [
            tag.get("src") or (tag.get("href") if tag.name == "link" and "canonical" not in tag["rel"] else None) or ""
            for tag in tags
        ]
        assert not [source for source in sources if re.match(r"(https?:)?//", source)], name
    for file in site.folder.rglob("*.css"):
        assert not loading.search(file.read_text("utf-8")), file


def test_formulas_are_set_by_files_of_the_site(site: Site) -> None:
    scripts = [tag.get("src", "") for tag in site.page("reference/optimizers/adam.html").find_all("script")]
    (script,) = [source for source in scripts if "mathjax" in source]
    folder = (site.folder / "reference/optimizers" / script.partition("?")[0]).parent
    assert len(list((folder / "output/chtml/fonts/woff-v2").glob("*.woff"))) > 20


def test_every_picture_says_what_it_shows(site: Site) -> None:
    for name in site.names():
        for image in site.page(name).select("article img"):
            decorates = image.find_parent(class_="sphx-glr-thumbcontainer")  # a link with a text of its own
            assert image.get("alt") or decorates, f"{name}: {image['src']}"


def test_no_page_is_heavy(site: Site) -> None:
    limits = {"search.html": 900_000}  # which loads an index of all pages
    heavy = {name for name in site.names() if weighed(site, name) > limits.get(name, 600_000)}
    assert heavy == set()


def weighed(site: Site, name: str) -> int:
    """The size of a page with all that it loads, but for MathJax."""
    files = {(site.folder / name).resolve()}
    for tag in site.page(name).find_all(["img", "script", "link"]):
        if tag.name != "link" or {"stylesheet", "icon"} & set(tag["rel"]):
            path = unquote(urlsplit(tag.get("src") or tag.get("href") or "").path)
            files |= {((site.folder / name).parent / path).resolve()} if path and "mathjax" not in path else set()
    return sum(file.stat().st_size for file in files if file.is_file())


def test_search_finds_an_algorithm(site: Site) -> None:
    text = (site.folder / "searchindex.js").read_text("utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    found = index["terms"]["dcasgd"]
    pages = [index["docnames"][number] for number in (found if isinstance(found, list) else [found])]
    assert "reference/optimizers/dcasgd" in pages or "dcasgd" in index["titleterms"]


def test_numpys_inventory_names_what_numpy_has() -> None:
    with (ROOT / "docs/_inventories/numpy.inv").open("rb") as stream:
        inventory = InventoryFile.load(stream, "", lambda base, uri: uri)
    for names in inventory.values():
        for name in names:
            thing = np
            for part in name.split(".")[1:]:
                thing = getattr(thing, part)


def test_swift_is_the_same_algorithm_on_all_pages(site: Site) -> None:
    defined = [
        block.get_text()
        for name in site.names()
        for block in site.page(name).find_all("pre")
        if re.search(r"class Swift\b", block.get_text())
    ]
    assert defined
    assert [code for code in defined if "(1 - nu) * grad + nu * mean" not in code] == []
