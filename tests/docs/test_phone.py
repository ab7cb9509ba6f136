"""What stands on a page fits the screen of a phone, as a real browser lays it out."""

import json
import re
from html import unescape
from pathlib import Path

from sites import Site, browsed

WIDTH = 390
PAGE = """<!doctype html><meta charset="utf-8"><body><iframe width="{width}" height="844" style="border: 0"></iframe>
<pre></pre><script>
const frame = document.querySelector("iframe"), found = {{}};
async function look(pages) {{
  for (const page of pages) {{
    await new Promise(done => {{ frame.onload = done; frame.src = page; }});
    const inside = frame.contentWindow;
    while (!inside.MathJax?.startup?.promise) await new Promise(done => setTimeout(done, 20));
    await inside.MathJax.startup.promise;
    const wide = [...inside.document.querySelectorAll("mjx-container")].map(one =>
      Math.round(one.firstElementChild.getBoundingClientRect().width));
    found[page] = [inside.document.querySelector("article").clientWidth, Math.max(...wide)];
  }}
  document.querySelector("pre").textContent = "found " + JSON.stringify(found) + " end";
}}
look({pages});
</script>"""


def test_formulas_fit_the_screen_of_a_phone(site: Site, tmp_path: Path) -> None:
    names = [name for name in site.names() if re.match(r"reference/\w+s/", name) and site.page(name).select("div.math")]
    assert len(names) > 30
    pages = [(site.folder / name).resolve().as_uri() for name in names]
    (tmp_path / "look.html").write_text(PAGE.format(width=WIDTH, pages=json.dumps(pages)), "utf-8")
    options = ("--hide-scrollbars", "--allow-file-access-from-files", "--virtual-time-budget=200000")
    shown = browsed((tmp_path / "look.html").as_uri(), *options)
    match = re.search(r"found (\{.*\}) end", unescape(shown))
    assert match, shown
    measured = json.loads(match[1])
    assert len(measured) == len(names)
    assert {page: sizes for page, sizes in measured.items() if sizes[1] > sizes[0]} == {}
