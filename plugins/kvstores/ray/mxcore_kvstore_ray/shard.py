"""The weights of some keys, and the optimizer that updates them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

import mxcore as mx
from mxcore.backend import Host
from mxcore.kvstore import Key, summed
from mxcore_kvstore_ray.checkpoint import Folder
from mxcore_kvstore_ray.records import Push
from mxcore_kvstore_ray.travel import Packed, unpack


class Shard:
    """What a server keeps: weights, states, and which pushes they have.

    Args:
        workers: the number of workers.
        trust: whether an optimizer may be pickled.
    """

    def __init__(self, workers: int, trust: bool = False) -> None:
        self.trust = trust
        self.weights: dict[Key, Host] = {}
        self.updater: Any = None
        self.packed: Packed | None = None
        self.settings = 0
        """How often worker 0 has set an optimizer."""
        self.updates = 0
        """How many updates were made; in a synchronous run, the round."""
        self.seen = dict.fromkeys(range(workers), 0)
        """The last push of each worker that was applied."""
        self.safe = dict(self.seen)
        """The last push of each worker that is in the last checkpoint."""
        self.pulled_at = dict(self.seen)
        """After how many updates each worker has pulled."""
        self.staleness: Counter[int] = Counter()
        """How many pushes came how many updates after their worker had pulled, in an asynchronous run."""

    def set_optimizer(self, packed: Packed) -> None:
        """Update by an optimizer from now on; until now, all workers have the same weights."""
        self.updater, self.packed = unpack(packed, self.trust), packed
        self.settings += 1
        self.pulled(self.seen, list(self.weights))

    def apply(
        self,
        pushes: Sequence[Push],
        grads: Sequence[Sequence[Host]],
        folding: Any = None,
        worker: int | None = None,
    ) -> None:
        """Make one update from what workers have pushed, added in their order.

        Args:
            pushes: the push of each worker, with the same keys.
            grads: for each of them a gradient for each key.
            folding: combines reductions over all parameters with those of other servers.
            worker: the worker, if it is the only one, for an optimizer that distinguishes workers.
        """
        keys = pushes[0].keys
        weights = [self.weights[key] for key in keys]
        every = [[_decoded(one, weight) for one, weight in zip(some, weights, strict=True)] for some in grads]
        totals = [summed(some) for some in zip(*every, strict=True)]
        if self.updater is None:
            for weight, total in zip(weights, totals, strict=True):
                weight[...] = total
        elif keys:
            options = {"worker": worker} if worker is not None and self.updater.tells_workers else {}
            with contextlib.nullcontext() if folding is None else mx.kernel.folding(folding):
                self.updater(list(keys), totals, weights, **options)
        for push in pushes:
            self.seen[push.rank] = push.number
        if worker is not None and keys:
            self.staleness[self.updates - self.pulled_at[worker]] += 1
        self.updates += 1

    def pulled(self, ranks: Iterable[int], keys: Sequence[Key]) -> None:
        """Note which weights workers have, for an optimizer that distinguishes them."""
        for rank in ranks:
            self.pulled_at[rank] = self.updates
            if self.updater is not None and self.updater.tells_workers:
                self.updater.pulled(rank, list(keys), [self.weights[key] for key in keys])

    def write(self, folder: Folder) -> None:
        """Write a checkpoint."""
        about = {"seen": list(self.seen.values()), "updates": self.updates, "settings": self.settings}
        folder.write(self.updates, about, self.weights, self.updater, self.packed)
        self.safe = dict(self.seen)

    def read(self, folder: Folder, updates: int) -> None:
        """Go on from a checkpoint."""
        about, self.weights, self.updater, self.packed = folder.read(updates)
        self.updates, self.settings = about["updates"], about["settings"]
        self.seen = dict(enumerate(about["seen"]))
        self.safe = dict(self.seen)
        self.pulled_at = dict.fromkeys(self.seen, self.updates)


def encoded(grad: Host, dtype: str) -> Host:
    """Return a gradient as it travels: in its own dtype, or as the bits of bfloat16.

    >>> import numpy as np
    >>> encoded(np.ones(2, np.float32), "bfloat16").dtype
    dtype('uint16')
    """
    if dtype != "bfloat16":
        return np.asarray(grad, order="C")  # which Ray copies only once
    import ml_dtypes

    return grad.astype(ml_dtypes.bfloat16).view(np.uint16)


def _decoded(grad: Host, weight: Host) -> Host:
    if grad.dtype != np.uint16:
        return grad
    import ml_dtypes

    rounded: Host = grad.view(ml_dtypes.bfloat16)
    return rounded.astype(weight.dtype)
