"""What may stand around a step, such as clipping by the norm and averages, beside the step alone and torch's way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

import mxcore as mx
from mxcore_bench import ours, peers
from mxcore_bench.device import CPU, Device
from mxcore_bench.experiment import Entrant, LeftOutError, Sampler, Step, peer, timed
from mxcore_bench.problem import LEARNING_RATE, Algorithm, Problem
from mxcore_bench.workloads import Workload

__all__ = ["ALONE", "WORKLOADS", "entrants"]

ALONE = "alone"
"""The case without anything around the step."""
_MANY = 10**9


@attrs.frozen
class _Case:
    """Something around a step.

    Args:
        optimizer: the optimizer as a string, with ``{}`` for the bare one.
        settings: its settings.
        schedules: settings that are schedules, as strings.
        torch: makes the step of torch that does the same, from torch, its parameters and its bare step; or None.
    """

    optimizer: str = "{}"
    settings: Mapping[str, Any] = {}
    schedules: Mapping[str, str] = {}
    torch: Callable[[Any, list[Any], Step], Step] | None = None


def _clipped(torch: Any, parameters: list[Any], step: Step) -> Step:
    def clipped() -> None:
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        step()

    return clipped


def _averaged(torch: Any, parameters: list[Any], step: Step) -> Step:
    swa = torch.optim.swa_utils
    model = torch.nn.ParameterList(parameters)
    average = swa.AveragedModel(model, multi_avg_fn=swa.get_ema_multi_avg_fn(0.999))
    average.update_parameters(model)  # the first call copies

    def averaged() -> None:
        step()
        average.update_parameters(model)

    return averaged


def _both(torch: Any, parameters: list[Any], step: Step) -> Step:
    return _clipped(torch, parameters, _averaged(torch, parameters, step))


def _added(torch: Any, parameters: list[Any], _: Step) -> Step:
    sums = [torch.zeros_like(parameter) for parameter in parameters]
    grads = [parameter.grad for parameter in parameters]
    return lambda: torch._foreach_add_(sums, grads)


_FOUR = {f"[0-9]*[{digits}]$": {"wd": wd} for digits, wd in (("012", 1e-3), ("345", 1e-4), ("67", 0.0), ("89", 1e-5))}
_CASES = {
    ALONE: _Case(torch=lambda _, __, step: step),
    "global norm": _Case(settings={"clip_global_norm": 1.0}, torch=_clipped),
    "average": _Case("average({})", torch=_averaged),
    "both": _Case("average({})", {"clip_global_norm": 1.0}, torch=_both),
    "cautious": _Case("cautious({}, normalized=False)"),
    "cautious, normalized": _Case("cautious({})"),
    "accumulate": _Case(settings={"accumulate": _MANY}, torch=_added),
    "skip": _Case(settings={"on_nonfinite": "skip"}),
    "four groups": _Case(settings={"groups": _FOUR}),
    "schedule of wd": _Case(schedules={"wd": f"cosine(max_update={_MANY}, base_lr=1e-4)"}),
}
WORKLOADS = {
    name: Workload(name, title, shapes, "around")
    for name, title, shapes in (
        ("around-25m", "around a step of 25 M", ((25_000_000,),)),
        ("around-161", "around a step of 161 arrays of 1000", ((1000,),) * 161),
        ("around-4", "around a step of 4 arrays of 4", ((4,),) * 4),
    )
}


def entrants(algorithm: Algorithm, threads: int, device: Device = CPU) -> list[Entrant]:
    """Return every case with each emitter, and with torch where it has the same."""
    own = [
        Entrant(f"mxcore {emitter}", _ours(algorithm, case, emitter, count), count, name)
        for emitter in ours.emitters(device, algorithm)
        for name, case in _CASES.items()
        for count in ours.runs_on(emitter, (threads,))
    ]
    theirs = [
        Entrant("torch fused", _torch(algorithm, case.torch, threads), threads, name)
        for name, case in _CASES.items()
        if case.torch is not None and not device.on_gpu and not algorithm.ours_alone
    ]
    return own + theirs


def _ours(algorithm: Algorithm, case: _Case, emitter: str, threads: int | None) -> Callable[[Problem], Sampler]:
    def build(problem: Problem) -> Sampler:
        ours.choose(emitter, threads)
        bare: Mapping[str, Any] = {"learning_rate": LEARNING_RATE, **algorithm.options}
        schedules = {name: mx.lr_scheduler.create(schedule) for name, schedule in case.schedules.items()}
        optimizer = mx.optimizer.create(case.optimizer.format(algorithm.name), **bare, **case.settings, **schedules)
        updater = mx.optimizer.get_updater(optimizer)
        if case.optimizer == "{}":
            updater.states.update(problem.states())
        indices: Sequence[int] = list(range(len(problem.weights)))

        def step() -> None:
            updater(indices, problem.grads, problem.weights)

        def chosen(_: int) -> Step:
            ours.choose(emitter, threads)
            return step

        step()
        return timed(chosen, wait=problem.device.wait)

    return build


def _torch(
    algorithm: Algorithm, around: Callable[[Any, list[Any], Step], Step] | None, threads: int
) -> Callable[[Problem], Sampler]:
    def build(problem: Problem) -> Sampler:
        torch = peer("torch")
        if around is None:
            raise LeftOutError("torch has nothing like it")
        parameters, optimizer = peers.torch_on(torch, algorithm, "fused", problem)
        step = around(torch, parameters, optimizer.step)

        def chosen(_: int) -> Step:
            peers.on_threads(threads)
            return step

        return timed(chosen)

    return build
