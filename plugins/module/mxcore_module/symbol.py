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

import numpy as np

from mxcore.state.atomic import open_regular
from mxcore_module import attribute as scope
from mxcore_module import bound as _bound  # noqa: F401  # gives symbols their methods for arrays
from mxcore_module.attributes import checked, variable_attributes
from mxcore_module.compose import operator_function
from mxcore_module.graph import Symbol, combined, load_json
from mxcore_module.methods import install
from mxcore_module.name import NameManager, Prefix
from mxcore_module.node import Node
from mxcore_module.operators import ShapeError, find
from mxcore_module.operators.base import public_names

__all__ = [
    "Custom", "Group", "NameManager", "Prefix", "ShapeError", "Symbol", "Variable", "arange", "eye", "full", "hypot",
    "linspace", "load", "load_json", "maximum", "minimum", "ones", "pow", "power", "split_v2", "var", "zeros",
]  # fmt: skip


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
    return Symbol(Node(name, attributes=attributes).outputs())


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


def zeros(shape: int | Sequence[int], dtype: Any = None, **kwargs: Any) -> Symbol:
    """Create an array of zeros.

    >>> import mxcore as mx
    >>> mx.symbol.zeros((2, 3)).infer_shape()[1]
    [(2, 3)]

    Args:
        shape: its shape.
        dtype: its dtype, by default float32.
        kwargs: the name and attributes of the node.
    """
    return _made("_zeros", shape=shape, dtype=dtype, **kwargs)


def ones(shape: int | Sequence[int], dtype: Any = None, **kwargs: Any) -> Symbol:
    """Create an array of ones; see :func:`zeros`.

    >>> import mxcore as mx
    >>> mx.symbol.ones(3).infer_shape()[1]
    [(3,)]
    """
    return _made("_ones", shape=shape, dtype=dtype, **kwargs)


def full(shape: int | Sequence[int], val: float, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Create an array of ``val``; see :func:`zeros`.

    >>> import mxcore as mx
    >>> mx.symbol.full((2, 3), 0.5).infer_shape()[1]
    [(2, 3)]
    """
    return _made("_full", shape=shape, value=float(val), dtype=dtype, **kwargs)


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1.0,
    repeat: int = 1,
    infer_range: bool = False,
    name: str | None = None,
    dtype: Any = None,
) -> Symbol:
    """Create an array of numbers from ``start`` up to ``stop``, or from 0 up to ``start``.

    >>> import mxcore as mx
    >>> mx.symbol.arange(2, 8, step=2, repeat=2).infer_shape()[1]
    [(6,)]

    Args:
        start: the first number.
        stop: the end, which is not part of the array.
        step: the distance between numbers.
        repeat: how often each number comes.
        infer_range: accepted for MXNet's sake, without effect.
        name: the name of the node.
        dtype: its dtype, by default float32.
    """
    return _made("_arange", start=start, stop=stop, step=step, repeat=repeat, name=name, dtype=dtype)


def linspace(
    start: float, stop: float, num: int, endpoint: bool = True, name: str | None = None, dtype: Any = None
) -> Symbol:
    """Create an array of ``num`` numbers at equal distances from ``start`` to ``stop``; see :func:`arange`.

    >>> import mxcore as mx
    >>> mx.symbol.linspace(0, 1, 5).infer_shape()[1]
    [(5,)]
    """
    return _made("_linspace", start=start, stop=stop, num=num, endpoint=endpoint, name=name, dtype=dtype)


def eye(N: int, M: int = 0, k: int = 0, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Create a matrix of ``N`` rows and ``M`` columns (``N`` by default) with ones on its k-th diagonal.

    >>> import mxcore as mx
    >>> mx.symbol.eye(3, 4).infer_shape()[1]
    [(3, 4)]
    """
    return _made("_eye", N=N, M=M, k=k, dtype=dtype, **kwargs)


def _made(operator: str, /, *, dtype: Any, **options: Any) -> Symbol:
    given = {} if dtype is None else {"dtype": np.dtype(dtype).name}
    return operator_function(find(operator), operator)(**options, **given)


def pow(base: Symbol | float, exp: Symbol | float) -> Symbol:
    """Return ``base ** exp`` of symbols of equal shapes, or of a symbol and a number.

    >>> import mxcore as mx
    >>> mx.symbol.pow(2, mx.symbol.Variable("x")).infer_shape(x=(3,))[1]
    [(3,)]

    Raises:
        TypeError: neither is a symbol, or one is something else.
    """
    return combined(base, exp, "_Power", "_PowerScalar", "_RPowerScalar")


power = pow


def maximum(left: Symbol | float, right: Symbol | float) -> Symbol:
    """Return the larger elements of two symbols of equal shapes, or of a symbol and a number; see :func:`pow`.

    >>> import mxcore as mx
    >>> mx.symbol.maximum(mx.symbol.Variable("x"), 0).list_arguments()
    ['x']
    """
    return combined(left, right, "_Maximum", "_MaximumScalar", "_MaximumScalar")


def minimum(left: Symbol | float, right: Symbol | float) -> Symbol:
    """Return the smaller elements of two symbols of equal shapes, or of a symbol and a number; see :func:`pow`.

    >>> import mxcore as mx
    >>> mx.symbol.minimum(mx.symbol.Variable("x"), mx.symbol.Variable("y")).list_arguments()
    ['x', 'y']
    """
    return combined(left, right, "_Minimum", "_MinimumScalar", "_MinimumScalar")


def hypot(left: Symbol | float, right: Symbol | float) -> Symbol:
    """Return ``√(left² + right²)`` of symbols of equal shapes, or of a symbol and a number; see :func:`pow`.

    >>> import mxcore as mx
    >>> mx.symbol.hypot(mx.symbol.Variable("x"), mx.symbol.Variable("y")).infer_shape(x=(3,))[1]
    [(3,)]
    """
    return combined(left, right, "_Hypot", "_HypotScalar", "_HypotScalar")


def split_v2(
    ary: Symbol, indices_or_sections: int | Sequence[int], axis: int = 0, squeeze_axis: bool = False
) -> Symbol:
    """Split an array along an axis: a symbol with several outputs.

    >>> import mxcore as mx
    >>> mx.symbol.split_v2(mx.symbol.Variable("x"), (2, 3)).infer_shape(x=(7, 2))[1]
    [(2, 2), (1, 2), (4, 2)]

    Args:
        ary: the array.
        indices_or_sections: the number of equal parts, or the elements before which to split.
        axis: the axis.
        squeeze_axis: whether to remove the axis, along which each part must have one element.
    """
    whole = isinstance(indices_or_sections, int)
    how: dict[str, Any] = {"sections": indices_or_sections} if whole else {"indices": tuple(indices_or_sections)}  # type: ignore[arg-type]
    return operator_function(find("_split_v2"), "_split_v2")(ary, axis=axis, squeeze_axis=squeeze_axis, **how)


def Custom(*args: Any, **kwargs: Any) -> Symbol:
    """Refuse: operators of your own are classes here.

    >>> import mxcore as mx
    >>> try:
    ...     mx.symbol.Custom(mx.symbol.Variable("x"), op_type="mine")
    ... except NotImplementedError as error:
    ...     print(str(error).partition(":")[0])
    there are no custom operators of mx.operator

    Raises:
        NotImplementedError: always; the message says how to write one.
    """
    raise NotImplementedError(
        "there are no custom operators of mx.operator: subclass mxcore_module.operators.Operator, define infer_shape, "
        "forward and backward, and decorate the class with mxcore_module.operators.register(); it is then in mx.symbol"
    )


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


install(split_v2)


def __getattr__(name: str) -> Callable[..., Symbol]:
    """Return the function of an operator."""
    try:
        return operator_function(find(name), name)
    except ValueError as error:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}: {error}") from None


def __dir__() -> list[str]:
    return sorted({*__all__, *public_names()})
