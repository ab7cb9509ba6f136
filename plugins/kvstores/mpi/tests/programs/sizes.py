"""Print what the states of each rank take, in bytes, and all weights."""

import numpy as np
from common import RANK, report

import mxcore as mx

shapes = [(513, 700), (31,), (1000, 77), (1,), (4096,), (9000,)] * 2
keys = list(range(len(shapes)))
for name, settings, dtype in (
    ("adam", {}, "f4"),
    ("adam", {"multi_precision": True}, "f2"),
    ("lookahead(lamb)", {}, "f8"),
):
    store = mx.kv.create("dist_sync_mpi", zero=1)
    store.init(keys, [np.ones(shape, dtype) for shape in shapes])
    store.set_optimizer(mx.optimizer.create(name, **settings))
    for _ in range(3):
        store.push(keys, [np.ones(shape, dtype) for shape in shapes])
    arrays: list[np.ndarray] = []
    for state in store._updater.states.values():
        mx.state.map_arrays(state, arrays.append)
    held, elements = sum(array.nbytes for array in arrays), sum(int(np.prod(shape)) for shape in shapes)
    report([f"{name}, {dtype}", RANK, held, elements])
    store.close()
