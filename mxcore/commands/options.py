"""What commands share: errors in one line, and a check that files are writable before minutes of work."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TextIO

import click

INTERRUPTED = 130
"""The exit status of a command that was interrupted."""


class RefusedError(click.ClickException):
    """The request cannot be carried out; printed as one line, with the exit status of bad usage."""

    exit_code = 2


class OneLine(click.Command):
    """A command that reports bad usage in one line, without repeating its usage."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual, but report errors in one line."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise RefusedError(error.format_message()) from error


def bar_stream(wanted: bool = True) -> TextIO:
    """Return where to draw a progress bar: stderr if that is a terminal, else nowhere. Click hides bars since 8.2."""
    return sys.stderr if wanted and sys.stderr.isatty() else io.StringIO()


def writable(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """Check that a file can be written to; a callback for click."""
    if path and (path.is_dir() or not path.parent.is_dir()):
        raise click.BadParameter(f"{str(path)!r} is {'a folder' if path.is_dir() else 'in a missing folder'}")
    return path
