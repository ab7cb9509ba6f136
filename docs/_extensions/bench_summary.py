"""The directives ``bench-summary`` and ``bench-slower``: what the figures of ``mxcore bench --json`` come to."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import attrs
from docutils import nodes
from mxcore_bench.table import duration
from mxcore_plot.style import COLOURS, GREY, new_figure, save, style
from mxcore_sphinx.nodes import paragraph, table
from sphinx.util.docutils import SphinxDirective

ROWS = (
    ("mlp", "adam"),
    ("thousand", "adam"),
    ("resnet50", "adam"),
    ("gpt2", "adam"),
    ("resnet50", "sgd"),
    ("resnet50", "lamb"),
)
OPTIMIZERS = {"adam": "Adam", "sgd": "SGD with momentum", "lamb": "LAMB"}
# What the page calls a contestant, the families of the file that are one, and the reference that stands for it.
CONTESTANTS = {
    "mxcore, compiled": (("mxcore llvm", "mxcore cuda"), ""),
    "mxcore, NumPy": (("mxcore numpy",), ""),
    "torch, fused": (("torch fused",), "best torch"),
    "optax": (("optax jit",), ""),
    "NumPy by hand": (("NumPy out=",), "NumPy out="),
    "CuPy by hand": (("CuPy out=",), "CuPy out="),
}
OURS = "mxcore, compiled"
TIE = 1.1  # what is this close is no difference on a machine that others use as well


@attrs.frozen
class Line:
    """A row of the summary: what is timed, and the figures of each contestant at its best number of threads."""

    title: str
    size: str
    best: Mapping[str, Mapping[str, Any]]


def lines(measured: Mapping[str, Any]) -> list[Line]:
    """The rows of the summary, as far as the file has them."""
    steps = {(one["workload"], one["optimizer"], one["dtype"]): one for one in measured["experiments"]}
    found = []
    for workload, optimizer in ROWS:
        if one := steps.get((workload, optimizer, "float32")):
            size = f"{one['tensors']:,} arrays, {_numbers(one['parameters'])} numbers"
            found.append(Line(f"{OPTIMIZERS[optimizer]}, {one['title']}", size, _best(one["results"])))
    return found


def _best(results: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    found = {}
    for name, (families, _) in CONTESTANTS.items():
        if rows := [row for row in results if row["family"] in families]:
            found[name] = min(rows, key=lambda row: float(row["median_s"]))
    return found


def _numbers(count: int) -> str:
    return f"{count / 1e6:.0f} M" if count >= 10**7 else f"{count / 1e6:.1g} M" if count >= 10**6 else f"{count:,}"


def against_others(line: Line) -> str:
    """How long the fastest of the others takes, in multiples of the time of mxcore."""
    others = {name: row for name, row in line.best.items() if not name.startswith("mxcore")}
    name = min(others, key=lambda other: float(others[other]["median_s"]))
    ours, reference = line.best[OURS], CONTESTANTS[name][1]
    # Where there is one, the median of the ratios round by round, which slow phases of the machine leave alone.
    ratio = others[name]["median_s"] / ours["median_s"]
    if reference in ours["ratios"]:
        ratio = 1 / ours["ratios"][reference]
    if 1 / TIE <= ratio <= TIE:
        return f"{name}: a tie"
    return f"{name}: {ratio:.{1 if ratio < 9.5 else 0}f}\u00a0×"


class _OfFile(SphinxDirective):
    """What the directives share: the file, which stands beside the document."""

    required_arguments: ClassVar[int] = 1

    def measured(self) -> dict[str, Any]:
        """Its content."""
        relative, file = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(relative)
        for source in (__file__, file):
            self.env.note_dependency(str(source))
        found: dict[str, Any] = json.loads(Path(file).read_text("utf-8"))
        return found


class Summary(_OfFile):
    """A table of six rows, and a chart of them."""

    def run(self) -> list[nodes.Node]:
        """Make both."""
        rows = lines(self.measured())
        names = [name for name in CONTESTANTS if any(name in row.best for row in rows)]
        return [_table(rows, names), self._chart(rows, names)]

    def _chart(self, rows: Sequence[Line], names: Sequence[str]) -> nodes.Node:
        file = Path(self.env.doctreedir) / f"{Path(self.arguments[0]).stem}-summary.svg"
        draw(file, rows, names)
        uri = os.path.relpath(file, Path(self.env.doc2path(self.env.docname)).parent)
        first = sum(min(row.best, key=lambda name: float(row.best[name]["median_s"])) == OURS for row in rows)
        alt = (
            "The times of the table as dots on a logarithmic axis, a line for each row and a colour for each of "
            f"{'; '.join(names)}. {OURS} is the fastest in {first} of {len(rows)} rows."
        )
        return nodes.image(uri=Path(uri).as_posix(), alt=alt, classes=["mxcore-picture"])


def _table(rows: Sequence[Line], names: Sequence[str]) -> nodes.table:
    cells = [
        [
            [paragraph(nodes.strong("", row.title)), paragraph(row.size)],
            *([paragraph(_time(row.best[name]) if name in row.best else "–")] for name in names),
            [paragraph(against_others(row))],
        ]
        for row in rows
    ]
    return table(["One step", *names, "Fastest other"], cells, classes=["bench", "bench-summary"])


def _time(row: Mapping[str, Any]) -> str:
    return duration(row["median_s"]).replace(" ", "\u00a0")


def draw(file: Path, rows: Sequence[Line], names: Sequence[str]) -> None:
    """Write the chart: the time of a step of each contestant, in milliseconds."""
    with style({"axes.spines.left": False}):
        figure = new_figure(6.4, 0.38 * len(rows) + 1.3)
        axes = figure.subplots()
        for place, row in enumerate(rows):
            times = [one["median_s"] * 1e3 for one in row.best.values()]
            axes.plot([min(times), max(times)], [place, place], color="#cccccc", linewidth=1.2, zorder=1)
        for name, colour in zip(names, COLOURS, strict=False):
            shown = [(row.best[name]["median_s"] * 1e3, place) for place, row in enumerate(rows) if name in row.best]
            axes.plot(*zip(*shown, strict=True), "o", color=colour, markersize=8, label=name, zorder=2)
        axes.set(xscale="log", xlabel="milliseconds for one step; further to the left is faster")
        axes.set_yticks(range(len(rows)), [row.title for row in rows])
        axes.tick_params(axis="y", length=0, labelcolor=GREY)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.minorticks_off()
        axes.grid(visible=False, axis="y")
        axes.invert_yaxis()
        figure.legend(loc="outside upper left", ncols=3, columnspacing=1.2, handletextpad=0.2)
    save(figure, file)


class Slower(_OfFile):
    """Where mxcore's blocked NumPy takes longer than NumPy written by hand."""

    def run(self) -> list[nodes.Node]:
        """A table of such cases, or the good news."""
        found = list(slower(self.measured()))
        if not found:
            return [paragraph("In these figures there is no such case.")]
        rows = [[[paragraph(cell)] for cell in case] for case in found]
        return [table(["Optimizer", "Where", "Times as long as by hand"], rows, classes=["bench"])]


def slower(measured: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Optimizer, titles of the experiments, and the range of the ratios, for each group of experiments."""
    cases = []
    for one in measured["experiments"]:
        for row in one["results"]:
            ratio = row["ratios"].get("NumPy out=", 0)
            if row["family"].startswith("mxcore numpy") and ratio > TIE:
                cases.append(((one["optimizer"], one["group"]), one["title"], ratio))
    cases.sort(key=lambda case: case[0])
    for (optimizer, _), same in itertools.groupby(cases, lambda case: case[0]):
        _, titles, ratios = zip(*same, strict=True)
        low, high = f"{min(ratios):.1f}", f"{max(ratios):.1f}"
        span = f"{low} ×" if low == high else f"{low} to {high} ×"
        yield OPTIMIZERS[optimizer], "; ".join(dict.fromkeys(titles)), span


def setup(app: Any) -> dict[str, Any]:
    """Take part in the build."""
    app.add_directive("bench-summary", Summary)
    app.add_directive("bench-slower", Slower)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
