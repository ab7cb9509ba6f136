"""Random arrays: ``mx.nd.random``, from the generator of ``mx.random``, on the seed of which they depend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mxcore.backend import Context, backend_of
from mxcore.random import next_generator
from mxcore_nd.array import bare, deliver, wrap

__all__ = [
    "exponential", "exponential_like", "gamma", "gamma_like", "generalized_negative_binomial",
    "generalized_negative_binomial_like", "multinomial", "negative_binomial", "negative_binomial_like", "normal",
    "normal_like", "poisson", "poisson_like", "randint", "randn", "shuffle", "uniform", "uniform_like",
]  # fmt: skip


def _draw(draw: Callable[[Any, Any], Any], parameters: Any, shape: Any, dtype: Any, ctx: Any, out: Any) -> Any:
    """Draw values of a shape: for arrays of parameters, that many for each of their elements."""
    given = [backend_of(one).to_host(bare(one)) if hasattr(one, "dtype") else one for one in parameters]
    own = np.broadcast_shapes(*[np.shape(one) for one in given])
    if out is not None:
        size: Any = out.shape
    else:
        size = () if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
        size = (*own, *size) if own else size or (1,)
    dtype = np.dtype("float32" if dtype in (None, "None") else dtype) if out is None else out.dtype
    spread = [
        np.reshape(one, (*np.shape(one), *[1] * (len(size) - len(own)))) if np.ndim(one) else one for one in given
    ]
    values = np.asarray(draw(next_generator(dtype=dtype), (size, *spread)), dtype)
    if out is not None:
        backend_of(out).fill(bare(out), values)
        return out
    ctx = ctx or next((Context("gpu", one.device.id) for one in parameters if _is_on_device(one)), None)
    return wrap(values if ctx is None or ctx.device_type == "cpu" else ctx.backend.from_host(values, ctx.device_id))


def _is_on_device(value: Any) -> bool:
    return hasattr(value, "dtype") and not isinstance(value, (np.ndarray, np.generic))


def uniform(
    low: Any = 0, high: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None, **_: Any
) -> Any:
    """Draw from U[low, high), into ``out`` or into a new array of ``shape``, by default (1,).

    >>> import mxcore as mx
    >>> _ = mx.random.seed(1)
    >>> x = mx.nd.random.uniform(-1, 1, shape=(2, 3))
    >>> x.shape, bool(abs(x).max() <= 1)
    ((2, 3), True)
    """
    return _draw(lambda rng, a: a[1] + (a[2] - a[1]) * rng.uniform(0, 1, a[0]), (low, high), shape, dtype, ctx, out)


def normal(
    loc: Any = 0, scale: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None, **_: Any
) -> Any:
    """Draw from N(loc, scale²)."""
    return _draw(lambda rng, a: a[1] + a[2] * rng.normal(0, 1, a[0]), (loc, scale), shape, dtype, ctx, out)


def randn(*shape: int, loc: Any = 0, scale: Any = 1, dtype: Any = None, ctx: Any = None, **_: Any) -> Any:
    """Draw from N(loc, scale²), with the sizes as arguments."""
    return normal(loc, scale, shape, dtype, ctx)


def randint(
    low: int, high: int, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None, **_: Any
) -> Any:
    """Draw integers from ``low`` up to, but without, ``high``; int32 unless given."""
    return _draw(lambda rng, a: rng.integers(low, high, a[0]), (), shape, dtype or "int32", ctx, out)


def exponential(
    scale: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None, **_: Any
) -> Any:
    """Draw from the exponential distribution with the mean ``scale``."""
    return _draw(lambda rng, a: rng.numpy().exponential(a[1], a[0]), (scale,), shape, dtype, ctx, out)


def gamma(
    alpha: Any = 1, beta: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None, **_: Any
) -> Any:
    """Draw from the gamma distribution with the shape ``alpha`` and the scale ``beta``."""
    return _draw(lambda rng, a: rng.numpy().gamma(a[1], a[2], a[0]), (alpha, beta), shape, dtype, ctx, out)


def poisson(lam: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None, **_: Any) -> Any:
    """Draw from the Poisson distribution with the mean ``lam``."""
    return _draw(lambda rng, a: rng.numpy().poisson(a[1], a[0]), (lam,), shape, dtype, ctx, out)


def negative_binomial(
    k: Any = 1, p: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None, **_: Any
) -> Any:
    """Draw the number of failures before the ``k``-th success, of probability ``p``."""
    return _draw(lambda rng, a: rng.numpy().negative_binomial(a[1], a[2], a[0]), (k, p), shape, dtype, ctx, out)


def generalized_negative_binomial(
    mu: Any = 1, alpha: Any = 1, shape: Any = None, dtype: Any = None, ctx: Any = None, out: Any = None, **_: Any
) -> Any:
    """Draw from Poisson distributions with gamma distributed means, of mean ``mu`` and variance ``alpha mu²``."""

    def draw(rng: Any, a: Any) -> Any:
        source = rng.numpy()
        return source.poisson(source.gamma(1 / a[2], a[2] * a[1], a[0]))

    return _draw(draw, (mu, alpha), shape, dtype, ctx, out)


def multinomial(data: Any, shape: Any = (), get_prob: bool = False, dtype: Any = "int32", **_: Any) -> Any:
    """Draw indices with the probabilities in the last axis of ``data``; with ``get_prob``, also their logarithms."""
    probabilities = np.asarray(backend_of(data).to_host(bare(data)), np.float64)
    rows = probabilities.reshape(-1, probabilities.shape[-1])
    size = (shape,) if isinstance(shape, int) else tuple(shape)
    drawn = next_generator().uniform(0, 1, (len(rows), *(size or (1,))))
    cut = np.cumsum(rows, axis=1)
    found = np.stack([np.searchsorted(one, u * one[-1], side="right") for one, u in zip(cut, drawn, strict=True)])
    whole = (*probabilities.shape[:-1], *size) or (1,)
    chosen = np.stack([np.log(row[at]) for row, at in zip(rows, found, strict=True)]).astype(np.float32)
    like = backend_of(data)
    both = found.reshape(whole).astype(dtype), chosen.reshape(whole)
    indices, logarithms = (wrap(like.from_host(one, like.device_of(data))) for one in both)
    return [indices, logarithms] if get_prob else indices


def shuffle(data: Any, out: Any = None, **_: Any) -> Any:
    """Return the rows in random order."""
    return deliver(bare(data)[backend_of(data).xp.asarray(next_generator().permutation(len(data)))], out)


def _like(function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(*parameters: Any, data: Any = None, out: Any = None, **named: Any) -> Any:
        if data is None:
            *parameters, data = parameters  # type: ignore[assignment]
        if out is None:
            out = wrap(backend_of(data).full_like(bare(data), 0))
        return function(*parameters, out=out, **named)

    apply.__name__ = apply.__qualname__ = f"{function.__name__}_like"
    apply.__doc__ = f"Do what ``{function.__name__}`` does, in the shape and dtype of ``data``."
    return apply


exponential_like = _like(exponential)
gamma_like = _like(gamma)
generalized_negative_binomial_like = _like(generalized_negative_binomial)
negative_binomial_like = _like(negative_binomial)
normal_like = _like(normal)
poisson_like = _like(poisson)
uniform_like = _like(uniform)
