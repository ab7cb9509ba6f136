"""The API reference: a page per module with a summary, short names, links to the source, and every public error."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from sites import Site, browsed

import mxcore as mx

# The last of these raise errors for their own command line.
PACKAGES = ("mxcore", "mxcore_module", "mxcore_plot")
COMMANDS = ("mxcore.commands", "mxcore_module.train", "mxcore_module.compare")
HEIGHTS = """<body><div id="heights"></div><script>
const pages = %s, seen = [];
function next() {
  if (seen.length == pages.length) { document.getElementById("heights").textContent = seen.join(" "); return; }
  const frame = document.createElement("iframe");
  frame.width = 1280; frame.height = 900;
  frame.onload = () => { seen.push(frame.contentDocument.documentElement.scrollHeight); frame.remove(); next(); };
  frame.src = pages[seen.length];
  document.body.appendChild(frame);
}
next();
</script></body>"""


def api_pages(site: Site) -> list[str]:
    return [name for name in site.names() if name.startswith("reference/api/")]


def public_modules() -> dict[str, ModuleType]:
    """What ``mx.NAME`` is a module of, by its own name."""
    found = {name: thing for name in dir(mx) if inspect.ismodule(thing := getattr(mx, name))}
    return {"mxcore": mx, **{f"mxcore.{name}": thing for name, thing in found.items()}}


def test_each_public_module_has_a_page_with_a_linked_line_for_each_public_name(site: Site) -> None:
    pages = {name: name for name in api_pages(site)}
    modules = public_modules()
    assert len(modules) > 20
    for name, module in modules.items():
        page = f"reference/api/{name}.html"
        if page not in pages:  # another name of a module that has one
            assert any(f"reference/api/{other}.html" in pages for other, thing in modules.items() if thing is module)
            continue
        rows = site.page(page).select("table.api-summary tbody tr")
        lines = {row.td.get_text(strip=True): row for row in rows}
        public = [one for one in getattr(module, "__all__", []) if not inspect.ismodule(getattr(module, one))]
        assert set(lines) >= {f"{name}.{one}" for one in public}
        for shown, row in lines.items():
            assert row.a, shown
            assert len(row.find_all("td")[1].get_text(strip=True)) > 5, shown


def test_methods_that_several_modules_share_show_all_their_arguments(site: Site) -> None:
    for module in ("initializer", "kvstore", "lr_scheduler", "optimizer"):
        page = site.page(f"reference/api/mxcore.{module}.html")
        shown = page.find(id=f"mxcore.{module}.register").get_text(strip=True)
        assert re.search(r"register\(cls:\s?C,\s?name", shown), shown


def test_names_are_those_that_people_type_and_their_other_names_lead_there(site: Site) -> None:
    page = site.page("reference/api/mxcore.html")
    assert {"mxcore.in_range", "mxcore.norm"} <= {tag["id"] for tag in page.find_all(id=True)}
    names = {tag["id"] for name in api_pages(site) for tag in site.page(name).select("dt.sig[id]")}
    assert not [name for name in names if name.startswith("mxcore_")]
    assert {"mxcore.kernel.RuleError", "mxcore.Slot"} <= names


def test_each_class_and_function_links_to_its_source(site: Site) -> None:
    heads = [
        head
        for name in api_pages(site)
        for kind in ("class", "function", "exception")
        for head in site.page(name).select(f"section > dl.py.{kind} > dt.sig[id]")
    ]
    assert len(heads) > 100
    lacking = [one["id"] for one in heads if not one.select(".viewcode-link")]
    # These are methods of a registry, which has the link.
    assert {name.rpartition(".")[2] for name in lacking} <= {"alias", "create", "register"}


def test_nothing_is_called_built_in(site: Site) -> None:
    assert "(built-in" not in site.text("genindex.html")
    assert "(class in mxcore.optimizer)" in site.text("genindex.html")


def test_the_sidebar_leads_to_the_index_and_to_each_module(site: Site) -> None:
    links = {link["href"] for link in site.page("index.html").select(".sidebar-tree a")}
    assert "genindex.html" in links
    assert {f"reference/api/{name}.html" for name in ("mxcore", "mxcore.optimizer", "mxcore.symbol")} <= links


def errors() -> Iterator[type[Exception]]:
    for package in map(importlib.import_module, PACKAGES):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith(COMMANDS):
                try:
                    found = importlib.import_module(module.name)
                except ImportError:  # it needs a library that is not here
                    continue
                yield from (
                    thing
                    for name, thing in vars(found).items()
                    if inspect.isclass(thing) and issubclass(thing, Exception) and name[0] != "_"
                )


def test_every_public_error_is_documented(site: Site) -> None:
    own = {error for error in errors() if error.__module__.startswith(PACKAGES)}
    own = {error for error in own if not error.__module__.startswith(COMMANDS)}
    assert {"RuleError", "BackendError", "ShapeError", "UnknownNameError"} <= {error.__name__ for error in own}
    shown = {tag["id"] for name in api_pages(site) for tag in site.page(name).select("dl.py.exception > dt.sig")}
    assert [error for error in own if error.__name__ not in {name.rpartition(".")[2] for name in shown}] == []


def test_no_page_of_the_reference_is_long(site: Site, tmp_path: Path) -> None:
    names = api_pages(site)
    pages = [(site.folder / name).resolve().as_uri() for name in names]
    (tmp_path / "heights.html").write_text(HEIGHTS % pages, encoding="utf-8")
    options = ("--allow-file-access-from-files", "--virtual-time-budget=60000")
    shown = browsed((tmp_path / "heights.html").as_uri(), *options)
    found = re.search(r'id="heights">([\d ]+)<', shown)
    assert found, shown[-500:]
    heights = dict(zip(names, map(int, found[1].split()), strict=True))
    assert min(heights.values()) > 300
    assert {name: height for name, height in heights.items() if height > 8000} == {}
