"""What a step costs with a store on this machine, beside what docs/guides/kvstore-costs.md predicts from four figures.

    python tests/benchmarks/kvstore_costs.py                       # a parameter server on Ray, one worker
    unshare -rn sh -c 'ip link set lo up && mpiexec -n 2 python tests/benchmarks/kvstore_costs.py'

The figures are measured first, with the engine alone: the bandwidth on 100 MB, the latency or the time of a call on one
number, and an update without a store. Needs the group kvstores. Steps take turns over all sizes; printed are medians.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import mxcore as mx

sys.path.insert(0, str(Path(__file__).parents[1]))
from namespaces import interfaces, run_in_namespace

SIZES = (100_000, 1_000_000, 10_000_000, 25_000_000)
REPEATS = 15
Timed = Callable[[Callable[[], object]], float]


def medians(calls: dict[Any, Callable[[], object]], timed: Timed) -> dict[Any, float]:
    """Return the seconds of each call, which take turns."""
    times: dict[Any, list[float]] = {name: [] for name in calls}
    for number in range(REPEATS + 2):
        for name, call in calls.items():
            taken = timed(call)
            if number > 1:  # buffers exist, code is compiled
                times[name].append(taken)
    return {name: statistics.median(some) for name, some in times.items()}


def update(size: int) -> Callable[[], object]:
    """Return an update by Adam without a store."""
    updater = mx.optimizer.get_updater(mx.optimizer.create("adam"))
    grad, weight = np.ones(size, np.float32), np.ones(size, np.float32)
    return lambda: updater(0, grad, weight)


def step(store: Any, size: int, key: int) -> Callable[[], object]:
    """Return a push of a gradient and a pull of the weight."""
    grad, weight = np.ones(size, np.float32), np.ones(size, np.float32)
    store.init(key, weight)
    return lambda: store.pushpull(key, grad, out=weight)


def report(title: str, predicted: dict[int, float], measured: dict[Any, float]) -> None:
    print(title)
    print("| M | predicted | measured |\n|---|---|---|")
    for size, seconds in predicted.items():
        print(f"| {4 * size / 1e6:g} MB | {seconds * 1e3:.2f} ms | {measured['step', size] * 1e3:.2f} ms |")


def servers() -> None:
    """A worker and a server on Ray: 2 M / B, two calls, and an update."""
    import ray
    from mxcore_kvstore_ray.cluster import connect

    connect(None)

    @ray.remote(num_cpus=0)
    class Sink:
        def take(self, arrays: Any) -> int:
            return len(arrays)

    def timed(call: Callable[[], object]) -> float:
        begin = time.perf_counter()
        call()
        return time.perf_counter() - begin

    sink, store = Sink.remote(), mx.kv.create("dist_sync", job="costs")
    steps = {("step", size): step(store, size, key) for key, size in enumerate(SIZES)}
    store.set_optimizer("adam")

    def copy(size: int) -> Callable[[], object]:
        array, out = np.ones(size, np.float32), np.empty(size, np.float32)
        return lambda: np.copyto(out, ray.get(ray.get(sink.take.remote([ray.put(array)])) and ray.put(array)))

    found = medians({"call": copy(1), "bytes": copy(SIZES[-1]), "update": update(SIZES[-1])} | steps, timed)
    call, rate = found["call"] / 2, 8 * SIZES[-1] / (found["bytes"] - found["call"])
    own = found["update"] / SIZES[-1]
    predicted = {size: 8 * size / rate + 2 * call + own * size for size in SIZES}
    report(
        f"Ray: B = {rate / 1e9:.1f} GB/s, a + c = {call * 1e3:.2f} ms, update {1 / own / 1e9:.2f} G/s", predicted, found
    )
    store.close()


def collectives() -> None:
    """ZeRO-1 over MPI: 2 (P - 1) / P · M / B, 2 (P - 1) a, and 1/P of an update."""
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    other, ranks = comm.rank ^ 1, comm.size

    def timed(call: Callable[[], object]) -> float:
        comm.Barrier()
        begin = time.perf_counter()
        call()
        return float(comm.allreduce(time.perf_counter() - begin, MPI.MAX))

    def exchange(size: int) -> Callable[[], object]:
        sent, got = np.ones(size, np.float32), np.empty(size, np.float32)
        return lambda: comm.Sendrecv(sent, other, recvbuf=got, source=other)

    store = mx.kv.create("dist_sync_mpi", zero=1)
    steps = {("step", size): step(store, size, key) for key, size in enumerate(SIZES)}
    store.set_optimizer("adam")
    bare = {"latency": exchange(1), "bytes": exchange(SIZES[-1]), "update": update(SIZES[-1])}
    found = medians(bare | steps, timed)
    latency, rate = found["latency"], 4 * SIZES[-1] / (found["bytes"] - found["latency"])
    own, share = found["update"] / SIZES[-1] / ranks, 2 * (ranks - 1) / ranks
    predicted = {size: share * 4 * size / rate + 2 * (ranks - 1) * latency + own * size for size in SIZES}
    if comm.rank == 0:
        title = (
            f"MPI, P = {ranks}: B = {rate / 1e9:.1f} GB/s, a = {latency * 1e6:.0f} µs, update {1 / own / 1e9:.2f} G/s"
        )
        report(title, predicted, found)


if __name__ == "__main__":
    if "OMPI_COMM_WORLD_SIZE" in os.environ or "PMI_SIZE" in os.environ:
        collectives()
    elif interfaces() == ["lo"]:
        servers()
    else:
        with tempfile.TemporaryDirectory(prefix="r") as home:
            env = {"HOME": home, "RAY_TMPDIR": home, "RAY_USAGE_STATS_ENABLED": "0"}
            done = run_in_namespace([sys.executable, __file__], {**os.environ, **env}, 600.0)
        print(done.stdout)
        sys.exit(done.returncode)
