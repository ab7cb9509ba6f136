"""The command ``mxcore list``."""

from __future__ import annotations

import json

import attrs
import click

from mxcore import catalogue
from mxcore.catalogue.record import CORE


def _kind(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """A kind of plugin, in the singular or in the plural."""
    kind = value and value.removesuffix("s").replace("-", "_")
    if kind and kind not in catalogue.GROUPS:
        raise click.BadParameter(f"{value!r} is no kind of plugin: choose from {', '.join(catalogue.GROUPS)}")
    return kind


@click.command("list")
@click.argument("kind", required=False, callback=_kind)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_plugins(kind: str | None, as_json: bool) -> None:
    """List what is installed, of one KIND or of all; no plugin is imported.

    KIND is optimizer, initializer, lr_scheduler, backend, namespace, command or hook.
    """
    records = catalogue.records(kind)
    if as_json:
        click.echo(json.dumps([attrs.asdict(record) for record in records], indent=1))
        return
    if records:
        from mxcore.commands.tables import print_table

        columns = ("name", "kind", "distribution", "version", "status", "summary")
        print_table(columns, map(_row, records))
    if not [record for record in records if kind or record.distribution != CORE]:
        click.echo(f"no {kind or 'plugin'} is installed. All of this project: {catalogue.how_to_install('mxcore-all')}")


def _row(record: catalogue.Record) -> tuple[str, ...]:
    status = record.status + (f" ({record.reason})" if record.reason else "")
    return (record.name, record.kind, record.distribution, record.version, status, record.summary)
