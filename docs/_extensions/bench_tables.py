"""The directive ``bench-results``: the figures of a file that ``mxcore bench --json`` wrote, as tables."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from mxcore_bench.experiment import Experiment, Reference
from mxcore_bench.plot import draw
from mxcore_bench.results import Result, Row
from mxcore_bench.table import duration
from mxcore_sphinx.nodes import paragraph, section, table
from sphinx.util.docutils import SphinxDirective


class BenchResults(SphinxDirective):
    """The machine, and a section with a table for each experiment."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Read the file, which stands beside the document."""
        relative, file = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(relative)
        measured = json.loads(Path(file).read_text("utf-8"))
        experiments = measured["experiments"]
        return [*_machine(measured), self._picture(measured), *(_experiment(one) for one in experiments)]

    def _picture(self, measured: dict[str, Any]) -> nodes.Node:
        file = Path(self.env.doctreedir) / f"{Path(self.arguments[0]).stem}.svg"
        draw(file, [_result(one) for one in measured["experiments"]], measured["machine"])
        uri = os.path.relpath(file, Path(self.env.doc2path(self.env.docname)).parent)
        alt = "For each experiment, the time of a step of each contestant against that of the last reference."
        return nodes.image(uri=Path(uri).as_posix(), alt=alt, classes=["mxcore-picture"])


def _machine(measured: dict[str, Any]) -> Iterator[nodes.Node]:
    machine = measured["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    gpu = f"{machine['gpu']}, " * bool(machine.get("gpu"))
    yield paragraph(
        f"Measured on {machine['date'][:10]}: {gpu}{machine['cpu']}, {machine['cores']} cores, {machine['os']}, Python "
        f"{machine['python']}, {versions}; kernel {machine['kernel']}, {measured['seconds']:g} seconds for each table."
    )


def _result(one: dict[str, Any]) -> Result:
    """What was measured, as far as it is drawn."""
    stated = ("workload", "title", "group", "optimizer", "dtype", "tensors", "parameters", "bytes_per_parameter")
    references = dict.fromkeys(name for row in one["results"] for name in row["ratios"])
    experiment = Experiment(
        prepare=lambda: None,
        entrants=(),
        references=tuple(Reference(name, name) for name in references),
        **{name: one[name] for name in stated},
    )
    return Result(experiment, one["rounds"], tuple(Row(**row) for row in one["results"]))


def _experiment(one: dict[str, Any]) -> nodes.Node:
    title = ", ".join(filter(None, (one["title"], one["optimizer"], one["dtype"])))
    references = list(dict.fromkeys(name for row in one["results"] for name in row["ratios"]))
    heads = ["Contestant", "Median", "ns / parameter", "GB/s", *(f"× {name}" for name in references)]
    rows = [[[paragraph(cell)] for cell in _cells(row, references)] for row in one["results"]]
    said: list[nodes.Node] = [paragraph(f"{one['tensors']} tensors, {one['parameters']:,} parameters.")]
    if one["skipped"]:
        said.append(paragraph(f"Skipped: {one['skipped']}."))
    if rows:
        said.append(table(heads, rows, classes=["bench"]))
    return section(nodes.make_id(f"bench-{title}"), title, said)


def _cells(row: dict[str, Any], references: list[str]) -> list[str]:
    figures = [row["ns_per_parameter"], row["gb_per_s"], *(row["ratios"].get(name) for name in references)]
    numbers = ["" if figure is None else f"{figure:.3g}" for figure in figures]
    return [row["contestant"], duration(row["median_s"]), *numbers]


def setup(app: Any) -> dict[str, Any]:
    """Take part in the build."""
    app.add_directive("bench-results", BenchResults)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
