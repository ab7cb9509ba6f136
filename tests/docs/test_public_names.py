"""Every public name is in the reference, and shows by an example what it does."""

import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sites import Site
from sphinx.util.inventory import InventoryFile

import mxcore as mx

ROOT = Path(__file__).resolve().parent.parent.parent
# Adapters need libraries that are not installed here: their README files have the examples.
ADAPTERS = {folder.name for folder in ROOT.glob("plugins/clients/*/mxcore_*")}
# What is explained by the text of another: hooks are declared, exceptions are raised, and neither is called.
DECLARED = "mxcore.hookspecs."


@pytest.fixture(scope="session")
def reference(site: Site) -> dict[str, str]:
    """What the reference has of Python, by its full name: a module, a class, a function and so on."""
    with (site.folder / "objects.inv").open("rb") as stream:
        inventory = InventoryFile.load(stream, "", lambda base, uri: uri)
    found = {name: kind.removeprefix("py:") for kind, names in inventory.items() for name in names if kind[:3] == "py:"}
    return {name: kind for name, kind in found.items() if name.partition(".")[0] not in ADAPTERS}


def public_modules(reference: dict[str, str]) -> list[ModuleType]:
    """Return the modules whose names, and not their text alone, stand in the reference."""
    modules = [name for name, kind in reference.items() if kind == "module" and not name.startswith("mxcore.kernel.")]
    holding = {name.rpartition(".")[0] for name, kind in reference.items() if kind in ("class", "function", "data")}
    return [pkgutil.resolve_name(name) for name in modules if name in holding]


def full_names(module: ModuleType, name: str) -> set[str]:
    """Return what a public name of a module may be called in the reference."""
    thing = getattr(module, name)
    if isinstance(thing, ModuleType):
        return {thing.__name__, f"{module.__name__}.{name}"}
    defined = f"{getattr(thing, '__module__', module.__name__)}.{getattr(thing, '__qualname__', name)}"
    exported = {f"mxcore.{name}"} if getattr(mx, name, None) is thing else set()
    return {f"{module.__name__}.{name}", defined, *exported}


def test_every_public_name_is_in_the_reference(reference: dict[str, str]) -> None:
    modules = [importlib.import_module("mxcore"), *public_modules(reference)]
    assert len(modules) > 15
    missing = [
        f"{module.__name__}.{name}"
        for module in modules
        for name in getattr(module, "__all__", [])
        if not full_names(module, name) & set(reference)
    ]
    assert missing == []


def thing_called(name: str) -> Any:
    """Return what a full name means: an attribute of the longest part before it that is a module."""
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError:
        return getattr(thing_called(module), attribute)


def test_every_public_class_and_function_has_an_example(reference: dict[str, str]) -> None:
    names = [
        name for name, kind in reference.items() if kind in ("class", "function") and not name.startswith(DECLARED)
    ]
    assert len(names) > 150
    assert [name for name in names if ">>>" not in (inspect.getdoc(thing_called(name)) or "")] == []
