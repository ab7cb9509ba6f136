"""The arrays of a workload, and the optimizers that step over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

import mxcore as mx
from mxcore import catalogue
from mxcore.backend import Array
from mxcore.optimizer import Optimizer
from mxcore_bench.device import CPU, Device
from mxcore_bench.experiment import peer
from mxcore_bench.traffic import AdamTraffic, LambTraffic, MomentumTraffic, PlainTraffic
from mxcore_bench.workloads import Workload

__all__ = ["ALGORITHMS", "DTYPES", "LEARNING_RATE", "Algorithm", "Problem", "algorithm_of", "memory_needed"]

DTYPES = CPU.dtypes
# So small that a million steps on one and the same gradient leave every number an ordinary one.
LEARNING_RATE = 1e-8


@attrs.frozen
class Algorithm:
    """An optimizer: one that everybody has, or one of this library.

    Args:
        name: its name here.
        title: its name in a table.
        slots: how many arrays of state it keeps for each weight.
        traffic: a rule with the same loads and stores and next to no arithmetic; None if there is none.
        options: its hyper-parameters beside the learning rate.
        passes: how many times it has to go through its arrays; more than once where it takes norms.
        ours_alone: whether other libraries have no counterpart that is known here, to share arrays of state with.
        fused: whether it runs as a rule, by the emitters, and not as array code.
    """

    name: str
    title: str
    slots: int
    traffic: type[Optimizer] | None
    options: Mapping[str, float] = {}
    passes: int = 1
    ours_alone: bool = False
    fused: bool = True

    @property
    def bytes_per_parameter(self) -> int:
        """What a step in place has to move, in float32 as in bfloat16 with a float32 master.

        float32: gradient read, weight and slots read and written. bfloat16: gradient read and weight written at half
        the size, master and slots read and written. Both come to the same. A further pass reads everything in float32.
        """
        return 12 + 8 * self.slots + (self.passes - 1) * (8 + 4 * self.slots)


ALGORITHMS = {
    "adam": Algorithm("adam", "Adam", 2, AdamTraffic),
    "lamb": Algorithm("lamb", "LAMB", 2, LambTraffic, passes=2),
    "sgd": Algorithm("sgd", "SGD with momentum", 1, MomentumTraffic, {"momentum": 0.9}),
}


_TRAFFIC = (PlainTraffic, MomentumTraffic, AdamTraffic)


def algorithm_of(name: str) -> Algorithm:
    """An algorithm by any name of an installed optimizer; one that is not in ``ALGORITHMS`` competes with itself.

    Raises:
        mxcore.catalogue.PluginError: nothing installed has the name, or it cannot be used.
        ValueError, TypeError: the optimizer needs arguments.
    """
    name = catalogue.find("optimizer", name).name
    if name in ALGORITHMS:
        return ALGORITHMS[name]
    optimizer = mx.optimizer.create(name, learning_rate=LEARNING_RATE, multi_precision=True)
    state = optimizer.create_state(0, np.zeros((2, 3), np.float32))
    arrays = state if isinstance(state, (tuple, list)) else [state]
    slots = sum(np.shape(array) == (2, 3) for array in arrays)
    fused = type(optimizer).runs_rule()
    simple = fused and optimizer.elementwise and slots < len(_TRAFFIC)
    traffic, passes = _TRAFFIC[slots] if simple else None, 1 if optimizer.elementwise else 2
    return Algorithm(name, type(optimizer).__name__, slots, traffic, passes=passes, ours_alone=True, fused=fused)


@attrs.frozen(eq=False)
class Problem:
    """Arrays that all contestants share.

    Sharing keeps memory within bounds and gives everyone the same pages: their luck with the caches and with large
    pages is then the same as well.

    Args:
        weights: what a model would use, float32 or bfloat16.
        grads: of the same dtype.
        masters: the float32 weights that are stepped: ``weights`` themselves, or their master copies.
        full_grads: the gradients for whoever steps in float32 only: ``grads``, or buffers to convert them into.
        slots: the state: for each slot, an array for each weight; none for an algorithm that is ours alone.
        device: where they are.
    """

    weights: list[Array]
    grads: list[Array]
    masters: list[Array]
    full_grads: list[Array]
    slots: list[list[Array]]
    device: Device = CPU

    @classmethod
    def make(cls, workload: Workload, algorithm: Algorithm, dtype: str, device: Device = CPU) -> Problem:
        """Arrays filled with random numbers of a plausible size.

        Raises:
            LeftOutError: ``dtype`` is bfloat16 and ml_dtypes is not installed.
        """
        rng = np.random.default_rng(0)

        def arrays() -> list[Array]:
            drawn = (rng.standard_normal(shape, np.float32) for shape in workload.shapes)
            return [device.array(array * np.float32(0.02)) for array in drawn]

        # All begin where cache lines do, as arrays of torch, of JAX and of our backends do. NumPy's begin anywhere,
        # which takes up to a fifth of the time of small models, in every process another share.
        masters, full_grads = arrays(), arrays()
        weights, grads = masters, full_grads
        if dtype == "bfloat16":
            bfloat16 = peer("ml_dtypes").bfloat16
            weights, grads = ([array.astype(bfloat16) for array in arrays] for arrays in (masters, full_grads))
        zeros = device.context.backend.full_like
        slots = [
            [zeros(master, 0.0) for master in masters] for _ in range(0 if algorithm.ours_alone else algorithm.slots)
        ]
        return cls(weights, grads, masters, full_grads, slots, device)

    @property
    def mixed(self) -> bool:
        """Whether the weights have master copies."""
        return self.masters is not self.weights

    def states(self) -> dict[Any, Any]:
        """The state as an updater keeps it, by index; empty where none is shared."""
        slots = [one if len(one) > 1 else one[0] for one in zip(*self.slots, strict=True)]
        return dict(enumerate(zip(self.masters, slots, strict=True) if self.mixed else slots))


def memory_needed(workload: Workload, algorithm: Algorithm) -> int:
    """The bytes that an experiment takes: the shared arrays, the copies of a peer that shares none, temporaries.

    What is ours alone shares no state, and each contestant has its own.
    """
    states = 5 * algorithm.slots if algorithm.ours_alone else 0
    return 4 * (3 * (2 + algorithm.slots) + states) * workload.parameters
