"""The command-line option for an image file."""

from __future__ import annotations

from pathlib import Path

import click

from mxcore.commands.options import writable
from mxcore_plot.style import suffix_of

__all__ = ["picture"]


def picture(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """Check that an image can be written to a file; a callback for click."""
    if path:
        try:
            suffix_of(path)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
    return writable(context, parameter, path)
