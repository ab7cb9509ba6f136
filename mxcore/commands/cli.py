"""The command line: commands of the core and of plugins, found alike, and imported when they are typed."""

from __future__ import annotations

from typing import Any

import click

from mxcore import catalogue
from mxcore.catalogue.record import CORE
from mxcore.version import __version__


class _Commands(click.Group):
    """The commands that installed distributions offer."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_offered())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command: click.Command | None = None
        record = _offered().get(cmd_name)
        if record and record.distribution == CORE:
            command = catalogue.load_record(record)
        elif record or cmd_name in catalogue.known_names("command"):
            command = catalogue.load("command", cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List a plugin's command by what its metadata says, so that asking for help imports no plugin."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(record)) for name, record in sorted(_offered().items())])

    def invoke(self, ctx: click.Context) -> Any:
        """Say what is wrong with a plugin in one line, with the exit status of bad usage."""
        try:
            return super().invoke(ctx)
        except catalogue.PluginError as error:
            raise click.UsageError(str(error)) from error


def _offered() -> dict[str, catalogue.Record]:
    """The record of each command. Nobody can take the name of one of the core's: some say what is wrong with others."""
    records = [record for record in catalogue.survey() if record.kind == "command"]
    return {record.name: record for record in sorted(records, key=lambda record: record.distribution == CORE)}


def _summary(record: catalogue.Record) -> str:
    if record.distribution != CORE:
        return f"{record.summary.removesuffix(', for mxcore')} ({record.distribution})"
    command: click.Command = catalogue.load_record(record)
    return command.get_short_help_str(80)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="mxcore")
def main() -> None:
    """Initializers, optimizers and learning-rate schedulers by name."""
