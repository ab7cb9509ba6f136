"""What commands share: a refusal in one line, and files that are seen to be writable before minutes are spent."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from mxcore import catalogue

__all__ = ["OneLineCommand", "RefusedError", "picture", "writable"]


class RefusedError(click.ClickException):
    """Something that was asked for cannot be done; one line, with the status of bad usage."""

    exit_code = 2


class OneLineCommand(click.Command):
    """A command that states bad usage in one line, without repeating how it is used."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual; complain in one line."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise RefusedError(error.format_message()) from error


def writable(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """A file that can be written to; a callback for click."""
    if path and (path.is_dir() or not path.parent.is_dir()):
        raise click.BadParameter(f"{str(path)!r} is {'a folder' if path.is_dir() else 'in a folder that is not there'}")
    return path


def picture(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """A file that a picture can be written to; a callback for click."""
    from mxcore.plotting.style import suffix_of

    if path:
        try:
            suffix_of(path)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
        if not importlib.util.find_spec("matplotlib"):
            raise click.BadParameter(f"matplotlib is not installed: {catalogue.how_to_install('mxcore[plot]')}")
    return writable(context, parameter, path)
