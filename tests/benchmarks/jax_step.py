"""How long a compiled step takes with an optimizer of mxcore, and with that of the same name in optax.

Run ``uv run --isolated --group jax python tests/benchmarks/jax_step.py``. Each step takes gradients
that are given, donates parameters and state, and applies the updates. Steps alternate. The ratio is the
median of those of neighbours, which a busy machine slows down alike.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import time
from typing import Any

import jax
import numpy as np
import optax

import mxcore as mx

PAIRS = {
    "adam": ({"epsilon_after_correction": True}, optax.adam(1e-3)),
    "adamw": ({"wd": 1e-4}, optax.adamw(1e-3)),
    "lion": ({"wd": 1e-3}, optax.lion(1e-3)),
    "lamb": ({"wd": 0.01, "bias_correction": True}, optax.lamb(1e-3, weight_decay=0.01)),
    "sgd": ({"momentum": 0.9, "lr_in_velocity": False}, optax.sgd(1e-3, momentum=0.9)),
    "rmsprop": ({}, optax.rmsprop(1e-3)),
}
MODELS = {
    "mlp": [(784, 128), (128,), (128, 10), (10,)],
    "many": [shape for _ in range(50) for shape in ((256, 256), (256,), (256,))],
    "large": [(5000, 1000)],
}

FRESH = 3


def step_of(tx: optax.GradientTransformation) -> Any:
    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any, grads: Any) -> Any:
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    return step


class Run:
    """Steps of one transformation."""

    def __init__(self, tx: optax.GradientTransformation, params: list[Any], grads: list[Any]) -> None:
        self.params, self.grads = [jax.numpy.array(one) for one in params], grads
        self.state, self.step, self.times = tx.init(self.params), step_of(tx), list[float]()
        self(1)
        self.times.clear()

    def __call__(self, steps: int) -> None:
        start = time.perf_counter()
        for _ in range(steps):
            self.params, self.state = self.step(self.params, self.state, self.grads)
        jax.block_until_ready((self.params, self.state))
        self.times.append((time.perf_counter() - start) / steps)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("names", nargs="*", default=sorted(PAIRS))
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    print(f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores, jax {jax.__version__}, optax {optax.__version__}")
    for model in given.model or MODELS:
        shapes = MODELS[model]
        params = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
        grads = [jax.numpy.asarray(rng.normal(size=shape).astype(np.float32)) for shape in shapes]
        steps = {"mlp": 20, "many": 2, "large": 1}[model]
        for name in given.names:
            arguments, theirs = PAIRS[name]
            ours = mx.jax.transformation(name, learning_rate=1e-3, **arguments)
            taken: list[list[float]] = [[], []]
            for _ in range(FRESH):  # where arrays happen to lie in memory matters, so lay them out anew
                runs = [Run(tx, params, grads) for tx in (ours, theirs)]
                for number in range(given.rounds):
                    for which in (0, 1) if number % 2 else (1, 0):
                        runs[which](steps)
                for times, run in zip(taken, runs, strict=True):
                    times += run.times
            a, b = (statistics.median(times) * 1e6 for times in taken)
            ratio = statistics.median(mine / other for mine, other in zip(*taken, strict=True))
            print(f"{model:6} {name:8} mxcore {a:9.1f} µs  optax {b:9.1f} µs  ratio {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
