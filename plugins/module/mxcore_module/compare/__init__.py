"""The command ``mxcore compare``: train a network with several optimizers, learning rates and seeds.

Importing this imports only click; :mod:`mxcore_module.compare.session` does the work.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from mxcore_module.train.options import RATES, SIZES

__all__ = ["compare"]

EPILOG = """\b
Examples:
  mxcore compare sgd adam lamb
  mxcore compare sgd:momentum=0.9 adam:beta1=0.8 --rates 0.001,0.01,0.1 --seeds 5
  mxcore compare adam lion --data wine.csv --label quality --hidden 32 --epochs 50
  mxcore compare all --tune --lr-scheduler cosine --seeds 5
  mxcore compare sgd:momentum=0.9 adam --problem least-squares --tune"""


@click.command(epilog=EPILOG)
@click.argument("optimizers", nargs=-1, required=True, metavar="NAME[:ARGUMENT=VALUE,...]...")
@click.option(
    "--rates",
    type=RATES,
    help="Learning rates for all optimizers.  [default: five from 1/10 to 10 times each optimizer's default]",
)
@click.option("--tune", is_flag=True, help="Try further rates while the best one is the highest or lowest tried.")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Runs per learning rate.")
@click.option(
    "--problem",
    type=click.Choice(["network", "least-squares", "factorization"]),
    default="network",
    show_default=True,
    help="A network; an ill-conditioned linear least-squares problem; or the factorization of a photograph into thin "
    "matrices. The latter two have exact gradients.",
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Passes over the data; 50 updates each without data.",
)
@click.option("--data", default="digits", show_default=True, metavar="digits|FILE.csv|FILE.npz", help="The data set.")
@click.option("--label", metavar="COLUMN", help="The label column, by name or number from 0.  [default: the last]")
@click.option("--initializer", default="xavier", show_default=True, metavar="NAME", help="The weight initializer.")
@click.option(
    "--lr-scheduler", default="none", show_default=True, metavar="NAME", help="The learning-rate schedule, or 'none'."
)
@click.option("--hidden", type=SIZES, default="128,64", show_default=True, help="Widths of the hidden layers.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Rows per update.  [default: 32, or all if fewer]")
@click.option(
    "--workers", type=click.IntRange(min=1), help="Processes; they do not affect the results.  [default: one per core]"
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The output folder; an earlier comparison in it is replaced.  [default: a new folder in mxcore-runs]",
)
@click.pass_context
def compare(ctx: click.Context, /, **options: Any) -> None:
    """Train the same network with several optimizers and report which does best.

    The report also shows how sensitive each one is to its learning rate. You can add arguments to each NAME, as in
    adam:beta1=0.8, and to the initializer and the scheduler; an optimizer's learning_rate becomes the middle of its
    rates. The name all stands for every installed optimizer that needs nothing but gradients; the results are then
    in order, best first. Each seed gives another split, row order and initial weights, or another problem, the same
    for all optimizers. The folder holds report.html, compare.svg, and the results as summary.csv, runs.csv and
    epochs.csv.
    """
    from mxcore_module.compare.session import run

    of_networks = ("data", "label", "initializer", "hidden", "batch_size")
    given = [name for name in of_networks if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT]
    if options["problem"] != "network" and given:
        flag = given[0].replace("_", "-")
        raise click.UsageError(f"--{flag} is for networks: leave it out with --problem {options['problem']}")
    ctx.exit(run(options))
