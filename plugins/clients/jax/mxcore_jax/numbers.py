"""Numbers in double precision, which a state keeps as two float32: JAX has float64 arrays only where it is told to."""

from __future__ import annotations

from typing import Any

import numpy as np

from mxcore.adapting import requires

with requires("jax>=0.10"):
    import jax.numpy as jnp

__all__ = ["joined", "split"]


def split(value: Any) -> Any:
    """Return a number as two float32 whose sum it is, up to 2⁻⁴⁸ of it."""
    if isinstance(value, (int, float)):
        high = np.float32(value)
        return np.array([high, value - float(high) if np.isfinite(high) else 0], np.float32)
    value = jnp.reshape(jnp.asarray(value, jnp.float64), ())
    high = value.astype(jnp.float32)
    low = jnp.where(jnp.isfinite(high), value - high.astype(jnp.float64), 0.0)
    return jnp.stack([high, low.astype(jnp.float32)])


def joined(halves: Any) -> Any:
    """Return the float64 scalar that two float32 are."""
    return halves[0].astype(jnp.float64) + halves[1].astype(jnp.float64)
