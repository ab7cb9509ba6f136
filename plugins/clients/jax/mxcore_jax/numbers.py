"""Numbers in double precision, which a state keeps as two float32: JAX has float64 arrays only where it is told to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxcore.adapting import requires

with requires("jax>=0.10"):
    import jax.numpy as jnp

__all__ = ["column", "joined", "split"]


def split(value: Any) -> Any:
    """Return a number, or numbers, as pairs of float32 along a last axis, whose sums they are up to 2⁻⁴⁸."""
    if isinstance(value, (int, float)):
        high = np.float32(value)
        return np.array([high, value - float(high) if np.isfinite(high) else 0], np.float32)
    value = jnp.asarray(value, jnp.float64)
    high = value.astype(jnp.float32)
    low = jnp.where(jnp.isfinite(high), value - high.astype(jnp.float64), 0.0)
    return jnp.stack([high, low.astype(jnp.float32)], axis=-1)


def joined(pairs: Any) -> Any:
    """Return the float64 numbers that pairs of float32 are."""
    return pairs[..., 0].astype(jnp.float64) + pairs[..., 1].astype(jnp.float64)


def column(old: Any, new: Mapping[int, Any]) -> Any:
    """Return a vector of numbers after an update.

    Args:
        old: the vector before.
        new: for some rows the new number, or a vector that has it in the same place.
    """
    vectors: dict[int, tuple[Any, list[int]]] = {}
    for row, value in new.items():
        if getattr(value, "ndim", 0):
            vectors.setdefault(id(value), (value, []))[1].append(row)
    for value, rows in vectors.values():
        mask = np.isin(np.arange(len(old)), rows)
        old = value if mask.all() else jnp.where(mask, value, old)
    alone = {row: value for row, value in new.items() if not getattr(value, "ndim", 0)}
    if not alone:
        return old
    return jnp.stack([jnp.asarray(alone.get(row, old[row]), jnp.float64) for row in range(len(old))])
