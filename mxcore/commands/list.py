"""The command ``mxcore list``."""

from __future__ import annotations

import json

import attrs
import click

from mxcore import catalogue
from mxcore.catalogue.record import CORE
from mxcore.commands.summary import summary

SHORT = ("name", "kind", "what it is")
LONG = ("name", "kind", "distribution", "version", "status", "summary")


def _kind(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Parse a kind of plugin, in the singular or plural."""
    kind = value and value.removesuffix("s").replace("-", "_")
    if kind and kind not in catalogue.GROUPS:
        raise click.BadParameter(f"{value!r} is not a kind of plugin: choose from {', '.join(catalogue.GROUPS)}")
    return kind


@click.command("list")
@click.argument("kind", required=False, callback=_kind)
@click.option("--long", "-l", is_flag=True, help="Also show distributions, versions and status.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_plugins(kind: str | None, long: bool, as_json: bool) -> None:
    """List the installed plugins, of one KIND or of all, without importing any.

    KIND is optimizer, initializer, lr_scheduler, backend, namespace, command or hook. On a terminal, lines that are too
    long are cut.
    """
    records = catalogue.records(kind)
    if as_json:
        click.echo(json.dumps([attrs.asdict(record) for record in records], indent=1))
        return
    if records:
        from mxcore.commands.tables import print_table

        columns = LONG if long else SHORT
        rows = [[_cells(record)[column] for column in columns] for record in records]
        print_table(columns, rows, "break" if long else "cut")
    if not [record for record in records if kind or record.distribution != CORE]:
        click.echo(f"no {kind or 'plugin'} is installed. To get them all: {catalogue.how_to_install('mxcore-all')}")


def _cells(record: catalogue.Record) -> dict[str, str]:
    """Return the cells of a record. If it cannot be used, even the short list says so, before the description."""
    status = record.status + (f" ({record.reason})" if record.reason else "")
    said = summary(record)
    what = said if record.status == "ok" else f"{status}: {said}"
    return {**attrs.asdict(record), "status": status, "what it is": what}
