"""The arrays of a workload, and the optimizers that step over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

import mxcore as mx
from mxcore import catalogue
from mxcore.backend import Array
from mxcore.kernel.run.plan import traced
from mxcore.optimizer import Optimizer
from mxcore.step import levels, traits_of
from mxcore.step.program import Settings
from mxcore.testing.subject import required
from mxcore_bench.device import CPU, Device
from mxcore_bench.experiment import peer
from mxcore_bench.traffic import LambTraffic, traffic
from mxcore_bench.workloads import Workload

__all__ = ["ALGORITHMS", "DTYPES", "LEARNING_RATE", "Algorithm", "Problem", "algorithm_of", "memory_needed", "rules"]

DTYPES = CPU.dtypes
# So small that a million steps on the same gradient leave every number normal.
LEARNING_RATE = 1e-8


@attrs.frozen
class Algorithm:
    """An optimizer: a common one, or one of mxcore's.

    Args:
        name: its name here.
        title: its name in a table.
        slots: how many state arrays it keeps per weight.
        traffic: a rule with the same loads and stores but next to no arithmetic, or None.
        options: its hyper-parameters other than the learning rate.
        passes: how many passes over its arrays it needs; more than one if it takes norms.
        only_read: how many of these it does not write.
        ours_alone: whether there is no known counterpart in other libraries with which to share state arrays.
        fused: whether it runs as a rule, through the emitters, and not as array code.
    """

    name: str
    title: str
    slots: int
    traffic: type[Optimizer] | None
    options: Mapping[str, float] = {}
    passes: int = 1
    only_read: int = 0
    ours_alone: bool = False
    fused: bool = True

    @property
    def bytes_per_parameter(self) -> int:
        """The bytes that an in-place step has to move, in float32 as well as in bfloat16 with a float32 master.

        float32: gradient read, weight and slots read and written. bfloat16: gradient read and weight written at half
        the size, master and slots read and written. Both add up to the same. Another pass reads everything in float32.
        """
        return 12 + 8 * self.slots - 4 * self.only_read + (self.passes - 1) * (8 + 4 * self.slots)


ALGORITHMS = {
    "adam": Algorithm("adam", "Adam", 2, traffic(2)),
    "lamb": Algorithm("lamb", "LAMB", 2, LambTraffic, passes=2),
    "sgd": Algorithm("sgd", "SGD with momentum", 1, traffic(1), {"momentum": 0.9}),
}


def algorithm_of(name: str) -> Algorithm:
    """Return an algorithm by any name of an installed optimizer; one not in ``ALGORITHMS`` competes only with itself.

    The name may be that of an optimizer with required arguments, which are then those of its first example, such as the
    optimizer that a wrapper wraps; or it may be a string such as ``average(sgd)``.

    Raises:
        mxcore.catalogue.PluginError: no installed optimizer has the name, or it cannot be used.
        ValueError, TypeError: the optimizer needs arguments.
    """
    if "(" not in name:
        name = catalogue.find("optimizer", name).name
        needed = required(mx.optimizer.registry.get(name))
        if wrapped := needed.get("optimizer"):
            name = f"{name}({wrapped})"
        elif needed:
            name = f"{name}({', '.join(f'{argument}={value!r}' for argument, value in needed.items())})"
    if name in ALGORITHMS:
        return ALGORITHMS[name]
    options = _momentum(name)
    optimizer = mx.optimizer.create(name, learning_rate=LEARNING_RATE, multi_precision=True, **options)
    state = optimizer.create_state(0, np.zeros((2, 3), np.float32))
    slots = sum(np.shape(array) == (2, 3) for array in _leaves(state))
    fused, elementwise = traits_of(optimizer).runs_rule, all(type(one).elementwise for one in levels(optimizer))
    title = type(optimizer).__name__ if "(" not in name else name
    if not (fused and elementwise):
        passes = 1 if elementwise else 2
        return Algorithm(name, title, slots, None, options, passes=passes, ours_alone=True, fused=fused)
    settings = Settings(optimizer)
    graph = traced(settings.program, tuple(sorted(settings.static[0].items())))
    only_read = len({*graph.arrays} - graph.written.keys() - {"grad"})
    limit = traffic(len(graph.written.keys() - {"weight"}), only_read)
    return Algorithm(name, title, slots, limit, options, only_read=only_read, ours_alone=True)


def _momentum(name: str) -> dict[str, float]:
    """Return a momentum for an optimizer that has none by default, without which it is hardly used."""
    cls: Any = mx.optimizer.registry.get(name.partition("(")[0])
    fields = {} if "(" in name else attrs.fields_dict(cls)
    return {"momentum": 0.9} if "momentum" in fields and fields["momentum"].default == 0 else {}


def rules() -> list[str]:
    """Return the installed optimizers with an element-wise rule that needs neither arguments nor noise."""
    found = []
    for name in dict.fromkeys(record.name for record in catalogue.records("optimizer")):
        cls = mx.optimizer.registry.get(name)
        traits = traits_of(cls)
        if (
            traits.runs_rule
            and cls.elementwise
            and not (required(cls) or "noise" in traits.takes)
            and "rule" in vars(cls)
        ):
            found.append(name)
    return sorted(found)


def _leaves(state: Any) -> list[Any]:
    if isinstance(state, (tuple, list)):
        return [leaf for one in state for leaf in _leaves(one)]
    return [state]


@attrs.frozen(eq=False)
class Problem:
    """Arrays that all contestants share.

    Sharing limits memory use and gives all contestants the same pages, and so the same luck with caches and large
    pages.

    Args:
        weights: the weights of a model, float32 or bfloat16.
        grads: the gradients, of the same dtype.
        masters: the float32 weights that a step updates: ``weights`` themselves, or their master copies.
        full_grads: the gradients for contestants that need float32: ``grads``, or buffers to convert them into.
        slots: the state: for each slot, an array per weight; empty for an algorithm that only mxcore has.
        device: the device of the arrays.
    """

    weights: list[Array]
    grads: list[Array]
    masters: list[Array]
    full_grads: list[Array]
    slots: list[list[Array]]
    device: Device = CPU

    @classmethod
    def make(cls, workload: Workload, algorithm: Algorithm, dtype: str, device: Device = CPU) -> Problem:
        """Create arrays filled with random numbers of a plausible magnitude.

        Raises:
            LeftOutError: ``dtype`` is bfloat16 and ml_dtypes is not installed.
        """
        rng = np.random.default_rng(0)

        def arrays() -> list[Array]:
            drawn = (rng.standard_normal(shape, np.float32) for shape in workload.shapes)
            return [device.array(array * np.float32(0.02)) for array in drawn]

        # All are aligned to cache lines, like arrays of torch, JAX and our backends. NumPy's are not, which costs up to
        # a fifth of the time of small models, and varies between processes.
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
        """Return the state as an updater keeps it, by index; empty if none is shared."""
        slots = [one if len(one) > 1 else one[0] for one in zip(*self.slots, strict=True)]
        return dict(enumerate(zip(self.masters, slots, strict=True) if self.mixed else slots))


def memory_needed(workload: Workload, algorithm: Algorithm) -> int:
    """Return the bytes that an experiment needs: shared arrays, the copies of a peer that shares none, temporaries.

    Algorithms that only mxcore has do not share state: each contestant has its own.
    """
    states = 5 * algorithm.slots if algorithm.ours_alone else 0
    return 4 * (3 * (2 + algorithm.slots) + states) * workload.parameters
