"""The stubs of the three protocols: the content of their modules, and the built-in classes with their arguments.

A type checker cannot see classes that are imported on first use. The content of the modules comes from mypy's stubgen,
the classes from introspection.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
from mypy.stubgen import main as stubgen

from mxcore import catalogue
from mxcore.catalogue.registry import registry_for
from mxcore.controls import AROUND, CALL_WIDE, Controlled

__all__ = ["stubs"]

ROOT = Path(__file__).resolve().parent.parent
_KNOWN = {
    "Any",
    "Callable",
    "LRScheduler",
    "_Schedule",
    "Initializer",
    "None",
    "Sequence",
    "Watched",
    "Index",
    "bool",
    "float",
    "int",
    "str",
}
_GENERATED = re.compile(
    r"(?P<before>^class (?P<name>\w+)\b(?:(?!^class ).)*?)"
    + re.escape("def __init__(self, *args: Any, **kwargs: Any) -> None: ..."),
    re.MULTILINE | re.DOTALL,
)
"""A class whose constructor is generated from its hyper-parameters, as stubgen writes it."""
_HEAD = "# Written by tools/sync.py: do not edit.\n"
_IMPORTS = """
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, TypeAlias, TypeVar, overload

import numpy as np
import numpy.typing as npt
"""
_FUNCTIONS = """
_C = TypeVar("_C", bound=type)

_Schedule: TypeAlias = Callable[[int], float]

def register(cls: _C, name: str | None = None) -> _C: ...
def alias(*names: str) -> Callable[[_C], _C]: ...
"""
_CREATE = """
@overload
def create(name: Literal[{names}], *args: Any, **kwargs: Any) -> {cls}: ...
"""
_CREATE_ANY = """
@overload
def create(*args: Any, **kwargs: Any) -> {base}: ...
"""

_ELSEWHERE: dict[str, dict[str, str]] = {
    "optimizer": {"Wrapper": "mxcore.wrapper"},
    "initializer": {"FanInitializer": "mxcore.fans", "gain": "mxcore.fans"},
    "lr_scheduler": {"Combination": "mxcore.curves", "Curve": "mxcore.curves"},
}
"""Names that a module takes from another one when they are asked for."""


def stubs() -> dict[Path, str]:
    """Return the stub of each protocol's module."""
    written = {ROOT / f"mxcore/{kind}.pyi": _stub(kind) for kind in catalogue.ALGORITHMS}
    return dict(zip(written, _formatted([*written.values()]), strict=True))


def _stub(kind: str) -> str:
    base = registry_for(kind).base
    classes: dict[type, list[str]] = {}
    for record in catalogue.records(kind):
        if record.distribution.startswith(f"mxcore-{kind.replace('_', '-')}-"):
            classes.setdefault(catalogue.load_record(record), []).append(record.name)
    text = re.sub(r"^(register|alias|create): Incomplete\n", "", _by_hand(kind), flags=re.MULTILINE)
    text = text.replace("__hash__: Incomplete", "__hash__: ClassVar[None]  # type: ignore[assignment]")
    module = importlib.import_module(base.__module__)
    text = _GENERATED.sub(lambda found: found["before"] + _constructor(getattr(module, found["name"])), text)
    listed = "".join(f'    "{cls.__name__}",\n' for cls in classes)
    text = re.sub(r"(?<=^__all__ = \[)(.*)(?=\]$)", rf"\1,\n{listed}", text, count=1, flags=re.MULTILINE)
    made = (_CREATE.format(names=", ".join(map(repr, names)), cls=cls.__name__) for cls, names in classes.items())
    for name, home in _ELSEWHERE[kind].items():
        text = text.replace("__all__ = [", f'__all__ = ["{name}", ', 1)
        text = f"from {home} import {name} as {name}\n{text}"
    creates = "".join(made) + _CREATE_ANY.format(base=base.__name__)
    return _HEAD + _IMPORTS + text + _FUNCTIONS + creates + "".join(map(_class, classes))


def _by_hand(kind: str) -> str:
    """Return stubgen's output for the module."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        stubgen(["--quiet", "--include-private", "--output", folder, str(ROOT / f"mxcore/{kind}.py")])
        (file,) = Path(folder).rglob("*.pyi")
        return file.read_text("utf-8")


def _class(cls: type) -> str:
    """Return the stub of a built-in class: its summary, hyper-parameters and constructor."""
    doc = (inspect.getdoc(cls) or "").partition("\n")[0]
    base = next(parent for parent in cls.__mro__[1:] if parent.__module__.startswith("mxcore."))
    lines = [f"class {cls.__name__}({base.__name__}):", f'    r"""{doc}"""']
    lines += [f"    {name}: {kind}" for name, kind in _attributes(cls, base)]
    if isinstance(vars(cls).get("decay"), property):
        lines += ["    @property", "    def decay(self) -> Decay: ...  # type: ignore[override]"]
    return "\n" + "\n".join([*lines, f"    {_constructor(cls)}"]) + "\n"


def _attributes(cls: type, base: type) -> Iterator[tuple[str, str]]:
    inherited = {field.name for field in attrs.fields(base)} if attrs.has(base) else set()
    for field in attrs.fields(cls) if attrs.has(cls) else ():
        if field.name not in inherited:
            yield field.name, _annotation(field.type)


def _constructor(cls: type) -> str:
    fields = attrs.fields(cls) if attrs.has(cls) else ()
    types = {field.alias: Any if field.metadata.get("converted") else field.type for field in fields}
    followed = [field.alias for field in fields if _follows_schedules(cls, field)]
    types |= {alias: f"_Schedule | {_annotation(types[alias])}" for alias in followed}
    shown = ["self"]
    for parameter in inspect.signature(cls).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in shown:
            shown.append("*")
        stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(parameter.kind.name, "")
        default = "" if parameter.default is parameter.empty else f" = {_default(parameter.default)}"
        annotation = _annotation(types.get(parameter.name))
        if parameter.default is None and not re.search(r"\b(None|Any)\b", annotation):
            annotation += " | None"
        shown.append(f"{stars}{parameter.name}: {annotation}{default}")
    return f"def __init__({', '.join(shown)}) -> None: ..."


def _follows_schedules(cls: type, field: attrs.Attribute[Any]) -> bool:
    """Return whether a constructor takes a schedule instead of a number."""
    fixed = {"lr", *(CALL_WIDE - AROUND)}
    return issubclass(cls, Controlled) and field.metadata.get("numeric", False) and field.name not in fixed


def _default(value: object) -> str:
    return repr(value) if isinstance(value, (bool, int, float, str, type(None))) else "..."


def _annotation(kind: Any) -> str:
    """Format a type for a stub, without module names; types defined in a plugin are unknown there."""
    if kind is None:
        return "Any"
    text = re.sub(r"[\w.]+\.(?=\w)", "", kind if isinstance(kind, str) else inspect.formatannotation(kind))
    return text if set(re.findall(r"\w+", text)) <= _KNOWN else "Any"


def _formatted(texts: list[str]) -> list[str]:
    """Return the texts, checked and formatted like every other file."""
    found = []
    for text in texts:
        for command in (["check", "--quiet", "--fix", "--select", "F401,I,RUF022"], ["format", "--quiet"]):
            program = [sys.executable, "-m", "ruff", *command, "--stdin-filename", "mxcore/stub.pyi", "-"]
            text = subprocess.run(
                program, input=text, capture_output=True, encoding="utf-8", check=True, cwd=ROOT
            ).stdout
        found.append(text)
    return found
