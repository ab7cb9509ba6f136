"""One-sentence summaries of installed plugins; those of commands come from their source. Nothing is imported."""

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
    """Return the first sentence of a command's help, or for other records the summary of their distribution.

    A command whose source has no help also gets the summary of its distribution.
    """
    of_distribution = record.summary.removesuffix(", for mxcore")
    if record.kind != "command":
        return of_distribution
    module, _, attribute = record.target.partition(":")
    try:
        said = next(filter(None, _helps(ast.parse(_source(module)), attribute)), "")
    except (Exception, SystemExit):  # a broken command must not break the list; its error shows when it is run
        said = ""
    brief = click.Command(None, help=said).get_short_help_str(WIDTH)
    return brief or f"{of_distribution} ({record.distribution})"


def _source(module: str) -> bytes:
    """Return the source of a module, found without importing its packages."""
    package, *rest = module.split(".")
    name, spec = package, find_spec(package)
    for part in rest:
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, spec.submodule_search_locations if spec else None)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name=module)
    return Path(spec.origin).read_bytes()


def _helps(tree: ast.Module, name: str) -> Iterator[str]:
    """Return a command's help from its module: from the decorator, the docstring, or an explicit ``click.Command``."""
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
