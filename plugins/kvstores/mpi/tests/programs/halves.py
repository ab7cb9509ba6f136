"""Two stores, each of half of the ranks, with fewer blocks than ranks and an empty parameter. argv: a folder."""

import sys

import numpy as np
from common import RANK, report
from mpi4py import MPI

import mxcore as mx

half = RANK % 2
keys, first = ["a", "e", "b"], [np.zeros(3), np.zeros((0, 4)), np.zeros(2)]
grads = [np.full_like(one, 1.0 + half) for one in first]


def made(store: object) -> object:
    store.init(keys, first)
    store.set_optimizer(mx.optimizer.create("lamb", clip_global_norm=1.0))
    return store


store = made(mx.kv.create("dist_sync_mpi", zero=1, comm=MPI.COMM_WORLD.Split(half)))
local = made(mx.kv.create("local"))
for _ in range(3):
    store.push(keys, grads)
    local.push(keys, [[grad] * store.num_workers for grad in grads])
store.save_optimizer_states(f"{sys.argv[1]}/{half}")
store.load_optimizer_states(f"{sys.argv[1]}/{half}")
out, wanted = ([np.empty_like(one) for one in first] for _ in range(2))
store.pushpull(keys, grads, out=out)
local.pushpull(keys, [[grad] * store.num_workers for grad in grads], out=[[one] * store.num_workers for one in wanted])
report([store.rank, store.num_workers, [one.tobytes() for one in out] == [one.tobytes() for one in wanted]])
store.close()
store.close()
