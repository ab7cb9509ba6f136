"""Functions such as ``mx.symbol.FullyConnected``, generated from the table of operators."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from mxcore_module import attribute as scope
from mxcore_module import name as names
from mxcore_module.attributes import checked, multiplier
from mxcore_module.graph import Symbol
from mxcore_module.node import Node, Output
from mxcore_module.operators import Operator

__all__ = ["operator_function"]

_COMMON = ("name", "attr", "lr_mult", "wd_mult")
_COMMON_DOC = """
Every operator function also takes:

* ``name``: the node's name; by default the operator's name with a number, such as ``{hint}0``.
* ``attr``: attributes of the node and of the variables created for it: strings, with names such as ``__mine__``.
* ``__mine__`` and other keywords of this form: single attributes.
* ``lr_mult``, ``wd_mult``: multipliers of the learning rate and weight decay of those variables.

If you do not pass an input, it is created as a variable, ``<name>_<input>``.

Raises:
    TypeError: an input is not a symbol, or an argument is unknown or missing.
    ValueError: an option has an invalid value.
"""


def operator_function(operator: type[Operator], called: str) -> Callable[..., Symbol]:
    """Return the function that applies an operator to symbols.

    Automatic names start with ``called``, the operator's name or an alias.
    """
    signature, hint = _signature(operator), called.lower()

    def function(*args: Any, **kwargs: Any) -> Symbol:
        marked = {key: kwargs.pop(key) for key in list(kwargs) if key.startswith("__") and key.endswith("__")}
        if marked:
            kwargs["attr"] = {**(kwargs.get("attr") or {}), **marked}
        if unknown := {key: value for key, value in kwargs.items() if key not in signature.parameters}:
            operator.create(unknown)  # raises an error that lists the valid options
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{operator.op_name}: {error}") from None
        return _apply(operator, given, hint)

    function.__name__ = function.__qualname__ = called
    function.__module__ = "mxcore_module.symbol"
    function.__doc__ = f"{inspect.getdoc(operator)}\n{_COMMON_DOC.format(hint=hint)}"
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def _signature(operator: type[Operator]) -> inspect.Signature:
    """Return the signature: inputs, options (``...`` if there is no default), then what all operators take."""
    either, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    inputs = [inspect.Parameter(name, either, default=None) for name in (*operator.inputs, *operator.auxiliaries)]
    if operator.variadic:
        inputs = [inspect.Parameter("data", inspect.Parameter.VAR_POSITIONAL)]
    options = [
        inspect.Parameter(
            field.name,
            keyword if operator.variadic else either,
            default=... if field.default is attrs.NOTHING else field.default,
        )
        for field in attrs.fields(operator)
    ]
    common = [inspect.Parameter(name, keyword, default=None) for name in _COMMON]
    return inspect.Signature([*inputs, *options, *common])


def _apply(operator: type[Operator], given: Mapping[str, Any], hint: str) -> Symbol:
    """Return the symbol of a new node, from the given arguments."""
    fields = {field.name for field in attrs.fields(operator)}
    options = {key: value for key, value in given.items() if key in fields and value is not ...}
    sources = {key: value for key, value in given.items() if key not in (*fields, *_COMMON) and value is not None}
    arrays = given.get("data", ()) if operator.variadic else ()
    if operator.variadic:
        options.setdefault("num_args", len(arrays))
    made = operator.create(options)
    roles = (*made.input_names(), *made.auxiliaries)
    if operator.variadic:
        if len(arrays) > len(roles):
            raise TypeError(f"{made.op_name} takes {len(roles)} arrays with these options, got {len(arrays)}")
        sources = dict(zip(roles, arrays, strict=False))
    _check_sources(made, roles, sources)
    attributes = _attributes(operator, given)
    name = names.current().get(given.get("name"), hint)
    inputs = [
        sources[role].only_head() if role in sources else Output(Node(f"{name}_{role}", attributes=attributes))
        for role in roles
    ]
    return Symbol(Node(name, made, tuple(inputs), attributes).outputs())


def _check_sources(made: Operator, roles: Sequence[str], sources: Mapping[str, Any]) -> None:
    for role, source in sources.items():
        if role not in roles:
            raise TypeError(f"{made.op_name} takes {', '.join(roles)} with these options, but {role} was given as well")
        if not isinstance(source, Symbol):
            raise TypeError(f"{made.op_name}: {role} must be a symbol, such as mx.symbol.Variable('x'), got {source!r}")
        source.only_head()


def _attributes(operator: type[Operator], given: Mapping[str, Any]) -> dict[str, str]:
    multipliers = {f"__{key}__": multiplier(key, given.get(key)) for key in ("lr_mult", "wd_mult")}
    attributes = checked(given.get("attr") or {}, given.get("name") or operator.op_name, dunder=True)
    return scope.current().get({**attributes, **{key: text for key, text in multipliers.items() if text is not None}})
