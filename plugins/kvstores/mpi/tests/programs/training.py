"""Train with a checkpoint after each update, and go on after the last. argv: zero, a folder, updates, who dies when."""

import os
import sys
from pathlib import Path

import numpy as np
from common import RANK, SHAPES, gradients, of_store, optimizer, weights

import mxcore as mx

zero, folder, updates, victim, when = int(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])
keys = list(SHAPES)
done = max((int(file.stem) for file in folder.glob("*.states")), default=0)
store = mx.kv.create("dist_sync_mpi", zero=zero)
store.init(keys, weights() if not done else [*np.load(folder / f"{done}.npz").values()])
store.set_optimizer(optimizer("adam, clipped"))
if done:
    store.load_optimizer_states(folder / f"{done}.states")
for step in range(done, updates):
    if victim == RANK and step == when:
        os.kill(os.getpid(), 9)
    store.push(keys, gradients(step, RANK))
    if RANK == 0:
        np.savez(folder / f"{step + 1}.npz", *of_store(store))
    store.save_optimizer_states(folder / f"{step + 1}.states")  # the last of both
store.close()
