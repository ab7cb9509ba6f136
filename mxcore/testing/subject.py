"""The subject of a check: a class with arguments."""

from __future__ import annotations

import ast
import re
from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from mxcore.initializer import Initializer
from mxcore.kernel.rule.program import NDIM
from mxcore.kernel.run.plan import looks_at_all as over_all
from mxcore.kernel.run.plan import traced
from mxcore.lr_scheduler import LRScheduler
from mxcore.optimizer import Optimizer
from mxcore.step import levels, traits_of
from mxcore.step.program import Settings

__all__ = ["Subject", "kind_of", "looks_at_all", "own_fields", "required", "subjects"]

PROTOCOLS: dict[str, type[Any]] = {"optimizer": Optimizer, "initializer": Initializer, "lr_scheduler": LRScheduler}


@attrs.frozen
class Subject:
    """A class with arguments."""

    cls: Any
    settings: Mapping[str, Any] = attrs.field(factory=dict)

    def make(self, **more: Any) -> Any:
        """Create an instance, with additional arguments."""
        return self.cls(**{**self.settings, **more})

    @property
    def runs_rule(self) -> bool:
        """Whether an update is just a rule, in the optimizer and in those that it wraps."""
        return traits_of(self.make()).runs_rule

    @property
    def wraps(self) -> bool:
        """Whether it is an optimizer that wraps another one."""
        return len(levels(self.make())) > 1

    @property
    def elementwise(self) -> bool:
        """Whether an optimizer, and each that it wraps, is ``elementwise``."""
        return all(type(level).elementwise for level in levels(self.make()))

    @property
    def looks_at_all(self) -> bool:
        """Whether an optimizer looks at all parameters of a model together."""
        return looks_at_all(self.make())

    @property
    def moves_at_rate_zero(self) -> bool:
        """Whether an optimizer, or one that it wraps, declares ``moves_at_rate_zero``."""
        return any(type(level).moves_at_rate_zero for level in levels(self.make()))

    @property
    def importable(self) -> bool:
        """Whether the class can be imported by name, as pickle and other processes need."""
        return "<locals>" not in self.cls.__qualname__ and self.cls.__module__ != "__main__"

    @property
    def text(self) -> str | None:
        """The arguments as a string from which another process can recreate them, if possible."""
        text = repr(dict(self.settings))
        try:
            return text if ast.literal_eval(text) == self.settings else None
        except (ValueError, SyntaxError):
            return None

    def has(self, argument: str) -> bool:
        """Return whether an argument is present: ``"momentum"`` with any value, ``"momentum=0.5"`` with this one."""
        return any(argument in (name, f"{name}={value!r}") for name, value in self.settings.items())

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return f"{self.cls.__name__}({arguments})"


def looks_at_all(optimizer: Any) -> bool:
    """Return whether a rule keeps numbers for all parameters together, or reduces all of them, as may array code."""
    if not traits_of(optimizer).runs_rule:
        return traits_of(optimizer).needs_all
    settings = Settings(optimizer)
    static = {NDIM: 2, **settings.static[0], **optimizer.flags("")}
    try:
        graph = traced(settings.program, tuple(sorted(static.items())))
    except TypeError:  # the rule is refused, which is for a check to report
        return False
    return over_all(settings.program, graph)


def kind_of(cls: type[Any]) -> str:
    """Return the kind of a class: optimizer, initializer or lr_scheduler.

    Raises:
        TypeError: it is none of these.
    """
    for kind, protocol in PROTOCOLS.items():
        if isinstance(cls, type) and issubclass(cls, protocol):
            return kind
    raise TypeError(f"{cls!r} is not a subclass of Optimizer, Initializer or LRScheduler: pass the class itself")


def own_fields(cls: type[Any]) -> list[Any]:
    """Return the hyper-parameters that a class adds to those of its base class."""
    shared = (
        {field.name for field in attrs.fields(protocol)} if attrs.has(protocol := PROTOCOLS[kind_of(cls)]) else set()
    )
    return [field for field in (attrs.fields(cls) if attrs.has(cls) else ()) if field.name not in shared]


def subjects(cls: type[Any]) -> list[Subject]:
    """Return a class with each of its examples, and an optimizer also with other values of its hyper-parameters."""
    declared = [Subject(cls, example) for example in cls.examples]
    return [*declared, *_variants(cls)] if kind_of(cls) == "optimizer" else declared


def required(cls: type[Any]) -> dict[str, Any]:
    """Return the required arguments of a class, as in its first example."""
    needed = [field.alias for field in own_fields(cls) if field.init and field.default is attrs.NOTHING]
    return {name: value for name, value in cls.examples[0].items() if name in needed}


def _variants(cls: type[Any]) -> list[Subject]:
    given = dict(cls.examples[0])
    own = [{**given, field.alias: value} for field in own_fields(cls) for value in _other_values(cls, field)]
    own = [settings for settings in own if _accepted(cls, settings)]
    together = [dict(ChainMap(*own[::-1]))] if len(own) > 1 else []
    shared: Sequence[Mapping[str, Any]] = ({"wd": 0.1}, {"clip_gradient": 0.75}, {"rescale_grad": 0.5})
    variants = [*({**given, **one} for one in shared), *own, *together]
    return [Subject(cls, settings) for settings in variants if _accepted(cls, settings)]


def _other_values(cls: type[Any], field: Any) -> list[Any]:
    """Yield values of a hyper-parameter other than its default, some of which the class may refuse."""
    default = field.default
    if isinstance(default, str):  # the error lists the valid strings
        try:
            cls(**{field.alias: "?"})
        except (ValueError, TypeError) as error:
            return [word for word in re.findall(r"'(\w+)'", str(error)) if word != default]
        return []
    if isinstance(default, bool):
        return [not default]
    if isinstance(default, int):
        return [default + 1]
    if default is None:
        return [2.0]
    return [default / 2 or 0.5] if isinstance(default, float) else []


def _accepted(cls: type[Any], settings: Mapping[str, Any]) -> bool:
    try:
        Subject(cls, settings).make()
    except (ValueError, TypeError):
        return False
    return True
