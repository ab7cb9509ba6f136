"""Normal numbers: those of mxcore, by Philox in JAX, or those of a JAX key."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from mxcore.adapting import requires
from mxcore.exchange import noise_key
from mxcore.random.distributions import DISTRIBUTIONS
from mxcore.random.philox import LANES
from mxcore.random.terms import DTYPES, Term

with requires("jax>=0.10"):
    import jax
    import jax.numpy as jnp

__all__ = ["key_words", "philox_normal"]


def key_words(index: Any) -> Any:
    """Return the key of a parameter's noise, of the current seed, as four words, the lowest first."""
    key = noise_key(index, 0)
    return np.array([key >> shift & 0xFFFFFFFF for shift in (0, 32, 64, 96)], np.uint32)


@functools.partial(jax.jit, static_argnums=(2, 3))
def philox_normal(words: Any, count: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return what mxcore draws for the update with this count.

    Args:
        words: the key.
        count: the update count.
        shape: the shape.
        dtype: float32 or float64.
    """
    distribution = DISTRIBUTIONS[f"normal_f{8 * np.dtype(dtype).itemsize}"]
    recorder, elements = distribution.record()
    size = math.prod(shape)
    groups = -(-size // distribution.group)
    wide = words.astype(jnp.uint64)
    one = np.dtype(dtype).type
    inputs = {
        "block": jnp.arange(groups * LANES, dtype=jnp.uint64),
        "key": wide[0] | wide[1] << jnp.uint64(32),
        "stream": (wide[2] | wide[3] << jnp.uint64(32)) + count.astype(jnp.uint64),
        "loc": one(0),
        "scale": one(1),
    }
    found: dict[int, Any] = {}
    for term in recorder.terms:
        operands = [found[x.number] if isinstance(x, Term) else DTYPES[term.works_in](x) for x in term.operands]
        found[term.number] = _OPERATIONS[term.operation](term, *operands) if operands else inputs[term.operation]
    blocks = jnp.stack([found[one.number].reshape(groups, LANES) for one in elements], axis=1)
    return blocks.reshape(-1)[:size].reshape(shape)


def _named(name: str) -> Any:
    return lambda _, *operands: getattr(jnp, name)(*operands)


def _converted(term: Term, x: Any) -> Any:
    return x.astype(DTYPES[term.type])


_OPERATIONS: dict[str, Any] = {
    **{
        name: _named(name)
        for name in (
            "add", "subtract", "multiply", "divide", "bitwise_and", "bitwise_xor", "left_shift", "negative", "less",
            "sqrt", "where",
        )
    },
    "right_shift": _named("right_shift"),
    "word": _converted,
    "to_float": _converted,
    "reinterpret": lambda term, x: jax.lax.bitcast_convert_type(x, DTYPES[term.type]),
}  # fmt: skip
