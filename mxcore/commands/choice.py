"""An algorithm as written on a command line: a name, and arguments that are checked against its class.

>>> parse("cosine:max_update=500,warmup_mode=constant")
('cosine', {'max_update': 500, 'warmup_mode': 'constant'})
>>> Choice("optimizer", "adam", {"beta3": 0.8}).create()
Traceback (most recent call last):
    ...
mxcore.commands.choice.ChoiceError: optimizer 'adam' has no argument 'beta3' (did you mean 'beta2'?): it takes ...
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

import attrs

import mxcore as mx
from mxcore import catalogue
from mxcore.catalogue.calls import arguments, call
from mxcore.catalogue.hints import no_such_arguments, required
from mxcore.step import WRAPPED

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
    mxcore.commands.choice.ChoiceError: expected NAME or NAME:ARGUMENT=VALUE,…, such as ..., got 'adam=0.8': ...

    A value is a Python literal, or else a string. The name may be qualified, ``distribution:name``, or a call such as
    ``lookahead(adam, k=5)``.

    Raises:
        ChoiceError: the text has another form, or gives an argument twice.
    """
    match = re.fullmatch(r"([^=(]+?|[^=(]+\(.*\))(?::(\s*[^\W\d]\w*\s*=.*))?", text, re.DOTALL)
    try:
        if not match:
            raise ValueError("it has another form")
        call(match[1])  # an error where it is none, and looks like one
        by_position, given = arguments(match[2] or "")
        if by_position:
            raise ValueError("an argument has no name")
    except ValueError as error:
        form = "NAME or NAME:ARGUMENT=VALUE,…, such as adam:beta1=0.8,beta2=0.99"
        raise ChoiceError(f"expected {form}, got {text!r}: {error}") from error
    return match[1].strip(), given


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
        return self.record().name

    def record(self) -> catalogue.Record:
        """What the catalogue knows about the class.

        Raises:
            catalogue.PluginError: if nothing installed has the name.
        """
        return catalogue.find(self.kind, self._called[0])

    @property
    def _called(self) -> tuple[str, list[Any], dict[str, Any]]:
        """The name, and the arguments that stand with it."""
        return call(self.name) or (self.name, [], {})

    def load(self) -> Any:
        """The class.

        Raises:
            catalogue.PluginError: if nothing installed has the name.
        """
        return catalogue.load(self.kind, self._called[0])

    @property
    def wrapped(self) -> Choice | None:
        """The optimizer that this one wraps, by name; None if it wraps none.

        >>> from mxcore.commands.choice import Choice
        >>> Choice("optimizer", "average(lookahead(adam, k=5))").wrapped
        Choice(kind='optimizer', name='lookahead(adam, k=5)', arguments={})

        Raises:
            catalogue.PluginError: if nothing installed has the name.
        """
        if WRAPPED not in inspect.signature(self.load()).parameters:
            return None
        _, by_position, given = self._called
        wrapped = next(iter(by_position), {**given, **self.arguments}.get(WRAPPED))
        return Choice(self.kind, wrapped) if isinstance(wrapped, str) else None

    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The arguments of the class and of the optimizer that it wraps, without those that no command can give."""
        own: Mapping[str, inspect.Parameter] = inspect.signature(self.load()).parameters
        if WRAPPED in own:
            own = {name: one for name, one in own.items() if one.kind is not one.VAR_KEYWORD}
        inner = self.wrapped.parameters() if self.wrapped else {}
        return {name: one for name, one in {**inner, **own}.items() if name not in RESERVED}

    def accepts(self, name: str) -> bool:
        """Return whether the class takes an argument of this name."""
        parameters = self.parameters()
        return name in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())

    def missing(self) -> list[str]:
        """Return the required arguments that were not given."""
        _, by_position, given = self._called
        known = {**given, **self.arguments}
        return [name for name in required(self.parameters())[len(by_position) :] if name not in known]

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
