"""The option of a command that names a picture."""

from __future__ import annotations

from pathlib import Path

import click

from mxcore.commands.options import writable
from mxcore_plot.style import suffix_of

__all__ = ["picture"]


def picture(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """A file that a picture can be written to; a callback for click."""
    if path:
        try:
            suffix_of(path)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
    return writable(context, parameter, path)
