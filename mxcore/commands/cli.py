"""The command line: ``mxcore list``, ``mxcore show``, and the commands of plugins, imported when they are typed."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Sequence
from typing import Any

import attrs
import click

from mxcore import __version__, catalogue
from mxcore.declarations import describe

__all__ = ["main"]

# Commands of the core that are imported when they are typed: their module, and what the list says of them.
_LATE = {
    "bench": ("mxcore.bench.command", "Time the optimizers against other libraries and against what memory allows."),
    "check": ("mxcore.testing.command", "Check whether algorithms do what every user of mxcore relies on."),
    "doctor": (
        "mxcore.commands.doctor.command",
        "Say what is installed and in use, what is wrong with it, and what to do.",
    ),
    "new": ("mxcore.new", "Scaffold an optimizer, an initializer or a scheduler: a project with tests and CI."),
    "plot": ("mxcore.plotting.command", "Draw schedules, or the paths of optimizers on a test function."),
}


class _Commands(click.Group):
    """The core's commands, and those that installed plugins offer."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_LATE, *_installed_commands()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _LATE:
            own: click.Command = getattr(importlib.import_module(_LATE[cmd_name][0]), cmd_name)
            return own
        command = super().get_command(ctx, cmd_name)
        if command or cmd_name not in {*_installed_commands(), *catalogue.known_names("command")}:
            return command
        loaded: click.Command = catalogue.load("command", cmd_name)
        return loaded

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List a plugin's command by what its metadata says, so that asking for help imports no plugin."""
        own = {name: command.get_short_help_str(80) for name, command in self.commands.items()}
        own.update({name: summary for name, (_, summary) in _LATE.items()})
        installed = _installed_commands()
        offered = {name: f"{record.summary} ({record.distribution})" for name, record in installed.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted({**offered, **own}.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Say what is wrong with a plugin in one line, with the exit status of bad usage."""
        try:
            return super().invoke(ctx)
        except catalogue.PluginError as error:
            raise click.UsageError(str(error)) from error


def _installed_commands() -> dict[str, catalogue.Record]:
    return {record.name: record for record in catalogue.records("command")}


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="mxcore")
def main() -> None:
    """Initializers, optimizers and learning-rate schedulers by name."""


def _kind(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """A kind of plugin, in the singular or in the plural."""
    kind = value and value.removesuffix("s").replace("-", "_")
    if kind and kind not in catalogue.GROUPS:
        raise click.BadParameter(f"{value!r} is no kind of plugin: choose from {', '.join(catalogue.GROUPS)}")
    return kind


@main.command("list")
@click.argument("kind", required=False, callback=_kind)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_plugins(kind: str | None, as_json: bool) -> None:
    """List what is installed, of one KIND or of all; no plugin is imported.

    KIND is optimizer, initializer, lr_scheduler, backend, namespace, command or hook.
    """
    records = catalogue.records(kind)
    if as_json:
        click.echo(json.dumps([attrs.asdict(record) for record in records], indent=1))
    elif records:
        _print_table(records)
    else:
        click.echo(f"no {kind or 'plugin'} is installed. All of this project: {catalogue.how_to_install('mxcore-all')}")


def _print_table(records: Sequence[catalogue.Record]) -> None:
    from mxcore.commands.tables import print_table

    rows = [
        (record.name, record.kind, record.distribution, record.version, _status(record), record.summary)
        for record in records
    ]
    print_table(("name", "kind", "distribution", "version", "status", "summary"), rows)


def _status(record: catalogue.Record) -> str:
    return record.status + (f" ({record.reason})" if record.reason else "")


@main.command("show")
@click.argument("name")
def show(name: str) -> None:
    """Show the signature, the hyper-parameters and the documentation of NAME.

    NAME is what `mxcore list` shows, or a qualified name such as optimizer:adam or mxcore-optimizer-adam:adam.
    """
    click.echo("\n\n".join(_page(record) for record in catalogue.find_all(name)))


def _page(record: catalogue.Record) -> str:
    cls = catalogue.load_record(record)
    described = describe(cls)
    width = max((len(f"{row.name} = {row.default}") for row in described), default=0)
    rows = [f"  {f'{row.name} = {row.default}':{width}}  {row.requirement}".rstrip() for row in described]
    return "\n".join(
        [
            f"{record.name}: {record.kind} of {record.distribution} {record.version}",
            "",
            f"{record.class_name}{inspect.signature(cls)}",
            "",
            *rows,
            "",
            inspect.getdoc(cls) or "",
        ]
    )
