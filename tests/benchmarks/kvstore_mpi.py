"""How long a ZeRO-1 step takes beside what it cannot do without, as medians of one job whose parts take turns.

    unshare -rn sh -c 'ip link set lo up && mpiexec -n 2 python tests/benchmarks/kvstore_mpi.py'

A step is a push of gradients that updates the weights in the store. What it cannot do without are a reduce-scatter of
the gradients and an all-gather of the weights, both by the MPI library, and 1/P of the update of a single process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from mpi4py import MPI

import mxcore as mx

comm = MPI.COMM_WORLD
ALONE = "update of a single process"


def timed(call: Callable[[], object]) -> float:
    """Return the milliseconds until the last rank is done."""
    comm.Barrier()
    begin = time.perf_counter()
    call()
    return float(comm.allreduce(time.perf_counter() - begin, MPI.MAX)) * 1e3


def timed_alone(call: Callable[[], object]) -> float:
    """Return the milliseconds that rank 0 takes; the others sleep, as waiting for a message takes a core."""
    comm.Barrier()
    begin = time.perf_counter()
    if comm.rank:
        time.sleep(0.2)
    else:
        time.sleep(0.01)
        begin = time.perf_counter()
        call()
    return float(comm.bcast(time.perf_counter() - begin)) * 1e3


def bare(sizes: list[int]) -> dict[str, Callable[[], object]]:
    """Return the collectives on one array, and an update of all parameters."""
    total, ranks = sum(sizes), comm.size
    share = -(-total // ranks)
    grads, weights, own = (np.ones(length, np.float32) for length in (share * ranks, share * ranks, share))
    counts, begins = [share] * ranks, [share * rank for rank in range(ranks)]
    updater = mx.optimizer.get_updater(mx.optimizer.create("adam"))
    keys, ends = list(range(len(sizes))), np.cumsum(sizes)[:-1]
    arrays = [np.split(np.ones(total, np.float32), ends) for _ in range(2)]
    return {
        "reduce-scatter": lambda: comm.Reduce_scatter(grads, own, counts),
        "all-gather": lambda: comm.Allgatherv(MPI.IN_PLACE, [weights, counts, begins, MPI.FLOAT]),
        ALONE: lambda: updater(keys, *arrays),
    }


def stores(sizes: list[int]) -> dict[str, Callable[[], object]]:
    """Return a push to each kind of store, and a push and pull."""
    keys, found = list(range(len(sizes))), {}
    for zero, order in ((1, "ranks"), (1, "any"), (0, "ranks"), (0, "any")):
        store = mx.kv.create("dist_sync_mpi", zero=zero, order=order)
        store.init(keys, [np.ones(size, np.float32) for size in sizes])
        store.set_optimizer(mx.optimizer.create("adam"))
        grads = [np.full(size, 1.0 + comm.rank, np.float32) for size in sizes]
        out = [np.empty(size, np.float32) for size in sizes]
        found[f"push, zero={zero}, order={order!r}"] = lambda store=store, grads=grads: store.push(keys, grads)
        if order == "ranks":
            call = lambda store=store, grads=grads, out=out: store.pushpull(keys, grads, out=out)
            found[f"pushpull, zero={zero}, order={order!r}"] = call
    return found


def main() -> None:
    """Measure, and print what rank 0 has found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--elements", type=int, default=25_000_000)
    parser.add_argument("--parameters", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=11)
    given = parser.parse_args()
    each = given.elements // given.parameters
    sizes = [each] * (given.parameters - 1) + [given.elements - each * (given.parameters - 1)]
    calls = bare(sizes) | stores(sizes)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(given.repeat + 2):
        for name, call in calls.items():
            taken = (timed_alone if name == ALONE else timed)(call)
            if number > 1:  # buffers exist, code is compiled
                times[name].append(taken)
    found = {name: median(some) for name, some in times.items()}
    if comm.rank == 0:
        for name, taken in found.items():
            print(f"{name:34} {taken:8.1f} ms  ({min(times[name]):.1f} to {max(times[name]):.1f})")
        least = found["reduce-scatter"] + found["all-gather"] + found[ALONE] / comm.size
        step = found["push, zero=1, order='ranks'"]
        print(f"a ZeRO-1 step takes {step:.1f} ms, {step / least:.2f} x the {least:.1f} ms of what it needs")


main()
