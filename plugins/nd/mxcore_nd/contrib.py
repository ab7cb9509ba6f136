r"""``mx.nd.contrib``: AdamW and GroupAdaGrad as functions, and tests of elements.

Here ``rescale_grad`` may be an array of one element, such as the inverse of a dynamic loss scale. A step in which it is
0, infinite or NaN is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mxcore_nd import updates
from mxcore_nd.array import bare, deliver, wrap, xp_of
from mxcore_nd.elementwise import FUNCTIONS
from mxcore_nd.together import targets

__all__ = [
    "adamw_update", "allclose", "arange_like", "boolean_mask", "div_sqrt_dim", "group_adagrad_update", "index_copy",
    "isfinite", "isinf", "isnan", "mp_adamw_update", "multi_adamw_update", "multi_mp_adamw_update", "quadratic",
]  # fmt: skip

isfinite, isinf, isnan = (FUNCTIONS[name] for name in ("isfinite", "isinf", "isnan"))


def adamw_update(
    weight: Any,
    grad: Any,
    mean: Any,
    var: Any,
    rescale_grad: Any,
    lr: float,
    eta: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    wd: float = 0.0,
    clip_gradient: float = -1.0,
    out: Any = None,
    **_: Any,
) -> Any:
    r"""Make a step of AdamW: :math:`w - \eta\,(\alpha\, m / (\sqrt v + \epsilon) + \lambda w)`.

    :math:`m` and :math:`v` are those of Adam for the rescaled and clipped gradient. The rate :math:`\alpha`, ``lr``,
    must include the bias correction, and ``eta`` is the multiplier of a schedule.

    >>> import mxcore as mx
    >>> w, m, v = mx.nd.ones(2), mx.nd.zeros(2), mx.nd.zeros(2)
    >>> scale = mx.nd.array([1.0])
    >>> _ = mx.nd.contrib.adamw_update(w, mx.nd.ones(2), m, v, scale, lr=0.1, eta=1, wd=0.5, epsilon=0, out=w)
    >>> w.asnumpy().round(4)
    array([0.1838, 0.1838], dtype=float32)
    """
    w, m, v, xp = bare(weight), bare(mean), bare(var), xp_of(weight)
    if updates.skips(rescale_grad):
        return deliver(w, out)
    g = updates.prepared(grad, rescale_grad, clip_gradient)
    m[...] = beta1 * m + (1 - beta1) * g
    v[...] = beta2 * v + (1 - beta2) * g * g
    return deliver(w - eta * (lr * m / (xp.sqrt(v) + epsilon) + wd * w), out)


mp_adamw_update = updates.on_master(adamw_update, after="var")


def multi_adamw_update(
    weights: Sequence[Any],
    grads: Sequence[Any],
    mean: Sequence[Any],
    var: Sequence[Any],
    rescale_grad: Any,
    lrs: Sequence[float],
    wds: Sequence[float],
    etas: Sequence[float],
    out: Any = None,
    **named: Any,
) -> Any:
    """Do what ``adamw_update`` does for lists of arrays; ``out`` is a list."""
    named = {name: value for name, value in named.items() if name not in ("name", "size")}
    every = zip(weights, grads, mean, var, lrs, wds, etas, targets(out, len(weights)), strict=True)
    return [
        adamw_update(w, g, m, v, rescale_grad, lr, eta, wd=wd, out=to, **named) for w, g, m, v, lr, wd, eta, to in every
    ]


def multi_mp_adamw_update(
    weights: Sequence[Any],
    grads: Sequence[Any],
    mean: Sequence[Any],
    var: Sequence[Any],
    weights32: Sequence[Any],
    rescale_grad: Any,
    lrs: Sequence[float],
    wds: Sequence[float],
    etas: Sequence[float],
    out: Any = None,
    **named: Any,
) -> Any:
    """Do what ``mp_adamw_update`` does for lists of arrays; ``out`` is a list."""
    named = {name: value for name, value in named.items() if name not in ("name", "size")}
    every = zip(weights, grads, mean, var, weights32, lrs, wds, etas, targets(out, len(weights)), strict=True)
    return [
        mp_adamw_update(w, g, m, v, full, rescale_grad, lr, eta, wd=wd, out=to, **named)
        for w, g, m, v, full, lr, wd, eta, to in every
    ]


def group_adagrad_update(
    weight: Any,
    grad: Any,
    history: Any,
    lr: Any,
    rescale_grad: Any = 1.0,
    clip_gradient: float = -1.0,
    epsilon: float = 1e-5,
    out: Any = None,
    **_: Any,
) -> Any:
    r"""Make a step of GroupAdaGrad.

    :math:`h \leftarrow h + \overline{\tilde g^2}`, the mean per row, and
    :math:`w - \eta\,\tilde g / \sqrt{h + \epsilon}`.
    """
    past, xp = bare(history), xp_of(weight)
    g = updates.prepared(grad, rescale_grad, clip_gradient)
    past[...] = past + (g * g).mean(axis=1, keepdims=True)
    return deliver(bare(weight) - updates.number(lr) * g / xp.sqrt(past + epsilon), out)


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = True, **_: Any) -> Any:
    """Return 1 if all elements of two arrays are close, else 0, in an array of shape (1,)."""
    found = xp_of(a).isclose(bare(a), bare(b), rtol, atol, equal_nan)
    return wrap(found.all().reshape(1).astype("float32"))


def arange_like(data: Any, start: float = 0.0, step: float = 1.0, repeat: int = 1, axis: int | None = None) -> Any:
    """Return evenly spaced values in the shape of an array, or as many as one of its axes has."""
    xp, array = xp_of(data), bare(data)
    count = array.size if axis is None else array.shape[axis]
    values = (start + step * (xp.arange(count) // repeat)).astype(array.dtype)
    return wrap(values.reshape(array.shape) if axis is None else values)


def boolean_mask(data: Any, index: Any, axis: int = 0, **_: Any) -> Any:
    """Return the rows, or the parts along another axis, for which ``index`` is not 0."""
    return wrap(xp_of(data).compress(bare(index) != 0, bare(data), axis=axis))


def div_sqrt_dim(data: Any, **_: Any) -> Any:
    """Return an array divided by the square root of the size of its last axis."""
    return wrap(bare(data) / data.shape[-1] ** 0.5)


def index_copy(old_tensor: Any, index_vector: Any, new_tensor: Any, out: Any = None, **_: Any) -> Any:
    """Return an array with some of its rows replaced."""
    new = bare(old_tensor).copy()
    new[bare(index_vector).astype("int64")] = bare(new_tensor)
    return deliver(new, out)


def quadratic(data: Any, a: float = 0.0, b: float = 0.0, c: float = 0.0, out: Any = None, **_: Any) -> Any:
    """Return ``a x² + b x + c`` of each element."""
    x = bare(data)
    return deliver(a * x * x + b * x + c, out)
