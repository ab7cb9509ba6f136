"""What the programs of these tests share."""

import json
import sys
from typing import Any

import numpy as np
from mpi4py import MPI

import mxcore as mx

RANK, RANKS = MPI.COMM_WORLD.rank, MPI.COMM_WORLD.size
SHAPES = {"fc_weight": (101, 123), "fc_bias": (7,), "b_weight": (64, 130), "c_gamma": (), "d_weight": (3000, 5)}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"momentum": 0.9, "wd": 0.01},
    "adam": {"learning_rate": 0.1},
    "lamb": {"wd": 0.01},
    "adam, clipped": {"clip_global_norm": 1.0},
    "adam, scheduled": {"lr_scheduler": mx.lr_scheduler.create("poly", max_update=9, base_lr=0.1)},
    "adam, accumulating": {"accumulate": 2},
    "adam, in groups": {"groups": {".*bias": {"wd": 0.1}, "fc_.*": {"learning_rate": 0.2}, "b_.*": {"frozen": True}}},
    "muon": {},
    "lookahead(adam)": {"k": 2},
    "prodigy": {"clip_global_norm": 3.0},
    "sgld": {"learning_rate": 0.1},
    "novograd": {},
    "adafactor": {},
}


def optimizer(name: str, **more: Any) -> Any:
    return mx.optimizer.create(name.partition(",")[0], **OPTIMIZERS[name], **more)


def weights(dtypes: Any = "f4") -> list[Any]:
    rng = np.random.default_rng(9)
    of_key = dtypes if isinstance(dtypes, tuple) else (dtypes,) * len(SHAPES)
    return [np.asarray(rng.normal(size=shape), dtype) for shape, dtype in zip(SHAPES.values(), of_key, strict=True)]


def gradients(step: int, rank: int, dtypes: Any = "f4") -> list[Any]:
    rng = np.random.default_rng([step, rank])
    return [np.asarray(rng.normal(size=one.shape), one.dtype) for one in weights(dtypes)]


def of_store(store: Any, dtypes: Any = "f4") -> list[Any]:
    out = weights(dtypes)
    store.pull(list(SHAPES), out=out)
    return out


def same(one: Any, other: Any) -> bool:
    return [array.tobytes() for array in one] == [array.tobytes() for array in other]


def report(value: Any) -> None:
    """Print a line of JSON in one piece, as other ranks print, too."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def error_of(call: Any) -> str:
    """Return the error that a call must raise."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    raise AssertionError("there was no error")
