"""The experiments by group: whole steps, call overhead, ways to call, fills, and the start of a process."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import attrs
import numpy as np

from mxcore.backend import Array
from mxcore_bench import around, by_hand, called, calls, ours, peers, start
from mxcore_bench.device import CPU, Device
from mxcore_bench.experiment import Entrant, Experiment, Reference, Sampler, timed
from mxcore_bench.problem import ALGORITHMS, Algorithm, Problem, algorithm_of, memory_needed, rules
from mxcore_bench.workloads import WORKLOADS, Workload

__all__ = ["GROUPS", "names", "suite"]

_TORCH = (Reference("torch", "torch fused"), Reference("best torch", "torch fused", equal_threads=False))
_LIMIT = Reference("limit", "limit")

# The defaults of the initializers: the parameters for torch's methods, and the same distributions in NumPy.
_FILLS: dict[str, tuple[float, float]] = {"normal": (0.0, 0.01), "uniform": (-0.07, 0.07)}
_SIZES = {"1m": 1_000_000, "25m": 25_000_000}
_CALLS = calls.workloads()


def names() -> dict[str, str]:
    """Return every workload with its group."""
    fills = {f"{kind}-{size}": "fills" for kind in _FILLS for size in _SIZES}
    stepped = (*WORKLOADS.values(), *around.WORKLOADS.values(), *(workload for _, workload in _CALLS.values()))
    steps = {workload.name: workload.group for workload in stepped}
    return {**steps, "rules": "rules", **fills, "import": "start", "first-step": "start"}


GROUPS = tuple(dict.fromkeys(names().values()))


def suite(
    workloads: Sequence[str] = (),
    optimizers: Sequence[str] = (),
    dtypes: Sequence[str] = (),
    threads: Sequence[int] = (1, 2),
    device: Device = CPU,
) -> list[Experiment]:
    """Return the selected experiments; by default, all but calls with large arrays.

    Args:
        workloads: names of workloads or groups.
        optimizers: any installed ones; by default adam for calls, and adam, lamb and sgd for everything else.
        dtypes: float32, bfloat16; by default float32, and both for the large workloads. Calls are in float32.
        threads: the numbers of threads to run on; calls run on the smallest.
        device: the device of the arrays.
    """
    words = set(workloads)
    chosen = [
        name
        for name, group in names().items()
        if ({name, group} & words if words else _usual(name)) and (device.groups is None or group in device.groups)
    ]
    made = (_experiments(name, optimizers, dtypes, threads, device) for name in chosen)
    return [experiment for experiments in made for experiment in experiments]


def _usual(name: str) -> bool:
    """Return whether a workload runs by default."""
    if name == "rules":
        return False
    return name not in _CALLS or _CALLS[name][1].shapes[0][0] in calls.USUAL


def _experiments(
    name: str, optimizers: Sequence[str], dtypes: Sequence[str], threads: Sequence[int], device: Device
) -> Iterator[Experiment]:
    if workload := WORKLOADS.get(name):
        usual = device.dtypes if workload.large else ("float32",)
        for dtype in [one for one in dtypes or usual if one in device.dtypes]:
            for optimizer in optimizers or ALGORITHMS:
                yield _steps(workload, algorithm_of(optimizer), dtype, threads, device)
    elif name in ("rules", *around.WORKLOADS, *_CALLS):
        make: Callable[[str], Experiment] = {
            "rules": lambda one: _rule(algorithm_of(one), max(threads), device),
            "around": lambda one: _around(name, algorithm_of(one), max(threads), device),
            "calls": lambda one: _calls(name, algorithm_of(one), min(threads), device),
        }[names()[name]]
        if "float32" in (dtypes or ("float32",)):
            yield from map(make, optimizers or (rules() if name == "rules" else ("adam",)))
    elif name in ("import", "first-step"):
        yield _start(name)
    else:
        yield _fill(name, threads)


def _steps(workload: Workload, algorithm: Algorithm, dtype: str, threads: Sequence[int], device: Device) -> Experiment:
    overhead = workload.group == "overhead"
    own = ours.entrants(algorithm, threads, every_call=not workload.large, device=device)
    entrants = [*own, *peers.torch_fused(algorithm, threads, device)]
    if algorithm.ours_alone:
        entrants = [*([] if overhead else ours.limits(algorithm, threads, device)), *own]
    elif not overhead:
        entrants = [
            *ours.limits(algorithm, threads, device),
            *own,
            *peers.entrants(algorithm, threads, device),
            *by_hand.entrants(algorithm, device),
        ]
    references = _TORCH if overhead else (_LIMIT, _by_hand(device), *_TORCH)
    return _stepped(workload, algorithm, dtype, device, entrants, references)


def _rule(algorithm: Algorithm, threads: int, device: Device) -> Experiment:
    """Return the experiment that compares a rule with its own traffic and with torch's package, on one large tensor."""
    own = ours.entrants(algorithm, (threads,), every_call=False, device=device)
    entrants = [*ours.limits(algorithm, (threads,), device), own[0], peers.packaged(algorithm, (threads,), device)]
    experiment = _stepped(
        WORKLOADS["one"], algorithm, "float32", device, entrants, (_LIMIT, Reference("torch package", "torch package"))
    )
    return attrs.evolve(experiment, workload="rules", group="rules")


def _calls(name: str, algorithm: Algorithm, threads: int, device: Device) -> Experiment:
    """Return the experiments that time calls, per parameter."""
    shape, workload = _CALLS[name]
    callers = ours.callers(algorithm, threads, device)
    if not algorithm.ours_alone:
        callers += [*called.callers(algorithm, threads, device), *by_hand.callers(algorithm, device)]
    first = shape.cases[0].name
    references = (
        _by_hand(device),
        Reference(first, None, case=first),
        Reference("torch", "torch fused"),
        *([] if device.on_gpu else [Reference("thinc", "thinc", equal_threads=False)]),
    )
    whole = _stepped(workload, algorithm, "float32", device, calls.entrants(shape.cases, callers), references)
    return attrs.evolve(whole, tensors=1, parameters=workload.parameters // workload.tensors)


def _around(name: str, algorithm: Algorithm, threads: int, device: Device) -> Experiment:
    """Return the experiment that compares a step with what may stand around it."""
    references = (
        Reference(around.ALONE, None, case=around.ALONE),
        Reference("torch alone", "torch fused", case=around.ALONE),
        Reference("torch", "torch fused"),
    )
    entrants = around.entrants(algorithm, threads, device)
    return _stepped(around.WORKLOADS[name], algorithm, "float32", device, entrants, references)


def _by_hand(device: Device) -> Reference:
    return Reference(by_hand.with_out(device), by_hand.with_out(device), equal_threads=False)


def _stepped(
    workload: Workload,
    algorithm: Algorithm,
    dtype: str,
    device: Device,
    entrants: Sequence[Entrant],
    references: Sequence[Reference],
) -> Experiment:
    return Experiment(
        workload=workload.name,
        title=workload.title,
        group=workload.group,
        prepare=functools.partial(Problem.make, workload, algorithm, dtype, device),
        entrants=tuple(entrants),
        references=tuple(references),
        optimizer=algorithm.name,
        dtype=dtype,
        tensors=workload.tensors,
        parameters=workload.parameters,
        bytes_per_parameter=algorithm.bytes_per_parameter,
        memory=memory_needed(workload, algorithm),
        device=device,
    )


def _fill(name: str, threads: Sequence[int]) -> Experiment:
    kind, _, size_name = name.partition("-")
    size, bounds = _SIZES[size_name], _FILLS[kind]
    return Experiment(
        workload=name,
        title=f"{kind} fill of {size_name.upper().replace('M', ' M')}",
        group="fills",
        prepare=functools.partial(np.zeros, size, np.float32),
        entrants=(
            *ours.fills(kind, threads),
            *(Entrant("torch", peers.torch_fill(kind, count, *bounds), count) for count in threads),
            Entrant("NumPy", _numpy_fill(kind, bounds), 1),
        ),
        references=(Reference("torch", "torch"), Reference("best torch", "torch", equal_threads=False)),
        dtype="float32",
        tensors=1,
        parameters=size,
        bytes_per_parameter=4,
        memory=5 * 8 * size,  # a fill that is not in place has temporaries in double precision
    )


def _numpy_fill(kind: str, bounds: tuple[float, float]) -> Callable[[Array], Sampler]:
    """Fill in place with NumPy's generator, in float32."""

    def build(array: Array) -> Sampler:
        rng = np.random.default_rng(0)

        def normal() -> None:
            rng.standard_normal(dtype=np.float32, out=array)
            np.multiply(array, bounds[1], out=array)

        def uniform() -> None:
            rng.random(dtype=np.float32, out=array)
            np.multiply(array, bounds[1] - bounds[0], out=array)
            np.add(array, bounds[0], out=array)

        return timed(lambda _: normal if kind == "normal" else uniform)

    return build


def _start(name: str) -> Experiment:
    imports = name == "import"
    return Experiment(
        workload=name,
        title="import, in a fresh process" if imports else "first step on the MLP, in a fresh process",
        group="start",
        prepare=lambda: None,
        entrants=tuple(start.imports() if imports else start.first_steps()),
        references=(Reference("numpy", "import numpy") if imports else Reference("torch", "torch fused"),),
        optimizer=None if imports else "adam",
    )
