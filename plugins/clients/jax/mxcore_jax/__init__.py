"""Optimizers of mxcore as optax transformations."""

from __future__ import annotations

from mxcore_jax.convert import evaluation_weights, from_updater, to_updater
from mxcore_jax.transform import State, Transformation, transformation

__all__ = ["State", "Transformation", "evaluation_weights", "from_updater", "to_updater", "transformation"]
