"""What something installed is, in a sentence; of a command, from its source. Nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

import click

from mxcore.catalogue.record import Record

WIDTH = 80


def summary(record: Record) -> str:
    """The first sentence of the help of a command; of everything else, what its distribution says of itself.

    So it is for a command whose source does not tell.
    """
    of_distribution = record.summary.removesuffix(", for mxcore")
    if record.kind != "command":
        return of_distribution
    module, _, attribute = record.target.partition(":")
    try:
        said = next(filter(None, _helps(ast.parse(_source(module)), attribute)), "")
    except (Exception, SystemExit):  # whatever is wrong with it concerns that command, and shows when it is typed
        said = ""
    brief = click.Command(None, help=said).get_short_help_str(WIDTH)
    return brief or f"{of_distribution} ({record.distribution})"


def _source(module: str) -> bytes:
    """The text of a module, whose packages need not be imported to find it."""
    package, *rest = module.split(".")
    name, spec = package, find_spec(package)
    for part in rest:
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, spec.submodule_search_locations if spec else None)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name=module)
    return Path(spec.origin).read_bytes()


def _helps(tree: ast.Module, name: str) -> Iterator[str]:
    """What a module says of one of its commands: in the decorator, in the function, or where it is made by hand."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            makers = [one for one in node.decorator_list if "command" in ast.unparse(getattr(one, "func", one))]
            yield from (text for maker in makers for text in _keywords(maker))
            yield ast.get_docstring(node) or ""
        elif isinstance(node, ast.Assign) and name in [ast.unparse(target) for target in node.targets]:
            yield from _keywords(node.value)


def _keywords(call: ast.expr) -> Iterator[str]:
    given = {word.arg: word.value for word in call.keywords} if isinstance(call, ast.Call) else {}
    for keyword in ("short_help", "help"):
        value = given.get(keyword)
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value
