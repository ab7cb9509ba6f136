"""An algorithm as written on a command line: a name, and arguments that are checked against its class.

>>> parse("cosine:max_update=500,warmup_mode=constant")
('cosine', {'max_update': 500, 'warmup_mode': 'constant'})
>>> Choice("optimizer", "adam", {"beta3": 0.8}).create()
Traceback (most recent call last):
    ...
mxcore.commands.choice.ChoiceError: optimizer 'adam' has no argument 'beta3' (did you mean 'beta2'?): it takes ...
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from typing import Any

import attrs

import mxcore as mx
from mxcore import catalogue
from mxcore.catalogue.hints import no_such_arguments, required

__all__ = ["RESERVED", "Choice", "ChoiceError", "parse"]

RESERVED = ("lr_scheduler", "sym", "param_idx2name", "param_dict")
"""Optimizer arguments that cannot be given as a string, because the program that runs the optimizer supplies them."""


class ChoiceError(ValueError):
    """An algorithm cannot be created as requested; the message says why and what to do."""


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Split ``NAME`` or ``NAME:ARGUMENT=VALUE,…`` into the name and the arguments.

    >>> from mxcore.commands.choice import parse
    >>> parse("multifactor:step=[200,400],factor=0.3")
    ('multifactor', {'step': [200, 400], 'factor': 0.3})
    >>> parse("mxcore-optimizer-adam:adam")
    ('mxcore-optimizer-adam:adam', {})
    >>> parse("adam=0.8")
    Traceback (most recent call last):
        ...
    mxcore.commands.choice.ChoiceError: expected NAME or NAME:ARGUMENT=VALUE,…, such as ..., got 'adam=0.8'

    A value is a Python literal, or else a string; the name may be qualified, ``distribution:name``.

    Raises:
        ChoiceError: the text has another form, or gives an argument twice.
    """
    match = re.fullmatch(r"([^=]+?)(?::(\s*[^\W\d]\w*\s*=.*))?", text, re.DOTALL)
    source = f"_({match[2] or ''})" if match else ""
    try:
        call: Any = ast.parse(source, mode="eval").body
        found = [(word.arg, _value(word.value, source)) for word in call.keywords]
        well_formed = not call.args and call.func.id == "_" and None not in dict(found)
    except (SyntaxError, AttributeError, MemoryError, RecursionError):
        well_formed = False
    if not match or not well_formed:
        raise ChoiceError(f"expected NAME or NAME:ARGUMENT=VALUE,…, such as adam:beta1=0.8,beta2=0.99, got {text!r}")
    arguments = dict(found)
    if len(arguments) < len(found):
        raise ChoiceError(f"an argument is given twice in {text!r}")
    return match[1].strip(), arguments


def _value(node: ast.expr, source: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return ast.get_source_segment(source, node)


@attrs.frozen
class Choice:
    """An algorithm by name, with the arguments given for it.

    >>> from mxcore.commands.choice import Choice
    >>> choice = Choice("lr_scheduler", "CosineScheduler", {"base_lr": 0.5})
    >>> choice.canonical_name, choice.accepts("warmup_steps"), choice.missing()
    ('cosine', True, ['max_update'])
    >>> schedule = choice.with_defaults(max_update=100, base_lr=0.1).create()
    >>> schedule.max_update, schedule.base_lr
    (100, 0.5)
    """

    kind: str
    name: str
    arguments: Mapping[str, Any] = attrs.field(factory=dict)

    def __str__(self) -> str:
        """Return the kind and name, such as ``optimizer 'sgd'``."""
        return f"{self.kind} {self.name!r}"

    @property
    def canonical_name(self) -> str:
        """The name of its entry point, regardless of which of its names was given.

        Raises:
            catalogue.PluginError: if nothing installed has the name.
        """
        return catalogue.find(self.kind, self.name).name

    def load(self) -> Any:
        """The class.

        Raises:
            catalogue.PluginError: if nothing installed has the name.
        """
        return catalogue.load(self.kind, self.name)

    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The arguments of the class that can be given on a command line, by name."""
        return {name: one for name, one in inspect.signature(self.load()).parameters.items() if name not in RESERVED}

    def accepts(self, name: str) -> bool:
        """Return whether the class takes an argument of this name."""
        parameters = self.parameters()
        return name in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())

    def missing(self) -> list[str]:
        """Return the required arguments that were not given."""
        return [name for name in required(self.parameters()) if name not in self.arguments]

    def with_defaults(self, **defaults: Any) -> Choice:
        """Return a copy with default values for arguments that were not given."""
        return attrs.evolve(self, arguments={**defaults, **self.arguments})

    def create(self, **supplied: Any) -> Any:
        """Create an instance from the given arguments and those that the program supplies.

        Raises:
            ChoiceError: if an argument is unknown, missing or out of range.
            catalogue.PluginError: if nothing installed has the name.
        """
        if wrong := [name for name in self.arguments if name in RESERVED or not self.accepts(name)]:
            raise ChoiceError(no_such_arguments(self, wrong, self.parameters()))
        if missing := self.missing():
            raise ChoiceError(f"{self} needs {', '.join(missing)}: give {missing[0]}=VALUE")
        try:
            return getattr(mx, self.kind).create(self.name, **{**self.arguments, **supplied})
        except catalogue.PluginError:
            raise
        except (TypeError, ValueError, ArithmeticError) as error:
            raise ChoiceError(f"{self}: {error}") from error
