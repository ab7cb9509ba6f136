"""A rank that fails in a way that the others cannot see. argv: how, and zero."""

import os
import sys

import numpy as np
from common import RANK

import mxcore as mx

how, zero = sys.argv[1], int(sys.argv[2])
store = mx.kv.create("dist_sync_mpi", zero=zero)
weight = np.zeros(100_000)
store.init("w", weight)
store.set_optimizer("adam")
store.push("w", np.ones_like(weight))
updater = type(store._updater)


def broken(*_: object) -> None:
    raise MemoryError("no room on rank 1")


if RANK == 1:
    match how:
        case "raises":
            raise LookupError("the data of rank 1 is gone")
        case "ends":
            sys.exit(0)
        case "exits":
            sys.exit(7)
        case "killed":
            os.kill(os.getpid(), 9)
        case "updates" | "updates, caught":  # this rank only, after the gradients have been exchanged
            works, updater.__call__ = updater.__call__, broken
try:
    store.push("w", np.ones_like(weight))
except MemoryError:
    if how == "updates":
        raise
    updater.__call__ = works
store.push("w", np.ones_like(weight))
store.close()
sys.stdout.write(f"rank {RANK} is done\n")
