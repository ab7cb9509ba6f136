"""Save and load states. argv: name, zero, what is loaded and saved: files, or -; the first and the last step."""

import sys

import numpy as np
from common import RANK, SHAPES, gradients, of_store, optimizer, weights

import mxcore as mx

name, zero, source, target, first, last = sys.argv[1:]
keys = list(SHAPES)
mx.random.seed(5)
store = mx.kv.create(
    "local" if zero == "local" else "dist_sync_mpi", **({} if zero == "local" else {"zero": int(zero)})
)
found = weights() if source == "-" else [*np.load(source + ".npz").values()]
store.init(keys, found)
store.set_optimizer(optimizer(name))
if source != "-":
    mx.random.seed(100 + RANK)
    store.load_optimizer_states(source)
for step in range(int(first), int(last)):
    # Gradients of rank 0 alone, so that any number of ranks has the same sum.
    grads = gradients(step, 0)
    store.push(keys, grads if RANK == 0 else [np.zeros_like(one) for one in grads])
store.save_optimizer_states(target)
if RANK == 0:
    np.savez(target + ".npz", *of_store(store))
store.close()
