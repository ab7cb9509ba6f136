"""Results as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table

from mxcore.commands.tables import console
from mxcore_bench.results import Result, Row
from mxcore_bench.targets import Verdict

__all__ = ["duration", "print_result", "print_verdicts"]


def duration(seconds: float) -> str:
    """Format a time in a suitable unit.

    >>> duration(1.5e-6), duration(0.0123), duration(2)
    ('1.50 µs', '12.3 ms', '2.00 s')
    """
    factor, unit = next(((f, u) for f, u in ((1, "s"), (1e3, "ms")) if seconds * f >= 1), (1e6, "µs"))
    value = seconds * factor
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"


def print_result(result: Result) -> None:
    """Print an experiment: a row for each contestant, and those that did not take part."""
    experiment, out = result.experiment, console()
    count = f": {experiment.tensors} tensors, {experiment.parameters:,} parameters" if experiment.tensors > 1 else ""
    out.print(f"\n[bold]{experiment.label}[/bold]{count}", f"({result.rounds} rounds)" if result.rounds else "")
    if result.skipped:
        out.print(f"skipped: {result.skipped}")
    if result.rows:
        out.print(_table(result))
    for reason, names in _by_reason(result.left_out.items()).items():
        out.print(f"left out: {', '.join(names)} ({reason})", style="dim")


def _table(result: Result) -> Table:
    references = [one.name for one in result.experiment.references]
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("contestant", no_wrap=True)
    for column in ("median", "best", "ns/param", "GB/s", *(f"× {name}" for name in references)):
        table.add_column(column, justify="right", no_wrap=True)
    for row in result.rows:
        table.add_row(*_cells(row, references))
    return table


def _cells(row: Row, references: Sequence[str]) -> list[str]:
    ratios = [_number(row.ratios.get(name)) for name in references]
    figures = [_number(row.ns_per_parameter), _number(row.gb_per_s)]
    return [row.contestant, duration(row.median_s), duration(row.best_s), *figures, *ratios]


def _number(value: float | None) -> str:
    """Format with three significant digits, so that both 0.0123 and 1230 are readable; None is empty."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value < 0.1 else f"{value:.2f}"


def _by_reason(left_out: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for name, reason in left_out:
        reasons.setdefault(reason, []).append(name)
    return reasons


def print_verdicts(verdicts: Sequence[Verdict]) -> None:
    """Print each target, its measurement, and whether it is met."""
    table = Table(box=None, header_style="bold", pad_edge=False, title="Targets", title_justify="left")
    for column in ("workload", "optimizer", "dtype", "contestant", "figure"):
        table.add_column(column, no_wrap=True)
    for column in ("at most", "measured"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("")
    for verdict in verdicts:
        table.add_row(*_verdict(verdict))
    out = console()
    out.print()
    out.print(table)
    met = [verdict.met for verdict in verdicts]
    out.print(f"\n{met.count(True)} met, {met.count(False)} missed, {met.count(None)} not measured")


def _verdict(verdict: Verdict) -> list[str]:
    target, says = verdict.target, {True: "[green]met[/]", False: "[red]missed[/]", None: "[dim]not measured[/]"}
    show = duration if target.figure == "seconds" else _number
    figure = "median time" if target.figure == "seconds" else f"× {target.figure}"
    return [
        target.workload,
        target.optimizer or "",
        target.dtype or "",
        ", ".join(filter(None, (target.family, target.case))),
        figure,
        show(target.at_most),
        "" if verdict.measured is None else show(verdict.measured),
        says[verdict.met],
    ]
