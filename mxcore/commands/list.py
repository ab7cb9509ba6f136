"""The command ``mxcore list``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import click

from mxcore import catalogue
from mxcore.catalogue.properties import PROPERTIES, Condition, conditions, properties
from mxcore.catalogue.record import CORE, main_name
from mxcore.commands.summary import summary

SHORT = ("name", "kind", "what it is")
LONG = ("name", "kind", "distribution", "version", "status", "summary")


def _kind(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Parse a kind of plugin, in the singular or plural."""
    kind = value and value.removesuffix("s").replace("-", "_")
    if kind and kind not in catalogue.GROUPS:
        raise click.BadParameter(f"{value!r} is not a kind of plugin: choose from {', '.join(catalogue.GROUPS)}")
    return kind


def _conditions(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> list[Condition]:
    """Parse conditions on properties."""
    try:
        return [condition for text in texts for condition in conditions(text)]
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_PROPERTIES = "\b\nProperties:\n" + "".join(f"  {name:12} {says}\n" for name, (_, says) in PROPERTIES.items())


@click.command("list", epilog=_PROPERTIES)
@click.argument("kind", required=False, callback=_kind)
@click.option(
    "--where",
    "wanted",
    multiple=True,
    metavar="CONDITION",
    callback=_conditions,
    help="Only algorithms with a property, as in 'state_bytes<=4 and not needs_all'; can be repeated.",
)
@click.option("--long", "-l", is_flag=True, help="Also show distributions, versions and status.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_plugins(kind: str | None, wanted: list[Condition], long: bool, as_json: bool) -> None:
    """List the installed plugins, of one KIND or of all, without importing any.

    KIND is optimizer, initializer, lr_scheduler, backend, kvstore, namespace, command, hook or reader. On a terminal,
    lines that are too long are cut.
    """
    records = catalogue.records(kind)
    stated = {record: properties(record) if wanted else {} for record in records}
    listed = [record for record in records if all(condition.holds(stated[record]) for condition in wanted)]
    if as_json:
        entries = [{**attrs.asdict(record), **({"properties": stated[record]} if wanted else {})} for record in listed]
        click.echo(json.dumps(entries, indent=1))
        return
    if listed:
        from mxcore.commands.tables import print_table

        first, *rest = LONG if long else SHORT
        columns = [first, rest[0], *dict.fromkeys(condition.name for condition in wanted), *rest[1:]]
        originals = _originals(records)
        rows = [[_cells(record, stated[record], originals)[column] for column in columns] for record in listed]
        print_table(columns, rows, "break" if long else "cut")
    elif wanted and records:
        click.echo(f"no {kind or 'plugin'} has these properties")
    if not [record for record in records if kind or record.distribution != CORE]:
        click.echo(f"no {kind or 'plugin'} is installed. To get them all: {catalogue.how_to_install('mxcore-all')}")


def _cell(value: object) -> str:
    """Return the value of a property as text."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _originals(records: Iterable[catalogue.Record]) -> dict[catalogue.Record, str]:
    """Return the main name of each record that is an alias."""
    same: dict[tuple[str, str, str], list[catalogue.Record]] = {}
    for record in records:
        same.setdefault((record.kind, record.distribution, record.target), []).append(record)
    mains = [(main_name(group[0].class_name, [one.name for one in group]), group) for group in same.values()]
    return {record: main for main, group in mains for record in group if record.name != main}


def _cells(
    record: catalogue.Record, stated: Mapping[str, Any], originals: Mapping[catalogue.Record, str]
) -> dict[str, str]:
    """Return the cells of a record. If it cannot be used, even the short list says so, before the description."""
    status = record.status + (f" ({record.reason})" if record.reason else "")
    said = f"another name of {originals[record]}" if record in originals else summary(record)
    what = said if record.status == "ok" else f"{status}: {said}"
    texts = {name: _cell(value) for name, value in stated.items()}
    return {**texts, **attrs.asdict(record), "status": status, "what it is": what}
