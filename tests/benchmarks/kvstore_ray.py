"""How long a push of 25 million parameters takes until it is acknowledged, against what it cannot do without.

That is copying the same bytes through Ray, and the update alone. Prints medians of interleaved runs in one job. Needs
the group kvstores, and runs itself in a network namespace: ``python tests/benchmarks/kvstore_ray.py [optimizer]``.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import ray
from mxcore_kvstore_ray.cluster import connect

import mxcore as mx

sys.path.insert(0, str(Path(__file__).parents[1]))
from namespaces import interfaces, run_in_namespace

SIZE = 25_000_000
REPEATS = 15


@ray.remote(num_cpus=0)
class Sink:
    """Takes arrays, and does nothing with them."""

    def take(self, arrays: Any) -> int:
        return len(arrays)


def seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main(name: str) -> None:
    connect(None)
    weight, grad = np.zeros(SIZE, np.float32), np.random.default_rng(0).normal(size=SIZE).astype(np.float32)
    store, sink = mx.kv.create("dist_sync", job="benchmark"), Sink.remote()
    store.init("w", weight)
    store.set_optimizer(name)
    updater = mx.optimizer.get_updater(mx.optimizer.create(name))
    functions: dict[str, Callable[[], Any]] = {
        "copy": lambda: ray.get(sink.take.remote(ray.put([grad]))),
        "update": lambda: updater("w", grad, weight),
        "push": lambda: store.push("w", grad),
        "pull": lambda: store.pull("w", out=weight),
    }
    times: dict[str, list[float]] = {one: [] for one in functions}
    for repeat in range(REPEATS + 2):
        for one, function in functions.items():
            found = seconds(function)
            if repeat > 1:
                times[one].append(found)
    median = {one: 1000 * statistics.median(found) for one, found in times.items()}
    print(f"{name}, {SIZE:,} parameters, medians of {REPEATS} in ms:", {one: round(ms) for one, ms in median.items()})
    print(f"push / (copy + update) = {median['push'] / (median['copy'] + median['update']):.2f}")
    store.close()


if __name__ == "__main__":
    if interfaces() == ["lo"]:
        main(*sys.argv[1:] or ["adam"])
    else:
        with tempfile.TemporaryDirectory(prefix="r") as home:
            env = {"HOME": home, "RAY_TMPDIR": home, "RAY_USAGE_STATS_ENABLED": "0"}
            done = run_in_namespace([sys.executable, __file__, *sys.argv[1:]], {**os.environ, **env}, 600.0)
        print(done.stdout)
        sys.exit(done.returncode)
