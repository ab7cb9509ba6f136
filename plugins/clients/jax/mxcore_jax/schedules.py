"""Schedules inside jit: the rate of a traced update count."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from mxcore.adapting import requires
from mxcore.exchange import NotExpressibleError, Scheduled
from mxcore.lr_scheduler import LRScheduler, evaluate
from mxcore_jax.numbers import joined, split

with requires("jax>=0.10"):
    import jax
    import jax.numpy as jnp

__all__ = ["FromZero", "check", "traced", "way_of"]

_HORIZON, _MOST = 1 << 20, 1 << 18
_FURTHER = (1 << 21, 1 << 24, 1 << 30)


class FromZero:
    """A schedule of optax, which counts the first update as 0.

    Args:
        schedule: the schedule.
    """

    def __init__(self, schedule: Callable[[Any], Any]) -> None:
        self.schedule = schedule

    def __call__(self, num_update: Any) -> Any:
        """Return the value of an update, counted from 1."""
        value = self.schedule(num_update - 1)
        return value if isinstance(value, jax.core.Tracer) else float(value)


def check(schedule: Any) -> None:
    """Refuse a schedule that follows a metric.

    Raises:
        NotExpressibleError: it does.
    """
    if isinstance(schedule, LRScheduler):
        if type(schedule).observe is not LRScheduler.observe:
            raise NotExpressibleError(
                f"{type(schedule).__name__} follows a metric, which a compiled step does not see: use "
                "optax.contrib.reduce_on_plateau after a transformation with a constant rate"
            )
        for one in schedule.parts().values():
            check(one)


def traced(scheduled: Scheduled, count: Any) -> Any:
    """Return the number of an update as a float64 scalar.

    Args:
        scheduled: what the number follows.
        count: the update count, a float64 scalar.
    """
    value = _ways[way_of(scheduled.schedule)](scheduled.schedule, count)
    least = scheduled.least
    return (value if least == -np.inf else jnp.maximum(value, least)) * scheduled.factor


def way_of(schedule: Any) -> str:
    """Return how a schedule is computed inside jit.

    ``"symbols"``: its own arithmetic is traced. ``"table"``: its values are looked up, until it is constant.
    ``"callback"``: the host computes it in each step.
    """
    try:
        with jax.enable_x64(True):
            jax.eval_shape(functools.partial(_by_symbols, schedule), jax.ShapeDtypeStruct((), np.float64))
    except Exception:
        return "callback" if _table(schedule) is None else "table"
    return "symbols"


def _by_symbols(schedule: Any, count: Any) -> Any:
    if isinstance(schedule, LRScheduler) and type(schedule).__call__ is LRScheduler.__call__:
        value = _rate(schedule, count)
    else:
        try:
            value = schedule(count)
        except TypeError:  # NumPy's functions take no tracers
            value = schedule(Symbol(count))
    return jnp.ravel(jnp.asarray(_plain(value), jnp.float64))[0]  # a rate may have an axis of length 1


def _rate(schedule: LRScheduler, count: Any) -> Any:
    begin = schedule._warm_from
    rate = _plain(schedule.rate(Symbol(jnp.maximum(count, begin) if begin else count)))
    return jnp.where(count < begin, schedule.get_warmup_lr(count), rate) if begin else rate


def _by_table(schedule: Any, count: Any) -> Any:
    starts, values = _table(schedule)  # type: ignore[misc]
    return jnp.asarray(values)[jnp.searchsorted(jnp.asarray(starts), count, side="right") - 1]


def _by_callback(schedule: Any, count: Any) -> Any:
    def ask(update: Any) -> Any:  # as pairs of float32, since JAX may convert what comes back
        rates = evaluate(schedule, np.asarray(update))
        return np.stack([split(float(rate)) for rate in rates.flat]).reshape(*rates.shape, 2)

    pair = jax.ShapeDtypeStruct((2,), np.float32)
    return joined(jax.pure_callback(ask, pair, count.astype(jnp.int32), vmap_method="broadcast_all"))


_ways: dict[str, Callable[[Any, Any], Any]] = {"symbols": _by_symbols, "table": _by_table, "callback": _by_callback}


def _table(schedule: Any) -> tuple[Any, Any] | None:
    """Return the updates at which a schedule changes, and its values there; None if it doesn't end or has too many."""
    if not isinstance(schedule, LRScheduler):
        return None
    values = evaluate(schedule, np.arange(_HORIZON))
    places = np.concatenate([[0], 1 + np.flatnonzero(values[1:] != values[:-1])])
    constant = (evaluate(schedule, np.array(_FURTHER)) == values[-1]).all()
    return (places.astype(np.float64), values[places]) if constant and len(places) <= _MOST else None


# --- NumPy's functions, on tracers -----------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return value.value if isinstance(value, Symbol) else value


def _symbolic(value: Any) -> Any:
    return tuple(map(Symbol, value)) if isinstance(value, (list, tuple)) else Symbol(value)


class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """A traced array on which NumPy's functions call those of ``jax.numpy``.

    Args:
        value: the array.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return np.shape(self.value)

    def follow(self, schedule: Any) -> Symbol:
        """Return what a schedule gives; see :func:`mxcore.lr_scheduler.evaluate`."""
        return Symbol(_ways[way_of(schedule)](schedule, self.value))

    def __bool__(self) -> bool:
        raise TypeError("a traced number is neither true nor false")

    __iter__ = None

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **keywords: Any) -> Any:
        if method == "reduce" and ufunc is np.multiply:
            return _symbolic(functools.reduce(jnp.multiply, map(_plain, args[0])))
        if method != "__call__" or keywords:
            return NotImplemented
        return _symbolic(getattr(jnp, ufunc.__name__)(*map(_plain, args)))

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        given = list(map(_plain, args))
        if function is np.searchsorted:
            given[0] = jnp.asarray(given[0])
        return _symbolic(getattr(jnp, function.__name__)(*given, **keywords))

    def __getitem__(self, place: Any) -> Symbol:
        return Symbol(self.value[_plain(place)])
