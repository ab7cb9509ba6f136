"""What workers of the tests do."""

import os
import time
from typing import Any

import numpy as np
import ray

import mxcore as mx

SHAPES = [(40, 30), (30,), (30, 7), (7,), (5000,)]
KEYS: list[Any] = ["fc1_weight", "fc1_bias", "fc2_weight", "fc2_bias", 5]
SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {"momentum": 0.9, "wd": 0.01},
    "adam": {},
    "lamb": {"wd": 0.01},
    "adam, clipped": {"clip_global_norm": 0.5},
}


def optimizer(name: str) -> Any:
    return mx.optimizer.create(name.partition(",")[0], learning_rate=0.01, **SETTINGS[name])


def initial() -> list[Any]:
    rng = np.random.default_rng(7)
    return [rng.normal(size=shape).astype(np.float32) for shape in SHAPES]


def gradients(rank: int, step: int, weights: list[Any]) -> list[Any]:
    """Return gradients that depend on the weights, so that wrong ones are not forgotten."""
    rng = np.random.default_rng([rank, step])
    return [(0.3 * one + rng.normal(size=one.shape)).astype(np.float32) for one in weights]


def keys_of(run: str) -> list[Any]:
    """Return the keys of a run of several in one store."""
    return [f"{run}:{key}" if run else key for key in KEYS]


def train(store: Any, name: str, steps: int, pause: float = 0.0, start: int = 0, run: str = "") -> list[bytes]:
    weights, keys = [one * (store.rank == 0) for one in initial()], keys_of(run)
    store.init(keys, weights)
    store.set_optimizer(optimizer(name))
    store.pull(keys, out=weights)
    for step in range(start, steps):
        store.pushpull(keys, gradients(store.rank, step, weights), out=weights)
        time.sleep(pause)
    return [one.tobytes() for one in weights]


def alone(name: str, steps: int, workers: int, run: str = "") -> list[bytes]:
    """Return the weights after list pushes of all workers' gradients to a store in this process."""
    store, weights, keys = mx.kv.create("local"), initial(), keys_of(run)
    store.init(keys, weights)
    store.set_optimizer(optimizer(name))
    for step in range(steps):
        every = [gradients(rank, step, weights) for rank in range(workers)]
        store.pushpull(keys, [list(some) for some in zip(*every, strict=True)], out=weights)
    return [one.tobytes() for one in weights]


@ray.remote(num_cpus=0, max_concurrency=2)
class Trainer:
    """A worker in a process of its own."""

    def __init__(self) -> None:
        self.store: Any = None

    def pid(self) -> int:
        return os.getpid()

    def open(self, type: str = "dist_sync", **options: Any) -> None:
        self.store = mx.kv.create(type, **options)

    def train(self, *arguments: Any, resume: bool = False, **options: Any) -> Any:
        start = self.store.resume() if resume else 0
        return train(self.store, *arguments, start=start, **options)

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        return getattr(self.store, method)(*arguments, **options)

    def pulled(self, key: Any, out: Any) -> Any:
        out = out.copy()
        self.store.pull(key, out=out)
        return out

    def fit(self, steps: int) -> float:
        """Fit a line to noiseless points, of which each worker has its own, and return the loss at the end."""
        rng = np.random.default_rng(self.store.rank)
        weights = [np.zeros(8, np.float32), np.zeros(1, np.float32)]
        self.store.broadcast(["fit_weight", "fit_bias"], weights, out=weights)
        self.store.set_optimizer("sgd(learning_rate=0.05)")
        for _ in range(steps):
            x = rng.normal(size=(16, 8)).astype(np.float32)
            error = x @ weights[0] + weights[1] - (x.sum(axis=1) / 2 + 1)
            grads = [x.T @ error / 16, error.mean(keepdims=True)]
            self.store.pushpull(["fit_weight", "fit_bias"], grads, out=weights)
        self.store.barrier()
        self.store.pull(["fit_weight", "fit_bias"], out=weights)
        return float(np.square(weights[0] - 0.5).sum() + np.square(weights[1] - 1).sum())

    def leave(self) -> None:
        """End as a script does that does not call close."""
        self.store._leave()


def workers(count: int) -> list[Any]:
    return [Trainer.remote() for _ in range(count)]


def on_all(trainers: list[Any], method: str, *arguments: Any, timeout: float = 120.0, **options: Any) -> list[Any]:
    """Call a method of all workers at the same time."""
    return ray.get([getattr(one, method).remote(*arguments, **options) for one in trainers], timeout=timeout)


def opened(trainers: list[Any], **options: Any) -> list[Any]:
    """Let each worker create its store."""
    options = {"num_workers": len(trainers), **options}
    ray.get([one.open.remote(rank=rank, **options) for rank, one in enumerate(trainers)], timeout=60)
    return trainers


def status(job: str, server: int = 0) -> dict[str, Any]:
    return ray.get(ray.get_actor(f"{job}/server/{server}", namespace="mxcore").status.remote(), timeout=20)
