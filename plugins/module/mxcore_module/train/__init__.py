"""The command ``mxcore train``: train a network on real data and record the run.

Importing this imports only click; :mod:`mxcore_module.train.session` does the work. The parts are plain functions and
classes that are independent of the command line: :func:`~mxcore_module.train.data.load`,
:class:`~mxcore_module.train.run.Training`, :class:`~mxcore_module.train.report.RunFolder`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from mxcore_module.train.options import DEVICE, KEY_VALUE, SIZES, collect

__all__ = ["train"]

F = TypeVar("F", bound=Callable[..., Any])

EPILOG = """\b
Examples:
  mxcore train
  mxcore train --optimizer adam --lr 0.01 --optimizer-arg beta1=0.8 --seed 1
  mxcore train --clip-norm 1 --average --group '.*_bias' wd=0,learning_rate=0.01
  mxcore train --data wine.csv --label quality --hidden 32 --epochs 50
  mxcore train --resume mxcore-runs/wine-sgd"""


def _arguments(flag: str, whose: str) -> Callable[[F], F]:
    return click.option(
        flag,
        type=KEY_VALUE,
        multiple=True,
        callback=collect,
        help=f"A hyper-parameter of the {whose}; may be repeated. The value is a Python literal, or else a string.",
    )


@click.command(epilog=EPILOG)
@click.option("--data", default="digits", show_default=True, metavar="digits|FILE.csv|FILE.npz", help="The data set.")
@click.option("--label", metavar="COLUMN", help="The label column, by name or number from 0.  [default: the last]")
@click.option("--optimizer", metavar="NAME", help="[default: sgd with learning_rate=0.05, momentum=0.9, wd=0.005]")
@click.option("--lr", type=float, metavar="RATE", help="The initial learning rate.  [default: the optimizer's own]")
@click.option("--lr-find", is_flag=True, help="First find the initial learning rate, with mxcore-lrfind.")
@_arguments("--optimizer-arg", "optimizer")
@click.option("--clip-norm", type=float, metavar="NORM", help="Scale gradients down whose norm together exceeds this.")
@click.option(
    "--accumulate",
    type=click.IntRange(min=1),
    metavar="N",
    help="Batches per update, which is made with the mean of their gradients.  [default: 1]",
)
@click.option(
    "--average",
    is_flag=True,
    help="Evaluate with an average of the weights, over about a tenth of the run; --optimizer-arg beta=… changes that.",
)
@click.option(
    "--group",
    nargs=2,
    multiple=True,
    metavar="PATTERN NAME=VALUE,…",
    help="Settings of the parameters whose names begin with a match of a regular expression, such as '.*_bias' "
    "wd=0,learning_rate=0.01 or fc1 frozen=true; may be repeated, the first match counts.",
)
@click.option(
    "--groups",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.toml|FILE.json",
    help="More groups: a file with a table of settings for each pattern.",
)
@click.option("--initializer", default="xavier", show_default=True, metavar="NAME", help="The weight initializer.")
@_arguments("--initializer-arg", "initializer")
@click.option(
    "--lr-scheduler",
    default="multifactor",
    show_default=True,
    metavar="NAME",
    help="The learning-rate schedule; 'none' for a constant rate. Schedulers adapt to the length of the run: "
    "multifactor drops to a fifth at one half and at three quarters, factor by a quarter in each tenth.",
)
@_arguments("--lr-scheduler-arg", "scheduler")
@click.option("--hidden", type=SIZES, default="128,64", show_default=True, help="Widths of the hidden layers.")
@click.option("--epochs", type=click.IntRange(min=1), default=20, show_default=True, help="Passes over the data.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Rows per update.  [default: 32, or all if fewer]")
@click.option("--device", type=DEVICE, default="cpu", show_default=True, help="The device; gpu is gpu:0.")
@click.option(
    "--kvstore", metavar="NAME", help="Train in several processes that share a store, such as dist_sync or dist_async."
)
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="With --kvstore, how many.")
@click.option("--servers", type=click.IntRange(min=1), default=1, show_default=True, help="With --kvstore, how many.")
@click.option("--seed", type=click.IntRange(min=0), help="The same seed gives the same run.  [default: a fresh one]")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The output folder; an earlier run in it is replaced.  [default: a new folder in mxcore-runs]",
)
@click.option(
    "--resume",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="Resume the stopped run in this folder, with its own options.",
)
@click.pass_context
def train(ctx: click.Context, /, **options: Any) -> None:
    """Train a multi-layer perceptron and plot the run.

    Without options, it trains on the handwritten digits from scikit-learn, in a few seconds. A fifth of the rows is
    used for validation. The folder of a run holds metrics.csv, curves.png, config.json, and the latest and the best
    model, which are saved after each epoch. A stopped run that is resumed ends with the same bits.

    With --kvstore, each of the --workers trains on its part of the rows; the first one shows and writes the results.

    The exit status is 1 if the loss becomes infinite or NaN, 130 after Ctrl-C, and 2 if an option is invalid.
    """
    others = [name for name in options if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT]
    if options["resume"] and others != ["resume"]:
        flag = next(name for name in others if name != "resume").replace("_", "-")
        raise click.UsageError(f"--resume takes all other options from the run in the folder: leave out --{flag}")
    from mxcore_module.train.session import run

    ctx.exit(run(options))
