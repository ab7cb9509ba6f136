"""The command line: commands of the core and of plugins, found in the same way and imported when used."""

from __future__ import annotations

from typing import Any

import click

from mxcore import catalogue
from mxcore.catalogue.record import CORE
from mxcore.commands.options import INTERRUPTED, OneLine, RefusedError
from mxcore.commands.summary import summary
from mxcore.version import __version__


class _Commands(OneLine, click.Group):
    """A group of the commands that installed distributions offer."""

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
        """Describe each command from its source, so that showing help imports no plugin."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary(record)) for name, record in sorted(_offered().items())])

    def invoke(self, ctx: click.Context) -> Any:
        """Report errors in one line, with the exit status of bad usage or of an interrupt."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise RefusedError(error.format_message()) from error
        except catalogue.PluginError as error:
            raise RefusedError(str(error)) from error
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)


def _offered() -> dict[str, catalogue.Record]:
    """Return the record of each command. No plugin can replace one of the core's, which diagnose broken plugins."""
    records = [record for record in catalogue.survey() if record.kind == "command"]
    return {record.name: record for record in sorted(records, key=lambda record: record.distribution == CORE)}


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="mxcore")
@click.pass_context
def main(ctx: click.Context, /) -> None:
    """Initializers, optimizers and learning-rate schedulers by name."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
