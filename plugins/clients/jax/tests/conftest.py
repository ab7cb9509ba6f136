"""Runs of the same optimizer here and in JAX, on the same given gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import mxcore as mx

STEPS = 50


def model(dtype="float32"):
    """Return parameters of 0 to 4 axes."""
    shapes = {"fc": {"weight": (6, 5), "gamma": (5,)}, "conv_weight": (3, 2, 2, 2), "scale_weight": ()}
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda shape: drawn(rng, shape, dtype), shapes, is_leaf=lambda one: isinstance(one, tuple))


def drawn(rng, shape, dtype):
    values = rng.uniform(-1, 1, shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.uniform(-1, 1, shape)
    return np.asarray(values).astype(dtype)


def gradients(params, steps=STEPS):
    rng = np.random.default_rng(1)
    return [jax.tree.map(lambda p: drawn(rng, p.shape, p.dtype), params) for _ in range(steps)]


def own_run(optimizer, params, grads):
    """Return the parameters after updates by our own updater, and the updater."""
    params, update = jax.tree.map(np.array, params), mx.optimizer.get_updater(optimizer)
    for one in grads:
        update.update(one, params)
    return params, update


def jax_run(tx, params, grads, state=None):
    """Return the parameters after compiled updates, and the state."""
    params = jax.tree.map(jnp.asarray, params)
    state = tx.init(params) if state is None else state

    @jax.jit
    def step(grads, state, params):
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    for one in grads:
        params, state = step(one, state, params)
    return params, state


def error(found, wanted):
    """Return the largest difference, relative to numbers above 1."""

    def of(a, b):
        wide = np.complex128 if np.iscomplexobj(b) else np.float64
        a, b = np.asarray(a).astype(wide), np.asarray(b).astype(wide)
        return float(np.max(np.abs(a - b) / np.maximum(1, np.abs(b))))

    return max(jax.tree.leaves(jax.tree.map(of, found, wanted)))


@pytest.fixture
def runs():
    """The functions above."""
    import types

    return types.SimpleNamespace(
        model=model, gradients=gradients, own=own_run, jax=jax_run, error=error, TOLERANCE=2e-6
    )
