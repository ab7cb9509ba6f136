"""What commands share: a refusal in one line, and files that are seen to be writable before minutes are spent."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TextIO

import click

INTERRUPTED = 130
"""The exit status of a command that was interrupted."""


class RefusedError(click.ClickException):
    """Something that was asked for cannot be done; one line, with the status of bad usage."""

    exit_code = 2


class OneLine(click.Command):
    """A command that states bad usage in one line, without repeating how it is used."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual; complain in one line."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise RefusedError(error.format_message()) from error


def bar_stream(wanted: bool = True) -> TextIO:
    """Where a bar is drawn: the error stream if that is a terminal, else nowhere. Click hides bars itself since 8.2."""
    return sys.stderr if wanted and sys.stderr.isatty() else io.StringIO()


def writable(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """A file that can be written to; a callback for click."""
    if path and (path.is_dir() or not path.parent.is_dir()):
        raise click.BadParameter(f"{str(path)!r} is {'a folder' if path.is_dir() else 'in a folder that is not there'}")
    return path
