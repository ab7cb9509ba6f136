"""Train a module on this rank's part of the data, and write its weights. argv: zero, a file."""

import sys

import numpy as np
from common import RANK, RANKS

import mxcore as mx

zero, target = int(sys.argv[1]), sys.argv[2]
rng = np.random.default_rng(0)
x, y = rng.normal(size=(64, 6)).astype("f4"), rng.integers(0, 3, 64)
own = slice(8 // RANKS * RANK, 8 // RANKS * (RANK + 1))  # of each batch of 8
x, y = x.reshape(8, 8, 6)[:, own].reshape(-1, 6), y.reshape(8, 8)[:, own].ravel()
net = mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden=16, name="fc1")
net = mx.symbol.FullyConnected(mx.symbol.Activation(net, act_type="tanh"), num_hidden=3, name="fc2")
mod = mx.mod.Module(mx.symbol.SoftmaxOutput(net, name="softmax"))
mx.random.seed(1 + RANK)  # the first weights are those of rank 0
options = {"optimizer": "adam", "optimizer_params": {"learning_rate": 0.01}, "initializer": mx.init.create("xavier")}
store = mx.kv.create("dist_sync_mpi", zero=zero)
mod.fit(mx.io.NDArrayIter(x, y, batch_size=8 // RANKS), kvstore=store, num_epoch=4, **options)
assert mod.optimizer.rescale_grad == 1 / 8
mod.save_checkpoint(f"{target}-of-{RANK}", 4, save_optimizer_states=True)
mod.load_optimizer_states(f"{target}-of-0-0004.states")
if RANK == 0:
    np.savez(target, **mod.get_params()[0])
store.close()
