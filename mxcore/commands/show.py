"""The command ``mxcore show``."""

from __future__ import annotations

import inspect

import click

from mxcore import catalogue
from mxcore.declarations import describe


@click.command()
@click.argument("name")
def show(name: str) -> None:
    """Show the signature, hyper-parameters and documentation of NAME.

    NAME is a name from `mxcore list`, or a qualified name such as optimizer:adam or mxcore-optimizer-adam:adam.
    """
    click.echo("\n\n".join(_page(record) for record in catalogue.find_all(name)))


def _page(record: catalogue.Record) -> str:
    cls = catalogue.load_record(record)
    described = describe(cls)
    width = max((len(f"{row.name} = {row.default}") for row in described), default=0)
    rows = [f"  {f'{row.name} = {row.default}':{width}}  {row.requirement}".rstrip() for row in described]
    title = f"{record.name}: {record.kind} of {record.distribution} {record.version}"
    signature = f"{record.class_name}{inspect.signature(cls)}"
    return "\n\n".join(filter(None, [title, signature, "\n".join(rows), inspect.getdoc(cls)]))
