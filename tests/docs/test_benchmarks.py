"""The pages of figures: a summary in a few rows first, each term explained, and everything from the files."""

import json
from typing import Any

import pytest
from mxcore_bench.table import duration
from sites import ROOT, Site

PAGES = ["benchmarks", "benchmarks-gpu"]


def experiments(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((ROOT / f"docs/{name}.json").read_text("utf-8"))["experiments"]
    return found


def cells(table: Any) -> list[list[str]]:
    return [
        [cell.get_text(" ", strip=True).replace("\u00a0", " ") for cell in row.find_all(["td", "th"])]
        for row in table.find_all("tr")
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_figures_begins_with_six_rows_and_a_chart(site: Site, name: str) -> None:
    page = site.page(f"{name}.html")
    (summary,) = page.select("table.bench-summary")
    (chart,) = page.select("img.mxcore-picture")
    assert page.find("table") is summary
    head, *rows = cells(summary)
    assert len(rows) == 6
    for title, *_ in rows:
        model = title.partition(", ")[2]
        assert any(model.startswith(one["title"]) for one in experiments(name))
    drawn = (site.folder / chart["src"]).read_text("utf-8")
    assert all(f">{contestant}<" in drawn for contestant in head[1:-1])  # the legend
    assert all(contestant in chart["alt"] for contestant in head[1:-1])


@pytest.mark.parametrize("name", PAGES)
def test_each_time_of_the_summary_is_that_of_the_fastest_number_of_threads(site: Site, name: str) -> None:
    families = {"torch, fused": "torch fused", "optax": "optax jit", "mxcore, NumPy": "mxcore numpy"}
    (summary,) = site.page(f"{name}.html").select("table.bench-summary")
    head, *rows = cells(summary)
    optimizers = {"Adam": "adam", "SGD with momentum": "sgd", "LAMB": "lamb"}
    for title, *times in rows:
        optimizer, _, model = title.partition(", ")
        (one,) = (
            one
            for one in experiments(name)
            if (one["optimizer"], one["dtype"], one["group"]) == (optimizers[optimizer], "float32", "steps")
            and model.startswith(one["title"])
        )
        for contestant, time in zip(head[1:], times, strict=True):
            found = [row["median_s"] for row in one["results"] if row["family"] == families.get(contestant)]
            if contestant in families:
                assert time == (duration(min(found)) if found else "–"), (title, contestant)


@pytest.mark.parametrize("name", PAGES)
def test_each_term_of_the_summary_is_explained_before_the_next_heading(site: Site, name: str) -> None:
    page = site.page(f"{name}.html")
    (summary,) = page.select("table.bench-summary")
    explained = {term.get_text() for term in summary.find_parent("section").select("dl > dt")}
    assert set(cells(summary)[0][1:]) <= explained


@pytest.mark.parametrize("name", PAGES)
def test_all_figures_are_there_and_folded(site: Site, name: str) -> None:
    boxes = site.page(f"{name}.html").select("details.bench-figures")
    assert len(boxes) == len(experiments(name))
    assert not [box for box in boxes if box.has_attr("open")]
    for box, one in zip(boxes, experiments(name), strict=True):
        assert [row[0] for row in cells(box.find("table"))[1:]] == [row["contestant"] for row in one["results"]]


def test_the_page_says_where_blocked_numpy_is_slower_than_numpy_by_hand(site: Site) -> None:
    page = site.page("benchmarks.html")
    (part,) = [head.parent for head in page.find_all("h2") if "NumPy by hand is faster" in head.get_text()]
    said = cells(part.find("table"))[1:]
    names = {"adam": "Adam", "sgd": "SGD with momentum", "lamb": "LAMB"}
    for one in experiments("benchmarks"):
        for row in one["results"]:
            if row["family"].startswith("mxcore numpy") and row["ratios"].get("NumPy out=", 0) > 1.1:
                where = [titles for optimizer, titles, _ in said if optimizer == names[one["optimizer"]]]
                assert any(one["title"] in titles.split("; ") for titles in where), (one["title"], row["contestant"])
    assert not [row for row in said if "GPT-2" in row[1] and row[0] == "Adam"]  # where it is faster
