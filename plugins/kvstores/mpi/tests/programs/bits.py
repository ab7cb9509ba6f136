"""Compare stores of this job with the list push of all gradients to a local one, bit for bit."""

from typing import Any

import numpy as np
from common import OPTIMIZERS, RANK, RANKS, SHAPES, gradients, of_store, optimizer, report, same, weights

import mxcore as mx

KEYS = list(SHAPES)
DTYPES = {"f4": {}, "f2": {"multi_precision": True}, ("f4", "f8", "f4", "f8", "f4"): {}}


def local(name: str, dtypes: Any, steps: Any, **settings: Any) -> list[Any]:
    mx.random.seed(3)
    store = mx.kv.create("local")
    store.init(KEYS, weights(dtypes))
    store.set_optimizer(optimizer(name, **settings))
    for step, keys in enumerate(steps):
        by_rank = [dict(zip(KEYS, gradients(step, rank, dtypes), strict=True)) for rank in range(RANKS)]
        store.push(keys, [[one[key] for one in by_rank] for key in keys])
    return of_store(store, dtypes)


def together(name: str, dtypes: Any, steps: Any, zero: int, **settings: Any) -> list[Any]:
    mx.random.seed(3 + RANK)  # what is drawn must be the same nevertheless
    options = {} if zero < 2 else {"order": "any"}
    with mx.kv.create("dist_sync_mpi", zero=zero % 2, **options) as store:
        first = dict(zip(KEYS, weights(dtypes), strict=True))
        store.init(steps[0], [first[key] for key in steps[0]])
        store.set_optimizer(optimizer(name, **settings))
        for step, keys in enumerate(steps):
            if new := [key for key in keys if key not in store.shapes]:  # the weights of rank 0 count
                store.init(new, [first[key] if RANK == 0 else np.zeros_like(first[key]) for key in new])
            own = dict(zip(KEYS, gradients(step, RANK, dtypes), strict=True))
            store.push(keys, [own[key] for key in keys])
        assert name in ("muon", "sgld", "adafactor") or zero != 1 or store._shards.cut
        return of_store(store, dtypes)


checked = 0
for name in OPTIMIZERS:
    for dtypes, settings in DTYPES.items():
        if (name, dtypes) == ("sgld", "f2"):  # it has no master
            continue
        steps = [KEYS] * 4
        if name == "adam, scheduled":  # some keys are initialized later, and lists differ
            steps = [KEYS[1:2], KEYS[1:2], KEYS, KEYS[::-1], KEYS[1:2], KEYS[::2], KEYS[3:], KEYS]
        wanted = local(name, dtypes, steps, **settings)
        for zero in (0, 1):
            assert same(together(name, dtypes, steps, zero, **settings), wanted), (name, dtypes, zero)
            checked += 1
wanted = local("adam", "f4", [KEYS] * 3)
for zero in (2, 3):  # by the library
    for one, other in zip(together("adam", "f4", [KEYS] * 3, zero), wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)
    checked += 1
if RANK == 0:
    report(checked)
