"""Updates of several weights in one call: ``mx.nd.multi_sgd_update`` and the like, and sums over several arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mxcore.backend import backend_of
from mxcore_nd import updates
from mxcore_nd.array import bare, wrap, xp_of

__all__ = [
    "all_finite", "multi_all_finite", "multi_lars", "multi_mp_sgd_mom_update", "multi_mp_sgd_update",
    "multi_sgd_mom_update", "multi_sgd_update", "multi_sum_sq", "preloaded_multi_mp_sgd_mom_update",
    "preloaded_multi_mp_sgd_update", "preloaded_multi_sgd_mom_update", "preloaded_multi_sgd_update", "reset_arrays",
]  # fmt: skip


def rows(data: Sequence[Any], width: int, count: int | None = None) -> Iterator[tuple[Any, ...]]:
    """Return the arrays of each weight from a list in which they follow one another.

    Raises:
        ValueError: the number of arrays does not fit.
    """
    number = len(data) // width
    if len(data) % width or (count is not None and int(count) != number):
        raise ValueError(f"expected {width} arrays for each of {count or 'some'} weights, got {len(data)} arrays")
    return zip(*[iter(data)] * width, strict=True)


def targets(out: Any, number: int) -> list[Any]:
    """Return where each result goes."""
    return [None] * number if out is None else list(out) if isinstance(out, (list, tuple)) else [out]


def _multi(name: str, width: int, preloaded: bool) -> Callable[..., Any]:
    function = getattr(updates, name)

    def apply(
        *data: Any, lrs: Any = None, wds: Any = None, num_weights: int | None = None, out: Any = None, **named: Any
    ) -> Any:
        given = list(data[0]) if len(data) == 1 and isinstance(data[0], (list, tuple)) else list(data)
        if preloaded:
            *given, lrs, wds = given
        each = list(rows(given, width, num_weights))
        rates, decays = (list(map(float, one)) for one in (_host(lrs), _host(wds)))
        every = zip(each, rates, decays, targets(out, len(each)), strict=True)
        return [function(*arrays, lr=lr, wd=wd, out=to, **named) for arrays, lr, wd, to in every]

    apply.__name__ = apply.__qualname__ = f"{'preloaded_' * preloaded}multi_{name}"
    apply.__module__ = "mxcore_nd"
    where = "in the last two arrays" if preloaded else "in ``lrs`` and ``wds``"
    apply.__doc__ = (
        f"Do what ``{name}`` does for several weights, whose arrays follow one another.\n\n"
        f"    The rate and decay of each are {where}; ``out`` is a list.\n    "
    )
    return apply


def _host(numbers: Any) -> Any:
    return backend_of(numbers).to_host(bare(numbers)).tolist() if hasattr(numbers, "dtype") else numbers


multi_sgd_update = _multi("sgd_update", 2, False)
multi_sgd_mom_update = _multi("sgd_mom_update", 3, False)
multi_mp_sgd_update = _multi("mp_sgd_update", 3, False)
multi_mp_sgd_mom_update = _multi("mp_sgd_mom_update", 4, False)
preloaded_multi_sgd_update = _multi("sgd_update", 2, True)
preloaded_multi_sgd_mom_update = _multi("sgd_mom_update", 3, True)
preloaded_multi_mp_sgd_update = _multi("mp_sgd_update", 3, True)
preloaded_multi_mp_sgd_mom_update = _multi("mp_sgd_mom_update", 4, True)


def _arrays(data: tuple[Any, ...]) -> Sequence[Any]:
    return data[0] if len(data) == 1 and isinstance(data[0], (list, tuple)) else data


def multi_sum_sq(*data: Any, num_arrays: int | None = None, out: Any = None, **_: Any) -> Any:
    """Return the sum of the squares of each array, in one array of float32."""
    arrays = [bare(one) for one in _arrays(data)]
    xp = xp_of(arrays[0])
    found = xp.stack([xp.sum(one.astype("float32") ** 2) for one in arrays])
    return wrap(found) if out is None else wrap(found).copyto(out)


def all_finite(data: Any, init_output: bool = True, out: Any = None, **_: Any) -> Any:
    """Return 1 if all elements are finite, else 0, in an array of shape (1,)."""
    return multi_all_finite(data, init_output=init_output, out=out)


def multi_all_finite(
    *data: Any, num_arrays: int | None = None, init_output: bool = True, out: Any = None, **_: Any
) -> Any:
    """Return 1 if all elements of all arrays are finite, else 0; without ``init_output``, 0 in ``out`` stays."""
    arrays = [bare(one) for one in _arrays(data)]
    xp = xp_of(arrays[0])
    found = xp.stack([xp.isfinite(one).all() for one in arrays]).all().reshape(1).astype("float32")
    if out is None:
        return wrap(found)
    return wrap(found if init_output else found * bare(out)).copyto(out)


def reset_arrays(*data: Any, num_arrays: int | None = None, **_: Any) -> None:
    """Fill all arrays with zeros."""
    for one in _arrays(data):
        backend_of(one).fill(bare(one), 0)


def multi_lars(
    lrs: Any,
    weights_sum_sq: Any,
    grads_sum_sq: Any,
    wds: Any,
    eta: float = 0.001,
    eps: float = 0.0,
    rescale_grad: float = 1.0,
    out: Any = None,
    **_: Any,
) -> Any:
    """Return the rates of LARS, ``lr eta |w| / (R |g| + wd |w| + eps)``, or ``lr`` where a norm is 0.

    The norms are given as sums of squares, such as those of ``multi_sum_sq``.
    """
    xp, rates = xp_of(lrs), bare(lrs)
    weight, grad = xp.sqrt(bare(weights_sum_sq)), xp.sqrt(bare(grads_sum_sq)) * rescale_grad
    below = grad + bare(wds) * weight + eps
    scaled = eta * weight / xp.where(below == 0, 1, below)
    found = rates * xp.where((weight > 0) & (grad > 0), scaled, 1)
    return wrap(found) if out is None else wrap(found).copyto(out)
