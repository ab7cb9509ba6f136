"""Reproducible random numbers, drawn on the host as a function of a seed and of names.

A draw depends only on the seed and a *key*, such as the name of a parameter: not on the order of the draws, the other
parameters, the number of threads or the device. Draws without a name (a dropout mask, a shuffle, a direct call of
:func:`uniform`) are keyed by their *position*, a counter that is saved with the state of a run. NumPy's global
generator is never touched.

>>> import mxcore as mx
>>> mx.random.seed(7)
7
>>> a = mx.random.generator("fc_weight").normal(size=3)
>>> b = mx.random.generator("fc_weight").normal(size=3)
>>> bool((a == b).all())
True
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

import numpy as np
import numpy.typing as npt

from mxcore.backend import Array, backend_of
from mxcore.random.generators import Generator

__all__ = [
    "Generator", "current_seed", "generator", "get_state", "next_generator", "normal", "scope", "seed", "set_state",
    "uniform",
]  # fmt: skip


_Shape = int | tuple[int, ...]
_OF_ND = "exponential gamma generalized_negative_binomial multinomial negative_binomial poisson randint randn shuffle"

Generator.__module__ = __name__  # from where users import it


def _fresh_seed() -> int:
    """Return 63 random bits from the operating system."""
    return int.from_bytes(os.urandom(8), "little") >> 1


_stream = {"seed": _fresh_seed(), "position": 0}  # the state of this process's random numbers
# Inside a scope (one parameter being initialised), positions are counted per scope, not per process.
_scope: ContextVar[tuple[tuple[object, ...], list[int]] | None] = ContextVar("scope", default=None)


def seed(value: int | None = None, ctx: Any = "all") -> int:  # noqa: ARG001
    """Set the seed, go back to position 0, and return the seed; without a value, draw a fresh one.

    All devices share it: ``ctx`` has no effect, and is there for code written for MXNet.

    >>> import mxcore as mx
    >>> mx.random.seed(7)
    7
    >>> first = mx.random.uniform(shape=3)
    >>> mx.random.seed(7)
    7
    >>> bool((mx.random.uniform(shape=3) == first).all())
    True

    Raises:
        ValueError: ``value`` is not an integer of at least 0.
    """
    set_state({"seed": _fresh_seed() if value is None else value, "position": 0})
    return _stream["seed"]


def current_seed() -> int:
    """Return the current seed: the one that was set, or a fresh one drawn when the process started.

    >>> import mxcore as mx
    >>> mx.random.seed(7) == mx.random.current_seed()
    True
    """
    return _stream["seed"]


def get_state() -> dict[str, int]:
    """Return the seed and the position, which :func:`mxcore.save_state` saves.

    >>> import mxcore as mx
    >>> _ = mx.random.seed(7)
    >>> _ = mx.random.normal()
    >>> mx.random.get_state()
    {'seed': 7, 'position': 1}
    """
    return dict(_stream)


def set_state(state: Mapping[str, int]) -> None:
    """Go back to a seed and a position that :func:`get_state` returned.

    >>> import mxcore as mx
    >>> state = mx.random.get_state()
    >>> drawn = mx.random.normal(shape=2)
    >>> mx.random.set_state(state)
    >>> bool((mx.random.normal(shape=2) == drawn).all())
    True

    Raises:
        ValueError: a number is missing, or is not an integer of at least 0.
    """
    if wrong := faults(state):
        raise ValueError(wrong[0])
    _stream.update(seed=int(state["seed"]), position=int(state["position"]))


def faults(state: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a seed and a position."""
    return [
        f"{name} must be an integer of at least 0, got {value!r:.60}"
        for name in ("seed", "position")
        if not _is_count(value := state.get(name))
    ]


def _is_count(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= 0)


def generator(*key: object, dtype: npt.DTypeLike = np.float64, out: Array = None) -> Generator:
    """Return a generator that is a pure function of the seed and of ``key`` (strings and integers).

    >>> import mxcore as mx
    >>> a, b, c = (mx.random.generator(name).uniform() for name in ("fc_weight", "fc_weight", "out_weight"))
    >>> a == b, a == c
    (True, False)

    Args:
        key: what the draws are for, such as a parameter's name.
        dtype: see :class:`Generator`.
        out: see :class:`Generator`.
    """
    import hashlib  # here, since it loads OpenSSL

    digest = hashlib.blake2b(repr((_stream["seed"], *map(_plain, key))).encode(), digest_size=16).digest()
    return Generator(int.from_bytes(digest, "little"), dtype, out)


def next_generator(*key: object, dtype: npt.DTypeLike = np.float64, out: Array = None) -> Generator:
    """Return a generator for the next unnamed draw: it is also keyed by the position, which it advances.

    >>> import mxcore as mx
    >>> a, b = mx.random.next_generator().uniform(), mx.random.next_generator().uniform()
    >>> a == b
    False
    """
    scope = _scope.get()
    if scope is None:
        _stream["position"] += 1
        return generator("position", _stream["position"], *key, dtype=dtype, out=out)
    name, position = scope
    position[0] += 1
    return generator(*name, "position", position[0], *key, dtype=dtype, out=out)


@contextlib.contextmanager
def scope(*key: object) -> Iterator[None]:
    """Key every draw in the block by ``key``, so that code with unnamed draws is still reproducible by name.

    >>> import mxcore as mx
    >>> def draw(name):
    ...     with mx.random.scope(name):
    ...         return float(mx.random.normal())
    >>> draw("a") == draw("a"), draw("a") == draw("b")
    (True, False)
    """
    token = _scope.set((key, [0]))
    try:
        yield
    finally:
        _scope.reset(token)


def uniform(
    low: float = 0, high: float = 1, shape: _Shape = (), dtype: Any = np.float32, ctx: Any = None, out: Array = None
) -> Array:
    """Draw from U[low, high) into ``out``, or into a new array of ``shape`` and ``dtype``: an NDArray on a device.

    Without ``ctx`` it is a host array, which has MXNet's methods, too, if the program has used ``mx.nd``.

    >>> import mxcore as mx
    >>> drawn = mx.random.uniform(-1, 1, shape=(2, 3))
    >>> drawn.shape, drawn.dtype, bool((abs(drawn) <= 1).all())
    ((2, 3), dtype('float32'), True)
    """
    return _deliver(lambda rng, size: rng.uniform(low, high, size), shape, dtype, ctx, out)


def normal(
    loc: float = 0, scale: float = 1, shape: _Shape = (), dtype: Any = np.float32, ctx: Any = None, out: Array = None
) -> Array:
    """Draw from N(loc, scale²) into ``out``, or into a new array, as :func:`uniform` does.

    >>> import numpy as np, mxcore as mx
    >>> drawn = mx.random.normal(5, 0.1, shape=1000, dtype=np.float64)
    >>> bool(abs(drawn.mean() - 5) < 0.02)
    True
    """
    return _deliver(lambda rng, size: rng.normal(loc, scale, size), shape, dtype, ctx, out)


def __getattr__(name: str) -> Any:
    """Return a function of ``mx.nd.random`` that MXNet also has here, from the plugin mxcore-nd."""
    if name not in _OF_ND.split():
        raise AttributeError(f"module 'mxcore.random' has no attribute {name!r}")
    return getattr(sys.modules["mxcore"].nd.random, name)


def _deliver(
    draw: Callable[[Generator, Any], Array], shape: _Shape, dtype: npt.DTypeLike, ctx: Any, out: Array
) -> Array:
    if out is None:
        drawn = np.asarray(draw(next_generator(dtype=dtype), shape), dtype)
        if ctx is not None:
            return sys.modules["mxcore"].nd.array(drawn, ctx, drawn.dtype)
        return getattr(sys.modules.get("mxcore_nd"), "readable", np.asarray)(drawn)
    values = draw(next_generator(dtype=out.dtype, out=out), out.shape)
    if values is not out:
        backend_of(out).fill(out, values)
    return out


def _plain(part: object) -> object:
    """Return part of a key without its Python type, so that a name is the same as str, InitDesc or numpy.str_."""
    return str(part) if isinstance(part, str) else int(part) if isinstance(part, np.integer) else part
