"""Hyper-parameters: declared once, checked whenever they are set, shown in signatures and documentation.

>>> import mxcore as mx
>>> @mx.hyperparameters
... class Mine(mx.optimizer.Optimizer):
...     beta: float = mx.hyperparameter(0.9, mx.in_range(0, 1, right_open=True))
>>> Mine(beta=1.2)
Traceback (most recent call last):
    ...
ValueError: beta must be in [0, 1), got 1.2
"""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

import attrs
import numpy as np

from mxcore.catalogue.hints import closest, explain_misfits
from mxcore.validators import Validator, accepts_numbers, boolean, number, stabilizing, string
from mxcore.watched import Watched

__all__ = ["Algorithm", "hyperparameter", "hyperparameters"]

T = TypeVar("T")
_DECLARED = type(attrs.field())  # the type of declarations until the class is decorated


def _validator_for(default: object) -> list[Validator]:
    """Return the validators that a default value implies."""
    if isinstance(default, (int, float)):
        return [boolean if isinstance(default, bool) else number]
    return [string] if isinstance(default, str) else []


def _plain(value: Any) -> Any:
    """Convert NumPy scalars to Python numbers, and lists and ranges to tuples.

    A ``numpy.float64`` in a rule would turn float32 weights into float64; a list could be changed without a check.
    """
    if isinstance(value, np.generic):
        return value.item()
    return tuple(map(_plain, value)) if isinstance(value, (list, range)) or type(value) is tuple else value


def only_element(value: Any) -> Any:
    """Convert an array of one element, of the host or of a device, to a Python number; anything else as it is."""
    return value.reshape(-1)[0].item() if getattr(value, "size", None) == 1 else _plain(value)


def hyperparameter(
    default: Any = attrs.NOTHING,
    *validators: Validator,
    alias: str | None = None,
    kw_only: bool = False,
    repr: bool = True,
    converter: Callable[[Any], Any] = _plain,
    first: bool = False,
) -> Any:
    """Declare a hyper-parameter of a class decorated with :func:`hyperparameters`.

    >>> import mxcore as mx
    >>> @mx.hyperparameters
    ... class Mine(mx.optimizer.Optimizer):
    ...     beta: float = mx.hyperparameter(0.9, mx.in_range(0, 1, right_open=True))
    ...     nesterov: bool = mx.hyperparameter(False)
    >>> Mine(nesterov=1)
    Traceback (most recent call last):
        ...
    ValueError: nesterov must be True or False, got 1

    Args:
        default: the default value. Leave it out to make the hyper-parameter required.
        validators: the conditions on a value. If there are none, it must be a bool, number or string like the default.
        alias: the name in the constructor, if it differs from the attribute's.
        kw_only: whether the constructor takes it only by keyword.
        repr: whether ``repr`` shows it.
        converter: applied before the validators.
        first: whether it also comes before the hyper-parameters of subclasses.
    """
    if isinstance(default, Validator):
        default, validators = attrs.NOTHING, (default, *validators)
    applied = list(validators) or _validator_for(default)
    requirement = " and ".join(validator.requirement for validator in applied)
    return attrs.field(
        default=default,
        validator=applied,
        metadata={
            "requirement": requirement,
            "condition": Validator(requirement, lambda value: all(one.accepts(value) for one in applied)),
            "converted": converter not in (_plain, only_element),
            "first": first,
            "stabilizes": any(validator is stabilizing for validator in applied),
            "numeric": bool(applied) and all(map(accepts_numbers, applied)),
        },
        alias=alias,
        kw_only=kw_only,
        repr=repr,
        converter=converter,
    )


class Algorithm:
    """The common base class of optimizers, initializers and schedulers.

    >>> import mxcore as mx
    >>> [name for name in dir(mx.lr_scheduler.create("cosine", max_update=100)) if name.startswith("warmup")]
    ['warmup', 'warmup_begin_lr', 'warmup_final_lr', 'warmup_mode', 'warmup_steps']
    """

    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ({},)
    """Arguments to test the class with, one dict per example; a class with required arguments must define them."""
    bad_examples: ClassVar[tuple[Mapping[str, Any], ...]] = ()
    """Arguments that must raise a ValueError, one dict per example."""
    family: ClassVar[str] = "other"
    """The group of similar algorithms that a catalogue lists the class with, such as ``"adaptive"``."""
    expected_failures: ClassVar[Mapping[str, str | Mapping[str, str]]] = {}
    """The checks of :mod:`mxcore.testing` that the class does not pass, each with the reason, or with a dict of reasons
    keyed by the argument that makes it fail, such as ``"momentum"`` or ``"momentum=0.5"``."""

    _declared: ClassVar[Mapping[str, attrs.Attribute[Any]]] = {}
    _delegated: ClassVar[Collection[str]] = ()
    """Inherited hyper-parameters that the class does not have."""

    def __new__(cls, *_: Any, **__: Any) -> Any:
        """Create an instance, after checking that the class has been decorated."""
        for parent in (one for one in cls.__mro__ if "__attrs_attrs__" not in vars(one)):
            if declared := [name for name, one in vars(parent).items() if isinstance(one, _DECLARED)]:
                raise TypeError(
                    f"put @mx.hyperparameters above class {parent.__name__}, which declares {declared[0]!r}"
                )
        return super().__new__(cls)

    @classmethod
    def _decorated(cls) -> None:
        """Finish the class once :func:`hyperparameters` has given it a constructor."""

    def _may_follow(self, field: attrs.Attribute[Any]) -> bool:
        """Return whether a hyper-parameter may be a schedule instead of a number, or raise a ValueError."""
        return False

    def check_together(self) -> None:
        """Raise a ValueError if values that are valid on their own contradict each other; override this in a subclass.

        It is called after construction, and before each assignment on a copy that has the new value.
        """

    def __attrs_post_init__(self) -> None:
        self.check_together()

    def __setattr__(self, name: str, value: Any) -> None:
        """Assign an attribute; the value of a declared one is converted and checked first.

        Raises:
            ValueError: the value is invalid, or contradicts the other values; nothing is changed.
            AttributeError: the name is new, similar to a declared one, and assigned from outside the class.
        """
        field = self._declared.get(name)
        if field is not None:
            value = attrs.setters.convert(self, field, value)
            attrs.setters.validate(self, field, value)
            self._assigning(name, value)
            _note(self, value)
        elif name[:1] != "_" and name not in vars(self) and not hasattr(type(self), name):
            self._refuse_misspelt(name)
        object.__setattr__(self, name, value)
        if field is not None:
            self._assigned(name)

    def _assigned(self, name: str) -> None:
        """Follow the assignment of a declared attribute."""

    def _assigning(self, name: str, value: Any) -> None:
        """Check the new value of a declared attribute, or prepare for it."""
        if type(self).check_together is not Algorithm.check_together:
            self._trial({name: value}).check_together()

    def _trial(self, values: Mapping[str, Any]) -> Any:
        """Return a shallow copy with other values, to check what would follow."""
        trial = object.__new__(type(self))
        vars(trial).update(vars(self), **values)
        return trial

    def _refuse_misspelt(self, name: str) -> None:
        """Raise an AttributeError for a likely misspelling of a declared name, unless a method assigns it."""
        names = {str(alias): field.name for field in self._declared.values() for alias in (field.alias, field.name)}
        close = closest(name, names, 1, cutoff=0.8)
        if close and sys._getframe(2).f_locals.get("self") is not self:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}: did you mean {names[close[0]]!r}?")

    def _arguments(self) -> Mapping[str, Any]:
        """Return the known constructor arguments: those declared, and those kept in attributes of the same name."""
        names = {field.alias: field.name for field in self._declared.values()}
        own = inspect.signature(type(self)).parameters
        handed_on = names if any(one.kind is one.VAR_KEYWORD for one in own.values()) else ()
        several = [name for name, one in own.items() if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
        known = {name: names.get(name, name) for name in (*own, *handed_on) if name not in several}
        return {argument: vars(self)[name] for argument, name in known.items() if name in vars(self)}

    def __repr__(self) -> str:
        """Show the call that creates an equal instance, without what belongs to a model, such as parameter names."""
        hidden = {field.alias for field in self._declared.values() if not field.repr}
        shown = (f"{name}={_literal(value)}" for name, value in self._arguments().items() if name not in hidden)
        return f"{type(self).__qualname__.rpartition('>.')[2]}({', '.join(shown)})"

    def __dir__(self) -> list[str]:
        """List the attributes for users: neither private ones nor those that only the conformance kit reads."""
        return [name for name in super().__dir__() if not re.match(r"_[^_]", name) and name not in vars(Algorithm)]


def _literal(value: Any) -> str:
    """Format a value as a Python expression, including NaN, infinity and arrays; large arrays are abbreviated."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if hasattr(value, "tolist"):
        large = value.size > 1000  # NumPy's own threshold
        return f"<{value.dtype} array of shape {value.shape}>" if large else _literal(_plain(value.tolist()))
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {_literal(item)}' for key, item in value.items())}}}"
    if type(value) not in (list, tuple):
        return repr(value)
    inner = ", ".join(map(_literal, value))
    return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"


class Described(NamedTuple):
    """A hyper-parameter, as shown in documentation."""

    name: str
    default: str
    requirement: str


def describe(cls: type) -> list[Described]:
    """Return the hyper-parameters of a class in constructor order, with their defaults and requirements."""
    fields: Any = attrs.fields(cls) if attrs.has(cls) else ()
    requirements = {field.alias: field.metadata.get("requirement", "") for field in fields}
    parameters = inspect.signature(cls).parameters.values()
    return [
        Described(
            parameter.name,
            "(required)" if parameter.default is parameter.empty else repr(parameter.default),
            f"must be {requirements[parameter.name]}" if requirements.get(parameter.name) else "",
        )
        for parameter in parameters
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]


def _arrange(cls: type, fields: list[Any]) -> list[Any]:
    """Order the constructor's arguments as MXNet does: the class's own first, then the inherited ones.

    A class with its own default learning rate takes ``learning_rate`` as its first argument, even by position. A
    wrapper takes the optimizer that it wraps first, and none of the arguments that belong to that optimizer. Subclasses
    don't inherit what a class drops with ``_delegated``.
    """
    fields = sorted(fields, key=lambda field: (not field.metadata.get("first"), field.inherited))
    dropped = vars(cls).get("_delegated", ())
    known = {field.name for base in cls.__bases__ for field in getattr(base, "__attrs_attrs__", ())} - {*dropped}
    fields = [field for field in fields if field.name in known or not field.inherited]
    if "default_learning_rate" in vars(cls):
        rate = [field for field in fields if field.name == "lr" and field.inherited]
        fields = [field.evolve(kw_only=False) for field in rate] + [field for field in fields if field not in rate]
    return fields


def _tidy_signature(cls: Any) -> None:
    """Make the signature show only names and defaults, and the learning rate that the class falls back on."""
    signature = inspect.signature(cls.__init__)
    rates = {"learning_rate": getattr(cls, "default_learning_rate", None)}
    every = signature.parameters.values()
    parameters = [one.replace(annotation=one.empty, default=rates.get(one.name, one.default)) for one in every]
    cls.__init__.__signature__ = signature.replace(parameters=parameters, return_annotation=signature.empty)


def _note(instance: Any, value: Any) -> None:
    """Record an assignment if the instance has a version, which optimizers have to invalidate what they precompute.

    A table that records its own changes shares the version of the instance.
    """
    if isinstance(value, Watched):
        if (tables := getattr(instance, "_tables_version", None)) is not None:
            tables.number += 1
            value.version = tables
    elif (settings := getattr(instance, "_settings_version", None)) is not None:
        settings.number += 1


def hyperparameters(cls: type[T]) -> type[T]:
    """Give a class a constructor and checks from the hyper-parameters it declares.

    This is ``attrs.define`` without ``__slots__`` and without generated equality, so that instances behave like
    plain Python objects. Values are checked when they are passed and whenever they are assigned. The ``repr`` is
    the call that creates an equal instance.

    >>> import mxcore as mx
    >>> @mx.hyperparameters
    ... class Mine(mx.optimizer.Optimizer):
    ...     beta: float = mx.hyperparameter(0.9)
    >>> mine = Mine(learning_rate=0.1)
    >>> mine.beta, mine.learning_rate
    (0.9, 0.1)
    >>> eval(repr(mine)).learning_rate
    0.1
    """
    defined: Any = attrs.define(slots=False, eq=False, repr=False, field_transformer=_arrange)(cls)
    defined._declared = {field.name: field for field in attrs.fields(defined)}
    # Use Algorithm's __setattr__. attrs must generate one first, or its constructor would not bypass it.
    if "__setattr__" in vars(defined):
        del defined.__setattr__
    _tidy_signature(defined)
    defined._decorated()
    explain_misfits(defined)
    return cast("type[T]", defined)
