"""Searching the site for what people of the field type finds the page that answers, first."""

import json
import re
from urllib.parse import quote

import pytest
from sites import Site, browsed

# What people type, and the page that they should find.
TERMS = {
    "state_dict": "guides/saving",
    "param groups": "guides/settings",
    "gradient clipping": "guides/settings",
    "kaiming": "guides/initialisation",
    "ema": "guides/cookbook",
    "mixed precision": "guides/half-precision",
    "custom optimizer": "guides/writing",
}


@pytest.mark.parametrize("term", TERMS)
def test_the_index_of_the_search_has_the_term_at_its_page(site: Site, term: str) -> None:
    text = (site.folder / "searchindex.js").read_text("utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    pages = {index["docnames"][number] for number, *_ in index["indexentries"][term]}
    assert pages == {TERMS[term]}


@pytest.mark.parametrize("term", TERMS)
def test_a_browser_finds_the_page_first(site: Site, term: str) -> None:
    page = f"{(site.folder / 'search.html').resolve().as_uri()}?q={quote(term)}"
    shown = browsed(page, "--virtual-time-budget=20000")
    results = re.findall(r'<li class="kind-\w+"><a href="([^"]+)"', shown)
    assert results, "no results"
    assert results[0].startswith(f"{TERMS[term]}.html"), results[:5]
