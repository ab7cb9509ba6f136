"""MXNet's NDArray and its functions for mxcore: ``mx.nd``, also ``mx.ndarray``.

Arrays are NumPy's or CuPy's: an :class:`NDArray` is a view of one with MXNet's attributes and operators. Every function
takes both, and returns an NDArray.

>>> import mxcore as mx
>>> x = mx.nd.array([[1, 2], [3, 4]], ctx=mx.cpu())
>>> mx.nd.sum(x, axis=0, exclude=True).asnumpy()
array([3., 7.], dtype=float32)

Beside those below there are functions that create arrays (``zeros``, ``ones``, ``full``, ``arange``, ``concat``), of
elements (``clip``, ``sqrt``, ``maximum``, ``where``), reductions (``sum``, ``norm``, ``softmax``), of shapes
(``reshape``, ``slice_axis``), of order (``topk``, ``sort``, ``take``), products (``dot``), updates (``sgd_update``,
``adam_update``, and more in ``contrib``), ``random``, and ``load`` and ``save`` for files. Their names, arguments and
results are MXNet's.

An optimizer or initializer whose code uses ``mx.nd``, or methods such as ``asnumpy``, is handed NDArrays; any other
class gets the arrays as they are.
"""

from __future__ import annotations

from typing import Any

from mxcore_nd import (
    choosing,
    creation,
    elementwise,
    files,
    lamb,
    methods,
    random,
    reductions,
    shaping,
    together,
    updates,
)
from mxcore_nd import (
    contrib as contrib,
)
from mxcore_nd.array import NDArray, ReadableArray, bare, hand, wrap
from mxcore_nd.creation import array

methods.install()

_FROM = {
    creation: (
        "arange", "array", "concat", "concatenate", "empty", "eye", "from_numpy", "full", "linspace", "one_hot", "ones",
        "split", "split_v2", "stack", "waitall", "zeros",
    ),
    elementwise: ("add_n", "cast", "clip", "hard_sigmoid", "smooth_l1", "where"),
    reductions: ("argmax_channel", "cumsum", "log_softmax", "moments", "norm", "softmax", "softmin"),
    shaping: (
        "broadcast_axis", "broadcast_like", "broadcast_to", "diag", "expand_dims", "flatten", "flip", "moveaxis",
        "repeat", "reshape", "reshape_like", "shape_array", "size_array", "slice", "slice_axis", "slice_like",
        "squeeze", "swapaxes", "tile", "transpose",
    ),
    choosing: ("argsort", "batch_dot", "batch_take", "dot", "gather_nd", "pick", "sort", "take", "topk"),
    updates: updates.__all__,
    lamb: lamb.__all__,
    files: files.__all__,
    together: together.__all__,
}  # fmt: skip
_ALIASES = {
    "Cast": "cast", "Concat": "concat", "ElementWiseSum": "add_n", "Flatten": "flatten", "Reshape": "reshape",
    "SliceChannel": "split", "SwapAxis": "swapaxes", "broadcast_axes": "broadcast_axis", "reverse": "flip",
}  # fmt: skip
FUNCTIONS: dict[str, Any] = {
    **elementwise.FUNCTIONS,
    **reductions.FUNCTIONS,
    **{name: getattr(module, name) for module, names in _FROM.items() for name in names},
    **{f"random_{name}": getattr(random, name) for name in random.__all__ if not name.endswith("_like")},
    **{name: getattr(random, name) for name in ("normal", "shuffle", "uniform")},
}
for _unwanted in ("random_multinomial", "random_randn", "random_shuffle", "isfinite", "isinf", "isnan"):
    del FUNCTIONS[_unwanted]
FUNCTIONS |= {alias: FUNCTIONS[name] for alias, name in _ALIASES.items()}
FUNCTIONS |= {f"sample_{name}": getattr(random, name) for name in (
    "exponential", "gamma", "generalized_negative_binomial", "multinomial", "negative_binomial", "normal", "poisson",
    "uniform",
)}  # fmt: skip
globals().update(FUNCTIONS)
__all__ = ["NDArray", "array", "bare", "wrap"]


def present(value: Any) -> Any:
    """Return an array as an NDArray over the same memory, and anything else as it is; for the core.

    >>> import numpy as np, mxcore as mx
    >>> mx.nd.present(np.zeros(2)).context, mx.nd.present(None)
    (cpu(0), None)
    """
    return hand(value) if getattr(value, "shape", ()) and hasattr(value, "dtype") else value


def readable(array: Any) -> Any:
    """Return a NumPy array with the methods of an NDArray that it lacks; for the core.

    Its arithmetic is NumPy's, since NumPy's code may have drawn it.

    >>> import numpy as np, mxcore as mx
    >>> x = mx.nd.readable(np.array([1.0, 2.0]))
    >>> x * 2, x.asnumpy(), x > 1
    (array([2., 4.]), array([1., 2.]), array([False,  True]))
    """
    return array.view(ReadableArray)


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    raise AttributeError(
        f"mx.nd has no {name!r} here: see 'MXNet names that are missing here' in the documentation, or use NumPy, "
        "whose functions take NDArrays"
    )
