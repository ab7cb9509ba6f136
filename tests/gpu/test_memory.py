"""Updates keep alive only what they need."""

import gc
from typing import Any

import numpy as np
import pytest

import mxcore as mx
from mxcore.backend import Context


@pytest.mark.parametrize("name", ["adam", "lamb", "sgld"])
def test_steps_from_fresh_gradients_do_not_grow(name: str, gpu: Context, xp: Any) -> None:
    pool = xp.get_default_memory_pool()
    weights = [gpu.array(np.ones((512, size), "f4")) for size in (512, 7, 1)]
    update = mx.optimizer.get_updater(mx.optimizer.create(name))
    used = []
    for _ in range(30):
        update([0, 1, 2], [xp.full_like(weight, 0.5) for weight in weights], weights)
        used.append(pool.used_bytes())
    assert used[5:] == [used[5]] * 25


def test_an_updater_that_is_dropped_gives_its_memory_back(gpu: Context, xp: Any) -> None:
    pool, weight = xp.get_default_memory_pool(), gpu.array(np.ones(100_000, "f4"))
    grad = xp.ones_like(weight)
    before = pool.used_bytes()
    for _ in range(3):
        update: Any = mx.optimizer.get_updater(mx.optimizer.create("adam"))
        update(0, grad, weight)
        assert pool.used_bytes() > before
        del update
        gc.collect()
        assert pool.used_bytes() == before
