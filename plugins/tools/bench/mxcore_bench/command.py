"""The command ``mxcore bench``. Importing this imports only what is needed to check options, and no peers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from mxcore_plot.options import picture

from mxcore import catalogue
from mxcore.backend import BackendError
from mxcore.commands.options import RefusedError, writable
from mxcore_bench.device import DEVICES
from mxcore_bench.experiment import Entrant, Experiment
from mxcore_bench.problem import DTYPES, algorithm_of
from mxcore_bench.results import Result, run
from mxcore_bench.suite import GROUPS, names, suite

__all__ = ["bench"]

EPILOG = f"""\b
Workloads:
{chr(10).join(f"  {group:9} {', '.join(name for name, of in names().items() if of == group)}" for group in GROUPS)}

\b
Examples:
  mxcore bench --workload mlp --optimizer adam --seconds 2
  mxcore bench --workload steps --only llvm --only fused --json steps.json --plot steps.png
  mxcore bench --check"""


def _installed(_context: click.Context, _parameter: click.Parameter, names: Sequence[str]) -> Sequence[str]:
    """Check that optimizers can be created; a callback for click."""
    try:
        return [algorithm_of(name).name for name in names]
    except (catalogue.PluginError, ValueError, TypeError) as error:
        raise RefusedError(str(error)) from error


_FILE = click.Path(path_type=Path)


@click.command(epilog=EPILOG)
@click.option(
    "--workload",
    "workloads",
    multiple=True,
    type=click.Choice([*GROUPS, *names()]),
    metavar="NAME",
    help="A workload or group, as listed below; may be repeated.  [default: all but rules, and "
    "calls with 4 and 1000 numbers only]",
)
@click.option(
    "--optimizer",
    "optimizers",
    multiple=True,
    callback=_installed,
    metavar="NAME",
    help="Any installed optimizer; other libraries take part in adam, lamb and sgd.  [default: adam for calls, every "
    "element-wise one for rules, these three for the rest]",
)
@click.option(
    "--dtype",
    "dtypes",
    multiple=True,
    type=click.Choice(DTYPES),
    help="Dtype of the weights; bfloat16 has float32 masters.  [default: float32, and both for the large workloads]",
)
@click.option(
    "--device",
    type=click.Choice([*DEVICES]),
    default="cpu",
    show_default=True,
    help="The device. A GPU needs CuPy, and runs steps, overhead and calls in float32.",
)
@click.option(
    "--threads",
    multiple=True,
    type=click.IntRange(min=1),
    default=(1, 2),
    help="Number of threads; may be repeated.  [default: 1 and 2]",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    help="Time for the rounds of each experiment; there are at least three rounds.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="CONTESTANT",
    help="Run only contestants whose name contains this text, such as 'llvm 1T' or torch; may be repeated.",
)
@click.option("--json", "json_file", type=_FILE, callback=writable, metavar="FILE", help="Write all results here.")
@click.option("--plot", type=_FILE, callback=picture, metavar="FILE.svg|.png|.pdf", help="Draw the ratios here.")
@click.option("--check", is_flag=True, help="Report whether this machine meets each target; exit status 1 if not.")
@click.pass_context
def bench(ctx: click.Context, /, **options: Any) -> None:
    """Compare the speed of optimizers with other libraries and with memory bandwidth.

    The contestants of an experiment take turns in one process. Columns that start with × are medians of the ratios per
    round: to a kernel with the same loads and stores but next to no arithmetic (limit), to hand-written NumPy
    (NumPy out=), to torch's fused optimizer on the same number of threads (torch), and on its fastest number of
    threads (best torch). Calls are also compared with thinc and with their first case; their times are per parameter.
    Rules are compared with torch's optimizer of the same name, or that of pytorch_optimizer (torch package).
    Libraries that are not installed are left out.
    """
    none_missed = _run(**options)
    ctx.exit(0 if none_missed else 1)


def _run(
    *,
    workloads: Sequence[str],
    optimizers: Sequence[str],
    dtypes: Sequence[str],
    device: str,
    threads: Sequence[int],
    seconds: float,
    only: Sequence[str],
    json_file: Path | None,
    plot: Path | None,
    check: bool,
) -> bool:
    """Run, print and write; return whether all targets were met."""
    from mxcore.commands.tables import console
    from mxcore_bench import machine, ours, table, targets

    described = machine.describe(_usable(device, check=check))
    experiments = suite(workloads, optimizers, dtypes, sorted(set(threads)), DEVICES[device])
    if not experiments:
        raise RefusedError("no experiment is left: calls are in float32 only, and a GPU has no fills and no start")
    wanted = _filter(experiments, only)
    console().print(machine.line(described))
    with ours.restored():
        results = _run_all([one for one in experiments if any(map(wanted, one.entrants))], seconds, wanted)
    verdicts = targets.check(results) if check else []
    if check:
        table.print_verdicts(verdicts)
    if json_file:
        report = {"machine": described, "seconds": seconds, "experiments": [result.as_json() for result in results]}
        _write(json_file, lambda: json_file.write_text(json.dumps(report, indent=1) + "\n", "utf-8"))
    if plot:
        from mxcore_bench.plot import draw

        _write(plot, lambda: draw(plot, results, described))
    return not any(verdict.met is False for verdict in verdicts)


def _usable(device: str, *, check: bool) -> str | None:
    """Return the model of the requested GPU, if any."""
    if device != "cpu" and check:
        raise RefusedError("the targets are for the CPU: leave out --check or --device")
    try:
        return DEVICES[device].describe()
    except BackendError as error:
        raise RefusedError(str(error)) from error


def _filter(experiments: Sequence[Experiment], only: Sequence[str]) -> Callable[[Entrant], bool]:
    """Return whether a contestant's name contains one of the texts."""

    def wanted(entrant: Entrant) -> bool:
        return not only or any(text.lower() in entrant.name.lower() for text in only)

    known = dict.fromkeys(entrant.name for experiment in experiments for entrant in experiment.entrants)
    for text in only:
        if not any(text.lower() in name.lower() for name in known):
            raise RefusedError(f"no contestant's name contains {text!r}: the contestants are {', '.join(known)}")
    return wanted


def _run_all(experiments: Sequence[Experiment], seconds: float, wanted: Callable[[Entrant], bool]) -> list[Result]:
    """Run the experiments one after the other, printing each result above a bar on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from mxcore_bench.table import print_result

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    results = []
    # Drawn only between rounds: a drawing thread would disturb samples.
    bar = Progress(
        *columns, console=Console(stderr=True), transient=True, auto_refresh=False, disable=not sys.stderr.isatty()
    )
    with bar as progress:
        task = progress.add_task("", total=len(experiments))
        for number, experiment in enumerate(experiments):
            progress.update(task, description=experiment.label, completed=number, refresh=True)
            report = lambda share, done=number: progress.update(task, completed=done + share, refresh=True)
            results.append(run(experiment, seconds, wanted, report))
            print_result(results[-1])
    return results


def _write(path: Path, write: Callable[[], object]) -> None:
    try:
        write()
    except OSError as error:
        raise RefusedError(f"cannot write to {str(path)!r}: {error.strerror or error}") from None
