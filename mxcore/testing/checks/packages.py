"""What the package of an algorithm must provide to its users."""

from __future__ import annotations

import ast
import importlib
import json
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mxcore import catalogue
from mxcore.catalogue.properties import FILE
from mxcore.testing.check import check, expect
from mxcore.testing.properties import as_json
from mxcore.testing.subject import kind_of


def _offered(name: str) -> list[catalogue.Record]:
    return [record for record in catalogue.algorithms() if record.distribution == canonicalize_name(name)]


def _requirements(name: str) -> dict[str, Requirement]:
    texts = metadata.requires(name) or []
    found = [Requirement(text) for text in texts]
    return {canonicalize_name(one.name): one for one in found if not one.marker or "extra" not in str(one.marker)}


def _folders(name: str) -> list[Path]:
    """Return the folders of the packages with the distribution's algorithms."""
    tops = {record.target.partition(":")[0].partition(".")[0] for record in _offered(name)}
    return [Path(str(importlib.import_module(top).__file__)).parent for top in sorted(tops)]


def _imports(folder: Path) -> Iterator[tuple[Path, str, list[str]]]:
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((file, alias.name, []) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield file, str(node.module), [alias.name for alias in node.names]


@check("package")
def entry_points_lead_to_classes(name: str) -> None:
    """Each entry point refers to a class of its kind that can be loaded by that name.

    An algorithm that is listed but cannot be loaded is worse than one that is not listed.
    """
    records = _offered(name)
    expect(records, f"{name} offers no optimizer, initializer or lr_scheduler as an entry point")
    for record in records:
        expect(record.status == "ok", f"{record.kind} {record.name!r} is {record.status}: {record.reason}")
        expect(kind_of(catalogue.load_record(record)) == record.kind, f"{record.target} is not an {record.kind}")


@check("package")
def metadata_is_complete(name: str) -> None:
    """The metadata has a summary, a licence, a description and the supported Python versions.

    This is what people see before they install it.
    """
    found = metadata.metadata(name).json  # includes a description that follows the header
    keys = {"summary": "description", "requires_python": "requires-python", "description": "readme"}
    missing = [key for field, key in keys.items() if not found.get(field)]
    if not found.get("license_expression") and not found.get("license"):
        missing.append("license")
    expect(not missing, f"pyproject.toml lacks {', '.join(missing)}")


@check("package")
def the_core_is_required_within_bounds(name: str) -> None:
    """The distribution requires mxcore, with an upper bound on the version.

    A plugin for another major version then gives a clear error instead of a traceback.
    """
    requirement = _requirements(name).get("mxcore")
    expect(requirement, "mxcore is not among the dependencies")
    bounded = any(one.operator in ("<", "<=", "==", "~=") for one in requirement.specifier) if requirement else False
    expect(bounded, f"{requirement} has no upper bound, such as mxcore>=0.1,<1")


@check("package")
def annotations_are_shipped(name: str) -> None:
    """Each package has a ``py.typed``, so that type checkers use its annotations."""
    missing = [folder.name for folder in _folders(name) if not (folder / "py.typed").exists()]
    expect(not missing, f"py.typed is missing in {', '.join(missing)}")


@check("package")
def stated_properties_are_true(name: str) -> None:
    """What ``properties.json`` states, if there is such a file, is true of each class.

    It is what ``mxcore list --where`` chooses by.
    """
    for file in (folder / FILE for folder in _folders(name)):
        if file.exists():
            offered = [one for one in _offered(name) if re.split(r"[.:]", one.target)[0] == file.parent.name]
            wanted = as_json({record.class_name: catalogue.load_record(record) for record in offered})
            same = json.loads(file.read_text("utf-8")) == json.loads(wanted)
            expect(same, f"{file.parent.name}/{FILE} must be\n{wanted}")


@check("package")
def imports_are_declared(name: str) -> None:
    """Imports are only from the standard library, from declared dependencies, and public names of the core.

    What happens to be installed here may not be installed elsewhere.
    """
    of_modules = metadata.packages_distributions()
    declared = {*_requirements(name), canonicalize_name(name)}
    for folder in _folders(name):
        for file, module, names in _imports(folder):
            top = module.partition(".")[0]
            owners = {canonicalize_name(owner) for owner in of_modules.get(top, [])}
            # An editable installation does not list its modules.
            known = top in sys.stdlib_module_names or {*owners, canonicalize_name(top)} & declared
            expect(known, f"{file.name} imports {module}, which no declared dependency provides")
            private = [part for part in [*module.split("."), *names] if top == "mxcore" and part.startswith("_")]
            expect(not private, f"{file.name} imports {private} from the core, which is private")
