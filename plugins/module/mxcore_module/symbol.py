"""The functions that create symbols: ``mx.symbol``, also ``mx.sym``.

Besides those defined here, there is one for each operator, such as ``mx.symbol.FullyConnected``.

>>> import mxcore as mx
>>> data = mx.symbol.Variable("data")
>>> layer = mx.symbol.FullyConnected(data, num_hidden=10, name="fc")
>>> net = mx.symbol.SoftmaxOutput(layer, name="softmax")
>>> net.list_arguments()
['data', 'fc_weight', 'fc_bias', 'softmax_label']
>>> net.list_outputs()
['softmax_output']
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mxcore.state.atomic import open_regular
from mxcore_module import attribute as scope
from mxcore_module import bound as _bound  # noqa: F401  # gives symbols their methods for arrays
from mxcore_module.attributes import checked, variable_attributes
from mxcore_module.compose import operator_function
from mxcore_module.graph import Symbol, load_json
from mxcore_module.name import NameManager, Prefix
from mxcore_module.node import Node
from mxcore_module.operators import ShapeError, find
from mxcore_module.operators.base import public_names

__all__ = ["Group", "NameManager", "Prefix", "ShapeError", "Symbol", "Variable", "load", "load_json", "var"]


def Variable(
    name: str,
    attr: Mapping[str, str] | None = None,
    shape: Sequence[int] | None = None,
    lr_mult: float | None = None,
    wd_mult: float | None = None,
    dtype: Any = None,
    init: Any = None,
    stype: str | None = None,
    **kwargs: str,
) -> Symbol:
    """Create a named input: data, a label or a parameter.

    Args:
        name: its name.
        attr: attributes, strings by name.
        shape: its shape, with 0 for sizes to be inferred.
        lr_mult: the multiplier of its learning rate.
        wd_mult: the multiplier of its weight decay.
        dtype: its dtype, by default float32.
        init: the initializer of its values, regardless of its name: an instance or a string, such as ``"xavier"``.
        stype: only ``"default"``: all arrays are dense.
        kwargs: further attributes, with names such as ``__mine__``.

    Raises:
        TypeError: the name is not a string, or ``init`` is not an initializer.
        ValueError: an argument is unknown, or cannot be stored as a string.

    Example:
        >>> import mxcore as mx
        >>> weight = mx.symbol.Variable("w", shape=(10, 0), lr_mult=2, init="xavier")
        >>> weight.attr_dict()["w"]
        {'__shape__': '(10, 0)', '__lr_mult__': '2', '__init__': '["xavier", {}]'}
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a Variable must be a string, got {name!r}")
    if stype not in (None, "default"):
        raise ValueError(f"stype must be 'default', got {stype!r}: all arrays are dense")
    given = variable_attributes(shape=shape, lr_mult=lr_mult, wd_mult=wd_mult, dtype=dtype, init=init)
    attributes = {**scope.current().get(checked(attr or {}, name)), **given, **checked(kwargs, name, dunder=True)}
    return Symbol([Node(name, attributes=attributes)])


var = Variable


def Group(symbols: Sequence[Symbol]) -> Symbol:
    """Create a symbol with the outputs of several symbols, in order.

    Raises:
        TypeError: ``symbols`` is empty or holds something else.

    Example:
        >>> import mxcore as mx
        >>> a, b = mx.symbol.Variable("a"), mx.symbol.Variable("b")
        >>> mx.symbol.Group([a + b, a - b]).list_arguments()
        ['a', 'b']
    """
    symbols = list(symbols)
    if not symbols or not all(isinstance(symbol, Symbol) for symbol in symbols):
        raise TypeError(f"Group takes a list of symbols, got {symbols!r}")
    return Symbol([head for symbol in symbols for head in symbol.heads])


def load(fname: str | os.PathLike[str]) -> Symbol:
    """Load a symbol from a file of :meth:`Symbol.save`.

    >>> import mxcore as mx, tempfile, os
    >>> net = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=10, name="fc")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "net-symbol.json")
    ...     net.save(path)
    ...     again = mx.symbol.load(path)
    >>> again.infer_shape(data=(32, 784))[0]
    [(32, 784), (10, 784), (10,)]

    Raises:
        ValueError: the file does not hold a symbol.
    """
    with open_regular(fname) as file:
        data = file.read()
    try:
        return load_json(data.decode())
    except ValueError as error:
        raise ValueError(f"{os.fspath(fname)}: {error}") from None


def __getattr__(name: str) -> Callable[..., Symbol]:
    """Return the function of an operator."""
    try:
        return operator_function(find(name))
    except ValueError as error:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}: {error}") from None


def __dir__() -> list[str]:
    return sorted({*__all__, *public_names()})
