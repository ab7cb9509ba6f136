"""Gradients that are not finite on one rank, with a loss scale that adapts, against the local store."""

import warnings

import numpy as np
from common import RANK, RANKS, SHAPES, gradients, of_store, same, weights

import mxcore as mx

warnings.simplefilter("ignore", RuntimeWarning)
keys = list(SHAPES)


def made() -> mx.optimizer.Optimizer:
    return mx.optimizer.create("adam", loss_scale=mx.DynamicLossScale(8.0, growth_interval=2))


def of_rank(step: int, rank: int) -> list[np.ndarray]:
    found = gradients(step, rank)
    if step == 2 and rank == RANKS - 1:
        found[3][...] = np.inf  # the only element of c_gamma
    return found


local = mx.kv.create("local")
local.init(keys, weights())
local.set_optimizer(made())
stores = [mx.kv.create("dist_sync_mpi", zero=zero) for zero in (0, 1)]
for store in stores:
    store.init(keys, weights())
    store.set_optimizer(made())
for step in range(6):
    local.push(keys, [list(one) for one in zip(*[of_rank(step, rank) for rank in range(RANKS)], strict=True)])
    for store in stores:
        store.push(keys, of_rank(step, RANK))
wanted = local._updater
assert wanted.gate.skipped == 1
for store in stores:
    assert same(of_store(store), of_store(local)), store._zero
    assert store._updater.gate.skipped == 1
    assert store._updater.optimizer.loss_scale.scale == wanted.optimizer.loss_scale.scale != 8.0
