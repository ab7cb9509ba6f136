"""The command ``mxcore lr-find``, on the data and the network of ``mxcore train``."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import click

import mxcore as mx
from mxcore.commands.options import RefusedError
from mxcore_lrfind.result import Result

__all__ = ["lr_find"]

EPILOG = """\b
Examples:
  mxcore lr-find
  mxcore lr-find --optimizer adam --picture rates.svg
  mxcore lr-find --data wine.csv --label quality --hidden 32 --start 1e-5 --end 1"""

_WORKERS = {"kvstore", "workers", "servers"}
_NOT_SHARED = {"lr", "lr_find", "lr_scheduler", "lr_scheduler_arg", "epochs", "out", "resume", *_WORKERS}
_ROWS = 10
_SESSION = "mxcore_module.train.session"


def _picture(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """Check that an image can be written to a file, which needs mxcore-plot; a callback for click."""
    if path is None:
        return None
    try:
        mx.catalogue.load("namespace", "plot")
    except mx.catalogue.NotInstalledError as error:
        raise RefusedError(f"--picture: {error}") from error
    checked: Path | None = importlib.import_module("mxcore_plot.options").picture(context, parameter, path)
    return checked


def _shared() -> list[click.Parameter]:
    """Return the options of ``mxcore train``; none without mxcore-module, which the command needs, but not its help."""
    try:
        train = mx.catalogue.load("command", "train")
    except mx.catalogue.NotInstalledError:
        return []
    return [one for one in train.params if one.name not in _NOT_SHARED]


_SHARED = _shared()
_SETTINGS = {} if _SHARED else {"ignore_unknown_options": True, "allow_extra_args": True}


@click.command(epilog=EPILOG, params=_SHARED, context_settings=_SETTINGS)
@click.option("--start", type=float, default=1e-7, show_default=True, help="The first learning rate.")
@click.option("--end", type=float, default=10.0, show_default=True, help="The last learning rate.")
@click.option("--num", type=click.IntRange(min=3), default=100, show_default=True, help="The number of updates.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    callback=_picture,
    metavar="FILE.svg|.png|.pdf",
    help="Draw the losses here.",
)
def lr_find(start: float, end: float, num: int, picture: Path | None, **options: Any) -> None:
    """Find a learning rate for the network that `mxcore train` trains.

    It trains for --num updates while the learning rate grows from --start to --end, and suggests the rate at which the
    smoothed loss falls most steeply. It ends early when the loss has risen to four times its lowest. The other options
    are those of `mxcore train`, and `mxcore train --lr-find` trains with the suggestion.
    """
    mx.catalogue.load("command", "train")  # without it, the error says how to install it
    session = importlib.import_module(_SESSION)
    with session.refusing():
        seed = mx.random.seed(options["seed"])
        found: Result = session.search(options, seed, start=start, end=end, num=num)
    click.echo(_table(found))
    click.echo(f"Ended      {found.message}")
    if found.suggestion is None:
        click.echo("Suggestion none: the loss never fell. Try a lower --start, or a greater --end.")
    else:
        click.echo(
            f"Suggestion {found.suggestion:.3g}, the steepest descent; a tenth of the minimum is {found.tenth:.3g}"
        )
    click.echo(f"Seed       {seed}")
    if picture:
        _draw(found, picture, options)


def _table(found: Result) -> str:
    """Return evenly spaced rows, the last one included."""
    last = len(found.rates) - 1
    rows = sorted({round(last * place / (_ROWS - 1)) for place in range(_ROWS)})
    lines = [f"{found.rates[row]:13.3g} {found.losses[row]:10.4g} {found.smoothed[row]:10.4g}" for row in rows]
    return "\n".join([f"{'learning rate':>13} {'loss':>10} {'smoothed':>10}", *lines])


def _draw(found: Result, path: Path, options: dict[str, Any]) -> None:
    try:
        found.plot(path, f"{Path(options['data']).stem}, {options['optimizer'] or 'sgd'}")
    except OSError as error:
        raise RefusedError(f"cannot write to {str(path)!r}: {error.strerror or error}") from error
    click.echo(f"Drawn      {path}")
