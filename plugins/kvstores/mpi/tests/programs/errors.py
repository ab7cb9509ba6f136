"""Calls in which one rank differs: each rank gets an error that names it, and the store goes on."""

from typing import Any

import numpy as np
from common import RANK, RANKS, error_of, report

import mxcore as mx

ODD = RANKS - 1
mine = RANK == ODD
found: dict[str, str] = {}
store = mx.kv.create("dist_sync_mpi", zero=1)


def refused(name: str, call: Any) -> None:
    found[name] = error_of(call)


refused("options", lambda: mx.kv.create("dist_sync_mpi", order="any" if mine else "ranks"))
refused("shapes", lambda: store.init("w", np.zeros(3 if mine else 2)))
refused("dtypes", lambda: store.init("w", np.zeros(2, "f4" if mine else "f8")))
refused("keys", lambda: store.init(["w", "x"][: 1 if mine else 2], [np.zeros(2)] * (1 if mine else 2)))
refused("type", lambda: store.init("w", "no array" if mine else np.zeros(2)))
assert store.shapes == {}
store.init(["w", "x"], [np.zeros(2), np.zeros(5000)])
refused("optimizer", lambda: store.set_optimizer(mx.optimizer.create("adam" if mine else "sgd")))
refused("settings", lambda: store.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.5 if mine else 0.25)))
refused("name", lambda: store.set_optimizer("no_such" if mine else "sgd"))
refused("no optimizer", lambda: store.save_optimizer_states("x"))
store.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.5, on_nonfinite="raise"))
grads = [np.ones(2), np.ones(5000)]
refused("shape", lambda: store.push("w", np.zeros(3 if mine else 2)))
refused("gradient dtype", lambda: store.push("w", np.zeros(2, "f4" if mine else "f8")))
refused("pushed keys", lambda: store.push("x" if mine else "w", grads[1] if mine else grads[0]))
refused("out", lambda: store.pushpull("w", grads[0], out=np.zeros(3) if mine else np.zeros(2)))
refused("call", store.barrier if mine else lambda: store.push("w", grads[0]))
refused("not finite", lambda: store.push(["w", "x"], [grads[0], np.full(5000, np.inf if mine else 1.0)]))
refused("no folder", lambda: store.save_optimizer_states("no/such/folder/states"))
refused("no file", lambda: store.load_optimizer_states("no_such_file"))
refused("lbfgs", lambda: store.set_optimizer("lbfgs"))
refused("clipped muon", lambda: store.set_optimizer(mx.optimizer.create("muon", clip_global_norm=1.0)))
refused("sparse", lambda: store.row_sparse_pull("w"))
out = [np.empty(2), np.empty(5000)]
store.pushpull(["w", "x"], grads, out=out)  # nothing has changed
assert all((one == -0.5 * RANKS).all() for one in out)
store.close()
refused("closed", store.barrier)
report([RANK, found])
