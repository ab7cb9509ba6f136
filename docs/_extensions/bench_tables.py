"""The directives ``bench-results`` and ``bench-rules``: the figures of a file that ``mxcore bench --json`` wrote.

The first shows tables to unfold, the second a table with a row for each rule.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from mxcore_bench.table import duration
from mxcore_sphinx.nodes import paragraph, section, table
from sphinx.util.docutils import SphinxDirective

GROUPS = {
    "steps": "Steps",
    "overhead": "Steps over tiny arrays",
    "calls": "Ways to call, time per parameter",
    "fills": "Initializers",
    "start": "Import and first step",
}


class _OfFile(SphinxDirective):
    required_arguments: ClassVar[int] = 1

    def measured(self) -> dict[str, Any]:
        """Read the file, which stands beside the document."""
        relative, file = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(relative)
        found: dict[str, Any] = json.loads(Path(file).read_text("utf-8"))
        return found


class BenchRules(_OfFile):
    """The time of each rule, beside a kernel of the same traffic and the optimizer of the same name for torch."""

    def run(self) -> list[nodes.Node]:
        """Make the table, and say what it was measured on."""
        measured = self.measured()
        rows = [[[paragraph(cell)] for cell in _of_rule(one)] for one in measured["experiments"]]
        heads = ["Optimizer", "Bytes / number", "A step", "× its traffic", "torch's package"]
        return [table(heads, rows, classes=["bench"]), *_machine(measured)]


def _of_rule(one: dict[str, Any]) -> list[str]:
    rows = {row["family"]: row for row in one["results"]}
    ours, theirs = rows["mxcore llvm"], rows.get("torch package")
    ratio = "–" if theirs is None else f"{1 / ours['ratios']['torch package']:.1f} ×"
    time = duration(ours["median_s"]).replace(" ", "\u00a0")
    return [one["optimizer"], str(one["bytes_per_parameter"]), time, f"{ours['ratios']['limit']:.2f}", ratio]


class BenchResults(_OfFile):
    """The machine, and for each group of experiments a section with a folded table for each of them."""

    def run(self) -> list[nodes.Node]:
        """Make the sections."""
        measured = self.measured()
        groups = itertools.groupby(measured["experiments"], lambda one: str(one["group"]))
        sections = [section(f"bench-{group}", GROUPS[group], map(_experiment, same)) for group, same in groups]
        return [*_machine(measured), *sections]


def _machine(measured: dict[str, Any]) -> Iterator[nodes.Node]:
    machine = measured["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    gpu = f"{machine['gpu']}, " * bool(machine.get("gpu"))
    yield paragraph(
        f"Measured on {machine['date'][:10]}: {gpu}{machine['cpu']}, {machine['cores']} cores, {machine['os']}, Python "
        f"{machine['python']}, {versions}; kernel {machine['kernel']}, {measured['seconds']:g} seconds for each table."
    )


def _experiment(one: dict[str, Any]) -> nodes.Node:
    title = ", ".join(filter(None, (one["title"], one["optimizer"], one["dtype"])))
    references = list(dict.fromkeys(name for row in one["results"] for name in row["ratios"]))
    heads = ["Contestant", "Median", "ns / parameter", "GB/s", *(f"× {name}" for name in references)]
    rows = [[[paragraph(cell)] for cell in _cells(row, references)] for row in one["results"]]
    box = nodes.admonition("", nodes.title("", title), classes=["bench-figures"], collapsible=True, open=False)
    box += paragraph(f"{one['tensors']} tensors, {one['parameters']:,} parameters.")
    if one["skipped"]:
        box += paragraph(f"Skipped: {one['skipped']}.")
    if rows:
        box += table(heads, rows, classes=["bench"])
    return box


def _cells(row: dict[str, Any], references: list[str]) -> list[str]:
    figures = [row["ns_per_parameter"], row["gb_per_s"], *(row["ratios"].get(name) for name in references)]
    numbers = ["" if figure is None else f"{figure:.3g}" for figure in figures]
    return [row["contestant"], duration(row["median_s"]), *numbers]


def setup(app: Any) -> dict[str, Any]:
    """Take part in the build."""
    app.add_directive("bench-results", BenchResults)
    app.add_directive("bench-rules", BenchRules)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
